package nn

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/sparse"
)

// Linear is a fully connected layer,
//
//	y = W·x + b,   x [K, ...], W [M, K], b [M], y [M, ...].
//
// Whatever follows the first axis (batch, time) is columns, so the layer is one
// product. W is dense or sparse; if it is sparse, the product, the gradient of x and
// the gradient of W each cost two operations for every weight that exists and column,
// and nothing for the others:
//
//	dx = Wᵀ·dy        by the transpose of W kept beside it
//	dW = dy·xᵀ        at the weights of W only
//	db = sum of the columns of dy
type Linear struct {
	Weight *Param // [M, K]
	Bias   *Param // [M], or nil
}

// NewLinear returns a layer of K inputs and M outputs with He-normal weights and a
// bias of zero.
func NewLinear(K, M int, rng *rand.Rand) *Linear {
	l := &Linear{Weight: NewParam(M, K), Bias: NewParam(M)}
	l.Weight.Prunable, l.Weight.Local, l.Bias.NoDecay = true, true, true
	HeNormal(l.Weight, rng)
	return l
}

// NewSparseLinear returns a layer of K inputs and M outputs whose weights exist with the same
// probability each and were never dense: M·K may be far beyond what memory holds. They are
// normal with the variance 2/(density·K), that of [HeNormal] for the inputs a unit has.
func NewSparseLinear(K, M int, density float64, rng *rand.Rand) *Linear {
	l := &Linear{Weight: &Param{Shape: []int{M, K}, Sparse: sparse.Random(M, K, density, rng), Prunable: true}, Bias: NewParam(M)}
	l.Bias.NoDecay = true
	scale := math.Sqrt(2 / max(1, density*float64(K)))
	for i := range l.Weight.Sparse.Values {
		l.Weight.Sparse.Values[i] = float32(rng.NormFloat64() * scale)
	}
	return l
}

// Forward returns y. It panics unless the first axis of x has K elements.
func (l *Linear) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	l.Weight.Uses = 1
	if s := x.Value.Shape; len(s) == 3 {
		l.Weight.Uses = s[1] // times of a sequence
	}
	y := l.Weight.product(t, l.Bias, func(w *grad.Weight, bias, dbias []float32) *grad.Var { return grad.Linear(t, x, w, bias, dbias) })
	return l.Weight.perturbed(t, x, y, func(x *grad.Var, w *grad.Weight) *grad.Var { return grad.Linear(t, x, w, nil, nil) })
}
