package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

type benchSET struct {
	Neurons  int     `default:"3000" help:"Units of each hidden layer."`
	Layers   int     `default:"3" help:"Hidden layers."`
	Features int     `default:"8000" help:"Inputs."`
	Classes  int     `default:"5" help:"Outputs."`
	Samples  int     `default:"160" help:"Samples of an epoch."`
	Batch    int     `default:"32" help:"Samples of a batch."`
	Epsilon  float64 `default:"20" help:"A layer of K inputs and M outputs has epsilon·(K + M) weights."`
	Drop     float64 `default:"0.3" help:"Share of the weights exchanged after the epoch."`
	Threads  int     `help:"Workers; 0 for one a core."`
	JSON     bool    `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (benchSET) Help() string {
	return `Examples:
  filigree bench set
  filigree bench set --neurons 300000 --batch 2 --json

One epoch of sparse evolutionary training of a perceptron on random data: its
steps (forward, backward, SGD with momentum) and the exchange of weights that
follows. The networks are those of Liu et al., "Sparse evolutionary deep learning
with over one million artificial neurons on commodity hardware" (arXiv:1901.09181),
which are never dense: 300,000 neurons a layer are 180 billion places for weights.`
}

// Validate checks the flags.
func (c *benchSET) Validate() error {
	for name, n := range map[string]int{"neurons": c.Neurons, "layers": c.Layers, "features": c.Features, "classes": c.Classes, "samples": c.Samples, "batch": c.Batch} {
		if n < 1 || n > 10_000_000 {
			return fmt.Errorf("--%s %d: must be from 1 to 10000000", name, n)
		}
	}
	if !(c.Epsilon > 0 && c.Epsilon <= 1e4) || !(c.Drop >= 0 && c.Drop < 1) || c.Threads < 0 {
		return fmt.Errorf("--epsilon %v, --drop %v, --threads %d: out of range", c.Epsilon, c.Drop, c.Threads)
	}
	return nil
}

// benchSETRow is the measurement.
type benchSETRow struct {
	Neurons      int     `json:"neurons"`
	Weights      int     `json:"weights"`
	Batch        int     `json:"batch"`
	Threads      int     `json:"threads"`
	Level        string  `json:"level"`
	BuildSeconds float64 `json:"build_seconds"`
	EpochSeconds float64 `json:"epoch_seconds"`    // steps and exchange
	SwapSeconds  float64 `json:"exchange_seconds"` // the exchange alone
	Bytes        int     `json:"training_bytes"`
	Loss         float64 `json:"loss"` // of the last batch
}

// Run measures and prints.
func (c *benchSET) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	start, rng := time.Now(), rand.New(rand.NewPCG(1, 1))
	net := c.net(rng)
	ps := nn.Params(net)
	ws := prune.Weights(ps)
	steps := (c.Samples + c.Batch - 1) / c.Batch
	set := &prune.SET{Rewiring: prune.Rewiring{Until: steps + 1, From: steps, Every: 1, Drop: prune.ConstantDrop(c.Drop)}}
	if err := set.Begin(ws, rng); err != nil {
		return err
	}
	row := benchSETRow{Neurons: c.Neurons, Batch: c.Batch, Threads: parallel.Workers(), Level: kernel.Active().String(), BuildSeconds: time.Since(start).Seconds()}
	x, labels := tensor.New(c.Features, c.Batch), make([]int32, c.Batch)
	tape, sgd := &grad.Tape{}, &optim.SGD{Momentum: 0.9}
	start = time.Now()
	for range steps {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for i := range x.Data {
			x.Data[i] = rng.Float32()
		}
		for i := range labels {
			labels[i] = int32(rng.IntN(c.Classes))
		}
		tape.Reset()
		nn.ZeroGrads(ps)
		loss := nn.CrossEntropy(tape, net.Forward(tape, tape.Input(x)), labels)
		tape.Backward(loss)
		sgd.Step(ps, 0.01)
		row.Loss = float64(loss.Value.Data[0])
	}
	swap := time.Now()
	for _, change := range set.Step(steps, ws) {
		sgd.Remap(change.Param, change.Moves)
	}
	row.SwapSeconds, row.EpochSeconds = time.Since(swap).Seconds(), time.Since(start).Seconds()
	for _, p := range ps {
		row.Bytes += p.Bytes() + 4*len(p.Values()) // and the momentum
		if p.Prunable {
			row.Weights += p.NNZ()
		}
	}
	if c.JSON {
		return printJSON(io.out, row)
	}
	_, err := fmt.Fprintf(io.out, "%d hidden layers of %d neurons, %d weights: %.2f s an epoch of %d samples in batches of %d, %.2f s of it to exchange weights; %.1f s to build; %s\n",
		c.Layers, c.Neurons, row.Weights, row.EpochSeconds, c.Samples, c.Batch, row.SwapSeconds, row.BuildSeconds, byteCount(int64(row.Bytes)))
	return err
}

// net returns the perceptron.
func (c *benchSET) net(rng *rand.Rand) nn.Sequential {
	var net nn.Sequential
	in := c.Features
	for range c.Layers {
		net = append(net, nn.NewSparseLinear(in, c.Neurons, c.density(in, c.Neurons), rng), nn.ReLU{})
		in = c.Neurons
	}
	return append(net, nn.NewSparseLinear(in, c.Classes, c.density(in, c.Classes), rng))
}

func (c *benchSET) density(K, M int) float64 {
	return min(1, c.Epsilon*(float64(K)+float64(M))/(float64(K)*float64(M)))
}
