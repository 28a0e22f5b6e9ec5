package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/recipes/tasks"
)

type pruneCommand struct {
	Model        string  `arg:"" help:"A model.safetensors, or a run directory."`
	Out          string  `short:"o" placeholder:"FILE" help:"The sparse model; without it, model-90.safetensors beside the dense one."`
	Method       string  `default:"magnitude" help:"Which weights go: magnitude (the smallest) or random; with --epochs any method of filigree train that starts dense."`
	Sparsity     float64 `default:"0.9" help:"Share of the weights to take away."`
	Distribution string  `default:"global" help:"How sparsity is shared among layers: global (by rank over all layers), erk, er, uniform or even."`
	Block        string  `default:"1x1" help:"Take away blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	Keep         string  `placeholder:"NAMES" help:"Layers that stay dense: names or patterns, separated by commas."`
	Epochs       int     `help:"Prune step by step while training for so many epochs; 0 prunes at once and does not train."`
	Rate         float64 `help:"Learning rate of that training; 0 for a tenth of the model's own."`
	Data         string  `placeholder:"DIR" help:"Folder with the data set's files, to train on."`
	RunDir       string  `name:"run" placeholder:"DIR" help:"Directory of the training; without it, one named by time and seed below runs/."`
	Seed         uint64  `default:"1" help:"Seed of everything random."`
	Threads      int     `help:"Workers; 0 for one a core."`
	JSON         bool    `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (pruneCommand) Help() string {
	return `Examples:
  filigree prune runs/mnist/20260102-030405-1 --sparsity 0.8
  filigree prune model.safetensors --method random --distribution erk -o sparse.safetensors
  filigree prune sparse.safetensors --sparsity 0.95     further: what does not exist stays away
  filigree prune model.safetensors --sparsity 0.95 --epochs 2 --data data/mnist`
}

// settings returns the flags as a training's settings.
func (c *pruneCommand) settings(s tasks.Settings) tasks.Settings {
	s.Method, s.Sparsity, s.Distribution, s.Block, s.Keep, s.Seed = c.Method, c.Sparsity, c.Distribution, c.Block, c.Keep, c.Seed
	if c.Distribution == "global" && c.Method != "magnitude" && c.Method != "snip" {
		s.Distribution = "even"
	}
	return s
}

// Validate checks the flags.
func (c *pruneCommand) Validate() error {
	starts := []string{"magnitude", "random"}
	if c.Epochs > 0 {
		starts = append(starts, "snip", "variational", "l0")
	}
	if !slices.Contains(starts, c.Method) {
		return fmt.Errorf("--method %s: not one of %s", c.Method, strings.Join(starts, ", "))
	}
	if c.Epochs < 0 || c.Threads < 0 || !(c.Rate >= 0) {
		return fmt.Errorf("--epochs %d, --threads %d, --rate %v: must not be negative", c.Epochs, c.Threads, c.Rate)
	}
	if c.Epochs == 0 && (c.Data != "" || c.RunDir != "" || c.Rate != 0) {
		return fmt.Errorf("--data, --run and --rate are for training: name --epochs as well")
	}
	if c.Epochs > 0 && c.Out != "" {
		return fmt.Errorf("--out: a training leaves its model in the run directory: name that with --run")
	}
	t := tasks.Tasks()[0].Default
	s := c.settings(t)
	return s.Validate()
}

// Run prunes.
func (c *pruneCommand) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	path, err := filepath.Abs(c.Model)
	if err != nil {
		return err
	}
	if c.Epochs > 0 {
		return c.train(ctx, io, path)
	}
	dense, err := tasks.Open(path)
	if err != nil {
		return err
	}
	out := c.Out
	if out == "" {
		out = fmt.Sprintf("%s-%.4g.safetensors", strings.TrimSuffix(dense.Path, ".safetensors"), 100*c.Sparsity)
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	m, err := tasks.Prune(path, out, c.settings(dense.Settings))
	if err != nil {
		return err
	}
	v := inspect(m)
	if c.JSON {
		return printJSON(io.out, v)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	printLayers(w, m.Layers, m.Others)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(io.out, "\nmodel     %s\n\nScore it with: filigree eval %s\n", show(out), show(out))
	return err
}

// train prunes step by step.
func (c *pruneCommand) train(ctx context.Context, io console, path string) error {
	m, err := tasks.Open(path)
	if err != nil {
		return err
	}
	s, err := tasks.FineTuning(m, c.settings(m.Settings), c.Epochs, c.Rate)
	if err != nil {
		return err
	}
	if c.Data != "" {
		s.Data = c.Data
	}
	bar := newProgress(io.err)
	result, err := tasks.Run(ctx, m.Task, s, tasks.IO{Dir: c.RunDir, Started: bar.started, Report: bar.report, Show: io.err})
	return finish(io, bar, result, err, c.JSON)
}
