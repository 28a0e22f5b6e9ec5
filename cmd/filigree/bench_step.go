package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/models/lm"
	"github.com/seed073b5613/filigree/models/translate"
	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

type benchStep struct {
	Model    string        `default:"lenet" enum:"lenet,wrn,chargru,transformer" help:"Network: lenet (LeNet-300-100, 784 inputs), wrn (wide residual network, 3x32x32), chargru (character model of 512 gated recurrent units) or transformer (that of filigree train translate)."`
	Method   string        `default:"rigl" enum:"dense,static,rigl" help:"Training method: dense, static or rigl."`
	Sparsity float64       `default:"0.9" help:"Share of zeros; ignored for dense."`
	Block    string        `default:"1x1" help:"Block shape: 1x1, 2x1, 4x1 or 16x1."`
	Batch    int           `default:"128" help:"Images, or sequences, in a batch."`
	Length   int           `default:"128" help:"Characters of a sequence of chargru; tokens of a side, the end counted, of transformer."`
	Depth    int           `default:"22" help:"Depth of wrn."`
	Width    int           `default:"2" help:"Width of wrn."`
	Threads  int           `help:"Workers; 0 for one a core."`
	Time     time.Duration `default:"1s" help:"Time to spend."`
	JSON     bool          `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (benchStep) Help() string {
	return `Examples:
  filigree bench step --model lenet --method rigl --sparsity 0.98
  filigree bench step --model wrn --sparsity 0.9 --threads 1 --json

  filigree bench step --model chargru --batch 32 --length 128
  filigree bench step --model transformer --batch 64 --length 17

A step is forward, backward and SGD with Nesterov momentum, for chargru and transformer
Adam, on one random batch.
step_ms counts a RigL update every 100 steps in; plain_ms is a step without one.`
}

// Validate checks the flags.
func (c *benchStep) Validate() error {
	switch {
	case !(c.Sparsity >= 0 && c.Sparsity < 1):
		return fmt.Errorf("--sparsity %v: must be at least 0 and below 1", c.Sparsity)
	case c.Batch < 1 || c.Batch > 1<<16:
		return fmt.Errorf("--batch %d: must be from 1 to 65536", c.Batch)
	case c.Length < 1 || c.Length > 1<<16:
		return fmt.Errorf("--length %d: must be from 1 to 65536", c.Length)
	case c.Threads < 0:
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	case c.Time <= 0:
		return fmt.Errorf("--time %v: must be positive", c.Time)
	}
	if _, err := sparse.ParseBlock(c.Block); err != nil {
		return fmt.Errorf("--block %w", err)
	}
	return nil
}

// benchStepRow is the measurement of one network. The memory is that of weights,
// gradients and optimizer state, and of an update where there is one.
type benchStepRow struct {
	Model     string  `json:"model"`
	Method    string  `json:"method"`
	Sparsity  float64 `json:"sparsity"`
	Block     string  `json:"block"`
	Batch     int     `json:"batch"`
	Threads   int     `json:"threads"`
	Level     string  `json:"level"`
	StepMS    float64 `json:"step_ms"`
	PlainMS   float64 `json:"plain_ms"`
	UpdateMS  float64 `json:"update_ms,omitempty"`
	GFLOPS    float64 `json:"gflops"`
	Bytes     int     `json:"training_bytes"`
	DenseSize int     `json:"dense_training_bytes"`
}

// Run measures and prints.
func (c *benchStep) Run(_ context.Context, io console) error {
	if c.Threads > 0 {
		parallel.SetWorkers(c.Threads)
	}
	s, err := newStepper(c)
	if err != nil {
		return err
	}
	row := benchStepRow{Model: c.Model, Method: c.Method, Sparsity: c.Sparsity, Block: c.Block, Batch: c.Batch,
		Threads: parallel.Workers(), Level: kernel.Active().String()}
	s.step()
	row.PlainMS = median(c.Time, s.step) * 1e3
	row.StepMS = row.PlainMS
	row.Bytes, row.DenseSize = s.bytes()
	if rigl, ok := s.method.(*prune.RigL); ok {
		row.UpdateMS = median(c.Time/4, func() { s.update(rigl) }) * 1e3
		row.StepMS = (100*row.PlainMS + row.UpdateMS) / 100
		row.Bytes = max(row.Bytes, s.updatePeak(rigl))
	}
	row.GFLOPS = 3 * s.flops() * float64(c.Batch) / row.PlainMS / 1e6
	if c.JSON {
		return printJSON(io.out, row)
	}
	fmt.Fprintf(io.out, "%s %s, batch %d, %d threads, %s: %.3f ms a step (%.3f plain, %.3f an update), %.1f GFLOP/s, %.0f kB of weights, gradients and state (dense %.0f)\n",
		row.Model, row.Method, row.Batch, row.Threads, row.Level, row.StepMS, row.PlainMS, row.UpdateMS, row.GFLOPS, float64(row.Bytes)/1e3, float64(row.DenseSize)/1e3)
	return nil
}

// stepper is a network with all that a training step needs.
type stepper struct {
	net    nn.Layer
	params []*nn.Param
	method prune.Method
	ws     []prune.Weight
	opt    optim.Optimizer
	slots  int // values the optimizer keeps of a weight
	tape   *grad.Tape
	x      *tensor.Tensor
	labels []int32

	smoothing float32 // of the labels
}

func newStepper(c *benchStep) (*stepper, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	s := &stepper{tape: &grad.Tape{}, method: prune.Dense{}}
	if err := s.build(c, rng); err != nil {
		return nil, err
	}
	R, err := sparse.ParseBlock(c.Block)
	if err != nil {
		return nil, err
	}
	s.params = nn.Params(s.net)
	switch c.Method {
	case "static":
		s.method = prune.Static{Sparsity: c.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R}}
	case "rigl":
		s.method = &prune.RigL{Rewiring: prune.Rewiring{Sparsity: c.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
			Until: 1 << 30, Every: 1}}
	}
	s.ws = prune.Weights(s.params)
	if err := s.method.Begin(s.ws, rng); err != nil {
		return nil, err
	}
	return s, nil
}

// build sets the network, its optimizer and a batch.
func (s *stepper) build(c *benchStep, rng *rand.Rand) error {
	switch c.Model {
	case "chargru":
		return s.buildCharGRU(c, rng)
	case "transformer":
		return s.buildTransformer(c, rng)
	}
	spec := vision.Spec{Arch: vision.LeNet300100, Classes: 10, Input: []int{784}}
	if c.Model == "wrn" {
		spec = vision.Spec{Arch: vision.WRN, Classes: 10, Input: []int{3, 32, 32}, Depth: c.Depth, Width: float64(c.Width)}
	}
	net, err := vision.New(spec, rng)
	if err != nil {
		return err
	}
	s.net, s.opt, s.slots = net, &optim.SGD{Momentum: 0.9, Nesterov: true, Decay: 5e-4}, 1
	shape := spec.InputShape(c.Batch)
	s.x = tensor.Of(random(rng, tensor.Size(shape)), shape...)
	s.label(c.Batch, 10, rng)
	return nil
}

func (s *stepper) buildCharGRU(c *benchStep, rng *rand.Rand) error {
	const symbols = 256
	net, err := lm.New(lm.Spec{Arch: lm.CharGRU, Symbols: symbols}, rng)
	if err != nil {
		return err
	}
	s.net, s.opt, s.slots = net, &optim.Adam{}, 2
	s.x = tensor.New(c.Length, c.Batch)
	for i := range s.x.Data {
		s.x.Data[i] = float32(rng.IntN(symbols))
	}
	s.label(c.Length*c.Batch, symbols, rng)
	return nil
}

func (s *stepper) buildTransformer(c *benchStep, rng *rand.Rand) error {
	spec := translate.Small(4000, 1)
	net, err := translate.New(spec, nil, rng)
	if err != nil {
		return err
	}
	net.Dropout.Random = rng
	s.net, s.opt, s.slots = net, &optim.Adam{}, 2
	pairs := make([][]int32, c.Batch)
	for i := range pairs {
		pairs[i] = make([]int32, c.Length-1)
		for j := range pairs[i] {
			pairs[i][j] = int32(3 + rng.IntN(spec.Vocabulary-3))
		}
	}
	s.x, s.labels = data.NewPairBatch(pairs, pairs).Tensor()
	s.smoothing = 0.1
	return nil
}

// label draws labels.
func (s *stepper) label(n, classes int, rng *rand.Rand) {
	s.labels = make([]int32, n)
	for i := range s.labels {
		s.labels[i] = int32(rng.IntN(classes))
	}
}

func (s *stepper) backward() {
	s.tape.Reset()
	nn.ZeroGrads(s.params)
	s.tape.Backward(grad.CrossEntropy(s.tape, s.net.Forward(s.tape, s.tape.Input(s.x)), s.labels, s.smoothing))
}

func (s *stepper) step() {
	s.backward()
	s.opt.Step(s.params, 1e-3)
}

// update is a step in which the topology changes.
func (s *stepper) update(r *prune.RigL) {
	r.Prepare(0, s.ws)
	s.backward()
	s.change(r)
}

func (s *stepper) change(r *prune.RigL) {
	for _, c := range r.Step(0, s.ws) {
		s.opt.Remap(c.Param, c.Moves)
	}
}

// updatePeak returns the most bytes held during an update: the largest block of a dense
// gradient that is scanned comes on top of the rest.
func (s *stepper) updatePeak(r *prune.RigL) int {
	r.Prepare(0, s.ws)
	most := 0
	for _, p := range s.params {
		if scan := p.Scan; scan != nil {
			p.Scan = func(row int, g []float32) {
				most = max(most, 4*len(g))
				scan(row, g)
			}
		}
	}
	s.backward()
	s.change(r)
	bytes, _ := s.bytes()
	return bytes + most
}

// bytes returns the memory of weights, gradients and optimizer state, and what a dense network
// would need.
func (s *stepper) bytes() (held, dense int) {
	for _, p := range s.params {
		held += p.Bytes() + 4*s.slots*len(p.Values())
		dense += (2 + s.slots) * 4 * p.Size()
	}
	return held, dense
}

// flops returns the operations of a forward pass of one image.
func (s *stepper) flops() float64 {
	n := 0.0
	for _, p := range s.params {
		if p.Prunable {
			n += 2 * float64(p.NNZ()) * float64(p.Uses)
		}
	}
	return n
}
