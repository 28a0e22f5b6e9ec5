package tasks

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
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
	if s, err = FineTuning(m, s, 9, 0.01); err != nil {
		return Result{}, err
	}
	return Run(t.Context(), m.Task, s, IO{Dir: dir})
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

// Pruning a sparse model brings nothing back, at once or in training, at random or by size,
// in the blocks it has; a sparsity below its own is an error.
func TestPruneFurther(t *testing.T) {
	dir := t.TempDir()
	for _, block := range []string{"1x1", "4x1"} {
		sparse := filepath.Join(dir, block)
		mustRun(t, sparse, func(s *Settings) { s.Method, s.Sparsity, s.Block = "static", 0.9, block })
		had := topologyAt(t, sparse)
		check := func(name, path string, least float64) {
			t.Helper()
			gone, all := 0, 0
			for w, m := range topologyAt(t, path) {
				all += m.M * m.K
				gone += m.M*m.K - m.NNZ()
				for row := range m.M {
					for col := range m.K {
						if m.Get(row/m.R, col) && !had[w].Get(row/had[w].R, col) {
							t.Fatalf("%s: %s: weight %d, %d is back", name, w, row, col)
						}
					}
				}
			}
			if s := float64(gone) / float64(all); s < least-0.005 {
				t.Errorf("%s: sparsity %.4f, want %v", name, s, least)
			}
		}
		for _, c := range []struct{ method, distribution string }{{"magnitude", "global"}, {"magnitude", "erk"}, {"random", "even"}} {
			s, err := ReadSettings(sparse)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.Join([]string{block, c.method, c.distribution}, "-")
			s.Method, s.Distribution, s.Sparsity = c.method, c.distribution, 0.95
			out := filepath.Join(dir, name+".safetensors")
			if _, err := Prune(sparse, out, s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			check(name, out, 0.95)
			if _, err := tune(t, sparse, filepath.Join(dir, name), func(to *Settings) { *to = s }); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			check(name+" in training", filepath.Join(dir, name), 0.95)

			s.Sparsity = 0.5
			const says = "a sparsity of 0.5 leaves "
			if _, err := Prune(sparse, out, s); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: a sparsity of 0.5: %v", name, err)
			}
			if _, err := tune(t, sparse, filepath.Join(dir, "x"), func(to *Settings) { *to = s }); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s in training: a sparsity of 0.5: %v", name, err)
			}
		}
		if _, err := tune(t, sparse, filepath.Join(dir, "x"), func(s *Settings) { s.Method = "snip" }); err == nil || !strings.Contains(err.Error(), "sparse already") {
			t.Errorf("snip: %v", err)
		}
	}
	s, err := ReadSettings(filepath.Join(dir, "1x1"))
	if err != nil {
		t.Fatal(err)
	}
	s.Method, s.Sparsity, s.Block = "magnitude", 0.95, "4x1"
	if _, err := Prune(filepath.Join(dir, "1x1"), filepath.Join(dir, "blocks.safetensors"), s); err == nil || !strings.Contains(err.Error(), "prune it in blocks of 1") {
		t.Errorf("single weights in blocks of four: %v", err)
	}
}

// topologyAt returns which weights exist in a model.
func topologyAt(t *testing.T, path string) map[string]*sparse.Mask {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return topology(nn.Params(m.Net))
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
