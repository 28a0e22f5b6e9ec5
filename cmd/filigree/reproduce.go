package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed073b5613/filigree/recipes/difficulty"
	"github.com/seed073b5613/filigree/recipes/eats"
	"github.com/seed073b5613/filigree/recipes/eshybrid"
	"github.com/seed073b5613/filigree/recipes/gantts"
	"github.com/seed073b5613/filigree/recipes/rigl"
	"github.com/seed073b5613/filigree/recipes/snap"
	"github.com/seed073b5613/filigree/recipes/sparsity"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/vocoder"
)

type reproduceCommand struct {
	Name   string        `arg:"" optional:"" help:"What to reproduce; without it, what there is."`
	Budget time.Duration `default:"2h" help:"Time it may take on two cores: 20m, 2h, 12h. Sizes, steps and seeds follow from it."`
	Data   string        `default:"data" placeholder:"DIR" help:"Folder with the folders mnist, cifar10, tiny-shakespeare, multi30k and cathy-arctic."`
	Out    string        `placeholder:"DIR" help:"Folder of the runs and the report; without it, one named by study and budget below runs/."`
	Report string        `placeholder:"DIR" help:"Folder of the report; without it, that of the runs."`
	Seeds  int           `help:"Seeds; 0 for what the budget allows."`
	Groups string        `placeholder:"NAMES" help:"Only these groups of runs, separated by commas."`
	Shard  string        `placeholder:"I/N" help:"Do one of N parts; --merge joins them."`
	Merge  bool          `help:"Run nothing; report on what is there."`
	Full   bool          `help:"Show the paper's own settings as commands."`
	List   bool          `help:"Show the runs of the plan."`
	JSON   bool          `help:"Print one JSON object."`

	shard, shards int
}

// studies are what can be reproduced.
var studies = []struct {
	name string
	make func(time.Duration) study.Plan
}{
	{"rigl", plan(rigl.Study)},
	{"state-of-sparsity", plan(sparsity.Study)},
	{"difficulty", plan(difficulty.Study)},
	{"es-hybrid", plan(eshybrid.Study)},
	{"snap", plan(snap.Study)},
	{"gan-tts", plan(gantts.Study)},
	{"eats", plan(eats.Study)},
	{"wavernn", plan(vocoder.Study)},
}

// plan makes a function that returns a plan of one that returns some kind of it.
func plan[P study.Plan](f func(time.Duration) P) func(time.Duration) study.Plan {
	return func(budget time.Duration) study.Plan { return f(budget) }
}

// Help shows how the command is used.
func (reproduceCommand) Help() string {
	return `Examples:
  filigree reproduce                                  what there is
  filigree reproduce rigl --budget 20m --data data
  filigree reproduce rigl --budget 12h --shard 1/4    on the first of four machines
  filigree reproduce rigl --budget 12h --merge        then, in one folder with all runs
  filigree reproduce state-of-sparsity --full
  filigree reproduce difficulty --budget 20m          paths between solutions
  filigree reproduce gan-tts --budget 20m             who should judge speech
  filigree reproduce eats --budget 20m                what speech learns from
  filigree reproduce wavernn --budget 20m             bigger and sparser; blocks; streams

Runs that are done are skipped and broken ones go on, so the same command can be
given again and again.`
}

// Validate checks the flags.
func (c *reproduceCommand) Validate() error {
	if c.Budget < time.Minute || c.Budget > 1000*time.Hour {
		return fmt.Errorf("--budget %v: must be from 1m to 1000h", c.Budget)
	}
	if c.Seeds < 0 || c.Seeds > 1000 {
		return fmt.Errorf("--seeds %d: must be from 0 to 1000", c.Seeds)
	}
	if c.Shard != "" {
		i, n, ok := strings.Cut(c.Shard, "/")
		var err1, err2 error
		c.shard, err1 = strconv.Atoi(i)
		c.shards, err2 = strconv.Atoi(n)
		if !ok || err1 != nil || err2 != nil || c.shard < 1 || c.shard > c.shards {
			return fmt.Errorf("--shard %s: must be like 1/4", c.Shard)
		}
	}
	if c.Name == "" {
		return nil
	}
	_, err := c.study()
	return err
}

// study returns the plan.
func (c *reproduceCommand) study() (study.Plan, error) {
	var names []string
	for _, s := range studies {
		if s.name == c.Name {
			plan := s.make(c.Budget)
			var groups []string
			if c.Groups != "" {
				groups = strings.Split(c.Groups, ",")
			}
			if err := plan.Limit(c.Seeds, groups); err != nil {
				return nil, fmt.Errorf("--groups: %w", err)
			}
			return plan, nil
		}
		names = append(names, s.name)
	}
	return nil, fmt.Errorf("nothing to reproduce is called %q: there are %s", c.Name, strings.Join(names, ", "))
}

// Run reproduces.
func (c *reproduceCommand) Run(ctx context.Context, io console) error {
	if c.Name == "" {
		return c.names(io)
	}
	plan, err := c.study()
	if err != nil {
		return err
	}
	switch {
	case c.Full:
		source, full := plan.Paper()
		fmt.Fprintf(io.out, "%s\n\n", source)
		for _, line := range full {
			fmt.Fprintln(io.out, line)
		}
		return nil
	case c.List:
		return plan.List(io.out)
	}
	out := c.Out
	if out == "" {
		out = filepath.Join("runs", fmt.Sprintf("reproduce-%s-%s", c.Name, strings.TrimSuffix(strings.TrimSuffix(c.Budget.String(), "0s"), "0m")))
	}
	report, err := plan.Run(ctx, study.Options{
		Out: out, Report: c.Report, Shard: c.shard, Shards: c.shards, Merge: c.Merge, Budget: c.Budget, Progress: io.err,
		Data: map[string]string{
			"mnist": filepath.Join(c.Data, "mnist"), "cifar10": filepath.Join(c.Data, "cifar10"),
			"charlm": filepath.Join(c.Data, "tiny-shakespeare"), "translate": filepath.Join(c.Data, "multi30k"),
			"voice": filepath.Join(c.Data, "cathy-arctic"),
		},
	})
	if err != nil {
		return err
	}
	if c.shards > 1 && !c.Merge {
		fmt.Fprintf(io.err, "part %s is done; with the runs of all parts in one folder: the same command with --merge in place of --shard %s\n", c.Shard, c.Shard)
		return nil
	}
	if c.JSON {
		if err := printJSON(io.out, report); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		for _, o := range report.Orderings {
			fmt.Fprintf(w, "%s\t%s\t%s\n", o.Claim, o.Verdict(), o.Figures)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(io.out, "\nreport %s\n       %s\n", show(report.Path), show(report.HTML))
	}
	return nil
}

func (c *reproduceCommand) names(io console) error {
	for _, s := range studies {
		source, _ := s.make(c.Budget).Paper()
		if c.JSON {
			if err := printJSON(io.out, map[string]string{"name": s.name, "source": source}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(io.out, "filigree reproduce %-20s %s\n", s.name, source)
	}
	return nil
}
