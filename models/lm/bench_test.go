package lm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

// One training step of the full-size char-GRU on 32 sequences of 128: forward, backward,
// Adam.
func BenchmarkStep(b *testing.B) {
	for _, sparsity := range []float64{0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99} {
		b.Run(fmt.Sprint(sparsity), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			m, err := New(Spec{Arch: CharGRU, Symbols: 256}, rng)
			if err != nil {
				b.Fatal(err)
			}
			ps := nn.Params(m)
			if err := (prune.Static{Sparsity: sparsity}).Begin(prune.Weights(ps), rng); err != nil {
				b.Fatal(err)
			}
			const T, B = 128, 32
			x, labels := tensor.New(T, B), make([]int32, T*B)
			for i := range labels {
				x.Data[i], labels[i] = float32(rng.IntN(256)), int32(rng.IntN(256))
			}
			tape, opt := &grad.Tape{}, &optim.Adam{}
			step := func() {
				tape.Reset()
				loss := nn.CrossEntropy(tape, m.Forward(tape, tape.Input(x)), labels)
				nn.ZeroGrads(ps)
				tape.Backward(loss)
				opt.Step(ps, 1e-6)
			}
			step()
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
