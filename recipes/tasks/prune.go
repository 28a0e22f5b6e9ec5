package tasks

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
)

// Prune takes weights of the model at path away, without training, and saves what is left
// as out. Of s, Method (magnitude or random), Sparsity, Distribution, Block, Keep and Seed
// count. A model that is sparse already is pruned further: what does not exist stays away.
func Prune(path, out string, s Settings) (*Model, error) {
	m, err := Open(path)
	if err != nil {
		return nil, err
	}
	distribution, err := distributionOf(s)
	if err != nil {
		return nil, err
	}
	R, err := sparse.ParseBlock(s.Block)
	if err != nil {
		return nil, err
	}
	ps := nn.Params(m.Net)
	if err := checkKeep(s.Keep, ps); err != nil {
		return nil, err
	}
	if err := checkSparsity(s, ps, R); err != nil {
		return nil, err
	}
	first := topology(ps)
	for _, p := range ps {
		if p.Prunable {
			p.SetDense()
		}
	}
	var method prune.Method
	switch structure := (prune.Structure{Rows: R}); s.Method {
	case "magnitude":
		method = prune.Magnitude{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, Global: s.Distribution == "global", First: first}
	case "random":
		method = &prune.RandomPruning{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, First: first}
	default:
		return nil, fmt.Errorf("tasks: %s cannot prune without training: magnitude and random can", s.Method)
	}
	ws := prune.Weights(ps)
	if err := method.Begin(ws, rand.New(rand.NewPCG(s.Seed, streamTopology))); err != nil {
		return nil, err
	}
	method.Step(0, ws)
	c := config{Task: m.Task, Settings: m.Settings}
	c.Ticket, c.Method, c.Sparsity, c.Distribution, c.Block, c.Keep = "", s.Method, s.Sparsity, s.Distribution, s.Block, s.Keep
	metadata, err := c.metadata(m.origin)
	if err != nil {
		return nil, fmt.Errorf("tasks: save %s: %w", out, err)
	}
	if err := m.model.save(out, metadata); err != nil {
		return nil, err
	}
	m.Path, m.Settings = out, c.Settings
	m.Layers, m.Others = layersOf(m.model)
	return m, nil
}

// FineTuning returns the settings of a training that prunes the model at path: those it was
// trained with, at a tenth of the learning rate, pruned from the start to three quarters in
// twenty steps. What only the method had a use for that it was trained by is left out. A model
// that is sparse already is its own ticket: what does not exist stays away.
func FineTuning(m *Model, s Settings, epochs int, rate float64) (Settings, error) {
	t := m.Settings
	t.Init, t.Epochs, t.Steps, t.Multiplier, t.WarmUp = m.Path, epochs, 0, 1, 0
	t.Method, t.Sparsity, t.Distribution, t.Block, t.Keep, t.Seed = s.Method, s.Sparsity, s.Distribution, s.Block, s.Keep, s.Seed
	t.Begin, t.Until, t.Every, t.Rate = 0, 0.75, 0, rate
	if rate == 0 {
		t.Rate = m.Settings.Rate / 10
	}
	if task, err := Find(m.Task); err == nil {
		t.DropFraction, t.DropSchedule = task.Default.DropFraction, task.Default.DropSchedule
		if t.Method == "snip" {
			t.Begin = task.Default.Begin
		}
	}
	t.Ticket, t.GrowInit, t.Redistribute, t.ShareGateMask, t.Penalty, t.Threshold = "", "zero", false, false, 0, 0
	t.Evolve, t.Population, t.Sampling, t.Spread, t.EvolveRate, t.Generation, t.Separable, t.Independent = "", 0, "", 0, 0, 0, false, false
	if len(topology(nn.Params(m.Net))) == 0 {
		return t, nil
	}
	if t.Method != "magnitude" && t.Method != "random" {
		return t, fmt.Errorf("tasks: %s is sparse already: magnitude and random prune it further, %s starts from a dense network", m.Path, t.Method)
	}
	t.Ticket = m.Path
	return t, nil
}
