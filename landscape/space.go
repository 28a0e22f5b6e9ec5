package landscape

import (
	"fmt"
	"slices"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Space is the set of points a network's parameters can be at: all values, or those of the
// weights that exist. The network is its instrument: its values are overwritten. Not safe
// for concurrent use.
type Space struct {
	Net    nn.Layer
	params []*nn.Param
	size   int
}

// Between returns the space of a network and the points in it of two networks of the same
// shape, net being one of them. In the sparse space those weights exist that exist in a or
// in b, and the network is stored sparse where that is faster; in the dense one all do.
// Both networks are stored that way afterwards. The error names the first parameter that
// differs in name or shape.
func Between(a, b nn.Layer, dense bool) (s *Space, A, B []float32, err error) {
	pa, pb := nn.Params(a), nn.Params(b)
	if len(pa) != len(pb) {
		return nil, nil, nil, fmt.Errorf("landscape: one network has %d parameters, the other %d", len(pa), len(pb))
	}
	for i, p := range pa {
		q := pb[i]
		if p.Name != q.Name || !slices.Equal(p.Shape, q.Shape) {
			return nil, nil, nil, fmt.Errorf("landscape: one network has %s %v where the other has %s %v", p.Name, p.Shape, q.Name, q.Shape)
		}
	}
	for i, p := range pa {
		if dense {
			p.SetDense()
			pb[i].SetDense()
			continue
		}
		mask := union(p, pb[i])
		restrict(p, mask)
		restrict(pb[i], mask)
	}
	s = &Space{Net: a, params: pa}
	for _, p := range pa {
		s.size += len(p.Values())
	}
	return s, pointOf(pa), pointOf(pb), nil
}

// union returns which weights exist in p or in q, nil for all.
func union(p, q *nn.Param) *sparse.Mask {
	mask := sparse.NewMask(p.M(), p.K(), 1)
	for _, x := range []*nn.Param{p, q} {
		if x.Sparse == nil && x.Mask == nil {
			return nil
		}
		m := x.Topology(1)
		for key := range m.Keys {
			group, col := int(key)/m.K, int(key)%m.K
			for row := group * m.R; row < min((group+1)*m.R, m.M); row++ {
				mask.Set(row, col, true)
			}
		}
	}
	return mask
}

// restrict stores the weights of a mask that covers those that exist.
func restrict(p *nn.Param, mask *sparse.Mask) {
	p.SetDense()
	switch {
	case mask == nil:
	case float64(mask.NNZ()) > kernel.BreakEven(1)*float64(p.Size()):
		p.SetMasked(mask)
	default:
		p.SetSparse(mask)
	}
}

// pointOf returns a copy of the values of parameters, one after another.
func pointOf(ps []*nn.Param) []float32 {
	var x []float32
	for _, p := range ps {
		x = append(x, p.Values()...)
	}
	return x
}

// Size returns the number of values of a point.
func (s *Space) Size() int { return s.size }

// Free returns the share of the network's parameters that a point may change.
func (s *Space) Free() float64 {
	free, all := 0, 0
	for _, p := range s.params {
		free, all = free+p.NNZ(), all+p.Size()
	}
	return float64(free) / float64(max(all, 1))
}

// move puts the network at a point.
func (s *Space) move(x []float32) {
	for _, p := range s.params {
		x = x[copy(p.Values(), x):]
	}
}

// gradient writes the gradient of the network, laid out like a point, to g.
func (s *Space) gradient(g []float32) {
	for _, p := range s.params {
		n := len(p.Values())
		if p.Grad == nil {
			clear(g[:n])
		} else {
			copy(g[:n], p.Grad.Data)
		}
		g = g[n:]
	}
}

// Decay returns half of decay times the squares of the values of x that weight decay works
// on: what training adds to the loss.
func (s *Space) Decay(x []float32, decay float64) float64 {
	sum := 0.0
	for _, p := range s.params {
		n := len(p.Values())
		if !p.NoDecay {
			sum += kernel.SumSquares(x[:n])
		}
		x = x[n:]
	}
	return decay / 2 * sum
}
