package main

import (
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

type compareCommand struct {
	Runs []string `arg:"" help:"Run directories."`
	Plot string   `placeholder:"FILE" help:"Draw their training losses, scores and layers' sparsities as SVG."`
	JSON bool     `help:"Print one JSON object a run."`
}

// Help shows how the command is used.
func (compareCommand) Help() string {
	return `Examples:
  filigree compare runs/mnist/*
  filigree compare runs/a runs/b --plot a-b.svg`
}

// Run compares.
func (c *compareCommand) Run(out console) error {
	var results []tasks.Result
	for _, dir := range c.Runs {
		r, err := tasks.ReadResult(dir)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if c.Plot != "" {
		charts, err := tasks.Charts(results)
		if err != nil {
			return err
		}
		path, err := filepath.Abs(c.Plot)
		if err != nil {
			return err
		}
		if err := train.WriteFile(path, func(w io.Writer) error { return chart.Write(w, charts...) }); err != nil {
			return err
		}
	}
	if c.JSON {
		for _, r := range results {
			if err := printJSON(out.out, r); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(out.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tTASK\tMETHOD\tSEED\tSCORE\tSPARSITY\tNON-ZERO\tTRAIN FLOPS\tRUN FLOPS\tMS/STEP\tSECONDS")
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%.2f %%\t%d\t%.3f\t%.3f\t%.3g\t%.1f\n", show(r.Run), r.Task, r.Method, r.Seed, r.Text(),
			100*r.Sparsity, r.Nonzeros, r.TrainFLOPsRatio, r.TestFLOPsRatio, r.StepMS, r.Seconds)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if c.Plot != "" {
		fmt.Fprintf(out.out, "\nplot %s\n", c.Plot)
	}
	return nil
}
