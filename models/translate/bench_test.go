package translate

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
)

// A training step of the small network on 64 pairs of 16 tokens a side and their ends.
func BenchmarkStep(b *testing.B) {
	for _, c := range []struct {
		name   string
		method prune.Method
	}{
		{"dense", prune.Dense{}},
		{"rigl90", &prune.RigL{Rewiring: prune.Rewiring{Sparsity: 0.9, Distribution: prune.ERK, Structure: prune.Structure{Rows: 1}, Until: 1 << 30, Every: 1 << 30}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			spec := Small(4000, 1)
			m, err := New(spec, nil, rng)
			if err != nil {
				b.Fatal(err)
			}
			m.Dropout.Random = rng
			params := nn.Params(m)
			if err := c.method.Begin(prune.Weights(params), rng); err != nil {
				b.Fatal(err)
			}
			pairs := make([][]int32, 64)
			for i := range pairs {
				pairs[i] = make([]int32, 16)
				for j := range pairs[i] {
					pairs[i][j] = int32(3 + rng.IntN(spec.Vocabulary-3))
				}
			}
			x, labels := data.NewPairBatch(pairs, pairs).Tensor()
			tape, adam := &grad.Tape{}, &optim.Adam{}
			for b.Loop() {
				tape.Reset()
				nn.ZeroGrads(params)
				tape.Backward(grad.CrossEntropy(tape, m.Forward(tape, tape.Input(x)), labels, 0.1))
				adam.Step(params, 1e-4)
			}
		})
	}
}
