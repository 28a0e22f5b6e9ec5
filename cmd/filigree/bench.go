package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

type benchCommand struct {
	Kernels benchKernels `cmd:"" help:"Time the products: dense, sparse, their gradients, a whole layer."`
	Step    benchStep    `cmd:"" help:"Time whole training steps of a network."`
	SET     benchSET     `cmd:"" name:"set" help:"Time an epoch of sparse evolutionary training of a huge perceptron."`
	WaveRNN benchWaveRNN `cmd:"" name:"wavernn" help:"Time the sampler of a sparse WaveRNN at batch 1."`
	Online  benchOnline  `cmd:"" help:"Time a step of learning online beside back-propagation through time."`
}

// shape is M×K×N of a product W[M,K]·X[K,N].
type shape struct{ M, K, N int }

// UnmarshalText reads "300x784x128".
func (s *shape) UnmarshalText(text []byte) error {
	parts := strings.Split(string(text), "x")
	if len(parts) != 3 {
		return fmt.Errorf("%q is not MxKxN, for example 300x784x128", text)
	}
	for i, p := range []*int{&s.M, &s.K, &s.N} {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 1 || n > 1<<20 {
			return fmt.Errorf("%q is not MxKxN, for example 300x784x128", text)
		}
		*p = n
	}
	return nil
}

var benchOps = []string{"gemm", "spmm", "spmmt", "sddmm", "layer"}

type benchKernels struct {
	Op       []string      `default:"gemm,spmm,spmmt,sddmm,layer" help:"Operations: gemm (dense), spmm (forward), spmmt (input gradient), sddmm (weight gradient), layer (those three)."`
	Shape    []shape       `default:"300x784x128" placeholder:"MxKxN" help:"Sizes: M outputs, K inputs, N columns (batch)."`
	Sparsity []float64     `default:"0.9" help:"Shares of zeros."`
	Block    []string      `default:"1x1" help:"Block shapes: 1x1, 2x1, 4x1 or 16x1."`
	Threads  int           `help:"Workers; 0 for one a core."`
	Time     time.Duration `default:"300ms" help:"Time to spend on a row."`
	JSON     bool          `help:"Print one JSON object a row."`
}

// Help shows how the command is used.
func (benchKernels) Help() string {
	return `Examples:
  filigree bench kernels --op spmm --shape 300x784x128 --sparsity 0.8,0.9,0.95
  filigree bench kernels --op layer --shape 1024x1024x128 --block 4x1 --threads 1 --json

Times are medians of repeated calls. GFLOP/s count the work on non-zero weights.`
}

// Validate checks the flags.
func (c *benchKernels) Validate() error {
	for _, op := range c.Op {
		if !slices.Contains(benchOps, op) {
			return fmt.Errorf("--op %s: not one of %s", op, strings.Join(benchOps, ", "))
		}
	}
	for _, s := range c.Sparsity {
		if !(s >= 0 && s < 1) {
			return fmt.Errorf("--sparsity %v: must be at least 0 and below 1", s)
		}
	}
	for _, b := range c.Block {
		if _, err := sparse.ParseBlock(b); err != nil {
			return fmt.Errorf("--block %w", err)
		}
	}
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	if c.Time <= 0 {
		return fmt.Errorf("--time %v: must be positive", c.Time)
	}
	return nil
}

// benchRow is one measurement.
type benchRow struct {
	Op       string  `json:"op"`
	M        int     `json:"m"`
	K        int     `json:"k"`
	N        int     `json:"n"`
	Sparsity float64 `json:"sparsity"`
	Block    string  `json:"block"`
	Threads  int     `json:"threads"`
	Level    string  `json:"level"`
	MS       float64 `json:"ms"`
	GFLOPS   float64 `json:"gflops"`
}

