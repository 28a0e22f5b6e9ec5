package eats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/text"
)

// drawn returns recordings that sound like nothing, of 2.7 s.
func drawn(n int, rng *rand.Rand) *voice.Corpus {
	c := &voice.Corpus{Stats: speech.Stats{PitchMean: math.Log(180), PitchSpread: 0.2}}
	for range n {
		one := &voice.Clip{Sentence: text.Analyze("The kettle is on the stove, and the tea will be ready at four.")}
		one.Tokens = speech.Tokens(one.Sentence, nil)
		frames := 0
		for range one.Tokens {
			l := 3 + rng.IntN(8)
			one.Lengths, frames = append(one.Lengths, l), frames+l
		}
		for i := range frames * speech.Hop {
			one.Wave = append(one.Wave, float32(0.1*math.Sin(float64(i)/12)+0.01*rng.NormFloat64()))
		}
		for i := range frames {
			one.HZ = append(one.HZ, float32(150+50*math.Sin(float64(i)/30)))
		}
		c.Train = append(c.Train, one)
	}
	return c
}

// BenchmarkStep is a training step, all but the optimizer's, of 8 windows of 0.96 s: with the aligner's
// lengths, and with the network's own and all discriminators.
func BenchmarkStep(b *testing.B) {
	for _, size := range []string{"tiny", "small", "shaped"} {
		for _, sparsity := range []float64{0, 0.8} {
			for name, share := range map[string]float64{"taught": 1, "playing": 0} {
				b.Run(fmt.Sprintf("%s-%g-%s", size, sparsity, name), func(b *testing.B) {
					s := Default
					s.Size, s.Steps, s.Aligned, s.WarmUp, s.Sparsity = size, 1000, share, share, sparsity
					r := &run{Settings: s, corpus: drawn(20, rand.New(rand.NewPCG(1, 1)))}
					if err := r.build(); err != nil {
						b.Fatal(err)
					}
					l := r.loop()
					if err := l.Prune.Begin(l.Weights, rand.New(rand.NewPCG(2, 2))); err != nil {
						b.Fatal(err)
					}
					tape, ps := &grad.Tape{}, nn.Params(r.game)
					for b.Loop() {
						r.game.source.Next()
						tape.Reset()
						nn.ZeroGrads(ps)
						tape.Backward(r.game.Forward(tape, nil))
					}
					b.ReportMetric(float64(s.Batch*s.Frames)/100*float64(b.N)/b.Elapsed().Seconds(), "audio-s/s")
				})
			}
		}
	}
}
