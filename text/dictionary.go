package text

import (
	"bytes"
	"compress/flate"
	_ "embed"
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

// partWords is how many words are compressed together. Looking a word up unpacks its part.
const partWords = 1024

// dictionary holds words sorted by bytes, in parts. Its file is the number of parts, the first word and the
// size of each, and the parts, compressed. An entry of a part is the length of the prefix shared
// with the word before, the length and bytes of the rest, and the length and symbols of a
// pronunciation.
type dictionary struct {
	heads []string // first words
	parts []func() []byte
}

var embedded = sync.OnceValue(func() *dictionary {
	d, err := openDictionary(packed)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test opens it
	}
	return d
})

func openDictionary(file []byte) (*dictionary, error) {
	d := &dictionary{}
	u := &unpacker{data: file}
	var sizes []int
	for n := u.number(1 << 16); n > 0 && u.err == nil; n-- {
		d.heads = append(d.heads, string(u.take(u.number(1<<8))))
		sizes = append(sizes, u.number(1<<24))
	}
	for _, size := range sizes {
		packed := u.take(size)
		d.parts = append(d.parts, sync.OnceValue(func() []byte {
			data, _ := io.ReadAll(flate.NewReader(bytes.NewReader(packed))) // what is broken has fewer words
			return data
		}))
	}
	if u.err != nil {
		return nil, fmt.Errorf("text: open dictionary: %w", u.err)
	}
	return d, nil
}

// lookup returns the pronunciation of a lower-case word, nil where the dictionary has none.
func (d *dictionary) lookup(word string) []string {
	b := sort.Search(len(d.heads), func(i int) bool { return d.heads[i] > word }) - 1
	if b < 0 {
		return nil
	}
	u := &unpacker{data: d.parts[b]()}
	var have []byte
	for u.at < len(u.data) {
		shared := u.number(len(have))
		have = append(have[:shared], u.take(u.number(1<<8))...)
		phones := u.take(u.number(1 << 8))
		if u.err != nil {
			return nil
		}
		if string(have) == word {
			return spelled(phones)
		}
	}
	return nil
}

// spelled returns the symbols of numbered phonemes.
func spelled(phones []byte) []string {
	out := make([]string, len(phones))
	for i, p := range phones {
		out[i] = symbols[int(p)%len(symbols)]
	}
	return out
}

// Lookup returns the dictionary's pronunciation of a lower-case word, nil where it has none.
// Further pronunciations are asked for as the dictionary writes them: "read(2)".
func Lookup(word string) []string { return embedded().lookup(word) }
