// Package optim holds optimizers, learning-rate schedules, clipping and averaging.
// Optimizers see parameters and gradients only.
package optim

import (
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// Optimizer changes values by their gradients. It owns state of the layout of the
// values, keyed by parameter.
type Optimizer interface {
	Step(ps []*nn.Param, rate float64)
	// Remap moves the state of a parameter whose topology changed; what is new starts
	// from zero.
	Remap(p *nn.Param, moved sparse.Moves)
}

// SGD is stochastic gradient descent with momentum:
//
//	d = g + Decay·w,  m = Momentum·m + d,  w -= rate·m        (plain)
//	                                       w -= rate·(d + Momentum·m)  (Nesterov)
type SGD struct {
	Momentum, Decay float64
	Nesterov        bool

	m map[*nn.Param][]float32
}

// Step updates ps.
func (o *SGD) Step(ps []*nn.Param, rate float64) {
	if o.m == nil {
		o.m = map[*nn.Param][]float32{}
	}
	for _, p := range ps {
		if p.Grad == nil {
			continue
		}
		w := p.Values()
		m := o.m[p]
		if len(m) != len(w) {
			m = tensor.Alloc(len(w))
			o.m[p] = m
		}
		decay := o.Decay
		if p.NoDecay {
			decay = 0
		}
		kernel.SGD(w, p.Grad.Data, m, float32(rate), float32(o.Momentum), float32(decay), o.Nesterov)
	}
}

// Remap moves the momentum.
func (o *SGD) Remap(p *nn.Param, moved sparse.Moves) {
	if m := o.m[p]; m != nil {
		o.m[p] = follow(m, p, moved)
	}
}
