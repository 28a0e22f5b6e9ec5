package text

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
)

//go:embed cmudict.bin
var packed []byte

// symbols are the phonemes of the dictionary; a phoneme is stored as its place here.
var symbols = strings.Fields("AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 AW2 AY0 AY1 AY2 B CH D DH " +
	"EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 " +
	"P R S SH T TH UH0 UH1 UH2 UW0 UW1 UW2 V W Y Z ZH")

// Phonemes returns the symbols a pronunciation is made of, in alphabetical order: 24 consonants,
// and 15 vowels with each of the stresses 0 (none), 1 (main) and 2 (second).
func Phonemes() []string { return slices.Clone(symbols) }

// Known reports whether s is one of Phonemes.
func Known(s string) bool {
	_, ok := slices.BinarySearch(symbols, s)
	return ok
}

// blockWords is how many words follow each other before one is stored whole.
const blockWords = 16

// dictionary holds words sorted by bytes. An entry is the length of the prefix shared with the
// word before, the length and bytes of the rest, and the length and symbols of a pronunciation.
type dictionary struct {
	data   []byte
	blocks []int32 // where each block of blockWords starts
	heads  []string
	words  int
}

var embedded = sync.OnceValue(func() *dictionary {
	d, err := openDictionary(packed)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test opens it
	}
	return d
})

func openDictionary(file []byte) (*dictionary, error) {
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(file)))
	if err != nil {
		return nil, fmt.Errorf("text: open dictionary: %w", err)
	}
	d := &dictionary{data: data}
	for at := 0; at < len(data); d.words++ {
		start := at
		shared, rest, _, next, err := entry(data, at)
		if err != nil {
			return nil, err
		}
		if d.words%blockWords == 0 {
			if shared != 0 {
				return nil, fmt.Errorf("text: open dictionary: word %d is not stored whole", d.words)
			}
			d.blocks, d.heads = append(d.blocks, int32(start)), append(d.heads, string(rest))
		}
		at = next
	}
	return d, nil
}

// entry returns the parts of the entry at a place and the place of the next.
func entry(data []byte, at int) (shared int, rest, phones []byte, next int, err error) {
	s, n := binary.Uvarint(data[at:])
	if n <= 0 {
		return 0, nil, nil, 0, fmt.Errorf("text: open dictionary: cut short at byte %d", at)
	}
	at += n
	for _, part := range []*[]byte{&rest, &phones} {
		size, n := binary.Uvarint(data[at:])
		if n <= 0 || size > uint64(len(data)-at-n) {
			return 0, nil, nil, 0, fmt.Errorf("text: open dictionary: cut short at byte %d", at)
		}
		at += n
		*part, at = data[at:at+int(size)], at+int(size)
	}
	return int(s), rest, phones, at, nil
}

// lookup returns the pronunciation of a lower-case word, nil where the dictionary has none.
func (d *dictionary) lookup(word string) []string {
	b := sort.Search(len(d.heads), func(i int) bool { return d.heads[i] > word }) - 1
	if b < 0 {
		return nil
	}
	var have []byte
	for at, i := int(d.blocks[b]), 0; i < blockWords && at < len(d.data); i++ {
		shared, rest, phones, next, _ := entry(d.data, at)
		have = append(have[:shared], rest...)
		if string(have) == word {
			out := make([]string, len(phones))
			for j, p := range phones {
				out[j] = symbols[p]
			}
			return out
		}
		at = next
	}
	return nil
}

// Lookup returns the dictionary's pronunciation of a lower-case word, nil where it has none.
// Further pronunciations are asked for as the dictionary writes them: "read(2)".
func Lookup(word string) []string { return embedded().lookup(word) }
