package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/train"
)

type versionCommand struct {
	JSON bool `help:"Print one JSON object."`
}

// Run prints the version and the machine.
func (c *versionCommand) Run(io console) error {
	e := train.Environment()
	if c.JSON {
		return printJSON(io.out, e)
	}
	commit := e.Commit
	if e.Dirty {
		commit += " with changes"
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "version\t%s\ncommit\t%s\ngo\t%s %s/%s\ncpu\t%s\nthreads\t%d of %d cores\nkernels\t%s\n",
		e.Version, commit, e.Go, e.OS, e.Arch, e.CPU, e.Threads, e.Cores, e.Level)
	return w.Flush()
}

// printJSON prints a value on one line.
func printJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}
