package text

import (
	"strings"
	"testing"
)

func TestLexicon(t *testing.T) {
	l, err := ReadLexicon("words.txt", strings.NewReader(`# how we say it
;;; so does CMUdict write comments
tomato   T AH0 M AA1 T OW2
GIF  G IH1 F
gif  JH IH1 F
nginx = engine x
C++ = see plus plus
Oslo = {UW1 S L UW0}
`))
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() != 5 {
		t.Errorf("%d words", l.Len())
	}
	o := Options{Lexicon: l}
	for in, want := range map[string]string{
		"Tomato.":             "T AH0 M AA1 T OW2",
		"(tomato's)":          "T AH0 M AA1 T OW2 Z",
		"a GIF":               "AH0 JH IH1 F",
		"C++, nginx":          "S IY1 P L AH1 S P L AH1 S EH1 N JH AH0 N EH1 K S",
		"tomatoes":            "T AH0 M EY1 T OW0 Z",
		"tomato-red":          "T AH0 M AA1 T OW2 R EH1 D",
		"Oslo":                "UW1 S L UW0",
		"gifts":               "G IH1 F T S",
		"nginx's gif, (gif).": "EH1 N JH AH0 N EH1 K S IH0 Z JH IH1 F JH IH1 F",
	} {
		s := o.Analyze(in)
		if got := strings.Join(s.Phonemes(), " "); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"a AH0\nb\n":                           "words.txt:2: b has no phonemes",
		"b QQ":                                 "words.txt:1: unknown phoneme QQ in b",
		"b B AH":                               "words.txt:1: phoneme AH needs its stress: AH0, AH1 or AH2 in b",
		"\n\nb = ":                             "words.txt:3: b = nothing",
		"b\xff = c":                            "words.txt:1: invalid UTF-8",
		"a AH0\n" + strings.Repeat("x", 1<<17): "words.txt:2: bufio.Scanner: token too long",
	} {
		if _, err := ReadLexicon("words.txt", strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %s", in, err, want)
		}
	}
	if _, err := OpenLexicon("testdata/none.txt"); err == nil || !strings.Contains(err.Error(), "none.txt") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func FuzzLexicon(f *testing.F) {
	f.Add("a AH0\nb = c d\n# e", "a b a's")
	f.Add("= = =\n' = '\n{ = {", "= ' {")
	f.Fuzz(func(t *testing.T, file, in string) {
		l, err := ReadLexicon("f", strings.NewReader(file))
		if err != nil {
			return
		}
		for _, p := range (Options{Lexicon: l}).Analyze(in).Phonemes() {
			if !Known(p) {
				t.Fatalf("%q with %q: %s is no phoneme", in, file, p)
			}
		}
	})
}
