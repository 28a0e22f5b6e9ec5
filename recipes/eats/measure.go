package eats

import (
	"context"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/quality"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// Measures say how far speech from text is from recordings of the same sentences. Lengths of
// phonemes are compared with the aligner's.
type Measures struct {
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

// Measure compares what a voice makes of the sentences of recordings with the recordings. Utterances
// are valid until the next call of hear, which may be nil.
func Measure(ctx context.Context, v Speaker, clips []*voice.Clip, hear func(c *voice.Clip, u speech.Utterance) error) (Measures, error) {
	var m Measures
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
			return m, fmt.Errorf("eats: %s: %w", c.ID, err)
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

// quick is how many held-out recordings are measured on the way.
const quick = 8

// measure compares held-out recordings, n at most, with what the voice makes of their sentences.
func (r *run) measure(ctx context.Context, n int) (Measures, error) {
	held := r.corpus.Held
	if len(held) == 0 {
		held = r.corpus.Train
	}
	r.settle()
	return Measure(ctx, r.voice, held[:min(max(n, 1), len(held))], nil)
}

// settleBatches are how many batches the statistics of norms are taken over.
const settleBatches = 8

// settle gives the norms the statistics of the generator's present weights, always of the same
// batches.
func (r *run) settle() {
	g := r.voice.Generator
	s := r.Settings
	source, err := newWindows(r.corpus.Train, &s, g.Spec.Latent, rand.NewPCG(0, streamSettle))
	if err != nil {
		panic(err) // the run has one like it
	}
	defer nn.Params(r.game)
	ps := nn.Params(g)
	nn.Freeze(ps, true) // so that no vector of a spectral norm moves
	defer nn.Freeze(ps, false)
	momentum := g.Norms()[0].Momentum
	for _, n := range g.Norms() { // or else the last bits would depend on what was there
		clear(n.Mean.Data)
		clear(n.Var.Data)
	}
	tape := &grad.Tape{}
	for i := range settleBatches {
		for _, n := range g.Norms() {
			n.Momentum = 1 / float32(i+1)
		}
		source.Next()
		b := source.batch
		tape.Reset()
		c := g.Condition(tape, b.z, nil)
		h, lengths := g.Aligner.Forward(tape, b.ids, c, b.mask)
		if g.Samples != nil {
			a := g.Aligner.Align(tape, h, lengths, b.starts, s.Frames+2*edge)
			g.Decode(tape, a, c, nil, speech.Excitation{})
		}
	}
	for _, n := range g.Norms() {
		n.Momentum = momentum
	}
}

// sentence is spoken after every evaluation, so that one can hear a voice improve.
const sentence = "The birch canoe slid on the smooth planks, and nobody asked where it was going."

// listen writes what the voice sounds like after a step, and a picture of it.
func (r *run) listen(step int) error {
	dir := filepath.Join(r.dir.Path, "samples")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("eats: %w", err)
	}
	wave := r.voice.Say(text.Analyze(sentence), speech.Options{}).Samples
	name := filepath.Join(dir, fmt.Sprintf("%06d", step))
	if err := train.WriteFile(name+".wav", func(w io.Writer) error { return encode(w, wave) }); err != nil {
		return err
	}
	return train.WriteFile(name+".png", func(w io.Writer) error { return draw(w, wave) })
}

func encode(w io.Writer, wave []float32) error {
	return audio.EncodeWAV(w, &audio.Sound{Rate: speech.SampleRate, Channels: [][]float32{wave}})
}

// draw draws the spectrum of a waveform.
func draw(w io.Writer, wave []float32) error {
	front := audio.VoiceMel()
	return png.Encode(w, front.Picture(front.Of(wave)))
}
