package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/train"
	"github.com/seed073b5613/filigree/train/comm"
)

// Root is the folder run directories are made in when none is named.
const Root = "runs"

// IO connects a run to its surroundings.
type IO struct {
	Dir     string                     // run directory; empty for one below Root
	Started func(Task, string, string) // called once the run is set up, with its directory and a summary; may be nil
	Report  func(train.Event)          // called while it trains; may be nil
	Group   comm.Group                 // the processes that train together; nil for one
	Show    io.Writer                  // for a taste of the trained network; may be nil

	// Where a resumed run finds what has moved since it began; empty for where it was.
	Data, Ticket, Init string
}

// config is what config.json holds.
type config struct {
	Task string `json:"task"`
	Settings
	First *origin `json:"first_weights,omitempty"` // where they came from, if the settings do not tell
}

// rank returns this process's number; only process 0 writes and evaluates.
func (out IO) rank() int {
	if out.Group == nil {
		return 0
	}
	return out.Group.Rank()
}

// ranks returns how many processes share the batches of a training. The members of a
// population see whole batches.
func (out IO) ranks(s Settings) int {
	if out.Group == nil || out.Group.Size() == 1 || s.Method == "evolution" {
		return 0
	}
	return out.Group.Size()
}

// whole returns the settings with the batch of all processes.
func (c config) whole() config {
	c.Batch *= max(c.Ranks, 1)
	return c
}

// Run trains the task of a name.
func Run(ctx context.Context, task string, s Settings, out IO) (Result, error) {
	if _, err := Find(task); err != nil {
		return Result{}, err
	}
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	s.Threads, s.Ranks = parallel.Workers(), out.ranks(s)
	c := config{Task: task, Settings: s}
	set, err := openData(c.whole()) // before the directory, so that a wrong path leaves none
	if err != nil {
		return Result{}, err
	}
	if err := c.checkPaths(); err != nil {
		return Result{}, err
	}
	if out.ranks(s) > 1 && s.Learner != "" {
		return Result{}, fmt.Errorf("tasks: --learner %s learns in one process, not in %d", s.Learner, out.Group.Size())
	}
	if out.Group != nil && out.Group.Size() > 1 && s.Ticket == "" && (s.Method == "lottery" || s.Method == "scratch") {
		return Result{}, fmt.Errorf("tasks: --method %s by several processes: name the run that found the topology with --ticket", s.Method)
	}
	if from, err := c.origin(); err != nil {
		return Result{}, err
	} else if from != c.own() {
		c.First = &from
	}
	if out.rank() > 0 {
		return execute(ctx, nil, c, set, nil, out)
	}
	if out.Dir == "" {
		if out.Dir, err = train.MakeDefault(Root, task, s.Seed, time.Now()); err != nil {
			return Result{}, err
		}
	}
	for _, path := range []*string{&out.Dir, &c.Data, &c.Ticket, &c.Init} { // so that it goes on from anywhere
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return Result{}, err
		}
	}
	dir, err := train.Create(out.Dir, c)
	if err != nil {
		return Result{}, err
	}
	defer dir.Close()
	result, err := execute(ctx, dir, c, set, nil, out)
	if err != nil && !errors.Is(err, train.ErrInterrupted) {
		dir.Discard()
	}
	return result, err
}

// Resume goes on with the run in a directory. A finished run gives its result
// again.
func Resume(ctx context.Context, path string, out IO) (Result, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Result{}, err
	}
	var c config
	dir := &train.Dir{Path: path}
	if out.rank() > 0 {
		err = train.ReadConfig(path, &c)
	} else {
		dir, err = train.Open(path, &c)
	}
	if err != nil {
		return Result{}, err
	}
	defer dir.Close()
	if _, err := Find(c.Task); err != nil {
		return Result{}, fmt.Errorf("tasks: resume %s: %w", path, err)
	}
	if err := c.sound(); err != nil {
		return Result{}, fmt.Errorf("tasks: resume %s: its configuration: %w", path, err)
	}
	c.Data, c.Ticket, c.Init = cmp.Or(out.Data, c.Data), cmp.Or(out.Ticket, c.Ticket), cmp.Or(out.Init, c.Init)
	var done Result
	switch err := dir.ReadResult(&done); {
	case err == nil:
		return done.in(dir.Path), nil
	case !errors.Is(err, fs.ErrNotExist):
		return Result{}, err
	}
	if n := out.ranks(c.Settings); n != c.Ranks {
		return Result{}, fmt.Errorf("tasks: resume %s: its batches were shared by %d processes, here are %d: mpirun -n %[2]d", path, max(c.Ranks, 1), max(n, 1))
	}
	checkpoint, err := train.OpenCheckpoint(dir.Checkpoint())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Result{}, err
	}
	set, err := openData(c.whole())
	if err != nil {
		return Result{}, err
	}
	if out.rank() > 0 {
		dir = nil
	}
	return execute(ctx, dir, c, set, checkpoint, out)
}

