package voice

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/seed073b5613/filigree/audio/quality"
	"github.com/seed073b5613/filigree/models/speech"
)

// Spoken says how far speech from text is from recordings of the same sentences. Lengths of
// phonemes are compared with the aligner's.
type Spoken struct {
	Compared            int     `json:"clips_compared"`
	MCD                 float64 `json:"mcd_db"` // by time warping
	PER                 float64 `json:"phone_error_rate"`
	NaturalPER          float64 `json:"phone_error_rate_natural"` // of the recordings
	LengthRatio         float64 `json:"length_ratio"`
	DurationRMSE        float64 `json:"duration_rmse_ms"`
	DurationCorrelation float64 `json:"duration_correlation"`
	Spread              float64 `json:"f0_spread"` // semitones within an utterance
	NaturalSpread       float64 `json:"f0_spread_natural"`
}

// Speaker speaks tokens, whichever network it is.
type Speaker interface {
	Utter(tokens []speech.Token, o speech.Options) speech.Utterance
}

// MeasureSpoken compares what a voice makes of the sentences of recordings with the recordings. Utterances
// are valid until the next call of hear, which may be nil.
func MeasureSpoken(ctx context.Context, v Speaker, clips []*Clip, hear func(c *Clip, u speech.Utterance) error) (Spoken, error) {
	var m Spoken
	var tally quality.Tally
	var x, y, xx, yy, xy, squares, n float64
	errs, natural, phones := 0, 0, 0
	listener := speech.DefaultRecognizer()
	for _, c := range clips {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		// Pauses without punctuation are known from the recording only: lengths are compared
		// with them, speech is made without.
		timed := v.Utter(c.Tokens, speech.Options{})
		for i, k := range timed.Tokens {
			if k.Silent() || c.Lengths[i] == 0 {
				continue
			}
			p, q := float64(k.Frames), float64(c.Lengths[i])
			x, y, xx, yy, xy, n = x+p, y+q, xx+p*p, yy+q*q, xy+p*q, n+1
			squares += (p - q) * (p - q)
		}
		u := v.Utter(speech.Tokens(c.Sentence, nil), speech.Options{})
		one, err := quality.Compare(c.Wave, u.Samples, false)
		if err != nil {
			return m, fmt.Errorf("voice: %s: %w", c.ID, err)
		}
		tally.Merge(one)
		var said []string
		for _, p := range c.Sentence.Phonemes() {
			said = append(said, strings.TrimRight(p, "012"))
		}
		heard := listener.Phones([][]float32{speech.RecognizerFeatures(u.Samples), speech.RecognizerFeatures(c.Wave)})
		errs, natural, phones = errs+speech.PhoneErrors(heard[0], said), natural+speech.PhoneErrors(heard[1], said), phones+len(said)
		if hear != nil {
			if err := hear(c, u); err != nil {
				return m, err
			}
		}
	}
	s := tally.Score()
	known := func(v float64) float64 { // what is not defined is 0
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return 0
		}
		return v
	}
	m.Compared, m.MCD, m.LengthRatio, m.Spread, m.NaturalSpread = len(clips), known(s.MCD), known(s.LengthRatio), known(s.Spread), known(s.ReferenceSpread)
	m.PER, m.NaturalPER = float64(errs)/float64(max(phones, 1)), float64(natural)/float64(max(phones, 1))
	m.DurationRMSE = known(10 * math.Sqrt(squares/n))
	m.DurationCorrelation = known((xy/n - x/n*y/n) / math.Sqrt((xx/n-x/n*x/n)*(yy/n-y/n*y/n)))
	return m, nil
}