// Run measures and prints.
func (c *benchKernels) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	var table *tabwriter.Writer
	if !c.JSON {
		e := parallel.Workers()
		fmt.Fprintf(io.err, "%d threads, %v kernels\n", e, kernel.Active())
		table = tabwriter.NewWriter(io.out, 8, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(table, "op\tM\tK\tN\tsparsity\tblock\tms\tGFLOP/s\t")
	}
	for row := range c.rows {
		if ctx.Err() != nil {
			return fmt.Errorf("bench: interrupted")
		}
		row.measure(c.Time)
		if c.JSON {
			if err := printJSON(io.out, row); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%.3g\t%s\t%.4f\t%.1f\t\n", row.Op, row.M, row.K, row.N, row.Sparsity, row.Block, row.MS, row.GFLOPS)
	}
	if table != nil {
		return table.Flush()
	}
	return nil
}

// rows yields the combinations to measure; dense products once a shape.
func (c *benchKernels) rows(yield func(*benchRow) bool) {
	for _, op := range c.Op {
		for _, s := range c.Shape {
			row := benchRow{Op: op, M: s.M, K: s.K, N: s.N, Block: "1x1", Threads: parallel.Workers(), Level: kernel.Active().String()}
			if op == "gemm" {
				if !yield(&row) {
					return
				}
				continue
			}
			for _, block := range c.Block {
				for _, sparsity := range c.Sparsity {
					row.Block, row.Sparsity = block, sparsity
					if !yield(&row) {
						return
					}
				}
			}
		}
	}
}

// measure fills in the row's time and rate.
func (r *benchRow) measure(budget time.Duration) {
	rng := rand.New(rand.NewPCG(1, 2))
	X, Y, dX := random(rng, r.K*r.N), random(rng, r.M*r.N), make([]float32, r.K*r.N)
	if r.Op == "gemm" {
		W := random(rng, r.M*r.K)
		seconds := median(budget, func() {
			kernel.GEMM(false, false, r.M, r.N, r.K, 1, W, r.K, X, r.N, 0, Y, r.N)
		})
		r.report(seconds, 2*float64(r.M)*float64(r.K)*float64(r.N))
		return
	}
	R, err := sparse.ParseBlock(r.Block)
	if err != nil {
		panic(err) // Validate has checked it
	}
	W := randomSparse(rng, r.M, r.K, R, r.Sparsity)
	T := W.Twin()
	dW := make([]float32, len(W.Values))
	forward := func() { kernel.SpMM(&W.CSR, r.N, X, r.N, false, Y, r.N) }
	input := func() { kernel.SpMMT(&W.CSR, T, r.N, Y, r.N, false, dX, r.N) }
	weight := func() { kernel.SDDMM(&W.CSR, r.N, Y, r.N, X, r.N, dW) }
	work := 2 * float64(W.NNZ()) * float64(r.N)
	switch r.Op {
	case "spmm":
		r.report(median(budget, forward), work)
	case "spmmt":
		r.report(median(budget, input), work)
	case "sddmm":
		r.report(median(budget, weight), work)
	case "layer":
		// The weight gradient accumulates: start each layer from zero as a step does.
		r.report(median(budget, func() { forward(); input(); clear(dW); weight() }), 3*work)
	}
}

func (r *benchRow) report(seconds, work float64) {
	r.MS = seconds * 1e3
	r.GFLOPS = work / seconds / 1e9
}

// median returns the median time of a call, in seconds. Calls too short for the
// clock are timed in groups.
func median(budget time.Duration, call func()) float64 {
	call() // warm up: page in, build plans, wake the workers
	group := 1
	for {
		start := time.Now()
		for range group {
			call()
		}
		if d := time.Since(start); d > 100*time.Microsecond || d > budget {
			break
		}
		group *= 2
	}
	var times []float64
	for start := time.Now(); time.Since(start) < budget || len(times) < 3; {
		t := time.Now()
		for range group {
			call()
		}
		times = append(times, time.Since(t).Seconds()/float64(group))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func random(rng *rand.Rand, n int) []float32 {
	x := tensor.Alloc(n)
	for i := range x {
		x[i] = rng.Float32() - 0.5
	}
	return x
}

// randomSparse returns a matrix with exactly the given share of blocks missing,
// chosen uniformly.
func randomSparse(rng *rand.Rand, M, K, R int, sparsity float64) *sparse.Matrix {
	mask := sparse.NewMask(M, K, R)
	blocks := mask.Blocks()
	left := blocks - int(sparsity*float64(blocks)+0.5)
	for i := range blocks { // selection sampling
		if rng.IntN(blocks-i) < left {
			mask.Set(i/K, i%K, true)
			left--
		}
	}
	W := sparse.FromMask(mask)
	for i := range W.Values {
		W.Values[i] = rng.Float32() - 0.5
	}
	return W
}
