package text

import (
	"slices"
	"strings"
)

// Pronounce returns the phonemes of a lower-case word: the dictionary's, else those of the words
// it is made of, else a guess from its letters. Words without an English letter are Unspoken.
func Pronounce(word string) ([]string, Source) {
	if ps := Lookup(word); ps != nil {
		return ps, FromDictionary
	}
	bare := strings.Trim(word, "'")
	if ps := Lookup(bare); ps != nil {
		return ps, FromDictionary
	}
	if len(bare) < 64 {
		if ps := inflected(bare); ps != nil {
			return ps, FromParts
		}
	}
	if ps := compound(bare); ps != nil {
		return ps, FromParts
	}
	if ps := guess(bare); len(ps) > 0 {
		return ps, FromRules
	}
	return nil, Unspoken
}

// inflected pronounces possessives, plurals, -ed and -ing of words in the dictionary.
func inflected(w string) []string {
	for _, end := range []string{"'s", "s", "ed", "ing", "d", "es"} {
		stem, ok := strings.CutSuffix(w, end)
		if !ok || len(stem) < 2 {
			continue
		}
		ps := Lookup(stem)
		if ps == nil && end == "ing" {
			ps = Lookup(stem + "e")
		}
		if ps == nil && (end == "ing" || end == "ed") && len(stem) > 3 && stem[len(stem)-1] == stem[len(stem)-2] {
			ps = Lookup(stem[:len(stem)-1])
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
			return []string{"AH0", "D"}
		case voiceless:
			return []string{"T"}
		}
		return []string{"D"}
	}
	switch {
	case hisses(stem):
		return []string{"AH0", "Z"}
	case voiceless:
		return []string{"S"}
	}
	return []string{"Z"}
}

// compound pronounces two words of at least three letters written as one: the second loses its
// main stress to the first.
func compound(w string) []string {
	if len(w) < 6 || len(w) > 40 {
		return nil
	}
	for cut := len(w) - 3; cut >= 3; cut-- {
		a, b := Lookup(w[:cut]), Lookup(w[cut:])
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

// graphemes are letters and the sounds guessed for them, longest first; vowels without stress.
var graphemes = [][2]string{{"tion", "SH AH N"}, {"sion", "ZH AH N"}, {"ight", "AY T"}, {"eigh", "EY"}, {"ough", "AO"},
	{"tch", "CH"}, {"dge", "JH"}, {"igh", "AY"}, {"sch", "SH"}, {"ch", "CH"}, {"sh", "SH"}, {"th", "TH"}, {"ph", "F"},
	{"wh", "W"}, {"ck", "K"}, {"ng", "NG"}, {"qu", "K W"}, {"gh", "G"}, {"ee", "IY"}, {"ea", "IY"}, {"oo", "UW"},
	{"ou", "AW"}, {"ow", "OW"}, {"oi", "OY"}, {"oy", "OY"}, {"ai", "EY"}, {"ay", "EY"}, {"au", "AO"}, {"aw", "AO"},
	{"ie", "IY"}, {"ei", "AY"}, {"ew", "UW"}, {"oa", "OW"}, {"ar", "AA R"}, {"or", "AO R"}, {"er", "ER"}, {"ir", "ER"},
	{"ur", "ER"}, {"ce", "S EH"}, {"ci", "S IH"}, {"cy", "S IY"}, {"ge", "JH EH"}, {"a", "AE"}, {"b", "B"}, {"c", "K"},
	{"d", "D"}, {"e", "EH"}, {"f", "F"}, {"g", "G"}, {"h", "HH"}, {"i", "IH"}, {"j", "JH"}, {"k", "K"}, {"l", "L"},
	{"m", "M"}, {"n", "N"}, {"o", "AA"}, {"p", "P"}, {"q", "K"}, {"r", "R"}, {"s", "S"}, {"t", "T"}, {"u", "AH"},
	{"v", "V"}, {"w", "W"}, {"x", "K S"}, {"y", "IY"}, {"z", "Z"}}

// guess reads letters from left to right and stresses the first vowel. It serves until a word
// is put in the dictionary: most words it reads have at least one wrong sound.
func guess(w string) []string {
	var out []string
	w = accents.Replace(w)
	if len(w) > 3 && strings.HasSuffix(w, "e") && !strings.ContainsAny(w[len(w)-2:len(w)-1], "aeiou") {
		w = w[:len(w)-1]
	}
	last := byte(0)
	stressed := false
next:
	for w != "" {
		if w[0] == last && !strings.ContainsRune("aeiou", rune(last)) {
			w = w[1:] // a double consonant sounds once
			continue
		}
		for _, g := range graphemes {
			rest, ok := strings.CutPrefix(w, g[0])
			if !ok {
				continue
			}
			last, w = w[len(g[0])-1], rest
			for _, p := range strings.Fields(g[1]) {
				if strings.ContainsAny(p[:1], "AEIOU") {
					if stressed {
						p += "0"
					} else {
						p, stressed = p+"1", true
					}
				}
				out = append(out, p)
			}
			continue next
		}
		w = w[1:]
	}
	return out
}

var accents = strings.NewReplacer("á", "a", "à", "a", "â", "a", "ä", "a", "ã", "a", "å", "a", "ç", "c", "é", "e", "è", "e",
	"ê", "e", "ë", "e", "í", "i", "ï", "i", "î", "i", "ñ", "n", "ó", "o", "ô", "o", "ö", "o", "ø", "o", "ú", "u", "û", "u",
	"ü", "u", "æ", "e", "œ", "e", "ß", "ss")
