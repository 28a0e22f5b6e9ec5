package text

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Pronounce returns the phonemes of a lower-case word: the dictionary's, else those of the words
// it is made of, else what a network reads from its letters (see [Reader]). Words without an
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
	if ps := assembled(bare, Lookup); ps != nil {
		return reading{ps, FromParts}
	}
	if ps := embeddedReader().Read(accents.Replace(bare)); len(ps) > 0 {
		return reading{ps, FromNetwork}
	}
	return reading{nil, Unspoken}
}

// assembled pronounces a word of words that look finds, nil where it has no such parts.
func assembled(word string, look func(string) []string) []string {
	if len(word) > longestWord {
		return nil
	}
	if ps := inflected(word, look); ps != nil {
		return ps
	}
	return compound(word, look)
}

// inflected pronounces possessives, plurals, -ed and -ing of words in the dictionary.
func inflected(w string, look func(string) []string) []string {
	for _, end := range []string{"'s", "s", "ed", "ing", "d", "es"} {
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

// compound pronounces two words of at least four letters written as one: the second loses its
// main stress to the first.
func compound(w string, look func(string) []string) []string {
	if len(w) < 8 || len(w) > 40 {
		return nil
	}
	for cut := len(w) - 4; cut >= 4; cut-- {
		a, b := look(w[:cut]), look(w[cut:])
		if a == nil || b == nil {
			continue
		}
		out := slices.Clone(a)
		for _, p := range b {
			out = append(out, strings.Replace(p, "1", "2", 1))
		}
		return out
	}
	return nil
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
