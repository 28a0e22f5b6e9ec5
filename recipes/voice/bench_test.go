package voice

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/text"
)

// drawn are clips of noise of about three seconds, with plausible tokens.
func drawn(n int, rng *rand.Rand) []*Clip {
	var clips []*Clip
	for range n {
		c := &Clip{Sentence: text.Analyze("The kettle is on the stove, and the tea will be ready at four.")}
		c.Tokens = speech.Tokens(c.Sentence, nil)
		T := 0
		for range c.Tokens {
			l := 4 + rng.IntN(10)
			c.Lengths = append(c.Lengths, l)
			T += l
		}
		for i := range T * speech.Hop {
			c.Wave = append(c.Wave, float32(0.1*math.Sin(float64(i)/12)+0.01*rng.NormFloat64()))
		}
		for range T * speech.MelBands {
			c.Mel = append(c.Mel, float32(-4+rng.NormFloat64()))
		}
		for t := range T {
			h := float32(0)
			if t%50 < 30 {
				h = 180 + float32(t%50)
			}
			c.HZ = append(c.HZ, h)
		}
		clips = append(clips, c)
	}
	return clips
}

func drawnRun(sparsity float64) *run {
	rng := rand.New(rand.NewPCG(1, 1))
	r := &run{Settings: Default, corpus: &Corpus{Train: drawn(20, rng), Held: drawn(2, rng)}}
	r.Sparsity = sparsity
	r.corpus.measure()
	v, err := speech.NewVoice(r.config(), rng)
	if err != nil {
		panic(err)
	}
	r.voice = v
	return r
}

// step returns one training step but for the optimizer's.
func benchStep(b *testing.B, r *run, net nn.Layer, next func()) {
	ps := nn.Params(net)
	m := r.method(stage{}, 100)
	if err := m.Begin(prune.Weights(ps), rand.New(rand.NewPCG(1, 2))); err != nil {
		b.Fatal(err)
	}
	tape := &grad.Tape{}
	for b.Loop() {
		next()
		tape.Reset()
		nn.ZeroGrads(ps)
		tape.Backward(net.Forward(tape, nil))
	}
}

func BenchmarkStep(b *testing.B) {
	for name, sparsity := range map[string]float64{"dense": 0, "sparse80": 0.8} {
		r := drawnRun(sparsity)
		clips := newClipSource(r.corpus.Train, &r.voice.Config.Stats, 8, rand.NewPCG(1, 1))
		b.Run("acoustic/"+name, func(b *testing.B) {
			benchStep(b, r, &acousticNet{r.voice.Acoustic, clips}, func() { clips.Next() })
		})
		crops, err := newCropSource(r.corpus.Train, &r.voice.Config.Stats, 8, rand.NewPCG(1, 1))
		if err != nil {
			b.Fatal(err)
		}
		b.Run("decoder/"+name, func(b *testing.B) {
			benchStep(b, r, &decoderNet{r.voice.Decoder, crops, audio.VoiceMel()}, func() { crops.Next() })
		})
	}
}
