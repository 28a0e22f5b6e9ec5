package eshybrid

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
)

var update = flag.Bool("update", false, "write docs/evolution anew")

// Plans are valid at every budget, and have the runs their claims are about.
func TestPlans(t *testing.T) {
	for _, budget := range []time.Duration{time.Minute, 20 * time.Minute, 100 * time.Hour} {
		s := Study(budget)
		if err := s.List(io.Discard); err != nil {
			t.Error(err)
		}
		labels := map[string]bool{}
		for _, g := range s.Groups {
			for _, e := range g.Entries {
				if err := e.Settings.Validate(); err != nil {
					t.Errorf("%v: %s: %v", budget, e.Label, err)
				}
				labels[g.Key+e.Label] = true
			}
		}
		for _, c := range s.Claims {
			if !labels[c.Group+c.A] || !labels[c.Group+c.B] {
				t.Errorf("%v: no runs for the claim %s", budget, c.Text())
			}
		}
	}
}

// The report in docs is what the committed results say.
func TestReport(t *testing.T) {
	const docs = "../../docs/evolution"
	s := Study(3 * time.Minute)
	if err := s.Only([]string{"mnist"}); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if _, err := s.Run(t.Context(), study.Options{Out: "results/3m", Report: to, Merge: true}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "mnist-work.svg", "mnist-sparsity.svg", "mnist-layers.svg"} {
		got, err := os.ReadFile(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(filepath.Join(docs, name), got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if want, err := os.ReadFile(filepath.Join(docs, name)); err != nil || string(got) != string(want) {
			t.Errorf("%s/%s differs from what results/3m says: run go test ./recipes/eshybrid -update (%v)", docs, name, err)
		}
	}
}
