package difficulty

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// pair is two ends of paths.
type pair struct {
	name      string
	a, b      string
	fromStart bool // from where a began
	curved    bool // with curves, too
}

var pairs = []pair{
	{"the start of scratch to pruned", scratch, pruned, true, false},
	{"the start of lottery to pruned", lottery, pruned, true, false},
	{"scratch to pruned", scratch, pruned, false, true},
	{"lottery to pruned", lottery, pruned, false, true},
	{"scratch to lottery", scratch, lottery, false, true},
	{"dense to pruned", dense, pruned, false, false},
	{"scratch to scratch retrained", scratch, retrained, false, false},
	{"scratch to what RigL made of it", scratch, freed, false, false},
}

// kinds are the paths of a pair with curves. Sparse curves have the degrees of freedom and
// the steps that dense ones have: that none is found is then no lack of effort.
var kinds = []tasks.PathSettings{
	{Path: "line", Subspace: "sparse"},
	{Path: "quadratic", Subspace: "sparse"},
	{Path: "cubic", Subspace: "sparse"},
	{Path: "quadratic", Subspace: "dense"},
	{Path: "cubic", Subspace: "dense"},
}

// paths looks at the paths between the solutions.
type paths struct {
	steps, samples int
	seeds          func() int
}

// one is the result of a pair, a kind and a seed.
type one struct {
	pair pair
	seed int
	tasks.PathResult
}

// find measures what is not measured yet and reports on it.
func (p paths) find(ctx context.Context, o study.Options, find func(group, label string, seed int) (string, bool)) (study.Findings, error) {
	var all []one
	for seed := 1; seed <= p.seeds(); seed++ {
		for _, x := range pairs {
			a, ok := find(group, x.a, seed)
			b, ok2 := find(group, x.b, seed)
			if !ok || !ok2 {
				continue
			}
			for i, k := range kinds {
				if i > 0 && !x.curved {
					break
				}
				k.FromStart, k.Points, k.Samples, k.Steps, k.Seed = x.fromStart, 21, p.samples, p.steps, uint64(seed)
				k.Data = o.Data["mnist"]
				file := filepath.Join(o.Out, "paths", fmt.Sprintf("%s-%s-%s-%d.json", strings.ReplaceAll(x.name, " ", "-"), k.Path, k.Subspace, seed))
				r, err := read(file)
				switch {
				case errors.Is(err, fs.ErrNotExist) && o.Merge:
					continue
				case errors.Is(err, fs.ErrNotExist):
					if r, err = measure(ctx, a, b, k, file); err == nil && o.Progress != nil {
						fmt.Fprintf(o.Progress, "%s, seed %d: %s\n", x.name, seed, r.Text())
					}
				}
				if err != nil {
					return study.Findings{}, err
				}
				all = append(all, one{x, seed, r})
			}
		}
	}
	return report(all), nil
}

func read(file string) (r tasks.PathResult, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("difficulty: %s: %w", file, err)
	}
	return r, nil
}

func measure(ctx context.Context, a, b string, k tasks.PathSettings, file string) (tasks.PathResult, error) {
	r, err := tasks.Landscape(ctx, a, b, k, nil)
	if err != nil {
		return r, err
	}
	r.A, r.B = filepath.Base(a), filepath.Base(b)
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return r, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return r, err
	}
	return r, train.WriteFile(file, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}

// report makes tables, charts and verdicts.
func report(all []one) study.Findings {
	f := study.Findings{Orderings: verdicts(all)}
	s := study.Section{Title: "Paths between the solutions", Text: []string{
		"Training loss (cross entropy, nats) of always the same images. Climb: how far the path rises above its beginning; barrier: above its worse end; ascent: all rises on the way. Means over the seeds; \"descends\" counts the paths that rise by no more than 1 % of the difference of their ends. Charts show the first seed."}}
	table := [][]string{{"from, to", "path", "loss there", "loss here", "climb", "barrier", "ascent", "descends"}}
	for _, x := range pairs {
		c := chart.Chart{Title: strings.ToUpper(x.name[:1]) + x.name[1:], X: "t", Y: "training loss, nats"}
		for _, k := range kinds {
			rs := of(all, x.name, k)
			if len(rs) == 0 {
				continue
			}
			down := 0
			for _, r := range rs {
				if r.Monotone {
					down++
				}
			}
			line := []string{x.name, rs[0].Kind()}
			for _, v := range []func(one) float64{begin, end, climb, func(r one) float64 { return r.Barrier }, func(r one) float64 { return r.Ascent }} {
				line = append(line, fmt.Sprintf("%.4f", mean(rs, v)))
			}
			table = append(table, append(line, fmt.Sprintf("%d of %d", down, len(rs))))
			c.Series = append(c.Series, rs[0].Series(rs[0].Kind()))
		}
		if len(c.Series) > 0 {
			s.Charts = append(s.Charts, study.Figure{Name: "path-" + strings.ReplaceAll(x.name, " ", "-"), Chart: c})
		}
	}
	s.Tables = [][][]string{table}
	f.Sections = []study.Section{s}
	return f
}

