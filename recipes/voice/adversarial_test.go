package voice

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
)

// noisy returns a source of crops of noise.
func noisy(t *testing.T, stats *speech.Stats) *cropSource {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	var clips []*Clip
	for range 3 {
		const T = 80
		c := &Clip{HZ: make([]float32, T)}
		for i := range T * speech.Hop {
			c.Wave = append(c.Wave, float32(0.1*rng.NormFloat64()))
			if i%speech.Hop == 0 && i/speech.Hop%2 == 0 {
				c.HZ[i/speech.Hop] = 150
			}
		}
		full := audio.VoiceMel().Of(c.Wave)
		for b := range speech.MelBands {
			c.Mel = append(c.Mel, full[b*(T+1):b*(T+1)+T]...)
		}
		clips = append(clips, c)
	}
	s, err := newCropSource(clips, stats, 2, rand.NewPCG(4, 4))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Discriminators learn from their own loss only, and the decoder from both: without the
// discriminators' part its gradient is another.
func TestAdversarialNet(t *testing.T) {
	stats := &speech.Stats{MelMean: make([]float32, speech.MelBands), MelDeviation: 2, PitchMean: 5, PitchSpread: 0.2}
	v, err := speech.NewVoice(speech.Config{Stats: *stats, Acoustic: speech.AcousticSpec{Tokens: 8, Blocks: 1, Pitch: 8, Frames: 8, Hidden: 8, Layers: 1},
		Decoder: speech.DecoderSpec{Channels: 16, Hidden: 16, Layers: 1}}, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	source := noisy(t, stats)
	source.Next()
	state, err := source.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	gradient := func(c *critics) []float32 {
		if err := source.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		net := &adversarialNet{Decoder: v.Decoder, Critics: c, source: source, front: audio.VoiceMel()}
		tape := &grad.Tape{}
		nn.ZeroGrads(nn.Params(net))
		tape.Backward(net.Forward(tape, nil))
		return slices.Clone(v.Decoder.Out.Weight.Grad.Data)
	}
	alone := gradient(nil)
	c, err := newCritics(rand.New(rand.NewPCG(2, 2)))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(alone, gradient(c)) {
		t.Error("the discriminators do not reach the decoder")
	}
	for _, p := range nn.Params(c) {
		if p.Grad == nil || !p.Frozen {
			t.Fatalf("%s has no gradient or is not frozen", p.Name)
		}
	}
	// What the discriminators got is the gradient of their own loss.
	got := slices.Clone(c.Spectrum.Out.Weight.Grad.Data)
	net := &adversarialNet{Decoder: v.Decoder, Critics: c, source: source, front: audio.VoiceMel()}
	if err := source.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	ps := nn.Params(c)
	nn.ZeroGrads(ps)
	nn.Freeze(ps, false)
	x, y := (&decoderNet{v.Decoder, source, net.front}).judged(nil)
	tape := &grad.Tape{}
	tape.Backward(net.criticLoss(tape, x.Value, y.Value, net.conditions(), rand.New(source.pcg)))
	largest := float32(0)
	for i, g := range c.Spectrum.Out.Weight.Grad.Data {
		if largest = max(largest, g, -g); i >= len(got) || (g-got[i]) > 0.2*(largest+0.1) || (got[i]-g) > 0.2*(largest+0.1) { // vectors of norms moved meanwhile
			t.Fatalf("gradient %d is %g, that of the discriminators' loss %g", i, got[i], g)
		}
	}
	if largest == 0 {
		t.Error("no gradient")
	}
}

// The stage goes on with the voice that comes with the program, keeps its topology, resumes
// exactly, and works without discriminators, from which the result differs.
func TestAdversarialStage(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a decoder three times")
	}
	s := Default
	s.Data, s.Stage, s.DecoderSteps = few(t, 30), "adversarial", 4
	var files [3][]byte
	for i, stops := range [][]int{nil, {1, 3}, nil} {
		if i == 2 {
			s.Critics = "none"
		}
		dir, steps := t.TempDir(), 0
		for {
			ctx, stop := context.WithCancel(context.Background())
			r, err := Run(ctx, s, IO{Dir: dir, Progress: func(string, int, int) {}, Warn: func(string) {}, Report: func(e train.Event) {
				if e.Kind != train.Stepped {
					return
				}
				if steps++; slices.Contains(stops, steps) {
					stop()
				}
			}})
			stop()
			if errors.Is(err, train.ErrInterrupted) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if files[i], err = os.ReadFile(r.Voice); err != nil {
				t.Fatal(err)
			}
			if d, err := speech.Default(); err != nil || r.Nonzeros != nonzeros(d) || r.Decoder.LSD2048 == 0 {
				t.Errorf("%d weights exist, result %+v, %v", r.Nonzeros, r.Decoder, err)
			}
			break
		}
		if _, err := os.Stat(filepath.Join(dir, startFile)); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("an interrupted stage ends with another voice")
	}
	if slices.Equal(files[0], files[2]) {
		t.Error("discriminators make no difference")
	}
}

func nonzeros(v *speech.Voice) (n int) {
	for _, p := range nn.Params(v) {
		n += p.NNZ()
	}
	return n
}
