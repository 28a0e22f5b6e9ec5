package tasks

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/train"
)

// smallText writes a text that repeats itself and returns settings for a few steps on it.
func smallText(t *testing.T, name string) Settings {
	t.Helper()
	task, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Data = filepath.Join(t.TempDir(), "rhyme.txt")
	if err := os.WriteFile(s.Data, []byte(strings.Repeat("the cat sat on the mat, the rät ate thät\n", 150)), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Width, s.Length, s.Batch, s.Steps, s.Every, s.Rate, s.Sparsity = 0.1, 16, 8, 120, 10, 0.01, 0.5
	return s
}

// A language model that is stopped and resumed ends with the bits of one that is not, its
// score is that of its file, and it shows a sample.
func TestTextResumes(t *testing.T) {
	for _, name := range []string{"charlm", "wordlm"} {
		s := smallText(t, name)
		dir := t.TempDir()
		var shown bytes.Buffer
		whole, err := Run(context.Background(), name, s, IO{Dir: filepath.Join(dir, "whole"), Show: &shown})
		if err != nil {
			t.Fatal(err)
		}
		if whole.Updates == 0 || math.Abs(whole.Sparsity-0.5) > 0.01 || shown.Len() < 100 {
			t.Errorf("%s: %d updates, sparsity %v, sample %q", name, whole.Updates, whole.Sparsity, shown.String())
		}
		ctx, cancel := context.WithCancel(context.Background())
		broken := filepath.Join(dir, "broken")
		_, err = Run(ctx, name, s, IO{Dir: broken, Report: func(e train.Event) {
			if e.Step == 33 {
				cancel()
			}
		}})
		if !errors.Is(err, train.ErrInterrupted) {
			t.Fatal(err)
		}
		resumed, err := Resume(context.Background(), broken, IO{})
		if err != nil {
			t.Fatal(err)
		}
		a, b := contents(t, whole.Model), contents(t, resumed.Model)
		if !bytes.Equal(a, b) || resumed.TestLoss != whole.TestLoss {
			t.Errorf("%s: resumed to other bits: loss %v, not %v", name, resumed.TestLoss, whole.TestLoss)
		}
		score, err := Eval(context.Background(), whole.Model, s.Data)
		if err != nil {
			t.Fatal(err)
		}
		testkit.Close(t, name+" score", []float32{float32(score.TestLoss), float32(score.Metrics.TestBitsPerChar), float32(score.Metrics.TestPerplexity)},
			[]float64{whole.TestLoss, whole.TestBitsPerChar, whole.TestPerplexity}, testkit.Pass)
		switch name {
		case "charlm":
			if bits := whole.TestLoss / math.Ln2; math.Abs(whole.TestBitsPerChar-bits) > 1e-9 || bits > 3.5 {
				t.Errorf("%v bits per character with a loss of %v", whole.TestBitsPerChar, whole.TestLoss)
			}
		case "wordlm": // ten words and the end of line; guessing would give 10
			if p := math.Exp(whole.TestLoss); math.Abs(whole.TestPerplexity-p) > 1e-9 || p > 5 {
				t.Errorf("perplexity %v with a loss of %v", whole.TestPerplexity, whole.TestLoss)
			}
		}
	}
}

// Text that cannot be learned from is refused before a run begins.
func TestTextRefused(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"--length 0":     func(s *Settings) { s.Length = 0 },
		"too few":        func(s *Settings) { s.Length = 1 << 20 },
		"--vocabulary 1": func(s *Settings) { s.Vocabulary = 1 },
		"not UTF-8": func(s *Settings) {
			if err := os.WriteFile(s.Data, []byte("caf\xe9 au lait"), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"filigree fetch wikitext-2": func(s *Settings) { s.Data = filepath.Join(filepath.Dir(s.Data), "nothing") },
	} {
		s := smallText(t, "wordlm")
		change(&s)
		dir := filepath.Join(t.TempDir(), "run")
		_, err := Run(context.Background(), "wordlm", s, IO{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a run directory was made", want)
		}
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The work counts what is never pruned, here the embedding that is the output matrix too,
// and the steps of a longer training.
func TestWork(t *testing.T) {
	s := smallText(t, "charlm")
	s.Method, s.Steps, s.Multiplier, s.Sparsity = "static", 2, 3, 0.8
	r, err := Run(context.Background(), "charlm", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	times := int(r.Layers[0].DenseMACs) / r.Layers[0].Weights
	outputs := int64(256 * 13 * times) // of a width of 0.1·128
	if r.Others.MACs != outputs || times < 2 || r.Steps != 6 {
		t.Errorf("others multiply %d times, want %d; %d steps", r.Others.MACs, outputs, r.Steps)
	}
	lean, dense := float64(outputs), float64(outputs)
	for _, l := range r.Layers {
		lean += float64(l.Nonzeros * times)
		dense += float64(l.Weights * times)
	}
	testkit.Close(t, "work", []float32{float32(r.TestFLOPsRatio), float32(r.TrainFLOPsRatio)}, []float64{lean / dense, 3 * lean / dense}, testkit.Pass)
}

// A layer that is to stay dense does so under every method that prunes.
func TestKeep(t *testing.T) {
	for _, method := range []string{"static", "magnitude", "variational", "l0"} {
		s := smallText(t, "charlm")
		s.Method, s.Steps, s.Sparsity, s.Keep = method, 12, 0.8, "layers.0.input"
		r, err := Run(context.Background(), "charlm", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Layers {
			if kept := l.Name == "layers.0.input"; kept != (l.Density == 1) {
				t.Errorf("%s: %s has a density of %v", method, l.Name, l.Density)
			}
		}
	}
}
