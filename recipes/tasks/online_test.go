package tasks

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
)

// smallCopy returns settings for a few updates of the copy task.
func smallCopy(t *testing.T) Settings {
	t.Helper()
	task, err := Find("copy")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Units, s.Hidden, s.Batch, s.Steps, s.Rate = 10, 12, 4, 60, 3e-3
	return s
}

// A learner that is stopped in the middle of a sequence, resumed, and stopped again, ends with
// the bits of one that was not; masks that change while it learns are no exception.
func TestOnlineResumes(t *testing.T) {
	for _, c := range []struct {
		task, learner, cell, method string
		period                      int
	}{
		{"copy", "snap-1", "gru", "static", 1}, {"copy", "snap-2", "lstm", "rigl", 1}, {"copy", "rtrl", "vanilla", "static", 2},
		{"copy", "uoro", "gru", "static", 1}, {"copy", "rflo", "lstm", "dense", 3}, {"copy", "bptt", "gru", "static", 0}, {"copy", "bptt", "lstm", "set", 2},
		{"charlm", "snap-1", "", "rigl", 5}, {"charlm", "uoro", "", "rigl", 0},
	} {
		name := strings.Join([]string{c.task, c.learner, c.cell, c.method}, " ")
		s := smallCopy(t)
		if c.task == "charlm" {
			s = smallText(t, c.task)
			s.Steps = 60
		}
		s.Learner, s.Cell, s.Method, s.Period, s.Sparsity, s.Every = c.learner, c.cell, c.method, c.period, 0.5, 9
		dir := t.TempDir()
		whole, err := Run(context.Background(), c.task, s, IO{Dir: filepath.Join(dir, "whole")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.method == "rigl" && whole.Updates == 0 {
			t.Errorf("%s: the topology never changed", name)
		}
		broken := IO{Dir: filepath.Join(dir, "broken")}
		for _, stop := range []int{23, 40} {
			ctx, cancel := context.WithCancel(context.Background())
			broken.Report = func(e train.Event) {
				if e.Step >= stop {
					cancel()
				}
			}
			if stop == 23 {
				_, err = Run(ctx, c.task, s, broken)
			} else {
				_, err = Resume(ctx, broken.Dir, broken)
			}
			cancel()
			if !errors.Is(err, train.ErrInterrupted) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		resumed, err := Resume(context.Background(), broken.Dir, IO{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(contents(t, whole.Model), contents(t, resumed.Model)) || resumed.TestLoss != whole.TestLoss || resumed.MaxLength != whole.MaxLength {
			t.Errorf("%s: resumed to other bits: loss %v, not %v", name, resumed.TestLoss, whole.TestLoss)
		}
		if o := whole.Online; o == nil || o.Learner != c.learner || o.Period != c.period || o.Bytes == 0 || (o.Entries == 0) != (c.learner == "bptt") {
			t.Errorf("%s: costs %+v", name, o)
		}
	}
}

// The curriculum goes on while a net learns, and a model from a file is scored by the longest
// rows it masters.
func TestCopyLearns(t *testing.T) {
	s := smallCopy(t)
	s.Units, s.Hidden, s.Batch, s.Steps, s.Rate, s.Learner = 16, 32, 16, 900, 0.01, "snap-1"
	dir := t.TempDir()
	r, err := Run(context.Background(), "copy", s, IO{Dir: filepath.Join(dir, "run")})
	if err != nil {
		t.Fatal(err)
	}
	if r.MaxLength < 2 || r.BitsPerChar <= 0 || r.BitsPerChar > 1.2 || r.Online.Tokens < int64(s.Steps*s.Batch) {
		t.Errorf("length %d at %v bits a character after %d symbols", r.MaxLength, r.BitsPerChar, r.Online.Tokens)
	}
	score, err := Eval(context.Background(), r.Model, "")
	if err != nil {
		t.Fatal(err)
	}
	if score.MaxLength < 1 || score.MaxLength > r.MaxLength+3 {
		t.Errorf("from its file the model masters %d bits, in training it came to %d", score.MaxLength, r.MaxLength)
	}
}

// Gates share their masks where they are told to.
func TestSharedGateMasks(t *testing.T) {
	s := smallCopy(t)
	s.Sparsity, s.ShareGateMask, s.Steps = 0.5, true, 2
	r, err := Run(context.Background(), "copy", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(r.Model)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m.Net) {
		if !p.Prunable {
			continue
		}
		mask, H := p.Topology(1), s.Units
		for i := range p.M() {
			for j := range p.K() {
				if mask.Get(i, j) != mask.Get(i%H, j) {
					t.Fatalf("%s: gate %d differs at row %d, column %d", p.Name, i/H, i%H, j)
				}
			}
		}
	}
}

func TestOnlineRefused(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"from 1 to 1000":  func(s *Settings) { s.Learner = "snap-1000000000" },
		"snap-0":          func(s *Settings) { s.Learner = "snap-0" },
		"not one of":      func(s *Settings) { s.Learner = "hebb" },
		"--period -1":     func(s *Settings) { s.Period = -1 },
		"cell":            func(s *Settings) { s.Cell = "lamp" },
		"units":           func(s *Settings) { s.Units = 0 },
		"share-gate-mask": func(s *Settings) { s.ShareGateMask, s.Method = true, "rigl" },
		"needs":           func(s *Settings) { s.Learner, s.Period = "", 0 },
	} {
		s := smallCopy(t)
		change(&s)
		_, err := Run(context.Background(), "copy", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	s := smallCopy(t)
	s.Learner, s.Units, s.Batch = "rtrl", 1024, 256
	if _, err := Run(context.Background(), "copy", s, IO{Dir: filepath.Join(t.TempDir(), "run")}); err == nil || !strings.Contains(err.Error(), "GB of influence") {
		t.Errorf("influence beyond memory: %v", err)
	}
	s = smallText(t, "wordlm")
	s.Learner = "snap-1"
	if _, err := Run(context.Background(), "wordlm", s, IO{Dir: filepath.Join(t.TempDir(), "run")}); err == nil {
		t.Error("a learner for two layers is not refused")
	}
}
