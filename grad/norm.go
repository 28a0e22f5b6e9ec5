package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

// Norm is the state of a batch norm of M channels.
type Norm struct {
	Gamma, Beta   []float32 // [M]
	DGamma, DBeta []float32 // gradients are added here
	Mean, Var     []float32 // running statistics; Var of a sample (n-1)
	Momentum      float32   // share of a batch in the running statistics
	Eps           float32
	ReLU          bool // max(·, 0) of the result
}

type batchNorm struct {
	x, out       *Var
	n            *Norm
	mean, invstd []float32
}

// BatchNorm normalises each row of x [M, ...] by its mean and deviation over the
// columns while training, and by the running ones otherwise (Ioffe and Szegedy 2015,
// algorithms 1 and 2).
func BatchNorm(t *Tape, x *Var, n *Norm) *Var {
	m, cols := x.Value.Rows(), x.Value.Cols()
	if len(n.Gamma) != m {
		panic(fmt.Sprintf("grad: BatchNorm: x is %v, norm has %d channels", x.Value.Shape, len(n.Gamma)))
	}
	out := t.newLike(m, x)
	scale, shift := t.buffer(m), t.buffer(m)
	mean, invstd := t.buffer(m), t.buffer(m)
	if t.Training() {
		variance := t.buffer(m)
		kernel.BatchNormStats(m, cols, x.Value.Data, mean, variance, invstd, n.Eps)
		bessel := float32(cols) / float32(max(cols-1, 1))
		for i := range m {
			n.Mean[i] += n.Momentum * (mean[i] - n.Mean[i])
			n.Var[i] += n.Momentum * (variance[i]*bessel - n.Var[i])
		}
	} else {
		copy(mean, n.Mean)
		kernel.InvSqrt(invstd, n.Var, n.Eps)
	}
	for i := range m {
		scale[i] = n.Gamma[i] * invstd[i]
		shift[i] = n.Beta[i] - mean[i]*scale[i]
	}
	kernel.BatchNormForward(m, cols, x.Value.Data, scale, shift, n.ReLU, out.Value.Data)
	if t.Training() {
		out.wanted = true
		*next[batchNorm](t) = batchNorm{x, out, n, mean, invstd}
	}
	return out
}

func (o *batchNorm) outs() *Var { return o.out }

func (o *batchNorm) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	x := o.x.Value
	kernel.BatchNormBackward(x.Rows(), x.Cols(), x.Data, o.out.Value.Data, o.out.Grad.Data, o.mean, o.invstd,
		o.n.Gamma, o.n.ReLU, acc, dx, o.n.DGamma, o.n.DBeta)
}
