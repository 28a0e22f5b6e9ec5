package nn

import "github.com/seed073b5613/filigree/grad"

// BatchNorm normalises each of M channels over batch and space (Ioffe and Szegedy 2015):
//
//	y = gamma·(x - mean)/√(var + Eps) + beta,   and max(y, 0) where ReLU is set
//
// by the statistics of the batch while training, by the running ones otherwise. The ReLU
// is part of the layer because computing both at once halves the passes over memory.
type BatchNorm struct {
	Gamma, Beta *Param  // [M]
	Mean, Var   *Buffer // running statistics
	Momentum    float32 // share of a batch in them, 0.1 by default
	Eps         float32
	ReLU        bool

	state grad.Norm
}

// NewBatchNorm returns a batch norm of M channels with gamma 1 and beta 0.
func NewBatchNorm(M int, relu bool) *BatchNorm {
	l := &BatchNorm{Gamma: NewParam(M), Beta: NewParam(M), Momentum: 0.1, Eps: 1e-5, ReLU: relu,
		Mean: &Buffer{Data: make([]float32, M)}, Var: &Buffer{Data: make([]float32, M)}}
	l.Gamma.NoDecay, l.Beta.NoDecay = true, true
	for i := range M {
		l.Gamma.Dense.Data[i], l.Var.Data[i] = 1, 1
	}
	return l
}

// Forward returns y, of the shape of x [M, ...].
func (l *BatchNorm) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	l.state = grad.Norm{Gamma: l.Gamma.Values(), Beta: l.Beta.Values(), DGamma: l.Gamma.gradFor(t), DBeta: l.Beta.gradFor(t),
		Mean: l.Mean.Data, Var: l.Var.Data, Momentum: l.Momentum, Eps: l.Eps, ReLU: l.ReLU}
	return grad.BatchNorm(t, x, &l.state)
}
