package speech

import (
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/text"
)

// Symbols that are not phonemes: silences.
const (
	StartSilence = "<" // before the first word
	PhrasePause  = "," // at punctuation inside a sentence; may last no time
	OtherPause   = "_" // where a speaker stopped without punctuation
	EndSilence   = "." // after the last word
	QuestionEnd  = "?" // after the last word of a question
)

// Places of a symbol in its word.
const (
	noPlace = iota
	onlyPlace
	firstPlace
	innerPlace
	lastPlace
	places
)

// symbols are what speech is made of: phonemes with stress, then silences.
var symbols = append(text.Phonemes(), StartSilence, PhrasePause, OtherPause, EndSilence, QuestionEnd)

var symbolIDs = func() map[string]int {
	ids := map[string]int{}
	for i, s := range symbols {
		ids[s] = i
	}
	return ids
}()

// Symbols returns what speech is made of, in the order of their ids in a voice: phonemes
// with stress, then silences.
func Symbols() []string { return slices.Clone(symbols) }

// Token is a symbol to be spoken.
type Token struct {
	Symbol string
	Word   int     // index of its word, -1 for a silence
	Pause  float64 // seconds that a silence lasts; 0 for as long as the voice wants
	Rate   float64 // factor on the speed; 0 for 1
	place  int
}

// Length returns how long the token lasts, in frames of which there are rate a second: frames at
// a speed, or the pause that was asked for.
func (k Token) Length(frames, speed, rate float64) float64 {
	if k.Pause > 0 {
		return k.Pause * rate
	}
	if k.Rate > 0 {
		speed *= k.Rate
	}
	return frames / speed
}

// Silent reports whether the token is a silence.
func (k Token) Silent() bool { return k.Word < 0 }

// Tokens returns the symbols of a sentence, with a silence at both ends and at
// punctuation, as long as the sentence asks for. pause, which may be nil, tells of pauses after words without punctuation.
// The result is empty for a sentence without words to speak.
func Tokens(s text.Sentence, pause func(word int) bool) []Token {
	tokens := []Token{{Symbol: StartSilence, Word: -1, Pause: s.Before}}
	silence := func(symbol string, after text.Word) {
		tokens = append(tokens, Token{Symbol: symbol, Word: -1, Pause: after.Pause, Rate: after.Rate})
	}
	last := -1
	for i, w := range s.Words {
		if len(w.Phonemes) > 0 {
			last = i
		}
	}
	for i, w := range s.Words {
		for j, p := range w.Phonemes {
			tokens = append(tokens, Token{Symbol: p, Word: i, Rate: w.Rate, place: place(j, len(w.Phonemes))})
		}
		switch {
		case i >= last:
		case w.After == text.PhraseBreak && len(tokens) > 1:
			silence(PhrasePause, w)
		case pause != nil && len(w.Phonemes) > 0 && pause(i):
			silence(OtherPause, w)
		}
	}
	if last < 0 {
		return nil
	}
	if strings.HasSuffix(strings.TrimRight(s.Text, " \t\n\"'”’)]"), "?") {
		silence(QuestionEnd, s.Words[last])
	} else {
		silence(EndSilence, s.Words[last])
	}
	return tokens
}

func place(i, n int) int {
	switch {
	case n == 1:
		return onlyPlace
	case i == 0:
		return firstPlace
	case i == n-1:
		return lastPlace
	}
	return innerPlace
}

// Inputs returns what networks are given of tokens: ids of the symbols, and of their places in
// words.
func Inputs(tokens []Token) (ids, places []float32) {
	for _, k := range tokens {
		ids, places = append(ids, float32(symbolIDs[k.Symbol])), append(places, float32(k.place))
	}
	return ids, places
}
