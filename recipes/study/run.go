package study

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// Options say how a study is run.
type Options struct {
	Out           string            // directory of the runs
	Report        string            // directory of the report; empty for that of the runs
	Data          map[string]string // folder of each task's data
	Shard, Shards int               // this process's part, from 1; 0 for all of it
	Merge         bool              // run nothing, report on what is there
	Budget        time.Duration     // what the plan was made for; only to say so where it takes longer
	Progress      io.Writer
}

// Run does what is left of a study and writes the report. Runs that are done are skipped,
// broken ones go on where they stopped. Each run has one core, and as many run at a time
// as there are cores.
func (s *Study) Run(ctx context.Context, o Options) (Report, error) {
	if o.Shards > 1 && (o.Shard < 1 || o.Shard > o.Shards) {
		return Report{}, fmt.Errorf("study: shard %d of %d", o.Shard, o.Shards)
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return Report{}, err
	}
	o.Out = out
	if o.Report == "" {
		o.Report = o.Out
	}
	if o.Report, err = filepath.Abs(o.Report); err != nil {
		return Report{}, err
	}
	if err := os.MkdirAll(o.Report, 0o755); err != nil {
		return Report{}, fmt.Errorf("study: make folder of the report: %w", err)
	}
	shards := o.Shards
	if o.Merge {
		shards = 0
	} else if err := s.dropMissing(o); err != nil {
		return Report{}, err
	}
	if o.Budget > 0 && o.Budget < s.Least && !o.Merge && o.Progress != nil {
		fmt.Fprintf(o.Progress, "the budget is small: the smallest plan, which follows, takes about %s on two cores\n", minutes(s.Least))
	}
	runs, err := s.runs(o.Shard, shards)
	if err != nil {
		return Report{}, err
	}
	if o.Merge {
		for _, r := range runs {
			r.result, r.err = tasks.ReadResult(o.path(r))
		}
	} else if err := s.execute(ctx, runs, o); err != nil {
		return Report{}, err
	}
	if shards > 1 {
		return Report{}, nil
	}
	if !slices.ContainsFunc(runs, func(r *run) bool { return r.err == nil }) {
		return Report{}, fmt.Errorf("study: no run succeeded; the first: %w", runs[0].err)
	}
	return s.report(ctx, runs, o)
}

func (o Options) path(r *run) string { return filepath.Join(o.Out, r.group.Key, r.name()) }

// dropMissing leaves out the groups whose data is not there, and fails if that is all.
func (s *Study) dropMissing(o Options) error {
	var have []string
	var first error
	for _, g := range s.Groups {
		err := tasks.Check(g.Task, o.settings(&g, &g.Entries[0]))
		switch {
		case err == nil:
			have = append(have, g.Key)
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return err
		case first == nil:
			first = err
		}
		s.Left = append(s.Left, fmt.Sprintf("%s is left out: %v", g.Title, err))
		if o.Progress != nil {
			fmt.Fprintln(o.Progress, s.Left[len(s.Left)-1])
		}
	}
	if len(have) == 0 {
		return first
	}
	return s.Only(have)
}

// settings returns an entry's with the folder of its data.
func (o Options) settings(g *Group, e *Entry) tasks.Settings {
	s := e.Settings
	if dir, ok := o.Data[g.Task]; ok {
		s.Data = dir
	}
	return s
}

// execute does all runs.
func (s *Study) execute(ctx context.Context, runs []*run, o Options) error {
	cores := runtime.GOMAXPROCS(0)
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	p := &pace{w: o.Progress, total: len(runs), under: map[*run]float64{}, start: time.Now(), line: time.Now()}
	for _, r := range runs {
		p.left += r.entry.Cost
	}
	queue := make(chan *run)
	var workers sync.WaitGroup
	for range cores {
		workers.Go(func() {
			for r := range queue {
				r.do(ctx, o, p)
				close(r.done)
			}
		})
	}
	for _, r := range runs {
		queue <- r
	}
	close(queue)
	workers.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("study: %w; the same command goes on where it stopped", train.ErrInterrupted)
	}
	return nil
}

