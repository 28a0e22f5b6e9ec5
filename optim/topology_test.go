package optim_test

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// A sparse weight and a dense one under a mask take the same steps, across a change of
// topology, with every optimizer.
func TestSparseEqualsMasked(t *testing.T) {
	const M, K = 9, 13
	for name, build := range map[string]func() optim.Optimizer{
		"sgd":   func() optim.Optimizer { return &optim.SGD{Momentum: 0.9, Decay: 0.01} },
		"nag":   func() optim.Optimizer { return &optim.SGD{Momentum: 0.9, Nesterov: true, Decay: 0.01} },
		"adam":  func() optim.Optimizer { return &optim.Adam{L2: 0.01} },
		"adamw": func() optim.Optimizer { return &optim.Adam{Decay: 0.1} },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(6, 6))
			mask := sparse.NewMask(M, K, 1)
			for i := range M * K {
				mask.Set(i/K, i%K, rng.Float64() < 0.4)
			}
			lean, full := nn.NewParam(M, K), nn.NewParam(M, K)
			nn.HeNormal(lean, rng)
			copy(full.Dense.Data, lean.Dense.Data)
			lean.SetSparse(mask)
			full.SetMasked(mask)
			leanOpt, fullOpt := build(), build()
			step := func() {
				g := tensor.New(M, K)
				for i := range g.Data {
					g.Data[i] = float32(rng.NormFloat64())
				}
				for _, p := range []*nn.Param{lean, full} {
					p.NeedGrad()
				}
				for e := range lean.Sparse.Entries {
					lean.Grad.Data[e.Pos] = g.Data[e.Group*K+e.Col]
				}
				full.Mask.Apply(g.Data)
				copy(full.Grad.Data, g.Data)
				leanOpt.Step([]*nn.Param{lean}, 0.1)
				fullOpt.Step([]*nn.Param{full}, 0.1)
			}
			for range 3 {
				step()
			}
			swapHalf(rng, lean, full, leanOpt, fullOpt)
			for range 3 {
				step()
			}
			testkit.Close(t, "weights", lean.Sparse.ToDense(), double(full.Dense.Data), testkit.Pass)
			if lean.NNZ() != full.NNZ() {
				t.Errorf("%d weights exist sparse, %d masked", lean.NNZ(), full.NNZ())
			}
		})
	}
}

// swapHalf drops some weights of both parameters and grows others, and lets the
// optimizers follow.
func swapHalf(rng *rand.Rand, lean, full *nn.Param, leanOpt, fullOpt optim.Optimizer) {
	old := full.Mask
	next := sparse.NewMask(old.M, old.K, 1)
	drop := make([]bool, lean.Sparse.Len())
	var grow []int64
	for i := range old.M * old.K {
		g, k := i/old.K, i%old.K
		was, is := old.Get(g, k), rng.Float64() < 0.4
		next.Set(g, k, is)
		switch {
		case was && !is:
			drop[lean.Sparse.Find(g, k)] = true
		case is && !was:
			grow = append(grow, int64(i))
		}
	}
	leanOpt.Remap(lean, lean.Sparse.Edit(drop, grow))
	lean.Resized()
	full.SetMasked(next)
	fullOpt.Remap(full, sparse.Moves{})
}

func double(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
