// Package study runs comparisons: plans of many trainings, several seeds each, that repeat
// a paper's tables at a size that fits a time budget, and reports of what came out, with a
// verdict on each ordering the paper claims.
package study

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Study is a comparison.
type Study struct {
	Name   string // as in filigree reproduce NAME
	Title  string
	Source string // the paper
	Groups []Group
	Claims []Claim
	Seeds  int
	Full   []string      // commands at the paper's own settings
	Left   []string      // groups that were left out, and why
	Least  time.Duration // what the smallest plan takes on two cores, whatever the budget; 0 for no time to speak of

	// Further finds out more about the trained networks once all runs are done; may be nil.
	Further func(ctx context.Context, o Options, find func(group, label string, seed int) (run string, ok bool)) (Findings, error)
}

// Group is a set of runs on one task that are compared with each other.
type Group struct {
	Key, Title string
	Task       string
	Note       string // what was made smaller than in the paper
	Entries    []Entry
	Columns    []Column // shown in place of the work of training and running
}

// Column is a figure of a training in the table of a group.
type Column struct {
	Title string
	Of    func(tasks.Result) string
}

// Entry is one row of a table: a training, once a seed.
type Entry struct {
	Label    string // unique in the group: "RigL 2x, 90 %"
	Series   string // in plots: "RigL 2x"
	Settings tasks.Settings
	Ticket   string  // label of the entry whose run of the same seed finds the topology
	Start    bool    // begin with the weights of that run, too
	Cost     float64 // duration in any unit, the same in the whole study
	Paper    string  // the paper's own figure, on its own task
}

// Findings are what a study finds out besides the scores of its runs.
type Findings struct {
	Orderings []Ordering
	Sections  []Section
}

// Kind says what a claim is about.
type Kind int

// The kinds of claims.
const (
	Above    Kind = iota // better
	NotBelow             // better or the same
	Near                 // the same
)

func (k Kind) sign() string { return [...]string{Above: ">", NotBelow: "≥", Near: "≈"}[k] }

// Claim is an ordering of two entries of a group.
type Claim struct {
	Group       string
	A, B        string // labels
	Kind        Kind
	Explanation string // why it should, or where it is known not to
}

// Text returns the claim in words.
func (c Claim) Text() string {
	return fmt.Sprintf("%s: %s %s %s", c.Group, c.A, c.Kind.sign(), c.B)
}

// run is one training of the plan.
type run struct {
	group  *Group
	entry  *Entry
	seed   uint64
	parent *run // finds the topology
	done   chan struct{}
	result tasks.Result
	err    error
}

// name is that of the run's directory within its group.
func (r *run) name() string {
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9.]+`).ReplaceAllString(strings.ToLower(r.entry.Label), "-"), "-")
	return fmt.Sprintf("%s-%d", slug, r.seed)
}

// from returns settings that take what the run needs of its parent from a directory.
func (r *run) from(s tasks.Settings, parent string) tasks.Settings {
	s.Ticket = parent
	if r.entry.Start {
		s.Init = parent
	}
	return s
}

// runs lists the trainings of a study, in the order they are done: all of a seed before the
// next, so that what is there after a while compares. shard of shards takes its part: runs
// with all that depend on them.
func (s *Study) runs(shard, shards int) ([]*run, error) {
	var out []*run
	for seed := 1; seed <= s.Seeds; seed++ {
		for g := range s.Groups {
			byLabel := map[string]*run{}
			for e := range s.Groups[g].Entries {
				r := &run{group: &s.Groups[g], entry: &s.Groups[g].Entries[e], seed: uint64(seed), done: make(chan struct{})}
				if byLabel[r.entry.Label] != nil {
					return nil, fmt.Errorf("study: %s: two entries of %s are called %q", s.Name, r.group.Key, r.entry.Label)
				}
				if t := r.entry.Ticket; t != "" {
					if r.parent = byLabel[t]; r.parent == nil {
						return nil, fmt.Errorf("study: %s: %s of %s takes its topology from %q, which does not come before it", s.Name, r.entry.Label, r.group.Key, t)
					}
				}
				byLabel[r.entry.Label] = r
				out = append(out, r)
			}
		}
	}
	if shards <= 1 {
		return out, nil
	}
	unit := map[*run]int{} // by the run that depends on none
	var costs []float64
	for _, r := range out {
		root := r.root()
		if root == r {
			unit[r] = len(costs)
			costs = append(costs, 0)
		}
		costs[unit[root]] += r.entry.Cost
	}
	parts := split(costs, shards)
	return slices.DeleteFunc(out, func(r *run) bool { return parts[unit[r.root()]] != shard }), nil
}

// root returns the first of the runs that r depends on, or r.
func (r *run) root() *run {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

// split returns the shard, from 1, of each of some units of work: the longest first, each to
// the shard with the least so far.
func split(costs []float64, shards int) []int {
	order := make([]int, len(costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(costs[j], costs[i]) })
	load, out := make([]float64, shards), make([]int, len(costs))
	for _, i := range order {
		least := slices.Index(load, slices.Min(load))
		load[least] += costs[i]
		out[i] = least + 1
	}
	return out
}

// minutes shows a duration roughly.
func minutes(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	if d < 90*time.Minute {
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// Only leaves the groups of the names and the claims about them.
func (s *Study) Only(names []string) error {
	var groups []Group
	var known []string
	for _, g := range s.Groups {
		known = append(known, g.Key)
		if slices.Contains(names, g.Key) {
			groups = append(groups, g)
		}
	}
	if len(groups) != len(names) {
		return fmt.Errorf("%s: there are %s", strings.Join(names, ","), strings.Join(known, ", "))
	}
	all := s.cost()
	s.Groups = groups
	if all > 0 {
		s.Least = time.Duration(float64(s.Least) * s.cost() / all)
	}
	s.Claims = slices.DeleteFunc(s.Claims, func(c Claim) bool { return !slices.Contains(names, c.Group) })
	return nil
}

// cost returns that of all runs.
func (s *Study) cost() (sum float64) {
	for _, g := range s.Groups {
		for _, e := range g.Entries {
			sum += e.Cost * float64(s.Seeds)
		}
	}
	return sum
}

// List prints the runs of a study as commands.
func (s *Study) List(w io.Writer) error {
	runs, err := s.runs(0, 0)
	if err != nil {
		return err
	}
	for _, r := range runs {
		settings := r.entry.Settings
		settings.Seed = r.seed
		if r.parent != nil {
			settings = r.from(settings, r.parent.group.Key+"/"+r.parent.name())
		}
		if _, err := fmt.Fprintf(w, "%s/%s\t%s\n", r.group.Key, r.name(), tasks.Command(r.group.Task, settings)); err != nil {
			return err
		}
	}
	return nil
}
