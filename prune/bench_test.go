package prune

import (
	"fmt"
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// One update of one layer, the dense gradient itself not counted.
func BenchmarkRigLUpdate(b *testing.B) {
	for _, c := range []struct {
		m, k, rows int
		sparsity   float64
	}{{300, 784, 1, 0.9}, {300, 784, 1, 0.98}, {1024, 1024, 1, 0.9}, {1024, 1024, 4, 0.9}, {1024, 1024, 1, 0.3}} {
		b.Run(fmt.Sprintf("%dx%d_%dx1_%v", c.m, c.k, c.rows, c.sparsity), func(b *testing.B) {
			rng := newRand(1)
			ws := Weights([]*nn.Param{param("w", rng, c.m, c.k)})
			g := param("g", rng, c.m, c.k).Dense.Data
			r := &RigL{Rewiring: Rewiring{Sparsity: c.sparsity, Structure: Structure{Rows: c.rows}, Until: 1 << 30, Every: 1, Drop: ConstantDrop(0.3)}}
			if err := r.Begin(ws, rng); err != nil {
				b.Fatal(err)
			}
			step := 0
			b.ReportAllocs()
			for b.Loop() {
				r.Prepare(step, ws)
				backward(ws[0].Param, g, false)
				r.Step(step, ws)
				step++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.m*c.k), "ns/weight")
		})
	}
}
