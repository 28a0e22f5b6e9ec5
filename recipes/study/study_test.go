package study

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// tiny is a study of seconds on drawn digits.
func tiny(t *testing.T) *Study {
	t.Helper()
	task, err := tasks.Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	with := func(method string, sparsity float64) tasks.Settings {
		s := task.Default
		s.Method, s.Sparsity, s.Images, s.Epochs = method, sparsity, 640, 1
		return s
	}
	return &Study{
		Name: "tiny", Title: "A <tiny> study", Source: "nobody", Seeds: 2,
		Groups: []Group{{Key: "digits", Title: "Digits", Task: "digits", Entries: []Entry{
			{Label: "Dense", Series: "Dense", Settings: with("dense", 0.5), Cost: 3, Paper: "99"},
			{Label: "Pruned, 50 %", Series: "Pruned", Settings: with("magnitude", 0.5), Cost: 2},
			{Label: "Pruned, 90 %", Series: "Pruned", Settings: with("magnitude", 0.9), Cost: 2},
			{Label: "Lottery, 90 %", Series: "Lottery", Settings: with("lottery", 0.9), Cost: 1, Ticket: "Pruned, 90 %"},
		}}},
		Claims: []Claim{{Group: "digits", A: "Dense", B: "Lottery, 90 %", Kind: NotBelow, Explanation: "Too short to tell."}},
	}
}

