package rigl

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/snap"
	"github.com/seed073b5613/filigree/recipes/sparsity"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

var update = flag.Bool("update", false, "write the tables of docs/results.md anew")

// The tables of docs/results.md are what the committed results say.
func TestResultsPage(t *testing.T) {
	const page = "../../docs/results.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	studies, err := filepath.Glob("results/*-*") // the others are of studies: see TestReports
	if err != nil || len(studies) == 0 {
		t.Fatalf("no results: %v", err)
	}
	got := string(text)
	for _, dir := range studies {
		name := filepath.Base(dir)
		begin, end := "<!-- "+name+" -->\n", "<!-- end -->"
		head, rest, ok := strings.Cut(got, begin)
		_, tail, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Errorf("docs/results.md has no place for %s", name)
			continue
		}
		got = head + begin + studyTable(t, dir) + end + tail
	}
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(text) {
		t.Error("docs/results.md differs from recipes/rigl/results: run go test ./recipes/rigl -update")
	}
}

// studyTable returns a table with a row for each method of the results in dir: mean,
// standard deviation over the seeds, and the seeds' own figures.
func studyTable(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	byMethod := map[string][]tasks.Result{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r tasks.Result
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if r.Command == "" || r.Machine.Commit == "" || r.Machine.CPU == "" {
			t.Errorf("%s does not say by which command, commit and machine", f)
		}
		byMethod[r.Method] = append(byMethod[r.Method], r)
	}
	var b strings.Builder
	b.WriteString("| method | test accuracy, mean ± sd | seeds | non-zero weights | training work | running work |\n|---|---|---|---|---|---|\n")
	for _, method := range []string{"dense", "static", "lottery", "rigl", "magnitude"} {
		rs := byMethod[method]
		if len(rs) == 0 {
			continue
		}
		slices.SortFunc(rs, func(a, b tasks.Result) int { return int(a.Seed) - int(b.Seed) })
		sum, squares := 0.0, 0.0
		var each []string
		for _, r := range rs {
			sum += r.TestAccuracy
			each = append(each, fmt.Sprintf("%.2f", 100*r.TestAccuracy))
		}
		mean := sum / float64(len(rs))
		for _, r := range rs {
			squares += (r.TestAccuracy - mean) * (r.TestAccuracy - mean)
		}
		sd := math.Sqrt(squares / float64(max(len(rs)-1, 1)))
		fmt.Fprintf(&b, "| %s | %.2f ± %.2f %% | %s | %d | %.3f | %.3f |\n", method, 100*mean, 100*sd, strings.Join(each, ", "),
			rs[0].Nonzeros, rs[0].TrainFLOPsRatio, rs[0].TestFLOPsRatio)
	}
	return b.String()
}

// reported are the studies whose reports are in docs, by their folder there.
func reported() map[string]reportedStudy {
	return map[string]reportedStudy{
		"../../docs/rigl":     {Study(2 * time.Hour), "results/2h"},
		"../../docs/sparsity": {sparsity.Study(2 * time.Hour), "../sparsity/results/2h"},
		"../../docs/snap":     {snap.Study(25 * time.Minute), "../snap/results/25m"},
	}
}

type reportedStudy struct {
	study   *study.Study
	results string
}

// The committed results are of the runs that the plans name, which the reports describe.
func TestResultsArePlanned(t *testing.T) {
	ticket := regexp.MustCompile(` --ticket \S+`)
	for _, c := range reported() {
		var list bytes.Buffer
		if err := c.study.List(&list); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list.String()) {
			name, planned, _ := strings.Cut(strings.TrimSpace(line), "\t")
			r, err := tasks.ReadResult(filepath.Join(c.results, name))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, want := ticket.ReplaceAllString(r.Command, ""), ticket.ReplaceAllString(planned, ""); got != want {
				t.Errorf("%s/%s is of\n%s, not\n%s", c.results, name, got, want)
			}
		}
	}
}

// The reports in docs are what the committed results of the studies say.
func TestReports(t *testing.T) {
	for docs, c := range reported() {
		if _, err := os.Stat(c.results); err != nil {
			continue
		}
		to := t.TempDir()
		if *update {
			to = docs
		}
		if _, err := c.study.Run(t.Context(), study.Options{Out: c.results, Report: to, Merge: true}); err != nil {
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
			want, err := os.ReadFile(filepath.Join(docs, f.Name()))
			if err != nil || string(got) != string(want) {
				t.Errorf("%s/%s differs from what %s says: run go test ./recipes/rigl -update (%v)", docs, f.Name(), c.results, err)
			}
		}
	}
}
