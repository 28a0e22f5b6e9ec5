package optim

import (
	"fmt"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Stateful is an optimizer whose state can be saved and restored. The state of a
// parameter is a list of arrays laid out like its values; the name "" holds what
// belongs to no parameter.
type Stateful interface {
	State() map[string][][]float32
	Load(ps []*nn.Param, state map[string][][]float32) error
}

// State returns the momentum by parameter name, not copied.
func (o *SGD) State() map[string][][]float32 {
	state := map[string][][]float32{}
	for p, m := range o.m {
		state[p.Name] = [][]float32{m}
	}
	return state
}

// Load restores what State returned.
func (o *SGD) Load(ps []*nn.Param, state map[string][][]float32) error {
	slots, err := load(ps, state, 1)
	if err != nil {
		return fmt.Errorf("optim: SGD: %w", err)
	}
	o.m = map[*nn.Param][]float32{}
	for p, s := range slots {
		o.m[p] = s[0]
	}
	return nil
}

// load finds the slots of each parameter in a state, n a parameter, and checks
// that they have the size of its values.
func load(ps []*nn.Param, state map[string][][]float32, n int) (map[*nn.Param][][]float32, error) {
	out := map[*nn.Param][][]float32{}
	for _, p := range ps {
		s, ok := state[p.Name]
		if !ok {
			continue
		}
		if len(s) != n {
			return nil, fmt.Errorf("state of %s has %d arrays, want %d", p.Name, len(s), n)
		}
		for _, v := range s {
			if len(v) != len(p.Values()) {
				return nil, fmt.Errorf("state of %s has %d values, want %d", p.Name, len(v), len(p.Values()))
			}
		}
		out[p] = s
	}
	return out, nil
}

// follow returns the state of a parameter in the layout its values have now: moved
// with the entries of a sparse matrix; zero where a mask has no weight; or gathered
// from the dense layout when the parameter has become sparse.
func follow(old []float32, p *nn.Param, moved sparse.Moves) []float32 {
	switch {
	case moved.From != nil:
		return moved.Remap(old, p.Sparse.R)
	case p.Mask != nil:
		p.Mask.Apply(old)
	case p.Sparse != nil && len(old) == p.Size():
		return sparse.FromDense(old, p.M(), p.K(), p.Sparse.Mask(), p.Sparse.R).Values
	}
	return old
}
