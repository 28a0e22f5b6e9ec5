package eats

import (
	"context"
	"fmt"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// quick is how many held-out recordings are measured on the way.
const quick = 8

// measure compares held-out recordings, n at most, with what the voice makes of their sentences.
func (r *run) measure(ctx context.Context, n int) (voice.Spoken, error) {
	held := r.corpus.Held
	if len(held) == 0 {
		held = r.corpus.Train
	}
	r.settle()
	return voice.MeasureSpoken(ctx, r.voice, held[:min(max(n, 1), len(held))], nil)
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
