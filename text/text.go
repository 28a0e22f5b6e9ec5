package text

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A Break is the boundary after a word.
type Break string

// Boundaries, from weak to strong.
const (
	NoBreak       Break = ""         // the next word follows
	PhraseBreak   Break = "phrase"   // comma, semicolon, colon, dash or bracket
	SentenceBreak Break = "sentence" // the last word of a sentence
)

// A Source says where a pronunciation comes from.
type Source string

// Sources of pronunciations.
const (
	FromDictionary Source = "dictionary"
	FromParts      Source = "parts"   // a plural, possessive or the like of a word in the dictionary
	FromLetter     Source = "letter"  // the name of a letter
	FromNetwork    Source = "network" // read from its letters by a network
	FromLexicon    Source = "lexicon" // the user's
	FromCaller     Source = "inline"  // {HH AH0 L OW1}
	Unspoken       Source = "unknown" // nothing to say: letters that are not English
)

// A Word is one spoken word.
type Word struct {
	Text     string   // lower case
	Phonemes []string // of Phonemes
	Source   Source
	After    Break
	Pause    float64 // seconds of silence after it; 0 for what its break has by itself
	Rate     float64 // factor on the speed it is spoken at; 0 for 1
	capital  bool    // written with a large letter
}

// A Sentence is a sentence as written and as spoken.
type Sentence struct {
	Text     string // as written, with broken UTF-8 replaced
	Words    []Word
	Before   float64  // seconds of silence before the first word; 0 for the usual
	Warnings []string // what could not be spoken as written
}

// Normalized returns the words of the sentence.
func (s Sentence) Normalized() string {
	var out []string
	for _, w := range s.Words {
		out = append(out, w.Text)
	}
	return strings.Join(out, " ")
}

// Phonemes returns those of all words in turn.
func (s Sentence) Phonemes() []string {
	out := []string{}
	for _, w := range s.Words {
		out = append(out, w.Phonemes...)
	}
	return out
}

// Options say how text is read; the zero value is the usual way.
type Options struct {
	Lexicon *Lexicon // how some words are read; nil for none
	SSML    bool     // the text is SSML though it does not begin with <speak>
}

// Analyze reads one sentence with no options: see [Options.Analyze].
func Analyze(line string) Sentence { return Options{}.Analyze(line) }

// Analyze reads one sentence, in which {HH AH0 L OW1} are phonemes. It takes any bytes: what
// cannot be spoken is dropped and, where it is broken UTF-8, unknown phonemes or foreign letters, named
// in the warnings.
func (o Options) Analyze(line string) Sentence { return o.read([]piece{{text: line}}) }

// read reads the pieces of a sentence.
func (o Options) read(pieces []piece) Sentence {
	s := Sentence{}
	for i, p := range pieces {
		if !utf8.ValidString(p.text) {
			s.warn("invalid UTF-8 dropped")
			pieces[i].text = strings.ToValidUTF8(p.text, "")
		}
		s.Text += pieces[i].text
	}
	r := &scanner{s: &s, lexicon: o.Lexicon, shout: shouted(s.Text)}
	for _, p := range pieces {
		n := len(s.Words)
		r.piece(p)
		for i := n; i < len(s.Words) && p.rate != 1; i++ {
			s.Words[i].Rate = p.rate
		}
	}
	if n := len(s.Words); n > 0 {
		s.Words[n-1].After = SentenceBreak
	}
	s.disambiguate()
	return s
}

