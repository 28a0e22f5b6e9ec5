package optim

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// Adam is Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1) with weight decay as
// part of the gradient (L2) or apart from it (Decay: AdamW, Loshchilov and Hutter,
// arXiv:1711.05101, algorithm 2):
//
//	d = g + L2·w,  m = Beta1·m + (1-Beta1)·d,  v = Beta2·v + (1-Beta2)·d²
//	w = (1 - rate·Decay)·w - rate·m̂/(√v̂ + Epsilon),  m̂ and v̂ free of their bias
//
// Weights that are grown start with moments of zero and with the bias correction of
// the step they appear in.
type Adam struct {
	Beta1, Beta2 float64 // 0: 0.9 and 0.999
	Epsilon      float64 // 0: 1e-8
	Decay, L2    float64

	steps int
	m, v  map[*nn.Param][]float32
}

// Step updates ps.
func (o *Adam) Step(ps []*nn.Param, rate float64) {
	if o.m == nil {
		o.m, o.v = map[*nn.Param][]float32{}, map[*nn.Param][]float32{}
	}
	b1, b2, eps := orElse(o.Beta1, 0.9), orElse(o.Beta2, 0.999), orElse(o.Epsilon, 1e-8)
	o.steps++
	c1 := 1 / (1 - math.Pow(b1, float64(o.steps)))
	c2 := 1 / (1 - math.Pow(b2, float64(o.steps)))
	for _, p := range ps {
		if p.Grad == nil {
			continue
		}
		w := p.Values()
		if len(o.m[p]) != len(w) {
			o.m[p], o.v[p] = tensor.Alloc(len(w)), tensor.Alloc(len(w))
		}
		decay, l2 := o.Decay, o.L2
		if p.NoDecay {
			decay, l2 = 0, 0
		}
		kernel.Adam(w, p.Grad.Data, o.m[p], o.v[p], float32(rate), float32(b1), float32(b2), float32(eps),
			float32(c1), float32(c2), float32(decay), float32(l2))
	}
}

func orElse(x, otherwise float64) float64 {
	if x == 0 {
		return otherwise
	}
	return x
}

// Remap moves the moments.
func (o *Adam) Remap(p *nn.Param, moved sparse.Moves) {
	if m := o.m[p]; m != nil {
		o.m[p], o.v[p] = follow(m, p, moved), follow(o.v[p], p, moved)
	}
}

// State returns the two moments by parameter name, not copied, and under the name
// "" the number of steps as the bits of a float32.
func (o *Adam) State() map[string][][]float32 {
	state := map[string][][]float32{"": {{math.Float32frombits(uint32(o.steps))}}}
	for p, m := range o.m {
		state[p.Name] = [][]float32{m, o.v[p]}
	}
	return state
}

// Load restores what State returned.
func (o *Adam) Load(ps []*nn.Param, state map[string][][]float32) error {
	own := state[""]
	if len(own) != 1 || len(own[0]) != 1 {
		return fmt.Errorf("optim: Adam: the state lacks the number of steps")
	}
	slots, err := load(ps, state, 2)
	if err != nil {
		return fmt.Errorf("optim: Adam: %w", err)
	}
	o.steps = int(math.Float32bits(own[0][0]))
	o.m, o.v = map[*nn.Param][]float32{}, map[*nn.Param][]float32{}
	for p, s := range slots {
		o.m[p], o.v[p] = s[0], s[1]
	}
	return nil
}
