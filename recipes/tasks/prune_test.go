package tasks

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/train"
)

// tune prunes a run while it trains on, and is scored before all weights have gone.
func tune(t *testing.T, from, dir string, change func(*Settings)) (Result, error) {
	t.Helper()
	m, err := Open(from)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Settings
	s.Method, s.Sparsity, s.Distribution = "magnitude", 0.98, "even"
	change(&s)
	return Run(t.Context(), m.Task, FineTuning(m, s, 9, 0.01), IO{Dir: dir})
}

// A model is pruned in many steps however short the training is, whatever ticket its own run
// had, and the best network is one of the sparsity asked for.
func TestFineTuning(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, filepath.Join(dir, "found"), func(s *Settings) { s.Method, s.Every = "static", 1000 })
	t.Chdir(dir)
	mustRun(t, filepath.Join(dir, "run"), func(s *Settings) {
		s.Method, s.Ticket, s.Every, s.GrowInit = "rigl", "found", 1000, "normal"
	})
	mustRun(t, filepath.Join(dir, "dense"), func(s *Settings) { s.Every, s.Steps = 1000, 200 })
	t.Chdir(t.TempDir())
	if _, err := tune(t, filepath.Join(dir, "run"), filepath.Join(dir, "again"), func(*Settings) {}); err != nil {
		t.Errorf("a run with a ticket: %v", err)
	}
	for _, method := range []string{"magnitude", "random"} {
		at := filepath.Join(dir, method)
		r, err := tune(t, filepath.Join(dir, "dense"), at, func(s *Settings) { s.Method = method })
		if err != nil {
			t.Fatal(err)
		}
		if r.Updates < 10 {
			t.Errorf("%s: %d updates in %d steps", method, r.Updates, r.Steps)
		}
		m, err := Open((&train.Dir{Path: at}).Best())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, l := range m.Layers {
			n += l.Nonzeros
		}
		if n != r.Nonzeros {
			t.Errorf("%s: the best network has %d weights, the last one %d", method, n, r.Nonzeros)
		}
		if !strings.Contains(r.Command, " --init dense/model.safetensors ") || strings.Contains(r.Command, dir) {
			t.Errorf("command %s", r.Command)
		}
	}
}

// A run that named its ticket from where it was started goes on from anywhere.
func TestRelativeTicketResumes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	mustRun(t, "r/found", func(s *Settings) { s.Method = "magnitude" })
	ctx, cancel := context.WithCancel(t.Context())
	s, err := ReadSettings("r/found")
	if err != nil {
		t.Fatal(err)
	}
	s.Method, s.Ticket = "lottery", "r/found"
	_, err = Run(ctx, "digits", s, IO{Dir: "lottery", Report: func(e train.Event) {
		if e.Step == 7 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrInterrupted) {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	r, err := Resume(t.Context(), filepath.Join(dir, "lottery"), IO{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.Command, " --ticket r/found ") {
		t.Errorf("command %s", r.Command)
	}
}
