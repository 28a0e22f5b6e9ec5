package data

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Text is running text in three parts.
type Text struct {
	Train, Valid, Test string
	Note               string // what the reader should know about the parts; mostly empty
}

// Shares of a text in one file that are training and validation data; the rest is test data.
const (
	trainShare = 0.9
	validShare = 0.05
)

// partNames are the file names the parts of a text may have, %s being train, valid or test:
// those of WikiText, of its raw form and of the copies that PyTorch's examples use.
var partNames = []string{"wiki.%s.tokens", "wiki.%s.raw", "%s.txt"}

// ReadText reads a text from a folder or a file, each file plain or with .gz, in UTF-8. A
// folder holds either parts, wiki.train.tokens and the same of valid and test, or named
// wiki.train.raw or train.txt, or one .txt file. A single file is cut: 90 % for training,
// 5 % each for validation and test. WikiText without its training part is trained on its
// validation part, and Note says so.
func ReadText(path string) (*Text, error) {
	t, err := readText(path)
	if err != nil {
		return nil, fmt.Errorf("data: text: %w", err)
	}
	return t, nil
}

func readText(path string) (*Text, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, cause(err))
	}
	if !info.IsDir() {
		return cutText(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".gz"))
	}
	for _, pattern := range partNames {
		t, err := readParts(path, pattern)
		if err != nil || t != nil {
			return t, err
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, cause(err))
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".gz"); strings.HasSuffix(name, ".txt") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 1:
		return cutText(path, names[0])
	case 0:
		return nil, fmt.Errorf("%s: no wiki.train.tokens, train.txt or other .txt file, plain or with .gz: %w", path, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("%s: holds %s: name one of them, or call the parts train.txt, valid.txt and test.txt", path, strings.Join(names, ", "))
}

// readParts reads the parts of a pattern, nil where none is there.
func readParts(dir, pattern string) (*Text, error) {
	t := &Text{}
	found := 0
	var missing error
	for _, part := range []struct {
		name string
		to   *string
	}{{"train", &t.Train}, {"valid", &t.Valid}, {"test", &t.Test}} {
		text, err := readUTF8(dir, fmt.Sprintf(pattern, part.name))
		switch {
		case err == nil:
			*part.to = text
			found++
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		default:
			missing = cmp.Or(missing, err)
		}
	}
	switch {
	case found == 0:
		return nil, nil
	case found == 3:
		return t, nil
	case found == 2 && t.Train == "":
		t.Train = t.Valid
		t.Note = fmt.Sprintf("%s has no training part: the validation part is trained on", dir)
		return t, nil
	}
	return nil, missing
}

// cutText cuts one file into parts.
func cutText(dir, name string) (*Text, error) {
	text, err := readUTF8(dir, name)
	if err != nil {
		return nil, err
	}
	at := func(share float64) int { // the next start of a character
		i := int(share * float64(len(text)))
		for i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
		return i
	}
	a, b := at(trainShare), at(trainShare+validShare)
	if a == 0 || b == a || b == len(text) {
		return nil, fmt.Errorf("%s: %d bytes are too few to cut into training, validation and test data", filepath.Join(dir, name), len(text))
	}
	return &Text{Train: text[:a], Valid: text[a:b], Test: text[b:]}, nil
}

// readUTF8 reads a text without its byte order mark.
func readUTF8(dir, name string) (string, error) {
	b, path, err := readMaybeGzip(dir, name)
	if err != nil {
		return "", err
	}
	for i := 0; i < len(b); {
		_, n := utf8.DecodeRune(b[i:])
		if n == 1 && b[i] >= utf8.RuneSelf {
			return "", fmt.Errorf("%s: byte %d is %#02x: not UTF-8", path, i, b[i])
		}
		i += n
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(b) == 0 {
		return "", fmt.Errorf("%s: is empty", path)
	}
	return string(b), nil
}

// Bytes returns the bytes of a text as ids, 0 to 255. A character beyond ASCII is two ids or
// more.
func Bytes(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range len(text) {
		ids[i] = int32(text[i])
	}
	return ids
}

// The words that stand for the end of a line and for words not in a vocabulary.
const (
	EndOfLine = "<eos>"
	Unknown   = "<unk>"
)

// Vocabulary numbers words.
type Vocabulary struct {
	Words []string // by id
	ids   map[string]int32
}

// NewVocabulary returns [Unknown], [EndOfLine] and the most frequent words of a text, of
// equally frequent ones those that occur first: at most so many in all, 0 for no limit. It
// panics for a limit of 1 or below 0.
func NewVocabulary(text string, most int) *Vocabulary {
	if most < 0 || most == 1 {
		panic(fmt.Sprintf("data: NewVocabulary: no room in %d words", most))
	}
	type entry struct{ count, first int }
	found := map[string]*entry{Unknown: {first: -2}, EndOfLine: {first: -1}}
	position := 0
	eachWord(text, func(word string) {
		position++
		if e := found[word]; e != nil {
			e.count++
			return
		}
		found[word] = &entry{1, position}
	})
	words := make([]string, 0, len(found))
	for w := range found {
		words = append(words, w)
	}
	slices.SortFunc(words, func(a, b string) int {
		x, y := found[a], found[b]
		if x.first < 0 || y.first < 0 {
			return cmp.Compare(x.first, y.first)
		}
		return cmp.Or(cmp.Compare(y.count, x.count), cmp.Compare(x.first, y.first))
	})
	if most > 0 {
		words = words[:min(most, len(words))]
	}
	v, _ := VocabularyOf(words) // they are different and hold both
	return v
}

// VocabularyOf returns the vocabulary of these words in this order. It is an error if one
// occurs twice or [Unknown] or [EndOfLine] is not there.
func VocabularyOf(words []string) (*Vocabulary, error) {
	v := &Vocabulary{Words: words, ids: make(map[string]int32, len(words))}
	for i, w := range words {
		if _, ok := v.ids[w]; ok {
			return nil, fmt.Errorf("data: vocabulary: %q occurs twice", w)
		}
		v.ids[w] = int32(i)
	}
	for _, w := range []string{Unknown, EndOfLine} {
		if _, ok := v.ids[w]; !ok {
			return nil, fmt.Errorf("data: vocabulary: no %s", w)
		}
	}
	return v, nil
}

// Encode returns the ids of the words of a text; every line ends with [EndOfLine].
func (v *Vocabulary) Encode(text string) []int32 {
	var ids []int32
	unknown := v.ids[Unknown]
	eachWord(text, func(word string) {
		id, ok := v.ids[word]
		if !ok {
			id = unknown
		}
		ids = append(ids, id)
	})
	return ids
}

// eachWord yields the words of a text, between white space, and the ends of its lines.
func eachWord(text string, yield func(string)) {
	for line := range strings.Lines(text) {
		for word := range strings.FieldsSeq(line) {
			yield(word)
		}
		yield(EndOfLine)
	}
}
