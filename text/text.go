package text

import (
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
	FromParts      Source = "parts"   // a plural, possessive or compound of words in the dictionary
	FromLetter     Source = "letter"  // the name of a letter
	FromNetwork    Source = "network" // read from its letters by a network
	FromCaller     Source = "inline"  // {HH AH0 L OW1}
	Unspoken       Source = "unknown" // nothing to say: letters that are not English
)

// A Word is one spoken word.
type Word struct {
	Text     string   // lower case
	Phonemes []string // of Phonemes
	Source   Source
	After    Break
}

// A Sentence is a sentence as written and as spoken.
type Sentence struct {
	Text     string // as written, with broken UTF-8 replaced
	Words    []Word
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

// Analyze reads one sentence. It takes any bytes: what cannot be spoken is dropped and, where it
// is broken UTF-8, unknown inline phonemes or foreign letters, named in the warnings.
func Analyze(line string) Sentence {
	s := Sentence{}
	if !utf8.ValidString(line) {
		s.warn("invalid UTF-8 dropped")
		line = strings.ToValidUTF8(line, "")
	}
	s.Text = line
	line = quotes.Replace(line)
	for line != "" {
		open := strings.IndexByte(line, '{')
		shut := -1
		if open >= 0 {
			shut = strings.IndexByte(line[open:], '}')
		}
		if shut < 0 {
			s.words(line)
			break
		}
		s.words(line[:open])
		s.inline(line[open+1 : open+shut])
		line = line[open+shut+1:]
	}
	if n := len(s.Words); n > 0 {
		s.Words[n-1].After = SentenceBreak
	}
	return s
}

func (s *Sentence) warn(w string) { s.Warnings = append(s.Warnings, w) }

// inline adds a word given as phonemes.
func (s *Sentence) inline(symbols string) {
	ps := strings.Fields(symbols)
	for _, p := range ps {
		if !Known(p) {
			s.warn("unknown phoneme " + p + " in {" + symbols + "}")
			return
		}
	}
	if len(ps) > 0 {
		s.Words = append(s.Words, Word{Text: "{" + strings.Join(ps, " ") + "}", Phonemes: ps, Source: FromCaller})
	}
}

// words adds what stands outside braces.
func (s *Sentence) words(text string) {
	before := ""
	for _, token := range strings.Fields(text) {
		core := strings.TrimLeft(token, `"'([<*_#~`)
		if strings.HasPrefix(token, "'") && Lookup(strings.ToLower("'"+strings.TrimRight(core, `.,;:!?"'`))) != nil {
			core = "'" + core
		}
		if core != token && strings.ContainsAny(token[:len(token)-len(core)], "([") {
			s.phrase()
		}
		trimmed := strings.TrimRight(core, `"')]>*_~.,;:!?`)
		mark := core[len(trimmed):]
		if strings.HasPrefix(mark, ".") && isInitials.MatchString(trimmed+".") && len(trimmed) > 1 {
			trimmed += "."
		}
		for _, w := range strings.Fields(expand(trimmed, before, strings.HasPrefix(mark, "."))) {
			s.word(w)
		}
		before = strings.ToLower(trimmed)
		if strings.ContainsAny(mark, ",;:)]!?") || token == "--" || token == "-" {
			s.phrase()
		}
	}
}

func (s *Sentence) phrase() {
	if n := len(s.Words); n > 0 {
		s.Words[n-1].After = PhraseBreak
	}
}

func (s *Sentence) word(w string) {
	if len(w) == 2 && w[1] == '.' {
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
	s.Words = append(s.Words, Word{Text: w, Phonemes: ps, Source: source})
}

// letter returns the entry of a letter's name.
func letter(l string) string {
	if l == "a" {
		return "a."
	}
	return l
}
