package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

type runsCommand struct {
	List  runsListCommand  `cmd:"" help:"List the runs, oldest first."`
	Clean runsCleanCommand `cmd:"" help:"Remove finished runs and those older than 30 days."`
}

type runsListCommand struct {
	Root string `default:"runs" type:"path" help:"Folder the runs lie in."`
	JSON bool   `help:"Print one JSON object a run."`
}

type runsCleanCommand struct {
	Root   string `default:"runs" type:"path" help:"Folder the runs lie in."`
	DryRun bool   `short:"n" help:"Say what would be removed and remove nothing."`
}

// Run lists the runs.
func (c *runsListCommand) Run(io console) error {
	runs, err := train.List(c.Root)
	if err != nil {
		return err
	}
	if c.JSON {
		for _, r := range runs {
			if err := printJSON(io.out, r); err != nil {
				return err
			}
		}
		return nil
	}
	if len(runs) == 0 {
		fmt.Fprintf(io.err, "no runs in %s\n", c.Root)
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSTARTED\tMETHOD\tSTATE\tSCORE\tSPARSITY\tSIZE")
	for _, r := range runs {
		state, score, sparsity := "no checkpoint", "", ""
		switch {
		case r.Finished:
			state = "finished"
			if result, err := tasks.ReadResult(r.Path); err == nil {
				score = result.Text()
			}
			sparsity = share(r.Result["sparsity"])
		case r.Resumes:
			state = "can resume"
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\t%s\n", show(r.Path), r.Started.Format("2006-01-02 15:04"),
			r.Config["method"], state, score, sparsity, byteCount(r.Bytes))
	}
	return w.Flush()
}

// Run removes stale runs.
func (c *runsCleanCommand) Run(io console) error {
	runs, err := train.List(c.Root)
	if err != nil {
		return err
	}
	removed, freed := 0, int64(0)
	for _, r := range runs {
		if !r.Stale(time.Now(), 30*24*time.Hour) {
			continue
		}
		if c.DryRun {
			fmt.Fprintf(io.out, "would remove %s (%s)\n", show(r.Path), byteCount(r.Bytes))
		} else {
			if err := train.Remove(r.Path); err != nil {
				return err
			}
			fmt.Fprintf(io.out, "removed %s (%s)\n", show(r.Path), byteCount(r.Bytes))
		}
		removed, freed = removed+1, freed+r.Bytes
	}
	fmt.Fprintf(io.err, "%d of %d runs, %s\n", removed, len(runs), byteCount(freed))
	return nil
}

// share prints a share as a percentage, nothing if v is not a number.
func share(v any) string {
	x, ok := v.(float64)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*x)
}

// byteCount prints a number of bytes for people.
func byteCount(n int64) string {
	x := float64(n)
	for _, unit := range []string{"B", "kB", "MB"} {
		if x < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%d B", n)
			}
			return fmt.Sprintf("%.1f %s", x, unit)
		}
		x /= 1000
	}
	return fmt.Sprintf("%.1f GB", x)
}
