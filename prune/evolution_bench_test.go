package prune

import (
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// A member of the hybrid is drawn and placed, and a generation judged, for a layer of
// LeNet-300-100's size.
func BenchmarkEvolution(b *testing.B) {
	for name, e := range map[string]*Evolution{
		"gaussian": {}, "bernoulli": {Sampling: Bernoulli}, "gumbel": {Sampling: Gumbel}, "gaussian-4x1": {Structure: Structure{Rows: 4}},
	} {
		e.Sparsity, e.Population, e.Until = 0.98, 8, 1<<30
		rng := newRand(1)
		p := param("w", rng, 300, 784)
		p.Prunable = true
		if err := e.Begin([]Weight{{Param: p}}, rng); err != nil {
			b.Fatal(err)
		}
		from, to := []*nn.Param{p}, []*nn.Param{param("w", rng, 300, 784)}
		b.Run("place/"+name, func(b *testing.B) {
			step := 0
			for b.Loop() {
				clear(e.layers[0].masks)
				e.Place(step, step%8, from, to)
				step++
			}
		})
		for k := range 8 {
			e.Place(0, k, from, to)
		}
		kept := e.layers[0].masks
		losses := []float64{1, 2, 3, 4, 5, 6, 7, 8}
		b.Run("judge/"+name, func(b *testing.B) {
			for b.Loop() {
				e.layers[0].masks = append(kept[:0:0], kept...)
				e.Judge(0, from, losses, 0, 8, nil)
			}
		})
	}
}