// of returns the results of a pair and a kind of path, by seed.
func of(all []one, name string, k tasks.PathSettings) (out []one) {
	for _, r := range all {
		if r.pair.name == name && r.Path == k.Path && r.Subspace == k.Subspace {
			out = append(out, r)
		}
	}
	return out
}

func begin(r one) float64 { return r.Loss[0] }
func end(r one) float64   { return r.Loss[len(r.Loss)-1] }
func climb(r one) float64 { return r.Climb }

func mean(rs []one, v func(one) float64) float64 {
	sum := 0.0
	for _, r := range rs {
		sum += v(r) / float64(len(rs))
	}
	return sum
}

// verdicts judges what the papers say of the paths, by the majority of the seeds.
func verdicts(all []one) []study.Ordering {
	line := kinds[0]
	least := func(name, subspace string) func(seed int) float64 {
		return func(seed int) float64 {
			best := math.NaN()
			for _, r := range all {
				if r.pair.name == name && r.seed == seed && r.Subspace == subspace && !(r.Climb >= best) {
					best = r.Climb
				}
			}
			return best
		}
	}
	at := func(name string, v func(one) float64) func(seed int) float64 {
		return func(seed int) float64 {
			for _, r := range of(all, name, line) {
				if r.seed == seed {
					return v(r)
				}
			}
			return math.NaN()
		}
	}
	ascent := func(r one) float64 { return r.Ascent }
	allowed := func(r one) float64 { return 0.01 * (begin(r) - end(r)) }
	var out []study.Ordering
	for _, c := range []struct {
		claim      string
		low, high  func(seed int) float64
		what, than string
	}{
		{"training loss: Pruned < Scratch", at(pairs[2].name, end), at(pairs[2].name, begin), "pruned", "scratch"},
		{"training loss: Pruned < Lottery", at(pairs[3].name, end), at(pairs[3].name, begin), "pruned", "lottery"},
		{"the line from the start of scratch to pruned descends", at(pairs[0].name, ascent), at(pairs[0].name, allowed), "ascent", "1 % of the descent"},
		{"the line from the start of lottery to pruned descends", at(pairs[1].name, ascent), at(pairs[1].name, allowed), "ascent", "1 % of the descent"},
		{"the line from scratch to pruned has a barrier", func(seed int) float64 {
			return 0.5 * (at(pairs[2].name, begin)(seed) - at(pairs[2].name, end)(seed))
		}, at(pairs[2].name, func(r one) float64 { return r.Barrier }), "half the difference of the ends", "barrier"},
		{"scratch to pruned: curves of the dense subspace climb less than those of the sparse one", least(pairs[2].name, "dense"), least(pairs[2].name, "sparse"), "dense", "sparse"},
		{"lottery to pruned: curves of the dense subspace climb less than those of the sparse one", least(pairs[3].name, "dense"), least(pairs[3].name, "sparse"), "dense", "sparse"},
		{"scratch to pruned: every curve of the sparse subspace climbs", func(seed int) float64 { return 0.01 * at(pairs[2].name, begin)(seed) }, least(pairs[2].name, "sparse"), "1 % of the loss of scratch", "least climb"},
		{"scratch to pruned: a curve of the dense subspace hardly climbs", least(pairs[2].name, "dense"), func(seed int) float64 { return 0.01 * at(pairs[2].name, begin)(seed) }, "least climb", "1 % of the loss of scratch"},
		{"training loss from scratch on: RigL < retrained", at(pairs[7].name, end), at(pairs[6].name, end), "RigL", "retrained"},
	} {
		o := study.Ordering{Claim: c.claim}
		yes := 0
		var low, high float64
		for _, r := range of(all, pairs[2].name, line) {
			a, b := c.low(r.seed), c.high(r.seed)
			if math.IsNaN(a) || math.IsNaN(b) {
				continue
			}
			o.Pairs++
			low, high = low+a, high+b
			if a < b {
				yes++
			}
		}
		n := float64(max(o.Pairs, 1))
		o.Holds = 2*yes > o.Pairs && o.Pairs > 1 // one seed proves nothing
		o.Figures = fmt.Sprintf("%s %.4f, %s %.4f on average; so in %d of %d seeds", c.what, low/n, c.than, high/n, yes, o.Pairs)
		out = append(out, o)
	}
	return out
}
