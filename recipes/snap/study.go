// Package snap repeats the comparison of learners of recurrent nets of Menick et al.: A
// Practical Sparse Approximation for Real Time Recurrent Learning. arXiv:2006.07232.
package snap

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Study returns the comparison at a size for a budget of time on two cores: gated recurrent
// units on the copy task at two sparsities, with updates after each step and after whole
// sequences, and on text.
func Study(budget time.Duration) *study.Study {
	size := float64(budget) / float64(20*time.Minute)
	s := &study.Study{
		Name: "snap", Title: "A practical sparse approximation for real time recurrent learning, at laptop scale",
		Source: "J. Menick, E. Elsen, U. Evci, S. Osindero, K. Simonyan, A. Graves: A Practical Sparse Approximation for Real Time Recurrent Learning. ICLR 2021, arXiv:2006.07232",
		Seeds:  3,
		Full:   full,
	}
	if size >= 20 {
		s.Seeds = 5
	}
	copying(s, "copy-75", "gru", 0.75, 1, clamp(20_000*size, 3000, 500_000))
	copying(s, "copy-90", "gru", 0.9, 1, clamp(20_000*size, 3000, 500_000))
	copying(s, "copy-lstm", "lstm", 0.75, 1, clamp(20_000*size, 3000, 500_000))
	copying(s, "copy-75-whole", "gru", 0.75, 0, clamp(1500*size, 300, 50_000))
	text(s, "text", 1, clamp(15_000*size, 3000, 200_000))
	text(s, "text-whole", 0, clamp(600*size, 100, 6000))
	return s
}

func clamp(x float64, lo, hi int) int { return min(max(int(x), lo), hi) }

// units of the copy task's cell: as many as RTRL can afford.
const units = 24

// learners in the order of the tables, and what a step costs in multiples of one by BPTT.
var learners = []struct {
	name, label string
	cost        float64
}{
	{"bptt", "BPTT", 1}, {"rtrl", "RTRL", 20}, {"snap-1", "SnAp-1", 4}, {"snap-2", "SnAp-2", 9},
	{"snap-3", "SnAp-3", 18}, {"uoro", "UORO", 5}, {"rflo", "RFLO", 4},
}

// columns are what the tables show of a run.
var columns = []study.Column{
	{Title: "influence kept", Of: func(r tasks.Result) string { return fmt.Sprint(r.Online.Entries) }},
	{Title: "by the paper's table", Of: func(r tasks.Result) string { return analytic(r, memory) }},
	{Title: "multiplications a step", Of: func(r tasks.Result) string { return fmt.Sprint(r.Online.Multiplies) }},
	{Title: "by the paper's table", Of: func(r tasks.Result) string { return analytic(r, work) }},
	{Title: "kB held", Of: func(r tasks.Result) string { return fmt.Sprintf("%.0f", float64(r.Online.Bytes)/1e3) }},
	{Title: "symbols shown", Of: func(r tasks.Result) string {
		if r.Online.Tokens == 0 {
			return ""
		}
		return fmt.Sprint(r.Online.Tokens)
	}},
}

// entries lists a row for each learner of a task.
func entries(task string, scale float64, names []string, change func(*tasks.Settings)) (out []study.Entry) {
	t, err := tasks.Find(task)
	if err != nil {
		panic(err)
	}
	for _, l := range learners {
		if !slices.Contains(names, l.name) {
			continue
		}
		e := study.Entry{Label: l.label, Series: l.label, Settings: t.Default, Cost: scale * l.cost}
		change(&e.Settings)
		e.Settings.Learner = l.name
		out = append(out, e)
	}
	return out
}

// claim adds the orderings whose learners are all there.
func claim(s *study.Study, g study.Group, order ...study.Claim) {
	has := func(label string) bool {
		return slices.ContainsFunc(g.Entries, func(e study.Entry) bool { return e.Label == label })
	}
	for _, c := range order {
		if c.Group = g.Key; has(c.A) && has(c.B) {
			s.Claims = append(s.Claims, c)
		}
	}
	s.Groups = append(s.Groups, g)
}

