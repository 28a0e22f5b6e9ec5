package nn

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
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

// Forward returns y. It panics unless the first axis of x has K elements.
func (l *Linear) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	l.Weight.Uses = 1
	if s := x.Value.Shape; len(s) == 3 {
		l.Weight.Uses = s[1] // times of a sequence
	}
	y := grad.Linear(t, x, l.Weight.bound(t), l.Bias.values(), l.Bias.gradFor(t))
	return l.Weight.perturbed(t, x, y, func(x *grad.Var, w *grad.Weight) *grad.Var { return grad.Linear(t, x, w, nil, nil) })
}
