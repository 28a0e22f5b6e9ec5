package online

import (
	"math"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// D and I against central differences of the layer in float32.
func TestJacobiansAgainstDifferences(t *testing.T) {
	const C, H, eps = 2, 4, 1e-2
	for _, cell := range cells {
		layer := newLayer(cell, C, H, "sparse", 0.4, 11)
		l := New(layer, Method{Rule: RTRL}, 0)
		p := l.ready().(*panels)
		s := newStream(C, H, 1, 1)
		n := H * l.states()
		start := make([]float32, n)
		for i := range start {
			start[i] = float32(math.Sin(float64(i + 1)))
		}
		after := func() []float32 {
			l.chunk.forward(l, s.x, 1)
			return slices.Clone(l.state)
		}
		l.B, l.state = 1, slices.Clone(start)
		p.resize()
		after()
		l.chunk.coefficients(l)
		g := chunkGrad{&l.chunk, s.x, s.d}
		p.d.load()
		p.d.set(g, 0, 0)
		index := func(state int) int { // in l.state: h first, then the memory
			return state/p.d.W + (p.d.W-1-state%p.d.W)*H
		}
		D := make([]float64, n*n)
		for i := range n {
			for e := p.d.offsets[i]; e < p.d.offsets[i+1]; e++ {
				D[i*n+int(p.d.cols[e])] = float64(p.d.val[e])
			}
		}
		differences := make([]float64, n*n)
		for j := range n {
			var side [2][]float32
			for k, sign := range []float32{1, -1} {
				copy(l.state, start)
				l.state[index(j)] += sign * eps
				side[k] = after()
			}
			for i := range n {
				differences[i*n+j] = float64(side[0][index(i)]-side[1][index(i)]) / (2 * eps)
			}
		}
		if d := distance(D, differences); d > 1e-3 {
			t.Errorf("%s: D differs by %.2g from differences", cell, d)
		}
		copy(l.state, start)
		after()
		l.chunk.coefficients(l)
		for _, q := range l.gradients2() {
			q.NeedGrad()
		}
		p.learn(g)
		params := l.gradients2()
		for _, q := range p.panels {
			for j, c := range q.cols {
				w := &params[c.param].Values()[c.at]
				keep := *w
				var side [2][]float32
				for k, sign := range []float32{1, -1} {
					*w = keep + sign*eps
					copy(l.state, start)
					side[k] = after()
				}
				*w = keep
				for i, state := range q.states {
					want := float64(side[0][index(int(state))]-side[1][index(int(state))]) / (2 * eps)
					if got := float64(p.values[0][q.first+i*len(q.cols)+j]); math.Abs(got-want) > 1e-3 {
						t.Errorf("%s: state %d by weight %d of parameter %d: %v, differences say %v", cell, state, c.at, c.param, got, want)
					}
				}
			}
		}
	}
}

// gradients2 lists the parameters in the order of gradients.
func (l *Learner) gradients2() []*nn.Param {
	ps := []*nn.Param{l.r.Input, l.r.Recurrent, l.r.Bias}
	if l.nbias != nil {
		ps = append(ps, l.nbias)
	}
	return ps
}
