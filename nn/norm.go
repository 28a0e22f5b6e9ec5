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

	Join func(sums []float64, gradients bool) // adds up numbers over all processes that train together: see [grad.Norm]; nil for one

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
		Mean: l.Mean.Data, Var: l.Var.Data, Momentum: l.Momentum, Eps: l.Eps, ReLU: l.ReLU, Join: l.Join}
	return grad.BatchNorm(t, x, &l.state)
}

// CondBatchNorm is a batch norm over batch and time of x [C, B, T] whose gain and shift are
// linear maps of a condition z [Z, B], one column for each element of the batch:
//
//	y = (1 + Gain(z))·(x - mean)/√(var + Eps) + Shift(z),   and max(y, 0) where ReLU is set
//
// (de Vries et al. 2017; GAN-TTS, arXiv:1909.11646, section 3.1). Both maps start at zero, so
// that the layer starts as plain batch norm.
type CondBatchNorm struct {
	Gain, Shift *Linear // [C, Z]
	Mean, Var   *Buffer // running statistics
	Momentum    float32 // share of a batch in them, 0.1 by default
	Eps         float32
	ReLU        bool

	state grad.CondNorm
}

// NewCondBatchNorm returns a conditional batch norm of C channels for conditions of Z values.
func NewCondBatchNorm(C, Z int, relu bool) *CondBatchNorm {
	l := &CondBatchNorm{Gain: NewLinear(Z, C, nil), Shift: NewLinear(Z, C, nil), Momentum: 0.1, Eps: 1e-5, ReLU: relu,
		Mean: &Buffer{Data: make([]float32, C)}, Var: &Buffer{Data: make([]float32, C)}}
	for i := range C {
		l.Var.Data[i] = 1
	}
	l.Gain.Weight.Prunable, l.Shift.Weight.Prunable = false, false // run once a clip
	return l
}

// Forward returns y, of the shape of x. mask, nil for none, is 0 in columns [B, T] of padding:
// they have no part in the statistics, and y is 0 there.
func (l *CondBatchNorm) Forward(t *grad.Tape, x, z *grad.Var, mask []float32) *grad.Var {
	l.state = grad.CondNorm{Mean: l.Mean.Data, Var: l.Var.Data, Momentum: l.Momentum, Eps: l.Eps, ReLU: l.ReLU}
	return grad.CondBatchNorm(t, x, l.Gain.Forward(t, z), l.Shift.Forward(t, z), &l.state, mask)
}
