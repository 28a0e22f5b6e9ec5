package study

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// Plan is what can be reproduced.
type Plan interface {
	Paper() (source string, commands []string) // and its own settings as commands
	Limit(seeds int, groups []string) error    // 0 and nil for what the budget allows
	List(w io.Writer) error
	Run(ctx context.Context, o Options) (Report, error)
}

// Paper returns where the comparison is from, and the paper's own settings as commands.
func (s *Study) Paper() (source string, commands []string) { return s.Source, s.Full }

// Limit sets the number of seeds and leaves only some groups.
func (s *Study) Limit(seeds int, groups []string) error {
	if seeds > 0 {
		s.Least = s.Least * time.Duration(seeds) / time.Duration(s.Seeds)
		s.Seeds = seeds
	}
	if groups == nil {
		return nil
	}
	return s.Only(groups)
}

// Trials is a comparison of trainings that leave a result.json each: arms that differ in one
// thing, several seeds.
type Trials struct {
	Name, Title, Source string
	Notes               []string
	Seeds               int
	Full                []string // commands at the paper's own settings
	Arms                []Arm
	Quantities          []Quantity
	Claims              []TrialClaim

	// Prepare reads what all runs need, and decides on their length unless o.Merge; Further finds out more once all are done. dir names a run's
	// directory. Both may be nil.
	Prepare func(ctx context.Context, o Options) error
	Further func(ctx context.Context, o Options, dir func(arm string, seed int) string) (Findings, error)
}

// Arm is one way to train.
type Arm struct {
	Key, Label string
	Command    string  // that does the same
	Cost       float64 // duration in that of other arms; 0 for 1
	// Train trains in a run directory, or goes on there, and leaves result.json.
	Train func(ctx context.Context, o Options, seed uint64, dir string) error
}

// Quantity is a figure of a result, by its name in result.json.
type Quantity struct {
	Key, Label string
	Metric     tasks.Metric // its Unit, Scale, Digits and whether lower is better
}

// TrialClaim is an ordering of two arms by a quantity.
type TrialClaim struct {
	A, B, Quantity string // keys
	Kind           Kind
	Explanation    string
}

// Paper returns where the comparison is from, and the paper's own settings as commands.
func (s *Trials) Paper() (source string, commands []string) { return s.Source, s.Full }

// Limit sets the number of seeds; there are no groups.
func (s *Trials) Limit(seeds int, groups []string) error {
	if groups != nil {
		return fmt.Errorf("%s has no groups", s.Name)
	}
	if seeds > 0 {
		s.Seeds = seeds
	}
	return nil
}

// List prints the runs as commands.
func (s *Trials) List(w io.Writer) error {
	for seed := 1; seed <= s.Seeds; seed++ {
		for _, a := range s.Arms {
			if _, err := fmt.Fprintf(w, "%s-%d\t%s --seed %d\n", a.Key, seed, a.Command, seed); err != nil {
				return err
			}
		}
	}
	return nil
}

// trial is one training.
type trial struct {
	arm    *Arm
	seed   int
	values map[string]float64 // by quantity
	env    train.Env
	err    error
}

// Run does what is left of the trials, all of a seed before the next, and writes the report.
// Trials that are done are skipped, broken ones go on. Each has one core.
func (s *Trials) Run(ctx context.Context, o Options) (Report, error) {
	var err error
	if o.Out, err = filepath.Abs(o.Out); err != nil {
		return Report{}, err
	}
	if o.Report == "" {
		o.Report = o.Out
	}
	if o.Report, err = filepath.Abs(o.Report); err != nil {
		return Report{}, err
	}
	for _, dir := range []string{o.Out, o.Report} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return Report{}, fmt.Errorf("study: %w", err)
		}
	}
	if s.Prepare != nil {
		if err := s.Prepare(ctx, o); err != nil {
			return Report{}, err
		}
	}
	var all []*trial
	for seed := 1; seed <= s.Seeds; seed++ {
		for i := range s.Arms {
			all = append(all, &trial{arm: &s.Arms[i], seed: seed, err: fs.ErrNotExist})
		}
	}
	s.execute(ctx, o, all)
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("study: %w; the same command goes on", train.ErrInterrupted)
	}
	if o.Shards > 1 && !o.Merge {
		return Report{}, nil
	}
	return s.report(ctx, o, all)
}

// execute does this process's part of the trials, as many at a time as there are cores.
func (s *Trials) execute(ctx context.Context, o Options, all []*trial) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	var workers sync.WaitGroup
	queue := make(chan *trial)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for t := range queue {
				s.do(ctx, o, t)
			}
		})
	}
	var parts []int
	if o.Shards > 1 && !o.Merge {
		parts = split(trialCosts(all), o.Shards)
	}
	for i, t := range all {
		if parts == nil || parts[i] == o.Shard {
			queue <- t
		}
	}
	close(queue)
	workers.Wait()
}

func trialCosts(all []*trial) (costs []float64) {
	for _, t := range all {
		costs = append(costs, cmp.Or(t.arm.Cost, 1))
	}
	return costs
}

func (s *Trials) dir(o Options, arm string, seed int) string {
	return filepath.Join(o.Out, fmt.Sprintf("%s-%d", arm, seed))
}

