package gantts

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// hum returns a corpus of someone who hums two notes.
func hum(n int) *voice.Corpus {
	c := &voice.Corpus{Stats: speech.Stats{PitchMean: math.Log(150), PitchSpread: 0.2}}
	front := audio.VoiceMel()
	const T = 40
	for i := range n {
		s := text.Analyze("Ma me.")
		one := &voice.Clip{ID: string(rune('a' + i)), Sentence: s, Tokens: speech.Tokens(s, nil)}
		one.Lengths = make([]int, len(one.Tokens))
		for j := range one.Lengths {
			one.Lengths[j] = T / len(one.Lengths)
		}
		one.Lengths[0] += T - T/len(one.Lengths)*len(one.Lengths)
		phase := 0.0
		for f := range T {
			hz := 130 + 40*math.Sin(float64(i+f/10))
			one.HZ = append(one.HZ, float32(hz))
			for range speech.Hop {
				phase += 2 * math.Pi * hz / speech.SampleRate
				one.Wave = append(one.Wave, float32(0.1*math.Sin(phase)+0.05*math.Sin(3*phase)))
			}
		}
		full := front.Of(one.Wave)
		for b := range speech.MelBands {
			one.Mel = append(one.Mel, full[b*(T+1):b*(T+1)+T]...)
		}
		if i < 2 {
			c.Held = append(c.Held, one)
		} else {
			c.Train = append(c.Train, one)
		}
	}
	return c
}

func small(discriminators string) Settings {
	s := Default
	s.Data, s.Discriminators, s.Width, s.Narrow, s.Batch, s.Frames, s.Steps, s.WarmUp = "hum", discriminators, 0.1, 16, 2, 16, 8, 0.25
	return s
}

// An interrupted adversarial training of a sparse generator goes on bit by bit: weights,
// topology, both optimizers, vectors of spectral norms, averages and what is random.
func TestTrainingResumesExactly(t *testing.T) {
	corpus := hum(6)
	s := small("full")
	s.Sparsity, s.Steps = 0.5, 10
	var files [2][]byte
	for i, stops := range [][]int{nil, {1, 4, 7}} {
		dir, steps := filepath.Join(t.TempDir(), "run"), 0
		for {
			ctx, stop := context.WithCancel(context.Background())
			r, err := trainOn(ctx, corpus, s, IO{Dir: dir, Begin: func(string) {}, Report: func(e train.Event) {
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
			if files[i], err = os.ReadFile(r.Model); err != nil {
				t.Fatal(err)
			}
			for _, f := range []string{"samples/recording.wav", "samples/000010.wav", "samples/000010.png", "plot.svg", "result.json"} {
				if stat, err := os.Stat(filepath.Join(dir, f)); err != nil || stat.Size() < 100 {
					t.Errorf("%s: %v", f, err)
				}
			}
			g, _, err := model.Open(r.Model)
			if err != nil {
				t.Fatal(err)
			}
			if d := nn.Density(g); math.Abs(d-0.5) > 0.03 || r.Nonzeros >= r.Weights {
				t.Errorf("density %g, %d of %d weights", d, r.Nonzeros, r.Weights)
			}
			break
		}
		if steps != s.Steps {
			t.Errorf("%d steps, want %d", steps, s.Steps)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("an interrupted training ends with another generator")
	}
}

// Pruned on the way, a generator ends as sparse as one that begins so.
func TestGradualPruning(t *testing.T) {
	s := small("unconditional")
	s.Method, s.Sparsity, s.Steps = "gradual", 0.75, 12
	r, err := trainOn(context.Background(), hum(6), s, IO{Dir: filepath.Join(t.TempDir(), "run"), Begin: func(string) {}, Report: func(train.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := model.Open(r.Model)
	if err != nil {
		t.Fatal(err)
	}
	if d := nn.Density(g); math.Abs(d-0.25) > 0.03 {
		t.Errorf("density %g", d)
	}
}

// Every kind of discriminators plays, moves its own weights, and leaves frozen what it must.
func TestDiscriminators(t *testing.T) {
	corpus := hum(6)
	for name, n := range map[string]int{"full": 10, "unconditional": 5, "whole": 1, "none": 0} {
		s := small(name)
		r, err := newRun(corpus, s)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 && len(r.Critics.Windows) != n {
			t.Errorf("%s: %d discriminators, want %d", name, len(r.Critics.Windows), n)
		}
		dir, err := train.Create(filepath.Join(t.TempDir(), "run"), settled{s})
		if err != nil {
			t.Fatal(err)
		}
		r.begin(s, dir)
		before := make([][]float32, 0)
		for _, p := range nn.Params(r.net) {
			before = append(before, slices.Clone(p.Values()))
		}
		loop := r.loop(IO{Report: func(train.Event) {}})
		if _, err := loop.Run(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		for i, p := range nn.Params(r.net) {
			weight := strings.HasSuffix(p.Name, ".weight")
			if weight && slices.Equal(p.Values(), before[i]) {
				t.Errorf("%s: %s did not move", name, p.Name)
			}
			if strings.HasPrefix(p.Name, "critics.") && !p.Frozen {
				t.Errorf("%s: %s is not frozen after a step", name, p.Name)
			}
		}
		if played := r.played; n > 0 && played != s.Steps-r.warm || n == 0 && played > 0 {
			t.Errorf("%s: played %d times in %d steps, %d of them to warm up", name, played, s.Steps, r.warm)
		}
		dir.Close()
	}
}

// The spectral distance alone teaches a generator to hum.
func TestLearns(t *testing.T) {
	corpus := hum(6)
	s := small("none")
	s.Steps, s.Rate, s.Average = 60, 5e-3, 0.9
	first := math.Inf(1)
	var last float64
	_, err := trainOn(context.Background(), corpus, s, IO{Dir: filepath.Join(t.TempDir(), "run"), Begin: func(string) {}, Report: func(e train.Event) {
		if e.Kind == train.Stepped {
			if last = e.Loss; math.IsInf(first, 1) {
				first = e.Loss
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !(last < first/2) {
		t.Errorf("the loss went from %g to %g", first, last)
	}
}

func TestBadSettings(t *testing.T) {
	for says, change := range map[string]func(*Settings){
		"--data": func(s *Settings) { s.Data = "" }, "--discriminators many": func(s *Settings) { s.Discriminators = "many" },
		"--spectral 0": func(s *Settings) { s.Discriminators, s.Spectral = "none", 0 }, "--frames 15": func(s *Settings) { s.Frames = 15 },
		"--sparsity 1": func(s *Settings) { s.Sparsity = 1 }, "3x1": func(s *Settings) { s.Block = "3x1" }, "--warm-up": func(s *Settings) { s.WarmUp = math.NaN() },
		"--rate": func(s *Settings) { s.Rate = 0 }, "--method set": func(s *Settings) { s.Method = "set" }, "--narrow 0": func(s *Settings) { s.Narrow = 0 }, "--batch 0": func(s *Settings) { s.Batch = 0 },
	} {
		s := small("full")
		change(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	s := small("full")
	s.Frames = 100
	if _, err := trainOn(context.Background(), hum(4), s, IO{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "shorter than 100 frames") {
		t.Errorf("clips too short: %v", err)
	}
	c := &crops{pcg: rand.NewPCG(1, 1)}
	if err := c.UnmarshalBinary([]byte{1}); err == nil {
		t.Error("a position cut short is read")
	}
}