// do trains, unless that was done before.
func (r *run) do(ctx context.Context, o Options, p *pace) {
	if ctx.Err() != nil {
		r.err = ctx.Err()
		return
	}
	settings := o.settings(r.group, r.entry)
	settings.Seed = r.seed
	if r.parent != nil {
		<-r.parent.done
		if r.parent.err != nil {
			r.err = fmt.Errorf("no topology from %s: %w", r.parent.entry.Label, r.parent.err)
			p.finished(r, false)
			return
		}
		settings = r.from(settings, o.path(r.parent))
	}
	path := o.path(r)
	before, err := tasks.ReadSettings(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.err = err
			break
		}
		r.result, r.err = tasks.Run(ctx, r.group.Task, settings, tasks.IO{Dir: path, Report: p.report(r)})
		p.finished(r, true)
		return
	case err != nil:
		r.err = err
	default:
		before.Data, before.Threads, settings.Threads, before.SaveSeconds = settings.Data, 0, 0, settings.SaveSeconds
		before.Ticket, before.Init = settings.Ticket, settings.Init // a moved study keeps its tickets
		if !reflect.DeepEqual(before, settings) {
			r.err = fmt.Errorf("the run in %s has other settings; name another folder for this study, or remove it", path)
			break
		}
		_, err := tasks.ReadResult(path)
		r.result, r.err = tasks.Resume(ctx, path, tasks.IO{Report: p.report(r), Data: settings.Data, Ticket: settings.Ticket, Init: settings.Init})
		p.finished(r, err != nil)
		return
	}
	p.finished(r, false)
}

// between is the time from one line about runs that are under way to the next.
const between = 15 * time.Second

// pace tells how far a study is.
type pace struct {
	mu          sync.Mutex
	w           io.Writer
	total, done int
	left        float64          // cost of what is not done, of runs under way the rest
	spent       float64          // cost of what this process did
	under       map[*run]float64 // share that is done of runs under way
	start, line time.Time
}

// report takes the events of a run.
func (p *pace) report(r *run) func(train.Event) {
	first := -1.0 // where the run was when this process took it up
	return func(e train.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		share := float64(e.Step) / float64(max(e.Steps, 1))
		if first < 0 {
			first, p.under[r] = share, share
			p.left -= share * r.entry.Cost
		}
		p.left -= (share - p.under[r]) * r.entry.Cost
		p.spent += (share - p.under[r]) * r.entry.Cost
		p.under[r] = share
		if p.w == nil || time.Since(p.line) < between {
			return
		}
		p.line = time.Now()
		fmt.Fprintf(p.w, "[%d/%d] %s %s, seed %d: step %d of %d%s\n", p.done, p.total, r.group.Key, r.entry.Label, r.seed, e.Step, e.Steps, p.eta())
	}
}

// eta estimates the time to the end of the plan from what was done so far.
func (p *pace) eta() string {
	if p.spent <= 0 || p.left <= 0 {
		return ""
	}
	return ", about " + minutes(time.Duration(float64(time.Since(p.start))*p.left/p.spent)) + " left"
}

// finished notes the end of a run; worked says whether it took time now.
func (p *pace) finished(r *run, worked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	rest := (1 - p.under[r]) * r.entry.Cost
	delete(p.under, r)
	p.left -= rest
	if worked && r.err == nil {
		p.spent += rest
	}
	if p.w == nil {
		return
	}
	p.line = time.Now()
	if r.err != nil {
		fmt.Fprintf(p.w, "[%d/%d] %s %s, seed %d: %v\n", p.done, p.total, r.group.Key, r.entry.Label, r.seed, r.err)
		return
	}
	fmt.Fprintf(p.w, "[%d/%d] %s %s, seed %d: %s in %s%s\n", p.done, p.total, r.group.Key, r.entry.Label, r.seed,
		r.result.Text(), minutes(time.Duration(r.result.Seconds*float64(time.Second))), p.eta())
}
