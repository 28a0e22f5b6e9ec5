package vision

import (
	"fmt"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

// One training step on a batch of 128: forward, backward, SGD.
func BenchmarkStep(b *testing.B) {
	for _, s := range []Spec{lenet, wrn(10, 1, 32), wrn(22, 2, 32)} {
		for _, sparsity := range []float64{0, 0.9, 0.98} {
			b.Run(fmt.Sprintf("%s-%d-%g/%v", s.Arch, s.Depth, s.Width, sparsity), func(b *testing.B) {
				c, err := New(s, newRand(1))
				if err != nil {
					b.Fatal(err)
				}
				ps := nn.Params(c)
				if err := (prune.Static{Sparsity: sparsity}).Begin(prune.Weights(ps), newRand(2)); err != nil {
					b.Fatal(err)
				}
				x, labels := tensor.New(s.InputShape(128)...), make([]int32, 128)
				for i := range x.Data {
					x.Data[i] = float32(i%7) - 3
				}
				tape, opt := &grad.Tape{}, &optim.SGD{Momentum: 0.9, Nesterov: true, Decay: 5e-4}
				step := func() {
					tape.Reset()
					loss := nn.CrossEntropy(tape, c.Forward(tape, tape.Input(x)), labels)
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
}
