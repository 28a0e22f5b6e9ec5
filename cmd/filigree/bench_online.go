package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/online"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

type benchOnline struct {
	Learner       string        `default:"snap-1" help:"How it learns: bptt, rtrl, snap-N, uoro or rflo."`
	Cell          string        `default:"gru" enum:"vanilla,gru,lstm" help:"Recurrent cell: vanilla, gru or lstm."`
	Units         int           `default:"256" help:"Units."`
	Inputs        int           `help:"Inputs; 0 for a quarter of the units."`
	Sparsity      float64       `help:"Share of zeros in each matrix."`
	ShareGateMask bool          `help:"All gates have the same weights."`
	Length        int           `default:"512" help:"Steps of the sequence, which is what BPTT goes back through."`
	Period        int           `default:"16" help:"Steps the learner is shown at a time, after which weights could change: 1 for each step, 0 for the whole sequence."`
	Threads       int           `default:"1" help:"Workers; 0 for one a core."`
	Time          time.Duration `default:"1s" help:"Time to spend on each of the two."`
	JSON          bool          `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (benchOnline) Help() string {
	return `Examples:
  filigree bench online --learner snap-1 --units 512
  filigree bench online --learner snap-2 --sparsity 0.95 --share-gate-mask --json
  filigree bench online --learner rtrl --units 256 --period 1 --time 3s

A step is forward and backward through a recurrent layer for one sequence, without readout
and optimizer, beside back-propagation of the same layer through the whole sequence. Bytes
are what is held besides weights and input: gradients, states and influence.`
}

// maxEntries bounds the influence a benchmark may ask for: 16 GB.
const maxEntries = 4 << 30

// Validate checks the flags.
func (c *benchOnline) Validate() error {
	if _, err := online.ParseMethod(c.Learner); err != nil {
		return fmt.Errorf("--learner: %w", err)
	}
	for _, f := range []struct {
		name       string
		value, low int
	}{{"units", c.Units, 1}, {"inputs", c.Inputs, 0}, {"length", c.Length, 1}, {"period", c.Period, 0}, {"threads", c.Threads, 0}} {
		if f.value < f.low || f.value > 1<<14 {
			return fmt.Errorf("--%s %d: must be from %d to %d", f.name, f.value, f.low, 1<<14)
		}
	}
	if !(c.Sparsity >= 0 && c.Sparsity < 1) {
		return fmt.Errorf("--sparsity %v: must be at least 0 and below 1", c.Sparsity)
	}
	if c.Time <= 0 {
		return fmt.Errorf("--time %v: must be positive", c.Time)
	}
	return nil
}

// benchOnlineRow is the measurement.
type benchOnlineRow struct {
	Learner    string  `json:"learner"`
	Cell       string  `json:"cell"`
	Units      int     `json:"units"`
	Inputs     int     `json:"inputs"`
	Sparsity   float64 `json:"sparsity"`
	Weights    int     `json:"weights"` // that exist, biases counted
	Length     int     `json:"length"`
	Period     int     `json:"period"`
	Threads    int     `json:"threads"`
	Level      string  `json:"level"`
	US         float64 `json:"us_per_step"`
	Bytes      int     `json:"bytes"`
	BPTTUS     float64 `json:"bptt_us_per_step"`
	BPTTBytes  int     `json:"bptt_bytes"`
	Entries    int     `json:"influence_entries"`
	Multiplies int64   `json:"influence_multiplications"` // a step
}

// Run measures and prints.
func (c *benchOnline) Run(_ context.Context, io console) error {
	setThreads(c.Threads)
	method, err := online.ParseMethod(c.Learner)
	if err != nil {
		return err
	}
	if c.Inputs == 0 {
		c.Inputs = max(1, c.Units/4)
	}
	if c.Period == 0 || c.Period > c.Length {
		c.Period = c.Length
	}
	row := benchOnlineRow{Learner: c.Learner, Cell: c.Cell, Units: c.Units, Inputs: c.Inputs, Length: c.Length, Period: c.Period,
		Threads: parallel.Workers(), Level: kernel.Active().String()}
	layer, err := c.layer()
	if err != nil {
		return err
	}
	row.Sparsity = 1 - nn.Density(layer)
	for _, p := range nn.Params(layer) {
		row.Weights += p.NNZ()
	}
	learner := online.New(layer, method, 1)
	if n := learner.Least(); n > maxEntries {
		return fmt.Errorf("%s of %d units would hold at least %d values of influence", c.Learner, c.Units, n)
	}
	base := &onlineStepper{layer: layer, C: c.Inputs, H: c.Units, length: c.Length, chunk: c.Length}
	row.BPTTUS, row.BPTTBytes = base.measure(c.Time)
	row.Entries, row.Multiplies = learner.Entries(), learner.Work()
	if row.Entries > maxEntries {
		return fmt.Errorf("%s of %d units would hold %d values of influence", c.Learner, c.Units, row.Entries)
	}
	own := &onlineStepper{layer: learner, C: c.Inputs, H: c.Units, length: c.Length, chunk: c.Period}
	row.US, row.Bytes = own.measure(c.Time)
	if c.JSON {
		return printJSON(io.out, row)
	}
	_, err = fmt.Fprintf(io.out, "%s, %s of %d units and %d inputs, %.4g %% sparse, %d steps at a time: %.1f µs a step, %s; BPTT through %d steps: %.1f µs, %s; %d values of influence, %d multiplications a step\n",
		row.Learner, row.Cell, row.Units, row.Inputs, 100*row.Sparsity, row.Period, row.US, byteCount(int64(row.Bytes)), row.Length, row.BPTTUS, byteCount(int64(row.BPTTBytes)), row.Entries, row.Multiplies)
	return err
}

// layer returns the layer with its topology.
func (c *benchOnline) layer() (nn.Layer, error) {
	rng := rand.New(rand.NewPCG(1, 1))
	var l nn.Layer
	switch c.Cell {
	case "vanilla":
		l = nn.NewRNN(c.Inputs, c.Units, rng)
	case "gru":
		l = nn.NewGRU(c.Inputs, c.Units, rng)
	default:
		l = nn.NewLSTM(c.Inputs, c.Units, rng)
	}
	if c.Sparsity == 0 {
		return l, nil
	}
	for _, p := range nn.Params(l) {
		p.Parts = p.M() / c.Units
	}
	s := prune.Static{Sparsity: c.Sparsity, Distribution: prune.Even, SharedParts: c.ShareGateMask}
	return l, s.Begin(prune.Weights(nn.Params(l)), rng)
}

// onlineStepper shows a layer a sequence and random gradients of its states.
type onlineStepper struct {
	layer         nn.Layer
	C, H          int
	length, chunk int
}

// measure returns the time of a step and the memory that is held besides weights and input.
func (s *onlineStepper) measure(budget time.Duration) (us float64, bytes int) {
	rng := rand.New(rand.NewPCG(2, 2))
	x, d := random(rng, s.C*s.chunk), random(rng, s.H*s.chunk)
	ps := nn.Params(s.layer)
	for _, p := range ps {
		p.Grad = nil
	}
	before := heap()
	tape := &grad.Tape{}
	sequence := func() {
		nn.ZeroGrads(ps)
		if l, ok := s.layer.(*online.Learner); ok {
			l.Reset()
		}
		for lo := 0; lo < s.length; lo += s.chunk {
			s.show(tape, x, d, min(s.chunk, s.length-lo))
		}
	}
	us = median(budget, sequence) * 1e6 / float64(s.length)
	bytes = heap() - before
	runtime.KeepAlive(tape)
	runtime.KeepAlive(s.layer)
	return us, bytes
}

// show runs some steps forward and backward.
func (s *onlineStepper) show(tape *grad.Tape, x, d []float32, steps int) {
	tape.Reset()
	y := s.layer.Forward(tape, tape.Input(tensor.Of(x[:s.C*steps], s.C, steps, 1)))
	loss := tape.New(1)
	tape.Record(loss, func() {
		g, _ := tape.GradOf(y)
		copy(g, d)
	}, y)
	tape.Backward(loss)
}

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
