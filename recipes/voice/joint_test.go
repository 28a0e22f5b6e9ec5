package voice

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
)

// Losses of the waveform reach the decoder, through it the spectra, and through their timing the
// lengths; tokens and pitch stay as they are.
func TestJointNet(t *testing.T) {
	stats := &speech.Stats{MelMean: make([]float32, speech.MelBands), MelDeviation: 2, PitchMean: 5, PitchSpread: 0.2}
	v, err := speech.NewVoice(speech.Config{Stats: *stats, Acoustic: speech.AcousticSpec{Tokens: 8, Blocks: 1, Pitch: 8, Frames: 8, Hidden: 8, Layers: 1},
		Decoder: speech.DecoderSpec{Channels: 16, Hidden: 16, Layers: 1}}, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	source := &jointSource{clipSource: newClipSource(drawn(6, rng), stats, 2, rand.NewPCG(3, 3))}
	net := newJointNet(v, source)
	tape := &grad.Tape{}
	source.Next()
	tape.Backward(net.Forward(tape, nil))
	reached := nn.Match("acoustic.lengths", "acoustic.stem", "acoustic.layers", "acoustic.out", "decoder.stem", "decoder.out")
	for _, p := range nn.Params(net) {
		some := p.Grad != nil && slices.ContainsFunc(p.Grad.Data, func(g float32) bool { return g != 0 })
		if reached(p.Name) && !some {
			t.Errorf("no gradient reaches %s", p.Name)
		}
		if p.Frozen && p.Grad != nil {
			t.Errorf("%s stays as it is and has a gradient", p.Name)
		}
	}
	if p := v.Acoustic.Symbol.Weight; !p.Frozen {
		t.Errorf("%s is not frozen", p.Name)
	}
}

// The stage goes on with the voice that comes with the program, keeps its topology, and resumes
// exactly.
func TestJointStage(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a voice twice")
	}
	s := Default
	s.Data, s.Stage, s.DecoderSteps = few(t, 30), "joint", 3
	var files [2][]byte
	for i, stops := range [][]int{nil, {2}} {
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
			if d, err := speech.Default(); err != nil || r.Nonzeros != nonzeros(d) {
				t.Errorf("%d weights exist, %v", r.Nonzeros, err)
			}
			break
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("an interrupted stage ends with another voice")
	}
}
