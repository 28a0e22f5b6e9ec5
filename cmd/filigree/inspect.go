package main

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

type inspectCommand struct {
	File string `arg:"" help:"A model.safetensors, or a run directory."`
	JSON bool   `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (inspectCommand) Help() string {
	return `Examples:
  filigree inspect runs/digits/20260102-030405-1
  filigree inspect model.safetensors --json

A layer runs sparse while its density is below the break-even, and dense under a
mask above it, whichever is faster on this kind of machine.`
}

// inspection is what inspect prints as JSON.
type inspection struct {
	Model        string        `json:"model"`
	Architecture string        `json:"architecture"`
	Task         string        `json:"task"`
	Method       string        `json:"method"`
	Weights      int           `json:"weights"`
	Nonzeros     int           `json:"nonzeros"`
	Sparsity     float64       `json:"sparsity"`
	MACs         int64         `json:"macs"`
	DenseMACs    int64         `json:"dense_macs"`
	Bytes        int           `json:"bytes"`
	Layers       []train.Layer `json:"layers"`
}

// Run shows a model.
func (c *inspectCommand) Run(io console) error {
	path, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	m, err := tasks.Open(path)
	if err != nil {
		return err
	}
	v := inspect(m)
	if c.JSON {
		return printJSON(io.out, v)
	}
	fmt.Fprintf(io.out, "%s: %s for %s, trained with %s (seed %d)\n\n", show(m.Path), m.Arch, m.Task, m.Settings.Method, m.Settings.Seed)
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	printLayers(w, m.Layers)
	return w.Flush()
}

// inspect sums a model up.
func inspect(m *tasks.Model) inspection {
	v := inspection{Model: m.Path, Architecture: m.Arch, Task: m.Task, Method: m.Settings.Method, Layers: m.Layers}
	for _, l := range m.Layers {
		v.Weights += l.Weights
		v.Nonzeros += l.Nonzeros
		v.MACs += l.MACs
		v.DenseMACs += l.DenseMACs
		v.Bytes += l.Bytes
	}
	v.Sparsity = 1 - float64(v.Nonzeros)/float64(max(v.Weights, 1))
	return v
}
