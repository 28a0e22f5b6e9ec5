package tasks

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
)

// weightsOf returns all stored weights of a model.
func weightsOf(t *testing.T, path string) (all []float32) {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m.Net) {
		all = append(all, p.Values()...)
	}
	return all
}

// digitsRun trains on a few drawn digits.
func digitsRun(t *testing.T, dir string, change func(*Settings)) (Result, error) {
	t.Helper()
	task, err := Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Images, s.Steps, s.Batch, s.Every, s.Width, s.Method = 640, 40, 32, 5, 0.3, "dense"
	change(&s)
	return Run(t.Context(), "digits", s, IO{Dir: dir})
}

func mustRun(t *testing.T, dir string, change func(*Settings)) Result {
	t.Helper()
	r, err := digitsRun(t, dir, change)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A lottery ticket begins with the first weights of the run that found it, whatever the seed
// is now, also where that was told of a ticket itself, or pruned afterwards, or began with a
// model; scratch runs do not.
func TestTicketWeights(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	still := func(method, ticket string, seed uint64) func(*Settings) {
		return func(s *Settings) { s.Method, s.Ticket, s.Seed, s.Steps, s.Rate = method, ticket, seed, 1, 0 }
	}
	same := func(a, b string) bool {
		x, y := weightsOf(t, a), weightsOf(t, b)
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}
	mustRun(t, at("found"), func(s *Settings) { s.Method, s.Seed = "magnitude", 7 })
	for name, change := range map[string]func(*Settings){
		"7": still("lottery", at("found"), 7), "8": still("lottery", at("found"), 8), "9": still("lottery", at("found"), 9),
		"file": still("lottery", filepath.Join(at("found"), "model.safetensors"), 8), "scratch": still("scratch", at("found"), 8),
		"first": func(s *Settings) { s.Method, s.Seed, s.Steps, s.Rate = "dense", 7, 1, 0 },
	} {
		mustRun(t, at(name), change)
	}
	mustRun(t, at("again"), still("lottery", filepath.Join(at("8"), "model.safetensors"), 11)) // the file of a ticket
	for _, name := range []string{"8", "9", "file", "again"} {
		if !same(at("7"), at(name)) {
			t.Errorf("%s begins with other weights", name)
		}
	}
	if same(at("7"), at("scratch")) {
		t.Error("a scratch run begins with the ticket's weights")
	}
	// A model pruned afterwards still tells, and one that began with a model only by its run.
	s, err := ReadSettings(at("9"))
	if err != nil {
		t.Fatal(err)
	}
	s.Method, s.Sparsity, s.Seed = "magnitude", 0.95, 3
	if _, err := Prune(at("9"), at("pruned.safetensors"), s); err != nil {
		t.Fatal(err)
	}
	mustRun(t, at("p7"), still("lottery", at("pruned.safetensors"), 7))
	mustRun(t, at("p8"), func(s *Settings) {
		still("lottery", at("pruned.safetensors"), 8)(s)
		s.Init = at("first") // the same first weights, named
	})
	if !same(at("p7"), at("p8")) {
		t.Error("a pruned ticket begins with other weights than the first ones")
	}
	mustRun(t, at("tuned"), func(s *Settings) { s.Method, s.Init, s.Seed = "magnitude", at("first"), 21 })
	mustRun(t, at("t1"), still("lottery", at("tuned"), 21))
	mustRun(t, at("t2"), func(s *Settings) {
		still("lottery", at("tuned"), 22)(s)
		s.Init = at("first")
	})
	if !same(at("t1"), at("t2")) {
		t.Error("the ticket of a run that began with a model does not begin with it")
	}
	if _, err := digitsRun(t, at("t3"), still("lottery", filepath.Join(at("tuned"), "model.safetensors"), 21)); err == nil || !strings.Contains(err.Error(), "first weights were those of "+filepath.Base(dir)+"/first: name these with --init") {
		t.Errorf("the file of a run that began with a model: %v", err)
	}

	m, err := Open(at("found"))
	if err != nil {
		t.Fatal(err)
	}
	untold := strings.Replace(m.model.Metadata[keySettings], `"seed":7,`, "", 1)
	if err := m.model.save(at("untold.safetensors"), map[string]string{keySettings: untold}); err != nil {
		t.Fatal(err)
	}
	if _, err := digitsRun(t, at("t4"), still("lottery", at("untold.safetensors"), 7)); err == nil || !strings.Contains(err.Error(), "does not tell the seed") {
		t.Errorf("a file that does not tell its seed: %v", err)
	}
}

// The topology of a ticket is taken as it is: other figures are an error, and the summary
// tells the ticket's.
func TestTicketFigures(t *testing.T) {
	dir := t.TempDir()
	found := filepath.Join(dir, "found")
	mustRun(t, found, func(s *Settings) { s.Method, s.Sparsity, s.Distribution = "static", 0.8, "even" })
	for says, change := range map[string]func(*Settings){
		"--sparsity 0.5: the topology is that of --ticket " + found + ", which has 0.8": func(s *Settings) { s.Sparsity = 0.5 },
		"--distribution er: ": func(s *Settings) { s.Distribution = "er" },
		"--block 4x1: ":       func(s *Settings) { s.Block = "4x1" },
	} {
		for _, method := range []string{"lottery", "scratch", "set", "rigl"} {
			if _, err := digitsRun(t, filepath.Join(dir, "x"), func(s *Settings) {
				s.Method, s.Ticket = method, found
				change(s)
			}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v, want %s", method, err, says)
			}
		}
	}
	s, err := ReadSettings(found)
	if err != nil {
		t.Fatal(err)
	}
	s.Method, s.Ticket, s.Sparsity, s.Distribution = "lottery", found, tasks[0].Default.Sparsity, tasks[0].Default.Distribution
	summary := ""
	if _, err := Run(t.Context(), "digits", s, IO{Dir: filepath.Join(dir, "lottery"), Started: func(_ Task, _, text string) { summary = text }}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(summary, "lottery from the topology of found, 80 % sparsity") {
		t.Errorf("summary %s", summary)
	}
	// What is recorded is the ticket's, and holds for tickets of tickets.
	lottery := filepath.Join(dir, "lottery")
	if s, err = ReadSettings(lottery); err != nil || s.Sparsity != 0.8 || s.Distribution != "even" {
		t.Errorf("recorded a sparsity of %v, distribution %s (%v)", s.Sparsity, s.Distribution, err)
	}
	mustRun(t, filepath.Join(dir, "again"), func(s *Settings) { s.Method, s.Ticket, s.Sparsity, s.Distribution = "lottery", lottery, 0.8, "even" })
}

// A run that has moved with its data, its ticket and its first model goes on where they are now.
func TestMovedResumes(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, filepath.Join(dir, "a", "found"), func(s *Settings) { s.Method = "magnitude" })
	ctx, cancel := context.WithCancel(t.Context())
	task, err := Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Images, s.Steps, s.Batch, s.Width, s.Method, s.Seed, s.Ticket = 640, 40, 32, 0.3, "lottery", 5, filepath.Join(dir, "a", "found")
	_, err = Run(ctx, "digits", s, IO{Dir: filepath.Join(dir, "a", "lottery"), Report: func(e train.Event) {
		if e.Step == 10 {
			cancel()
		}
	}})
	if !errors.Is(err, train.ErrInterrupted) {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(dir, "b", "lottery")
	if _, err := Resume(t.Context(), moved, IO{}); err == nil {
		t.Fatal("the ticket is found where it is no more")
	}
	r, err := Resume(t.Context(), moved, IO{Ticket: filepath.Join(dir, "b", "found")})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := Open(r.Model); err != nil || m.origin.Seed != 1 {
		t.Errorf("its first weights are said to be of seed %d (%v), they are of 1", m.origin.Seed, err)
	}
}

// The best network of variational dropout and L0 is as sparse as the last.
func TestBestIsSparse(t *testing.T) {
	for _, method := range []string{"variational", "l0", "magnitude"} {
		dir := filepath.Join(t.TempDir(), "run")
		r := mustRun(t, dir, func(s *Settings) { s.Method, s.Sparsity, s.Steps = method, 0.9, 60 })
		best, err := Open(filepath.Join(dir, "checkpoints", "best.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if share, _ := best.sparsity(); math.Abs(share-r.Sparsity) > 1e-9 || r.Best < r.TestAccuracy {
			t.Errorf("%s: the best network is %.3f sparse, the last %.3f; it scores %v, the last %v", method, share, r.Sparsity, r.Best, r.TestAccuracy)
		}
	}
}
