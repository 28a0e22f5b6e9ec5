package study

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Ordering is what came of a claim.
type Ordering struct {
	Claim   string `json:"claim"`
	Holds   bool   `json:"holds"`
	Figures string `json:"figures"`
	Pairs   int    `json:"pairs"` // runs of the same seed that were compared
}

// Verdict returns whether the claim holds, in words.
func (o Ordering) Verdict() string {
	switch {
	case o.Pairs == 0:
		return "not run"
	case o.Pairs == 1:
		return "one seed"
	case o.Holds:
		return "holds"
	}
	return "does not hold"
}

// row is an entry with its results.
type row struct {
	*Entry
	results []tasks.Result // by seed
	failed  []error
}

// scores returns the results' figures for people, and their mean and standard deviation.
func (r row) scores(m tasks.Metric) (each []float64, mean, sd float64) {
	for _, x := range r.results {
		each = append(each, m.Scale*x.Score())
	}
	mean, sd = moments(each)
	return each, mean, sd
}

// moments returns mean and standard deviation of a sample.
func moments(x []float64) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	if len(x) > 1 {
		for _, v := range x {
			sd += (v - mean) * (v - mean) / float64(len(x)-1)
		}
	}
	return mean, math.Sqrt(sd)
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}

// rows collects the results of a group.
func rows(g *Group, runs []*run) []row {
	var out []row
	for e := range g.Entries {
		r := row{Entry: &g.Entries[e]}
		for _, x := range runs {
			switch {
			case x.entry != r.Entry:
			case x.err != nil:
				r.failed = append(r.failed, fmt.Errorf("seed %d: %w", x.seed, x.err))
			default:
				r.results = append(r.results, x.result)
			}
		}
		out = append(out, r)
	}
	return out
}

// judge compares two rows seed by seed. One is better if the difference is larger than its
// standard error: with the few seeds there are, no more can be said. They are the same if it
// is within twice that.
func judge(c Claim, a, b row, m tasks.Metric) Ordering {
	o := Ordering{Claim: c.Text()}
	var d []float64
	for _, x := range a.results {
		for _, y := range b.results {
			if x.Seed == y.Seed {
				d = append(d, m.Scale*(x.Score()-y.Score()))
			}
		}
	}
	eachA, _, _ := a.scores(m)
	eachB, _, _ := b.scores(m)
	o.settle(c.Kind, d, eachA, eachB, m)
	return o
}

// settle decides by the differences of pairs of runs; as and bs are the figures of all runs.
func (o *Ordering) settle(kind Kind, d, as, bs []float64, m tasks.Metric) {
	if len(d) == 0 {
		o.Figures = "no pair of runs"
		return
	}
	o.Pairs = len(d)
	meanA, sdA := moments(as)
	meanB, sdB := moments(bs)
	mean, sd := moments(d)
	if m.Lower {
		mean = -mean
	}
	o.Figures = fmt.Sprintf("%.*f ± %.*f against %.*f ± %.*f%s; ", m.Digits, meanA, m.Digits, sdA, m.Digits, meanB, m.Digits, sdB, m.Unit)
	if len(d) == 1 {
		o.Figures += fmt.Sprintf("better by %.*f: one seed proves nothing", m.Digits, mean)
		return
	}
	se := sd / math.Sqrt(float64(len(d)))
	switch kind {
	case Above:
		o.Holds = mean > se
	case NotBelow:
		o.Holds = mean >= -se
	case Near:
		o.Holds = math.Abs(mean) <= 2*se
	}
	better := "better by"
	if kind == Near && !o.Holds { // one of them is
		better = "the first is better by"
		if mean < 0 {
			better, mean = "the second is better by", -mean
		}
	}
	o.Figures += fmt.Sprintf("%s %.*f ± %.*f", better, m.Digits, mean, m.Digits, se)
	if !o.Holds && kind == Above && mean > 0 {
		o.Figures += ": within the noise"
	}
}
