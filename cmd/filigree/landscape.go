package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

type landscapeCommand struct {
	A string `arg:"" help:"Run directory or model at which the path begins."`
	B string `arg:"" help:"Run directory or model at which it ends, of the same shape."`
	tasks.PathSettings
	Plot    string `placeholder:"FILE" help:"Draw the loss along the path as SVG."`
	HTML    string `name:"html" placeholder:"FILE" help:"Write figures and plot as one page."`
	Threads int    `help:"Workers; 0 for one a core."`
	JSON    bool   `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (landscapeCommand) Help() string {
	return `Examples:
  filigree landscape runs/static runs/pruned                            straight line
  filigree landscape runs/pruned runs/pruned --from-start               from its first weights
  filigree landscape runs/static runs/pruned --path cubic --plot path.svg
  filigree landscape runs/static runs/pruned --path quadratic --subspace dense --html path.html

The loss is that of training samples, always the same ones. Barrier: how far the path
rises above its worse end; climb: above A; ascent: all rises on the way.`
}

// Validate checks the flags.
func (c *landscapeCommand) Validate() error {
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	return c.PathSettings.Validate()
}

// Run measures.
func (c *landscapeCommand) Run(ctx context.Context, out console) error {
	setThreads(c.Threads)
	last := time.Now()
	r, err := tasks.Landscape(ctx, c.A, c.B, c.PathSettings, func(what string, done, of int) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(out.err, "%s %d of %d\n", what, done, of)
		}
	})
	if err != nil {
		return err
	}
	if err := writeTo(c.Plot, r.Draw); err != nil {
		return err
	}
	err = writeTo(c.HTML, func(w io.Writer) error {
		table := [][]string{{"t", "loss", "with weight decay"}}
		for i, t := range r.T {
			table = append(table, []string{fmt.Sprintf("%.3f", t), fmt.Sprintf("%.5f", r.Loss[i]), fmt.Sprintf("%.5f", r.Objective[i])})
		}
		return study.Page(w, "From "+show(r.A)+" to "+show(r.B), study.Section{
			Title: r.Kind(), Text: []string{r.Text()}, Charts: []study.Figure{{Chart: r.Chart()}}, Tables: [][][]string{table}})
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(out.out, r)
	}
	_, err = fmt.Fprintf(out.out, "%s\n%.1f %% of the weights are free, the ends are %.3g apart; %.1f s\n", r.Text(), 100*r.Free, r.Distance, r.Seconds)
	return err
}

// writeTo writes a file, unless its name is empty.
func writeTo(path string, write func(w io.Writer) error) error {
	if path == "" {
		return nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return train.WriteFile(path, write)
}
