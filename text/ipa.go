package text

import (
	"fmt"
	"strings"
)

// ipa are the sounds of American English, and those of British English that come near, in the
// International Phonetic Alphabet; vowels want a stress digit.
var ipa = map[string]string{"ɑ": "AA", "ɑː": "AA", "ɒ": "AA", "æ": "AE", "a": "AE", "ʌ": "AH", "ə": "AH", "ɔ": "AO", "ɔː": "AO", "aʊ": "AW",
	"aɪ": "AY", "ɛ": "EH", "e": "EH", "ɝ": "ER", "ɚ": "ER", "ɜ": "ER", "ɜː": "ER", "ɜːr": "ER", "ɜr": "ER", "ər": "ER", "eɪ": "EY", "ɪ": "IH", "ɨ": "IH",
	"i": "IY", "iː": "IY", "oʊ": "OW", "əʊ": "OW", "o": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW", "uː": "UW",
	"b": "B", "tʃ": "CH", "t͡ʃ": "CH", "ʧ": "CH", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "dʒ": "JH", "d͡ʒ": "JH", "ʤ": "JH",
	"k": "K", "l": "L", "ɫ": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "ɾ": "T", "θ": "TH",
	"v": "V", "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH"}

// fromIPA returns the phonemes of IPA; a stress mark stands before its syllable. A word of one
// vowel without a mark has main stress.
func fromIPA(s string) ([]string, error) {
	var out []string
	stress, marked, vowels, last := "0", false, 0, 0
	rs := []rune(s)
	for i := 0; i < len(rs); {
		switch rs[i] {
		case 'ˈ', '\'':
			stress, marked = "1", true
			i++
			continue
		case 'ˌ':
			stress, marked = "2", true
			i++
			continue
		case '.', ' ', '\u203f', '\u0329', 'ː', 'ʰ', '/', '[', ']':
			i++
			continue
		}
		n := min(3, len(rs)-i)
		for n > 0 && ipa[string(rs[i:i+n])] == "" {
			n--
		}
		if n == 0 {
			return nil, fmt.Errorf("unknown IPA symbol %q", rs[i])
		}
		p := ipa[string(rs[i:i+n])]
		if !Known(p) {
			last = len(out)
			p, stress, vowels = p+stress, "0", vowels+1
		}
		out, i = append(out, p), i+n
	}
	if vowels == 1 && !marked {
		out[last] = strings.Replace(out[last], "0", "1", 1)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no phonemes")
	}
	return out, nil
}
