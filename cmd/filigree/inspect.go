package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
	"github.com/seed073b5613/filigree/weights"
)

type inspectCommand struct {
	File string `arg:"" help:"A model or a voice, or a run directory."`
	JSON bool   `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (inspectCommand) Help() string {
	return `Examples:
  filigree inspect runs/digits/20260102-030405-1
  filigree inspect model.safetensors --json
  filigree inspect runs/cathy/voice.safetensors

A layer runs sparse while its density is below the break-even, and dense under a
mask above it, whichever is faster on this kind of machine. Parts of
networks for speech run at different rates, so their MACs are not summed up.`
}

// inspection is what inspect prints as JSON.
type inspection struct {
	Model        string        `json:"model"`
	Architecture string        `json:"architecture"`
	Task         string        `json:"task"`
	Method       string        `json:"method"`
	Parameters   int           `json:"parameters"` // if all weights existed
	Weights      int           `json:"weights"`    // prunable ones, if all existed
	Nonzeros     int           `json:"nonzeros"`   // of them
	Sparsity     float64       `json:"sparsity"`
	MACs         int64         `json:"macs"` // a sample, of all layers
	DenseMACs    int64         `json:"dense_macs"`
	Bytes        int           `json:"bytes"`
	Layers       []train.Layer `json:"layers"`
	Others       train.Layer   `json:"others"` // never pruned
}

// Run shows a model.
func (c *inspectCommand) Run(io console) error {
	path, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	if v, err := inspectSpeech(path); v != nil || err != nil {
		if err != nil {
			return err
		}
		return c.print(io, *v, v.Architecture)
	}
	m, err := tasks.Open(path)
	if err != nil {
		return err
	}
	return c.print(io, inspect(m), fmt.Sprintf("%s for %s, trained with %s (seed %d)", m.Arch, m.Task, m.Settings.Method, m.Settings.Seed))
}

// print prints what was found.
func (c *inspectCommand) print(io console, v inspection, what string) error {
	if c.JSON {
		return printJSON(io.out, v)
	}
	fmt.Fprintf(io.out, "%s: %s\n\n", show(v.Model), what)
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	printLayers(w, v.Layers, v.Others)
	return w.Flush()
}

// inspectSpeech looks into a network for speech; nil if path is something else.
func inspectSpeech(path string) (*inspection, error) {
	if stat, err := os.Stat(path); err == nil && stat.IsDir() {
		dir := path
		for _, name := range []string{"voice.safetensors", "model.safetensors", "checkpoints/best.safetensors"} {
			path = filepath.Join(dir, name)
			if _, err := os.Stat(path); err == nil {
				break
			}
		}
	}
	f, err := weights.Open(path)
	if err != nil {
		return nil, nil // what opens tasks says what is wrong
	}
	arch := f.Metadata["architecture"]
	if err := f.Close(); err != nil {
		return nil, err
	}
	var net any
	switch arch {
	case speech.Arch:
		net, err = speech.Open(path)
	case eats.Arch:
		net, err = eats.Open(path)
	case gantts.Arch:
		net, _, err = gantts.Open(path)
	case wavernn.Arch:
		net, err = wavernn.Open(path)
	default:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ps := nn.Params(net)
	for _, p := range ps {
		p.Prunable = p.Prunable || len(p.Shape) > 1 // all matrices are of interest
	}
	v := inspection{Model: path, Architecture: arch, Task: "speech", Layers: train.Layers(ps, nil), Others: train.Others(ps)}
	v.sum()
	return &v, nil
}

// inspect sums a model up.
func inspect(m *tasks.Model) inspection {
	v := inspection{Model: m.Path, Architecture: m.Arch, Task: m.Task, Method: m.Settings.Method, Layers: m.Layers, Others: m.Others}
	v.sum()
	return v
}

func (v *inspection) sum() {
	v.Parameters, v.MACs, v.DenseMACs, v.Bytes = v.Others.Weights, v.Others.MACs, v.Others.DenseMACs, v.Others.Bytes
	for _, l := range v.Layers {
		v.Parameters += l.Weights
		v.Weights += l.Weights
		v.Nonzeros += l.Nonzeros
		v.MACs += l.MACs
		v.DenseMACs += l.DenseMACs
		v.Bytes += l.Bytes
	}
	v.Sparsity = 1 - float64(v.Nonzeros)/float64(max(v.Weights, 1))
}
