package text

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is the length in bytes beyond which a sentence is cut at a space, so that memory is
// bounded whatever the text.
const longest = 4000

// split is a bufio.SplitFunc for sentences. They end at . ! or ? with what closes after it,
// before a space and then anything but a small letter, and at an empty line.
func split(data []byte, atEOF bool) (int, []byte, error) {
	for i := 0; i < len(data) && i < longest; i++ {
		switch data[i] {
		case '\n':
			if i+1 < len(data) && data[i+1] == '\n' {
				return i + 2, data[:i], nil
			}
		case '.', '!', '?':
			end := i + 1
			for end < len(data) {
				r, n := utf8.DecodeRune(data[end:])
				if !strings.ContainsRune(`.!?"')]”’…`, r) {
					break
				}
				end += n
			}
			space := end
			for space < len(data) && (data[space] == ' ' || data[space] == '\n' || data[space] == '\t' || data[space] == '\r') {
				space++
			}
			if space+utf8.UTFMax > len(data) && !atEOF && space < longest {
				return 0, nil, nil
			}
			if space == len(data) || space > end && ends(data[:i+1], data[space:]) {
				return space, data[:end], nil
			}
			i = end - 1
		}
	}
	if len(data) >= longest {
		cut := bytes.LastIndexByte(data[:longest], ' ') + 1
		if cut == 0 {
			for cut = longest; cut > 1 && !utf8.RuneStart(data[cut-1]); cut-- {
			}
			cut = max(cut-1, 1)
		}
		return cut, data[:cut], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// starters are words that sentences begin with; other capitals after an abbreviation are mostly
// names.
var starters = words("the a an he she it they we i you this that these those there his her its our their my your in on at for from with by as " +
	"when while after before since if but and or so yet then now however although though because what who where why how not no yes one some " +
	"many most all each every both according despite during thus also perhaps once even only let do did does is are was were can")

// ends reports whether a sentence ends after before, which ends in a stop, when rest follows.
func ends(before, rest []byte) bool {
	r, _ := utf8.DecodeRune(rest)
	if unicode.IsLower(r) {
		return false
	}
	if before[len(before)-1] != '.' {
		return true
	}
	word := before[bytes.LastIndexAny(before, " \n\t(\"'“‘[")+1:]
	name := strings.ToLower(strings.TrimSuffix(string(word[max(0, len(word)-20):]), "."))
	begins := starters[firstLower(rest)]
	switch {
	case name == "st" || name == "dr":
		return begins
	case titles[name] != "":
		return false
	case numbering[name] != "" && (unicode.IsDigit(r) || romanNumber(string(rest[:min(len(rest), 12)])) > 1):
		return false
	case len(name) == 1 && name != "i" && name[0] > '9':
		return begins // else an initial
	case abbreviations[name] != "" || strings.Contains(name, "."):
		return !unicode.IsDigit(r) && name != "e.g" && name != "i.e" && (begins || name == "etc" && unicode.IsUpper(r))
	}
	return true
}

func firstLower(rest []byte) string {
	n := 0
	for n < len(rest) && n < 12 && (rest[n]|0x20 >= 'a' && rest[n]|0x20 <= 'z') {
		n++
	}
	return strings.ToLower(string(rest[:n]))
}

// Sentences yields the sentences of a text read with no options: see [Options.Sentences].
func Sentences(r io.Reader) iter.Seq2[Sentence, error] { return Options{}.Sentences(r) }

// Sentences yields the sentences of a text, or of SSML, which begins with <speak>, as they are
// read, in memory that does not grow with its length. Sentences without a word or number are yielded
// with no Words. The error is the reader's, or names a line of SSML.
func (o Options) Sentences(r io.Reader) iter.Seq2[Sentence, error] {
	return func(yield func(Sentence, error) bool) {
		in := bufio.NewReader(r)
		if o.SSML || isSSML(in) {
			o.ssml(in, yield)
			return
		}
		scan := bufio.NewScanner(in)
		scan.Split(split)
		for scan.Scan() {
			line := strings.TrimSpace(scan.Text())
			if line != "" && !yield(o.Analyze(line), nil) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(Sentence{}, fmt.Errorf("text: read sentences: %w", err))
		}
	}
}