// execute trains and leaves the model, the plot and the result.
func execute(ctx context.Context, dir *train.Dir, c config, set *dataset, checkpoint *train.Checkpoint, out IO) (Result, error) {
	if dir == nil {
		return Result{}, follow(ctx, c, set, checkpoint, out)
	}
	if err := findTicket(ctx, dir, &c, out); err != nil {
		return Result{Run: dir.Path}, err
	}
	job, err := newJob(dir, c, set)
	if err != nil {
		return Result{}, err
	}
	job.loop.Group, job.loop.Report = out.Group, out.Report
	if out.Started != nil {
		out.Started(job.task, dir.Path, job.summary())
	}
	outcome, err := job.loop.Run(ctx, checkpoint)
	if err != nil {
		return Result{Run: dir.Path}, err
	}
	result := job.result(outcome)
	if job.data.show != nil && out.Show != nil {
		if err := job.data.show(ctx, out.Show, job.net); err != nil {
			return Result{Run: dir.Path}, err
		}
	}
	if err := job.saveModel(dir.Model()); err != nil {
		return Result{Run: dir.Path}, err
	}
	if err := Plot(dir, job.task.Metric); err != nil {
		return Result{Run: dir.Path}, err
	}
	return result, dir.WriteResult(result.relative())
}

// follow trains as one of the processes that neither write nor evaluate.
func follow(ctx context.Context, c config, set *dataset, checkpoint *train.Checkpoint, out IO) error {
	job, err := newJob(nil, c, set)
	if err != nil {
		return err
	}
	job.loop.Group, job.loop.Evaluate = out.Group, nil
	_, err = job.loop.Run(ctx, checkpoint)
	return err
}

// checkPaths reports what is wrong with the models a run starts from. Figures of the topology
// that are the task's usual ones become the ticket's.
func (c *config) checkPaths() error {
	for flag, path := range map[string]string{"ticket": c.Ticket, "init": c.Init} {
		if path == "" {
			continue
		}
		m, err := Open(path)
		if err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
		if m.Task != c.Task {
			return fmt.Errorf("tasks: --%s %s: it is of %s, not %s", flag, path, m.Task, c.Task)
		}
		if flag == "ticket" && c.Method != "magnitude" && c.Method != "random" {
			if err := c.follow(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow takes the figures of the topology from the ticket, as the topology is. Those that
// are neither the ticket's nor the task's usual ones were asked for, and are an error.
func (c *config) follow(ticket *Model) error {
	task, err := Find(c.Task)
	if err != nil {
		return err
	}
	wrong := func(flag string, is, found any) error {
		return fmt.Errorf("tasks: --%s %v: the topology is that of --ticket %s, which has %v", flag, is, c.Ticket, found)
	}
	found, block := ticket.sparsity()
	if math.Abs(c.Sparsity-found) > 0.01*(1-found) { // layers and blocks are rounded
		if found = math.Round(1e4*found) / 1e4; c.Sparsity != task.Default.Sparsity {
			return wrong("sparsity", c.Sparsity, found)
		}
		c.Sparsity = found
	}
	for _, x := range []struct {
		flag         string
		is           *string
		usual, found string
	}{
		{"distribution", &c.Distribution, task.Default.Distribution, ticket.Settings.Distribution},
		{"block", &c.Block, task.Default.Block, block},
	} {
		if *x.is != x.found && *x.is != x.usual {
			return wrong(x.flag, *x.is, x.found)
		}
		*x.is = x.found
	}
	return nil
}

// findTicket prunes a run of its own, inside the run that needs a topology and was given
// none.
func findTicket(ctx context.Context, dir *train.Dir, c *config, out IO) error {
	if c.Ticket != "" || c.Method != "lottery" && c.Method != "scratch" {
		return nil
	}
	out.Dir, out.Show = filepath.Join(dir.Path, "ticket"), nil
	c.Ticket = out.Dir
	if _, err := os.Stat(out.Dir); err == nil {
		_, err := Resume(ctx, out.Dir, out)
		return err
	}
	parent := c.Settings
	parent.Method, parent.Multiplier, parent.Ticket = "magnitude", 1, ""
	_, err := Run(ctx, c.Task, parent, out)
	return err
}

// result sums up a finished run.
func (j *job) result(o train.Outcome) Result {
	layers, others := layersOf(j.net)
	r := Result{
		Task: j.config.Task, Method: j.config.Method, Seed: j.config.Seed,
		TestAccuracy: o.Accuracy, Metrics: j.task.metrics(o.Scores), TestLoss: o.Loss, TestSamples: o.Count, Best: j.task.best(o.Best),
		Steps: o.Steps, Updates: o.Updates, StepMS: o.StepMS, Seconds: o.Seconds,
		Run: j.dir.Path, Model: j.dir.Model(), Plot: j.dir.Plot(), Layers: layers, Others: others, Online: j.costs(),
		Warning: j.data.warnings(), Command: command(j.config), Machine: train.Environment(),
	}
	for _, l := range layers {
		r.Weights += l.Weights
		r.Nonzeros += l.Nonzeros
	}
	r.Sparsity = 1 - float64(r.Nonzeros)/float64(r.Weights)
	r.TrainFLOPsRatio, r.TestFLOPsRatio = j.work(layers, others)
	if e, ok := j.method.(interface {
		Explored(ws []prune.Weight) float64
	}); ok {
		r.Explored = e.Explored(j.loop.Weights)
	}
	return r
}
