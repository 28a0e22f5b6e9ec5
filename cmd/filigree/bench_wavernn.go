package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

type benchWaveRNN struct {
	Units    int           `default:"1024" help:"Recurrent units: a multiple of 32."`
	Sparsity float64       `default:"0.95" help:"Share of zeros of the recurrent weights, of each gate on its own."`
	Block    string        `default:"16x1" enum:"16x1,16x4,4x4,1x1" help:"Weights exist in blocks of this shape: 16x1, 16x4, 4x4 or 1x1."`
	Weights  string        `default:"f32" enum:"f32,bf16,int8" help:"How weights are stored: f32, bf16 or int8."`
	Heads    string        `default:"dense" enum:"dense,sparse" help:"Output layers: dense, or sparse at 90 %, in the same blocks."`
	Streams  int           `help:"Draw 2, 4, 8 or 16 streams at a time from a subscale model of f32, with a horizon of 16; 0 for one stream."`
	Threads  int           `default:"1" help:"Threads: one stream is sampled on one."`
	Time     time.Duration `default:"1s" help:"Time of each of the two measurements; the fastest 160 samples, or products, count."`
	JSON     bool          `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (benchWaveRNN) Help() string {
	return `Examples:
  filigree bench wavernn
  filigree bench wavernn --weights int8 --heads sparse --json
  filigree bench wavernn --units 512 --sparsity 0.8 --block 4x4
  filigree bench wavernn --streams 16 --threads 2

Draws samples from a network of random weights, at batch 1, with everything a
sample takes: the recurrent product, the gates, two output networks and two draws
from 256 classes. A frame of conditioning comes every 160 samples.`
}

// headSparsity is the sparsity of sparse output layers.
const headSparsity = 0.9

// benchHop is how many samples share a frame, and benchFeatures how long a frame is.
const (
	benchHop      = 160
	benchFeatures = 80
)

// Validate checks the flags.
func (c *benchWaveRNN) Validate() error {
	if c.Units < 32 || c.Units > 8192 || c.Units%32 != 0 {
		return fmt.Errorf("--units %d: must be a multiple of 32 up to 8192", c.Units)
	}
	if !(c.Sparsity >= 0 && c.Sparsity < 1) {
		return fmt.Errorf("--sparsity %g: must be at least 0 and below 1", c.Sparsity)
	}
	if c.Streams != 0 && (!slices.Contains([]int{2, 4, 8, 16}, c.Streams) || c.Weights != "f32") {
		return fmt.Errorf("--streams %d, --weights %s: can be 2, 4, 8 or 16, of f32", c.Streams, c.Weights)
	}
	if c.Threads < 1 || c.Threads > 1 && c.Streams == 0 {
		return fmt.Errorf("--threads %d: a stream is sampled on one thread", c.Threads)
	}
	if c.Time <= 0 || c.Time > time.Minute {
		return fmt.Errorf("--time %v: must be above 0 and at most a minute", c.Time)
	}
	return nil
}

type benchWaveRNNRow struct {
	Units      int     `json:"units"`
	Sparsity   float64 `json:"sparsity"` // of the recurrent weights, as it came out
	Block      string  `json:"block"`
	Weights    string  `json:"weights"`
	Heads      string  `json:"heads"`
	Streams    int     `json:"streams,omitempty"`
	Threads    int     `json:"threads"`
	Level      string  `json:"level"`
	Samples    float64 `json:"samples_per_second"`
	Realtime24 float64 `json:"realtime_24k"`
	Realtime16 float64 `json:"realtime_16k"`
	Product    float64 `json:"product_us,omitempty"` // the recurrent product alone
	Bytes      int     `json:"weight_bytes,omitempty"`
}

// Run measures and prints.
func (c *benchWaveRNN) Run(ctx context.Context, io console) error {
	rng := rand.New(rand.NewPCG(1, 1))
	spec := wavernn.Spec{Units: c.Units, Features: benchFeatures, Condition: 64, Hop: benchHop}
	if c.Streams > 0 {
		spec.Subscale = wavernn.Subscale{Streams: c.Streams, Horizon: 16, Context: 48, Layers: 5}
	}
	m, err := wavernn.New(spec, rng)
	if err != nil {
		return err
	}
	recurrent := m.Cell.Recurrent.Recurrent
	c.sparsify(recurrent, 3, c.Sparsity, rng)
	if c.Heads == "sparse" {
		for _, l := range []*nn.Linear{m.O1, m.O2, m.O3, m.O4} {
			c.sparsify(l.Weight, 1, headSparsity, rng)
		}
	}
	row := benchWaveRNNRow{Units: c.Units, Sparsity: 1 - recurrent.Density(), Block: c.Block, Weights: c.Weights, Heads: c.Heads,
		Streams: c.Streams, Threads: c.Threads, Level: kernel.Active().String()}
	if c.Streams > 0 {
		return c.streams(ctx, io, m, row)
	}
	precision, err := kernel.ParsePrecision(c.Weights)
	if err != nil {
		return err
	}
	rows, cols := 16, 1
	if c.Block[:2] != "16" { // the sampler takes blocks of 16x4 as four of 16x1
		rows, cols = int(c.Block[0]-'0'), int(c.Block[2]-'0')
	}
	s, err := wavernn.NewSession(m, wavernn.Options{Weights: precision, Seed: 1, Rows: rows, Cols: cols})
	if err != nil {
		return err
	}
	row.Bytes = s.Bytes()
	frame, ready := make([]float32, benchFeatures), func() error { return nil }
	second, err := fastest(ctx, c.Time, func() {
		s.Frame(frame)
		for range benchHop {
			s.Next()
		}
	}, ready)
	if err != nil {
		return err
	}
	x, y := make([]float32, c.Units), make([]float32, 3*c.Units)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
	}
	product, err := fastest(ctx, c.Time, func() {
		for range benchHop {
			s.Recurrent().Multiply(y, x)
		}
	}, ready)
	if err != nil {
		return err
	}
	row.Samples = benchHop / second
	row.Product = 1e6 * product / benchHop
	return c.print(io, row)
}

// streams measures a subscale model: the fastest 20 steps in which all streams draw.
func (c *benchWaveRNN) streams(ctx context.Context, io console, m *wavernn.Model, row benchWaveRNNRow) error {
	setThreads(c.Threads)
	s, err := wavernn.NewStreams(m, wavernn.Options{Seed: 1})
	if err != nil {
		return err
	}
	const frames, together = 40, 20
	steps, step := 0, 0
	sub := m.Spec().Subscale
	ramp := (sub.Streams - 1) * (sub.Horizon + 1)
	second, err := fastest(ctx, c.Time, func() {
		for range together {
			s.Step(step)
			step++
		}
	}, func() error {
		if step+together+ramp <= steps {
			return nil
		}
		if steps, err = s.Begin(make([]float32, frames*sub.Streams*benchFeatures)); err != nil {
			return err
		}
		for step = range ramp {
			s.Step(step)
		}
		return nil
	})
	if err != nil {
		return err
	}
	row.Samples = float64(together*sub.Streams) / second
	return c.print(io, row)
}

// print finishes a row and prints it.
func (c *benchWaveRNN) print(io console, row benchWaveRNNRow) error {
	row.Realtime24, row.Realtime16 = row.Samples/24e3, row.Samples/16e3
	if c.JSON {
		return printJSON(io.out, row)
	}
	streams := "one stream"
	if c.Streams > 0 {
		streams = fmt.Sprintf("%d streams", c.Streams)
	}
	_, err := fmt.Fprintf(io.out, "%d units, %.4g %% sparse in %s blocks, %s weights, %s heads, %s, %d threads (%s):\n%.0f samples/s, %.2f times real time at 24 kHz, %.2f at 16 kHz\n",
		row.Units, 100*row.Sparsity, row.Block, row.Weights, row.Heads, streams, row.Threads, row.Level, row.Samples, row.Realtime24, row.Realtime16)
	if err == nil && c.Streams == 0 {
		_, err = fmt.Fprintf(io.out, "recurrent product %.2f us; %s of weights\n", row.Product, byteCount(int64(row.Bytes)))
	}
	return err
}

// sparsify keeps a share of a weight's blocks, in each of so many equal parts of its rows.
func (c *benchWaveRNN) sparsify(p *nn.Param, parts int, sparsity float64, rng *rand.Rand) {
	R, tall, wide := 16, 1, 1 // rows of storage, and rows and columns of a block in units of storage
	switch c.Block {
	case "16x4":
		wide = 4
	case "4x4":
		R, tall, wide = 1, 4, 4
	case "1x1":
		R = 1
	}
	mask := sparse.NewMask(p.M(), p.K(), R)
	part, across := mask.Groups()/parts/tall, p.K()/wide
	for i := range parts {
		n := part * across
		for _, b := range rng.Perm(n)[int(sparsity*float64(n)):] {
			for r := range tall {
				for k := range wide {
					mask.Set((i*part+b/across)*tall+r, b%across*wide+k, true)
				}
			}
		}
	}
	p.SetSparse(mask)
}

// fastest calls f for a time and returns the seconds of the shortest call, which is the one
// that others disturbed least. Before each call it calls prepare.
func fastest(ctx context.Context, d time.Duration, f func(), prepare func() error) (float64, error) {
	best := math.Inf(1)
	for begin := time.Now(); time.Since(begin) < d; {
		if err := errors.Join(ctx.Err(), prepare()); err != nil {
			return 0, err
		}
		start := time.Now()
		f()
		best = min(best, time.Since(start).Seconds())
	}
	return best, nil
}
