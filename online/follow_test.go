package online

import (
	"math"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// Influence of weights that stay survives a change of the topology; that of those dropped and
// grown does not.
func TestTopologyChanges(t *testing.T) {
	s := newStream(3, 7, 8, 2)
	for _, cell := range cells {
		for _, m := range []Method{{Rule: RTRL}, {SnAp, 1}, {SnAp, 3}, {Rule: UORO}, {Rule: RFLO}} {
			layer := newLayer(cell, 3, 7, "sparse", 0.5, 8)
			l := New(layer, m, 1)
			s.gradient(l, 4)
			influence := func() map[int64]float32 {
				l.ready()
				all := map[int64]float32{}
				switch r := l.rule.(type) {
				case *panels:
					for _, q := range r.panels {
						for j, c := range q.cols {
							for i, s := range q.states {
								all[c.key*100+int64(s)] = r.values[1][q.first+i*len(q.cols)+j]
							}
						}
					}
				case *uoro:
					for i, c := range r.cols {
						all[c.key] = r.th[1][i]
					}
				case *diagonal:
					for at, k := range r.keys[0] {
						all[k] = r.hidden[1].input[at]
					}
					for at, k := range r.keys[1] {
						all[k+1<<40] = r.hidden[1].recurrent[at]
					}
				}
				return all
			}
			before := influence()
			p := l.r.Input
			drop := make([]bool, p.Sparse.Len())
			drop[0] = true
			var grow []int64
			keys := p.Sparse.Keys()
			for k := int64(0); len(grow) == 0; k++ {
				if !slices.Contains(keys, k) {
					grow = []int64{k}
				}
			}
			p.Sparse.Edit(drop, grow)
			p.Resized()
			l.Follow()
			after := influence()
			lost, new := 0, 0
			for k, v := range after {
				w, ok := before[k]
				if ok && v != w {
					t.Fatalf("%s %v: influence changed from %v to %v", cell, m, w, v)
				}
				if !ok {
					new++
					if v != 0 {
						t.Fatalf("%s %v: a weight that is new has influence %v", cell, m, v)
					}
				}
			}
			for k := range before {
				if _, ok := after[k]; !ok {
					lost++
				}
			}
			if lost == 0 || new == 0 {
				t.Errorf("%s %v: %d entries lost, %d new", cell, m, lost, new)
			}
			s.gradient(l, 4) // and it goes on
		}
	}
}

// The dense gradient that a sparsifier asks for is, for the weights that exist and sequences that
// just began, the gradient itself.
func TestScan(t *testing.T) {
	s := newStream(3, 7, 5, 2)
	for _, cell := range cells {
		for _, m := range []Method{{SnAp, 1}, {Rule: RFLO}} {
			layer := newLayer(cell, 3, 7, "sparse", 0.5, 8)
			l := New(layer, m, 1)
			dense := map[*nn.Param][]float32{}
			for _, p := range []*nn.Param{l.r.Input, l.r.Recurrent} {
				dense[p] = make([]float32, p.Size())
				p.Scan = func(row int, g []float32) { copy(dense[p][row*p.K():], g) }
			}
			s.gradient(l, s.T)
			for p, g := range dense {
				for e := range p.Sparse.Entries {
					if a, b := g[e.Group*p.K()+e.Col], p.Grad.Data[e.Pos]; math.Abs(float64(a-b)) > 1e-5 {
						t.Fatalf("%s %v: dense gradient %v, gradient %v", cell, m, a, b)
					}
				}
			}
		}
	}
}
