package text

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Pronounce returns the phonemes of a lower-case word: the dictionary's, else those of the
// word it is derived from, else what a network reads from its letters (see [Reader]). Words without an
// English letter are Unspoken. The phonemes are not to be changed.
func Pronounce(word string) ([]string, Source) {
	if len(word) > longestWord {
		r := pronounce(word)
		return r.phonemes, r.source
	}
	r := pronounced.of(word, pronounce)
	return r.phonemes, r.source
}

type reading struct {
	phonemes []string
	source   Source
}

var pronounced recent[reading]

func pronounce(word string) reading {
	if ps := Lookup(word); ps != nil {
		return reading{ps, FromDictionary}
	}
	bare := strings.Trim(word, "'")
	if ps := Lookup(bare); ps != nil {
		return reading{ps, FromDictionary}
	}
	if ps := Derived(bare, Lookup); ps != nil {
		return reading{ps, FromParts}
	}
	if ps := embeddedReader().Read(accents.Replace(bare)); len(ps) > 0 {
		return reading{ps, FromNetwork}
	}
	return reading{nil, Unspoken}
}

// Derived pronounces possessives, plurals, and words in -ed, -ing, -ly, -ness and -less whose stems look
// finds; nil for others. On words held out of the dictionary it is right more often than the
// network; words put together of two are not, since many that look so are names.
func Derived(w string, look func(string) []string) []string {
	if len(w) > longestWord {
		return nil
	}
	for _, end := range []string{"'s", "s", "ed", "ing", "d", "es", "ly", "ness", "less"} {
		stem, ok := strings.CutSuffix(w, end)
		if !ok || len(stem) < 2 {
			continue
		}
		ps := look(stem)
		if ps == nil && end == "ing" {
			ps = look(stem + "e")
		}
		if ps == nil && (end == "ing" || end == "ed") && len(stem) > 3 && stem[len(stem)-1] == stem[len(stem)-2] {
			ps = look(stem[:len(stem)-1])
		}
		if ps == nil || end == "es" && !hisses(ps) || end == "d" && stem[len(stem)-1] != 'e' {
			continue
		}
		return append(slices.Clone(ps), suffix(end, ps)...)
	}
	return nil
}

func hisses(ps []string) bool {
	return slices.Contains([]string{"S", "Z", "SH", "ZH", "CH", "JH"}, ps[len(ps)-1])
}

// suffix returns the sounds of an ending after a stem, by voice and place of its last sound.
func suffix(end string, stem []string) []string {
	last := stem[len(stem)-1]
	voiceless := slices.Contains([]string{"P", "T", "K", "F", "TH", "S", "SH", "CH"}, last)
	switch end {
	case "ing":
		return []string{"IH0", "NG"}
	case "ly":
		if last == "L" {
			return []string{"IY0"}
		}
		return []string{"L", "IY0"}
	case "ness":
		return []string{"N", "AH0", "S"}
	case "less":
		return []string{"L", "AH0", "S"}
	case "ed", "d":
		switch {
		case last == "T" || last == "D":
			return []string{"IH0", "D"}
		case voiceless:
			return []string{"T"}
		}
		return []string{"D"}
	}
	switch {
	case hisses(stem):
		return []string{"IH0", "Z"}
	case voiceless:
		return []string{"S"}
	}
	return []string{"Z"}
}

//go:embed letters.bin
var readerFile []byte

var embeddedReader = sync.OnceValue(func() *Reader {
	r, err := OpenReader(readerFile)
	if err != nil {
		panic(err) // the embedded file is part of the program; a test opens it
	}
	return r
})

var accents = strings.NewReplacer("á", "a", "à", "a", "â", "a", "ä", "a", "ã", "a", "å", "a", "ç", "c", "é", "e", "è", "e",
	"ê", "e", "ë", "e", "í", "i", "ï", "i", "î", "i", "ñ", "n", "ó", "o", "ô", "o", "ö", "o", "ø", "o", "ú", "u", "û", "u",
	"ü", "u", "æ", "e", "œ", "e", "ß", "ss")