// do runs a trial that is not done, and reads its result.
func (s *Trials) do(ctx context.Context, o Options, t *trial) {
	dir := s.dir(o, t.arm.Key, t.seed)
	start := time.Now()
	if t.err = t.read(s, dir); !errors.Is(t.err, fs.ErrNotExist) || o.Merge || ctx.Err() != nil {
		return
	}
	if t.err = t.arm.Train(ctx, o, uint64(t.seed), dir); t.err == nil {
		t.err = t.read(s, dir)
	}
	if o.Progress == nil {
		return
	}
	what := minutes(time.Since(start))
	if t.err != nil {
		what = t.err.Error()
	}
	fmt.Fprintf(o.Progress, "%s, seed %d of %d: %s\n", t.arm.Label, t.seed, s.Seeds, what)
}

func (t *trial) read(s *Trials, dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "result.json"))
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return fmt.Errorf("study: %s: %w", dir, err)
	}
	t.values = map[string]float64{}
	for _, q := range s.Quantities {
		v := math.NaN()
		if raw, ok := fields[q.Key]; ok && string(raw) != "null" {
			if err := json.Unmarshal(raw, &v); err != nil {
				return fmt.Errorf("study: %s: %s: %w", dir, q.Key, err)
			}
		}
		t.values[q.Key] = v * scaleOf(q.Metric)
	}
	if err := json.Unmarshal(fields["machine"], &t.env); err != nil {
		return fmt.Errorf("study: %s: machine: %w", dir, err)
	}
	return nil
}

func scaleOf(m tasks.Metric) float64 {
	if m.Scale == 0 {
		return 1
	}
	return m.Scale
}

// values returns a quantity of an arm by seed, NaN where it is not known.
func (s *Trials) values(all []*trial, arm, quantity string) (xs []float64) {
	for seed := 1; seed <= s.Seeds; seed++ {
		v := math.NaN()
		for _, t := range all {
			if t.arm.Key == arm && t.seed == seed && t.err == nil {
				v = t.values[quantity]
			}
		}
		xs = append(xs, v)
	}
	return xs
}

func (s *Trials) report(ctx context.Context, o Options, all []*trial) (Report, error) {
	r := Report{Path: filepath.Join(o.Report, "report.md"), HTML: filepath.Join(o.Report, "report.html")}
	d := &document{title: s.Title}
	d.text("Source: " + s.Source + ". Mean ± standard deviation over the seeds.")
	var failed []string
	var envs []train.Env
	for _, t := range all {
		switch {
		case t.err == nil:
			r.Runs++
			envs = append(envs, t.env)
		case errors.Is(t.err, fs.ErrNotExist):
			r.Missing++
		default:
			r.Failed++
			failed = append(failed, fmt.Sprintf("%s, seed %d: %v", t.arm.Label, t.seed, t.err))
		}
	}
	if r.Runs == 0 {
		return r, fmt.Errorf("study: no run succeeded; the first: %w", all[0].err)
	}
	d.text(fmt.Sprintf("%d runs, %d failed, %d missing.", r.Runs, r.Failed, r.Missing))
	for _, text := range append(s.Notes, failed...) {
		d.text(text)
	}
	claims := make([]Claim, 0, len(s.Claims))
	for _, c := range s.Claims {
		claims = append(claims, Claim{Explanation: c.Explanation})
		r.Orderings = append(r.Orderings, s.judge(all, c))
	}
	var more Findings
	if s.Further != nil {
		var err error
		if more, err = s.Further(ctx, o, func(arm string, seed int) string { return s.dir(o, arm, seed) }); err != nil {
			return r, err
		}
		r.Orderings = append(r.Orderings, more.Orderings...)
	}
	d.verdicts(r.Orderings, claims)
	d.heading("Runs")
	d.table(s.table(all))
	for _, section := range more.Sections {
		d.section(section)
	}
	if text := made(envs); text != "" {
		d.text(text)
	}
	return r, d.write(o.Report, r.Path, r.HTML)
}

// table returns all quantities of all arms.
func (s *Trials) table(all []*trial) [][]string {
	head := []string{"run", "seeds"}
	for _, q := range s.Quantities {
		head = append(head, q.Label+q.Metric.Unit)
	}
	table := [][]string{head}
	for _, a := range s.Arms {
		line, seeds := []string{a.Label, ""}, 0
		for _, q := range s.Quantities {
			xs := numbers(s.values(all, a.Key, q.Key))
			seeds = max(seeds, len(xs))
			text := ""
			if len(xs) > 0 {
				mean, sd := moments(xs)
				text = fmt.Sprintf("%.*f ± %.*f", q.Metric.Digits, mean, q.Metric.Digits, sd)
			}
			line = append(line, text)
		}
		line[1] = fmt.Sprint(seeds)
		table = append(table, line)
	}
	return table
}

// numbers returns those of xs that are.
func numbers(xs []float64) (out []float64) {
	for _, x := range xs {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	return out
}

// judge compares two arms seed by seed.
func (s *Trials) judge(all []*trial, c TrialClaim) Ordering {
	label := func(key string) string {
		for _, a := range s.Arms {
			if a.Key == key {
				return a.Label
			}
		}
		panic(fmt.Sprintf("study: %s: a claim is about %q, which is not there", s.Name, key))
	}
	for _, q := range s.Quantities {
		if q.Key != c.Quantity {
			continue
		}
		o := Ordering{Claim: fmt.Sprintf("%s: %s %s %s", q.Label, label(c.A), c.Kind.sign(), label(c.B))}
		xs, ys := s.values(all, c.A, q.Key), s.values(all, c.B, q.Key)
		var pairs []float64
		for i, x := range xs {
			if d := x - ys[i]; !math.IsNaN(d) {
				pairs = append(pairs, d)
			}
		}
		o.settle(c.Kind, pairs, numbers(xs), numbers(ys), q.Metric)
		return o
	}
	panic(fmt.Sprintf("study: %s: a claim is about %q, which is not there", s.Name, c.Quantity))
}
