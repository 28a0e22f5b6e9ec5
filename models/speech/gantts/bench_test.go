package gantts

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

const benchFeatures = 83

// thin leaves out a share of the prunable weights, in blocks of 4.
func thin(g *Generator, sparsity float64, rng *rand.Rand) {
	for _, p := range nn.Params(g) {
		if !p.Prunable || sparsity == 0 {
			continue
		}
		mask := sparse.NewMask(p.M(), p.K(), 4)
		for i := range mask.Blocks() {
			mask.Set(i/p.K(), i%p.K(), rng.Float64() >= sparsity)
		}
		p.SetSparse(mask)
	}
}

// Two seconds of speech by one worker.
func BenchmarkDecode(b *testing.B) {
	for _, sparsity := range []float64{0, 0.8, 0.9} {
		b.Run(fmt.Sprintf("sparsity=%g", sparsity), func(b *testing.B) {
			defer parallel.SetWorkers(parallel.SetWorkers(1))
			rng := rand.New(rand.NewPCG(1, 1))
			g, err := NewGenerator(Laptop(benchFeatures), rng)
			if err != nil {
				b.Fatal(err)
			}
			thin(g, sparsity, rng)
			nn.FoldSpectral(g)
			x := random(rng, benchFeatures, 1, 200)
			for b.Loop() {
				for range g.Decode(x, make([]float32, g.Spec.Latent), 0) {
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/2, "rtf")
		})
	}
}

// A step of the discriminators and one of the generator, on clips of one and of two seconds: the
// first does not depend on their length.
func BenchmarkStep(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	g, err := NewGenerator(Laptop(benchFeatures), rng)
	if err != nil {
		b.Fatal(err)
	}
	e, err := NewEnsemble(LaptopWindows(benchFeatures, 4), 160, rng)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := NewEnsemble(WholeClip(benchFeatures, 4), 160, rng)
	if err != nil {
		b.Fatal(err)
	}
	for _, frames := range []int{100, 200} {
		features, real := random(rng, benchFeatures, 4, frames), random(rng, 1, 4, 160*frames)
		z := Latents(g.Spec.Latent, 4, rng)
		tape := &grad.Tape{}
		step := func(name string, f func() *grad.Var) {
			b.Run(fmt.Sprintf("%s/frames=%d", name, frames), func(b *testing.B) {
				defer parallel.SetWorkers(parallel.SetWorkers(1))
				for b.Loop() {
					tape.Reset()
					tape.Backward(f())
				}
			})
		}
		step("windows", func() *grad.Var { return e.CriticLoss(tape, real, real, features, e.Draw(4, frames, rng)) })
		step("whole", func() *grad.Var {
			return whole.CriticLoss(tape, real, real, features, whole.Draw(4, frames, rng))
		})
		step("generator", func() *grad.Var {
			return grad.L2(tape, g.Forward(tape, tape.Input(features), tape.Input(z)), tensor.New(1, 4, 160*frames).Data, nil)
		})
	}
}
