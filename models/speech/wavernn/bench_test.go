package wavernn

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// BenchmarkNext draws samples with 1024 units at 95 % sparsity in 16x1 blocks, and dense or sparse heads.
func BenchmarkNext(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	m, err := New(Spec{Units: 1024, Features: 80, Condition: 64, Hop: 160}, rng)
	if err != nil {
		b.Fatal(err)
	}
	sparsify(m, 16, 0.05, rng)
	for _, heads := range []string{"dense", "sparse"} {
		if heads == "sparse" {
			for _, l := range []*nn.Linear{m.O1, m.O2, m.O3, m.O4} {
				keep(l.Weight, 16, 0.1, rng)
			}
		}
		for _, p := range []kernel.Precision{kernel.F32, kernel.BF16, kernel.Int8} {
			s, err := NewSession(m, Options{Weights: p})
			if err != nil {
				b.Fatal(err)
			}
			b.Run(heads+"/"+p.String(), func(b *testing.B) {
				for b.Loop() {
					s.Next()
				}
			})
		}
	}
}

// BenchmarkStreams makes steps of 16 streams with 1024 units at 95 % sparsity in 16x1 blocks and dense heads.
func BenchmarkStreams(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	m, err := New(Spec{Units: 1024, Features: 80, Condition: 64, Hop: 160, Subscale: Subscale{Streams: 16, Horizon: 16, Context: 48, Layers: 5}}, rng)
	if err != nil {
		b.Fatal(err)
	}
	sparsify(m, 16, 0.05, rng)
	s, err := NewStreams(m, Options{})
	if err != nil {
		b.Fatal(err)
	}
	steps := 0
	for i := 0; b.Loop(); i++ {
		if i %= max(steps, 1); i == 0 {
			if steps, err = s.Begin(make([]float32, 80*500)); err != nil {
				b.Fatal(err)
			}
		}
		s.Step(i)
	}
}
