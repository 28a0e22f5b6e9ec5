package tasks

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/train"
)

// parallelText writes sentences whose translation is word by word and returns their folder.
func parallelText(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	en, de := strings.Fields("a the man dog sees runs eats red"), strings.Fields("ein der Mann Hund sieht rennt isst rot")
	for _, part := range []struct {
		name  string
		lines int
	}{{"train", 200}, {"test", 12}} {
		var a, b strings.Builder
		for range part.lines {
			for i := range 2 + rng.IntN(5) {
				w := rng.IntN(len(en))
				if i > 0 {
					a.WriteString(" ")
					b.WriteString(" ")
				}
				a.WriteString(en[w])
				b.WriteString(de[w])
			}
			a.WriteString("\n")
			b.WriteString("\n")
		}
		for name, text := range map[string]string{".en": a.String(), ".de": b.String()} {
			if err := os.WriteFile(filepath.Join(dir, part.name+name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func smallTranslation(t *testing.T) Settings {
	task, err := Find("translate")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Data, s.Vocabulary, s.Layers, s.Width, s.Batch, s.Steps = parallelText(t), 310, 1, 0.25, 16, 150
	s.Every, s.WarmUp, s.Sparsity, s.Beam, s.Rate, s.Smoothing = 10, 10, 0.5, 2, 0.01, 0
	return s
}

// A translator that is stopped and resumed ends with the bits of one that is not, dropout
// and batches of all lengths included, and its file is scored as it was.
func TestTranslateResumes(t *testing.T) {
	s := smallTranslation(t)
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(s.Data, "train.en"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	if err := os.WriteFile(filepath.Join(s.Data, "train.en"), append([]byte("\n"), rest...), 0o644); err != nil {
		t.Fatal(err)
	}
	note := ""
	whole, err := Run(context.Background(), "translate", s, IO{Dir: filepath.Join(dir, "whole"), Started: func(_ Task, _, summary string) { note = summary }})
	if !strings.Contains(note, "128 tokens: 1") {
		t.Errorf("an empty line is not told of: %s", note)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(whole.Warning, "128 tokens: 1") {
		t.Errorf("the result does not tell of an empty line: %q", whole.Warning)
	}
	if *whole.TestBLEU <= 0 || whole.TestSamples != 12 || whole.Updates == 0 {
		t.Errorf("BLEU %v of %d samples after %d updates", *whole.TestBLEU, whole.TestSamples, whole.Updates)
	}
	ctx, cancel := context.WithCancel(context.Background())
	broken := filepath.Join(dir, "broken")
	_, err = Run(ctx, "translate", s, IO{Dir: broken, Report: func(e train.Event) {
		if e.Step == 23 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrInterrupted) {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	if _, err := Resume(context.Background(), broken, IO{Show: &shown}); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(whole.Model)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(broken, filepath.Base(whole.Model)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the resumed run ends with another model")
	}
	if n := strings.Count(shown.String(), "\nde: "); n != examples {
		t.Errorf("%d examples in %q", n, shown.String())
	}
	score, err := Eval(context.Background(), whole.Model, s.Data)
	if err != nil {
		t.Fatal(err)
	}
	if *score.TestBLEU != *whole.TestBLEU || score.TestLoss != whole.TestLoss {
		t.Errorf("scored BLEU %v, loss %v; the run ended with %v, %v", *score.TestBLEU, score.TestLoss, *whole.TestBLEU, whole.TestLoss)
	}
}

func TestTranslateErrors(t *testing.T) {
	for _, c := range []struct {
		change func(s *Settings)
		want   string
	}{
		{func(s *Settings) { s.Data = filepath.Join(s.Data, "none") }, "filigree fetch multi30k"},
		{func(s *Settings) { s.Vocabulary = 12 }, "--vocabulary 12"},
		{func(s *Settings) { s.Layers = 0 }, "--layers 0"},
		{func(s *Settings) { s.Batch = 300 }, "batch of 300"},
		{func(s *Settings) { s.To = "fr" }, "train.fr"},
		{func(s *Settings) { os.WriteFile(filepath.Join(s.Data, "train.de"), []byte("x\n"), 0o644) }, "200 lines"},
		{func(s *Settings) { s.Beam = -1 }, "--beam -1"},
	} {
		s := smallTranslation(t)
		c.change(&s)
		_, err := Run(context.Background(), "translate", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q in it", err, c.want)
		}
	}
}

// Every method trains a Transformer and leaves the sparsity it was told to.
func TestTranslateMethods(t *testing.T) {
	if testing.Short() {
		t.Skip("trains with every method")
	}
	for _, method := range []string{"dense", "static", "snip", "set", "snfs", "rigl", "magnitude", "random", "variational", "l0"} {
		s := smallTranslation(t)
		s.Method, s.Steps = method, 40
		r, err := Run(context.Background(), "translate", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
		if err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		want := s.Sparsity
		if method == "dense" {
			want = 0
		}
		if d := r.Sparsity - want; method != "l0" && (d > 0.01 || d < -0.01) || r.TestLoss > 6 {
			t.Errorf("%s: sparsity %.3f, want %.3f; loss %.3f", method, r.Sparsity, want, r.TestLoss)
		}
	}
}
