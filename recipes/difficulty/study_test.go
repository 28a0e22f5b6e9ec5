package difficulty

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/landscape"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

var update = flag.Bool("update", false, "write docs/landscape anew")

// The report in docs is what the committed results say.
func TestReport(t *testing.T) {
	const docs = "../../docs/landscape"
	to := docs
	if !*update {
		to = t.TempDir()
	}
	if _, err := Study(3*time.Minute).Run(t.Context(), study.Options{Out: "results/3m", Report: to, Merge: true}); err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadDir(to)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range made {
		if filepath.Ext(f.Name()) == ".html" { // the same in one page, not committed
			os.Remove(filepath.Join(docs, f.Name()))
			continue
		}
		got, err := os.ReadFile(filepath.Join(to, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := os.ReadFile(filepath.Join(docs, f.Name())); err != nil || string(got) != string(want) {
			t.Errorf("%s/%s differs from what results/3m says: run go test ./recipes/difficulty -update (%v)", docs, f.Name(), err)
		}
	}
}

// Plans are valid at every budget.
func TestPlans(t *testing.T) {
	for _, budget := range []time.Duration{time.Minute, time.Hour, 100 * time.Hour} {
		s := Study(budget)
		if err := s.List(io.Discard); err != nil {
			t.Error(err)
		}
		for _, e := range s.Groups[0].Entries {
			if err := e.Settings.Validate(); err != nil {
				t.Errorf("%v: %s: %v", budget, e.Label, err)
			}
		}
	}
}

// curve returns a result of a pair and a kind of path.
func curve(name, path, subspace string, seed int, loss ...float64) one {
	i := slices.IndexFunc(pairs, func(p pair) bool { return p.name == name })
	r := one{pair: pairs[i], seed: seed}
	r.Path, r.Subspace, r.Loss, r.T = path, subspace, loss, []float64{0, 0.5, 1}
	r.Figures = landscape.Curve{T: r.T, Loss: loss}.Figures()
	return r
}

// Verdicts follow the majority of the seeds, and each turns when the curves do.
func TestVerdicts(t *testing.T) {
	good := func(seed int) []one {
		return []one{
			curve(pairs[0].name, "line", "sparse", seed, 2, 1, 0.1), curve(pairs[1].name, "line", "sparse", seed, 2, 1, 0.1),
			curve(pairs[2].name, "line", "sparse", seed, 0.5, 2, 0.1), curve(pairs[3].name, "line", "sparse", seed, 0.5, 2, 0.1),
			curve(pairs[2].name, "cubic", "sparse", seed, 0.5, 0.7, 0.1), curve(pairs[3].name, "cubic", "sparse", seed, 0.5, 0.7, 0.1),
			curve(pairs[2].name, "cubic", "dense", seed, 0.5, 0.3, 0.1), curve(pairs[3].name, "cubic", "dense", seed, 0.5, 0.3, 0.1),
			curve(pairs[6].name, "line", "sparse", seed, 0.5, 0.5, 0.45), curve(pairs[7].name, "line", "sparse", seed, 0.5, 0.5, 0.2),
		}
	}
	bad := func(seed int) []one {
		var out []one
		for _, r := range good(seed) {
			slices.Reverse(r.Loss)
			r.Figures = r.Curve.Figures()
			if r.Subspace == "dense" {
				r.Climb = 9
			}
			if r.pair.name == pairs[7].name {
				r.Loss[2] = 1
			}
			out = append(out, r)
		}
		return out
	}
	for i, o := range verdicts(slices.Concat(good(1), good(2), bad(3))) {
		if !o.Holds || o.Pairs != 3 || i != 4 && i != 7 && !strings.Contains(o.Figures, "in 2 of 3") {
			t.Errorf("%s: %+v", o.Claim, o)
		}
	}
	turned := 0
	for _, o := range verdicts(slices.Concat(good(1), bad(2), bad(3))) {
		if !o.Holds {
			turned++
		}
	}
	if turned < 8 {
		t.Errorf("only %d of the claims turn where two of three seeds are the other way", turned)
	}
	for _, o := range verdicts(good(1)) {
		if o.Holds || o.Pairs != 1 {
			t.Errorf("with one seed: %+v", o)
		}
	}
	for _, o := range verdicts(nil) {
		if o.Holds || o.Pairs != 0 {
			t.Errorf("without results: %+v", o)
		}
	}
}

// The whole study runs on a few drawn digits and leaves tables and charts; again, it
// measures nothing anew.
func TestStudyRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains six networks and measures twenty paths")
	}
	s := Study(time.Minute)
	s.Seeds, s.Groups[0].Task = 1, "digits"
	for i := range s.Groups[0].Entries {
		e := &s.Groups[0].Entries[i].Settings
		task, err := tasks.Find("digits")
		if err != nil {
			t.Fatal(err)
		}
		method := e.Method
		*e = task.Default
		e.Method, e.Sparsity, e.Images, e.Epochs = method, 0.9, 640, 2
	}
	dir := t.TempDir()
	run := func() study.Report {
		r, err := s.Run(t.Context(), study.Options{Out: dir, Progress: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := run()
	if r.Runs != 6 || r.Failed != 0 || len(r.Orderings) != 15 {
		t.Fatalf("report %+v", r)
	}
	files, err := filepath.Glob(filepath.Join(dir, "paths", "*.json"))
	if err != nil || len(files) != 20 {
		t.Fatalf("%d paths (%v)", len(files), err)
	}
	before, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	run()
	if after, err := os.Stat(files[0]); err != nil || after.ModTime() != before.ModTime() {
		t.Errorf("a path that was there is measured again (%v)", err)
	}
	text, err := os.ReadFile(r.Path)
	if err != nil || !strings.Contains(string(text), "| scratch to pruned | cubic, dense |") || !strings.Contains(string(text), "path-scratch-to-pruned.svg") {
		t.Errorf("the report lacks its paths (%v)", err)
	}
}
