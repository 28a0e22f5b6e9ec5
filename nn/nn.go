package nn

import "github.com/seed073b5613/filigree/grad"

// Sequential applies layers one after the other.
type Sequential []Layer

// Forward applies the layers in order.
func (s Sequential) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	for _, l := range s {
		x = l.Forward(t, x)
	}
	return x
}

// ReLU is max(x, 0).
type ReLU struct{}

// Forward applies the function.
func (ReLU) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.ReLU(t, x) }

// CrossEntropy is the mean cross entropy of logits [C, B] with one label a column, in
// nats: see [grad.CrossEntropy].
func CrossEntropy(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
	return grad.CrossEntropy(t, logits, labels, 0)
}