func TestStudy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains some twenty networks")
	}
	ctx, dir := context.Background(), t.TempDir()
	var progress bytes.Buffer
	r, err := tiny(t).Run(ctx, Options{Out: dir, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	if r.Runs != 8 || r.Failed != 0 || len(r.Orderings) != 1 || !strings.Contains(progress.String(), "[8/8] digits") {
		t.Fatalf("report %+v, progress\n%s", r, progress.String())
	}
	lottery, err := tasks.ReadResult(filepath.Join(dir, "digits", "lottery-90-2"))
	if err != nil {
		t.Fatal(err)
	}
	pruned, err := tasks.ReadResult(filepath.Join(dir, "digits", "pruned-90-2"))
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lottery.Layers {
		if l.Nonzeros != pruned.Layers[i].Nonzeros {
			t.Errorf("%s: the lottery ticket has %d weights, the pruned net %d", l.Name, l.Nonzeros, pruned.Layers[i].Nonzeros)
		}
	}
	markdown, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{"# A <tiny> study", "digits: Dense ≥ Lottery, 90 %", "Too short to tell.", "| Pruned, 50 % | 0.500 |", "![Digits: score against work to train](digits-work.svg)"} {
		if !strings.Contains(string(markdown), says) {
			t.Errorf("the report does not say %q:\n%s", says, markdown)
		}
	}
	page, err := os.ReadFile(r.HTML)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "A &lt;tiny&gt; study") || strings.Count(string(page), "<svg") != 3 || strings.Count(string(page), "stroke-dasharray") != 2 {
		t.Errorf("the page has %d charts, or an unescaped title", strings.Count(string(page), "<svg"))
	}
	figures, _ := filepath.Glob(filepath.Join(dir, "*.svg"))
	for _, f := range figures {
		wellFormed(t, f)
	}

	// What is done is not done again, and merging parts gives the same report.
	before := modified(t, filepath.Join(dir, "digits", "dense-1", "result.json"))
	if _, err := tiny(t).Run(ctx, Options{Out: dir}); err != nil {
		t.Fatal(err)
	}
	if modified(t, filepath.Join(dir, "digits", "dense-1", "result.json")) != before {
		t.Error("a finished run was done again")
	}
	parts := t.TempDir()
	for i := range 2 {
		if _, err := tiny(t).Run(ctx, Options{Out: parts, Shard: i + 1, Shards: 2}); err != nil {
			t.Fatal(err)
		}
	}
	merged, err := tiny(t).Run(ctx, Options{Out: parts, Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	if merged.Runs != 8 || merged.Orderings[0] != r.Orderings[0] {
		t.Errorf("parts give %+v, the whole %+v", merged, r)
	}

	// Other settings are not mixed with what is there.
	other := tiny(t)
	other.Groups[0].Entries[0].Settings.Rate = 0.01
	r, err = other.Run(ctx, Options{Out: dir})
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed != 2 {
		t.Errorf("%d runs failed, want the 2 with other settings", r.Failed)
	}
}

func modified(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().UnixNano()
}

func wellFormed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tiny(t).Run(ctx, Options{Out: t.TempDir()}); !errors.Is(err, train.ErrInterrupted) {
		t.Errorf("error %v", err)
	}
}

func TestPlanErrors(t *testing.T) {
	twice := tiny(t)
	twice.Groups[0].Entries[1].Label = "Dense"
	early := tiny(t)
	early.Groups[0].Entries[3].Ticket = "nothing"
	for says, s := range map[string]*Study{`two entries of digits are called "Dense"`: twice, `from "nothing"`: early} {
		if _, err := s.Run(context.Background(), Options{Out: t.TempDir()}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want it to say %q", err, says)
		}
	}
	if err := tiny(t).Only([]string{"letters"}); err == nil || !strings.Contains(err.Error(), "there are digits") {
		t.Errorf("error %v", err)
	}
}

// Shards have all runs between them, once, each some, and tickets go where what they need is.
func TestShards(t *testing.T) {
	for shards := 1; shards <= 6; shards++ { // six runs depend on none
		seen := map[string]int{}
		for shard := 1; shard <= shards; shard++ {
			runs, err := tiny(t).runs(shard, shards)
			if err != nil {
				t.Fatal(err)
			}
			cost, here := 0.0, map[*run]bool{}
			for _, r := range runs {
				seen[r.name()]++
				cost += r.entry.Cost
				if here[r] = true; r.parent != nil && !here[r.parent] {
					t.Errorf("shard %d of %d has %s without what it needs", shard, shards, r.name())
				}
			}
			if even := 16 / float64(shards); cost < even-3 || cost > even+3 {
				t.Errorf("shard %d of %d has work of %v, of 16", shard, shards, cost)
			}
		}
		for name, n := range seen {
			if n != 1 {
				t.Errorf("%d shards do %s %d times", shards, name, n)
			}
		}
		if len(seen) != 8 {
			t.Errorf("%d shards do %d runs, want 8", shards, len(seen))
		}
	}
	if got := split([]float64{1, 1, 4, 2, 2, 1}, 2); !slices.Equal(got, []int{1, 2, 1, 2, 2, 1}) {
		t.Errorf("split into %v", got)
	}
}

// Trials are shared by what they cost, too.
func TestTrialShards(t *testing.T) {
	var mu sync.Mutex
	var did []string
	var arms []Arm
	for key, cost := range map[string]float64{"a": 0, "b": 3, "c": 0, "d": 0} {
		arms = append(arms, Arm{Key: key, Cost: cost, Train: func(context.Context, Options, uint64, string) error {
			mu.Lock()
			did = append(did, key)
			mu.Unlock()
			return nil
		}})
	}
	for shard, want := range []string{"b", "acd"} {
		did = nil
		if _, err := (&Trials{Name: "tiny", Seeds: 1, Arms: arms}).Run(t.Context(), Options{Out: t.TempDir(), Shard: shard + 1, Shards: 2}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(did)
		if got := strings.Join(did, ""); got != want {
			t.Errorf("shard %d does %s, want %s", shard+1, got, want)
		}
	}
}

// Every group with a sparse run is drawn against the sparsity, from low to high, beside the
// dense run.
func TestBySparsity(t *testing.T) {
	s := tiny(t)
	g := &s.Groups[0]
	task, err := tasks.Find(g.Task)
	if err != nil {
		t.Fatal(err)
	}
	at := func(entry int, sparsity float64) row {
		return row{Entry: &g.Entries[entry], results: []tasks.Result{{Task: "digits", TestAccuracy: 0.5 + sparsity/10, Sparsity: sparsity}}}
	}
	c := bySparsity(g, []row{at(0, 0), at(2, 0.9), at(1, 0.5), at(3, 0.9)}, task.Metric)
	if len(c.Series) != 3 || !slices.Equal(c.Series[0].X, []float64{0.5, 0.9}) || !slices.Equal(c.Series[1].X, []float64{0.9}) ||
		c.Series[2].Name != "Dense" || !c.Series[2].Level || c.Series[2].Y[0] != 50 {
		t.Errorf("series %+v", c.Series)
	}
	if c := bySparsity(g, []row{at(0, 0)}, task.Metric); c.Series != nil {
		t.Errorf("without a sparse run: %+v", c.Series)
	}
}

// A budget below what the smallest plan takes is said to be.
func TestLeast(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for budget, says := range map[time.Duration]string{
		time.Minute: "the budget is small: the smallest plan, which follows, takes about 10 min on two cores\n", time.Hour: "", 0: "",
	} {
		var w bytes.Buffer
		s := tiny(t)
		s.Least = 5 * time.Minute
		if err := s.Limit(4, []string{"digits"}); err != nil { // twice the seeds
			t.Fatal(err)
		}
		s.Run(ctx, Options{Out: t.TempDir(), Budget: budget, Progress: &w})
		if line, _, _ := strings.Cut(w.String(), "["); line != says {
			t.Errorf("%v: said %q, want %q", budget, line, says)
		}
	}
}

// Verdicts come from differences between runs of the same seed.
func TestJudge(t *testing.T) {
	task, err := tasks.Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	of := func(scores ...float64) (r row) {
		for i, s := range scores {
			r.results = append(r.results, tasks.Result{Task: "digits", Seed: uint64(i), TestAccuracy: s})
		}
		return r
	}
	for _, c := range []struct {
		a, b  row
		kind  Kind
		holds bool
	}{
		{of(0.91, 0.81, 0.71), of(0.90, 0.80, 0.70), Above, true}, // by one point on every seed
		{of(0.90, 0.80, 0.70), of(0.91, 0.81, 0.71), Above, false},
		{of(0.92, 0.78, 0.70), of(0.90, 0.80, 0.69), Above, false}, // within the noise
		{of(0.90, 0.80, 0.70), of(0.91, 0.79, 0.70), NotBelow, true},
		{of(0.80, 0.70, 0.60), of(0.90, 0.81, 0.72), NotBelow, false},
		{of(0.90, 0.80), of(0.901, 0.798), Near, true},
		{of(0.90, 0.80, 0.70), of(0.894, 0.796, 0.694), Near, false}, // half a point, each time
		{of(0.9), of(0.8), Above, false},                             // one seed proves nothing
		{of(0.9), of(0.8), NotBelow, false},
		{of(0.8), of(0.8), Near, false},
		{of(), of(0.8), NotBelow, false},
	} {
		if o := judge(Claim{Kind: c.kind}, c.a, c.b, task.Metric); o.Holds != c.holds {
			t.Errorf("kind %d: %s: holds %v", c.kind, o.Figures, o.Holds)
		}
	}
	for says, o := range map[string]Ordering{
		"the first is better by 0.53 ± 0.07":  judge(Claim{Kind: Near}, of(0.90, 0.80, 0.70), of(0.894, 0.796, 0.694), task.Metric),
		"the second is better by 0.53 ± 0.07": judge(Claim{Kind: Near}, of(0.894, 0.796, 0.694), of(0.90, 0.80, 0.70), task.Metric),
		"one seed proves nothing":             judge(Claim{Kind: NotBelow}, of(0.9), of(0.8), task.Metric),
	} {
		if !strings.HasSuffix(o.Figures, says) {
			t.Errorf("%q does not end with %q", o.Figures, says)
		}
	}
	lower := task.Metric
	lower.Lower = true
	if o := judge(Claim{Kind: Above}, of(0.5, 0.6), of(0.7, 0.8), lower); !o.Holds {
		t.Errorf("where less is better: %s", o.Figures)
	}
}

// Lines about a plan count what was done, whole runs and parts of them, and not what an
// earlier process did.
func TestPace(t *testing.T) {
	s := tiny(t)
	r, err := s.runs(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var w bytes.Buffer
	p := &pace{w: &w, total: 2, left: 5, under: map[*run]float64{}, start: time.Now().Add(-30 * time.Second)}
	report := p.report(r[0]) // cost 3, found half done
	report(train.Event{Step: 50, Steps: 100})
	if p.left != 3.5 || p.spent != 0 || !strings.HasSuffix(w.String(), "Dense, seed 1: step 50 of 100\n") {
		t.Errorf("left %v, spent %v, said %s", p.left, p.spent, w.String())
	}
	report(train.Event{Step: 75, Steps: 100}) // too soon for a line
	p.line = time.Time{}
	report(train.Event{Step: 100, Steps: 100})
	if p.left != 2 || p.spent != 1.5 || strings.Count(w.String(), "\n") != 2 || !strings.HasSuffix(w.String(), "step 100 of 100, about 40 s left\n") {
		t.Errorf("left %v, spent %v, said %s", p.left, p.spent, w.String())
	}
	p.finished(r[0], true)
	r[1].err = errors.New("no luck")
	p.finished(r[1], true)
	if p.left != 0 || p.spent != 1.5 || !strings.HasSuffix(w.String(), "[2/2] digits Pruned, 50 %, seed 1: no luck\n") {
		t.Errorf("left %v, spent %v, said %s", p.left, p.spent, w.String())
	}
}