func copying(s *study.Study, key, cell string, sparsity float64, period, steps int) {
	when := "an update after each step"
	if period == 0 {
		when = "an update after each batch of sequences"
	}
	g := study.Group{Key: key, Title: fmt.Sprintf("Copy task, %s, %.4g %% sparse, %s", strings.ToUpper(cell), 100*sparsity, when), Task: "copy", Columns: columns,
		Note: fmt.Sprintf("%d units, gates sharing a mask, readout of 32, Adam at 0.003, 8 sequences side by side, %d updates. The score is the length the curriculum came to. The paper takes 128 units and more, sweeps the rates, and shows curves.", units, steps)}
	names := []string{"bptt", "rtrl", "snap-1", "snap-2", "snap-3", "uoro", "rflo"}
	if cell == "lstm" {
		names = []string{"bptt", "snap-1", "snap-2", "uoro", "rflo"}
	}
	change := func(t *tasks.Settings) {
		t.Cell = cell
		t.Units, t.Hidden, t.Batch, t.Sparsity, t.ShareGateMask, t.Period, t.Steps, t.Rate = units, 32, 8, sparsity, true, period, steps, 3e-3
	}
	scale := float64(steps) / 1000
	if period == 0 {
		scale *= 8
	}
	g.Entries = entries(g.Task, scale, names, change)
	order := []study.Claim{
		{A: "SnAp-1", B: "UORO", Kind: study.Above},
		{A: "SnAp-1", B: "RFLO", Kind: study.Above},
		{A: "SnAp-2", B: "SnAp-1", Kind: study.NotBelow},
		{A: "RTRL", B: "SnAp-3", Kind: study.NotBelow},
	}
	if period == 1 {
		order = append(order,
			study.Claim{A: "SnAp-2", B: "BPTT", Kind: study.NotBelow},
			study.Claim{A: "SnAp-3", B: "BPTT", Kind: study.NotBelow})
	} else {
		order = append(order, study.Claim{A: "BPTT", B: "SnAp-2", Kind: study.NotBelow})
	}
	if key == "copy-90" { // cheap enough to show that a large n is RTRL
		e := g.Entries[1]
		e.Label, e.Series, e.Settings.Learner = "SnAp-24", "SnAp-24", fmt.Sprintf("snap-%d", units)
		g.Entries = append(g.Entries, e)
		order = append(order, study.Claim{A: "SnAp-24", B: "RTRL", Kind: study.Near})
	}
	claim(s, g, order...)
}

func text(s *study.Study, key string, period, steps int) {
	when, order := "an update after each character", []study.Claim{{A: "SnAp-1", B: "BPTT", Kind: study.NotBelow}}
	if period == 0 {
		when, order = "an update after each batch of sequences", []study.Claim{{A: "BPTT", B: "SnAp-2", Kind: study.NotBelow}}
	}
	g := study.Group{Key: key, Title: "Tiny Shakespeare, " + when, Task: "charlm", Columns: columns,
		Note: fmt.Sprintf("GRU of 32 units at 75 %% with a mask for each gate, crops of 32 characters, 8 side by side, Adam at 0.001, %d updates. The paper takes WikiText-103, 128 units and more, and crops of 128.", steps)}
	scale := float64(steps) / 500
	if period == 0 {
		scale *= 20
	}
	g.Entries = entries(g.Task, scale, []string{"bptt", "snap-1", "snap-2", "uoro", "rflo"}, func(t *tasks.Settings) {
		t.Method, t.Sparsity, t.Width, t.Length, t.Batch, t.Period, t.Steps, t.Rate = "static", 0.75, 0.0625, 32, 8, period, steps, 1e-3
	})
	claim(s, g, append(order,
		study.Claim{A: "SnAp-2", B: "SnAp-1", Kind: study.NotBelow},
		study.Claim{A: "SnAp-1", B: "UORO", Kind: study.Above},
		study.Claim{A: "SnAp-1", B: "RFLO", Kind: study.Above})...)
}

// full holds commands near the paper's own settings, as far as they are known.
var full = []string{
	"filigree train copy --learner snap-2 --cell gru --units 128 --sparsity 0.75 --share-gate-mask --hidden 1024 --period 1 --rate 1e-3 --batch 16 --steps 1000000",
	"filigree train copy --learner bptt --cell lstm --units 1024 --sparsity 0.984 --hidden 1024 --period 0 --rate 1e-3 --batch 16 --steps 100000",
	"filigree train charlm --data WIKITEXT103 --online snap-1 --period 0 --method static --sparsity 0.75 --width 0.25 --length 128 --batch 16 --rate 1e-3 --steps 100000",
}