// piece reads a piece.
func (r *scanner) piece(p piece) {
	n := len(r.s.Words)
	switch {
	case p.joined && n > 0:
		r.s.Words[n-1].After, r.s.Words[n-1].Pause = NoBreak, 0
	case p.pause > 0 && n > 0:
		r.s.phrase()
		r.s.Words[n-1].Pause = min(r.s.Words[n-1].Pause+p.pause, longestPause)
	case p.pause > 0:
		r.s.Before = min(r.s.Before+p.pause, longestPause)
	case p.phonemes != nil:
		r.s.Words = append(r.s.Words, Word{Text: "{" + strings.Join(p.phonemes, " ") + "}", Phonemes: p.phonemes, Source: FromCaller})
	case p.alias != "":
		r.braces(plainly(p.alias))
	case p.as != "":
		said, ok := sayAs(p.as, p.format, p.text)
		if !ok {
			r.s.warn("say-as " + p.as + " " + p.format + ": " + p.text + " is read as it stands")
		}
		if said != "" {
			r.say(said)
			return
		}
		r.braces(plainly(p.text))
	default:
		r.braces(plainly(p.text))
	}
}

// braces reads text with phonemes in braces.
func (r *scanner) braces(text string) {
	for text != "" {
		open := strings.IndexByte(text, '{')
		shut := -1
		if open >= 0 {
			shut = strings.IndexByte(text[open:], '}')
		}
		if shut < 0 {
			r.run(text)
			return
		}
		r.run(text[:open])
		r.s.inline(text[open+1 : open+shut])
		text = text[open+shut+1:]
	}
}

var quotes = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "’", "'", "‘", "'", "ʼ", "'", "—", " -- ", "―", " -- ",
	"–", "-", "‐", "-", "‑", "-", "−", "-", "…", "... ", "\u00a0", " ", "\u202f", " ", "\u2009", " ", "\u3000", " ",
	"½", " 1/2", "¼", " 1/4", "¾", " 3/4", "⅓", " 1/3", "⅔", " 2/3", "⅛", " 1/8", "⅜", " 3/8", "⅝", " 5/8", "⅞", " 7/8", "⁄", "/",
	"\u00ad", "", "\u200b", "", "\u200d", "", "\ufeff", "", "ﬁ", "fi", "ﬂ", "fl", "ﬀ", "ff")

// plainly writes quotes, dashes, spaces and fractions in ASCII.
func plainly(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return quotes.Replace(s)
		}
	}
	return s
}

// shouted reports whether a sentence of several words, one of them no short one, has no small letter.
func shouted(s string) bool {
	runs, run, most := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z':
			return false
		case c >= 'A' && c <= 'Z':
			if run++; run == 1 {
				runs++
			}
			most = max(most, run)
		default:
			run = 0
		}
	}
	return runs > 1 && most > 3
}

func (s *Sentence) warn(w string) { s.Warnings = append(s.Warnings, w) }

// inline adds a word given as phonemes.
func (s *Sentence) inline(symbols string) {
	ps := strings.Fields(symbols)
	if err := checkPhonemes(ps); err != nil {
		s.warn(err.Error() + " in {" + symbols + "}")
		return
	}
	if len(ps) > 0 {
		s.Words = append(s.Words, Word{Text: "{" + strings.Join(ps, " ") + "}", Phonemes: ps, Source: FromCaller})
	}
}

func (s *Sentence) phrase() {
	if n := len(s.Words); n > 0 {
		s.Words[n-1].After = PhraseBreak
	}
}

// word adds a word in small letters; "x." is the name of a letter.
func (s *Sentence) word(w string, capital bool) {
	if len(w) == 2 && w[1] == '.' && w[0] >= 'a' && w[0] <= 'z' {
		s.Words = append(s.Words, Word{Text: w, Phonemes: Lookup(letter(w[:1])), Source: FromLetter})
		return
	}
	ps, source := Pronounce(w)
	if source == Unspoken {
		if w = strings.Trim(w, "'"); w != "" {
			s.warn("cannot be spoken: " + w)
		}
		return
	}
	s.Words = append(s.Words, Word{Text: w, Phonemes: ps, Source: source, capital: capital})
}

// letter returns the entry of a letter's name.
func letter(l string) string {
	if l == "a" {
		return "a."
	}
	return l
}

// possessive adds 's to the last word.
func (s *Sentence) possessive() {
	last := &s.Words[len(s.Words)-1]
	last.Text, last.Phonemes = last.Text+"'s", slices.Concat(last.Phonemes, suffix("s", last.Phonemes))
}
