package grad

import (
	"fmt"
	"math"

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

	// Join, where not nil, adds up numbers over all processes that train together, the number
	// of columns first: the statistics are then those of all columns. gradients says that they
	// are sums of gradients of this process's loss.
	Join func(sums []float64, gradients bool)
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
		columns := n.join(cols, mean, variance, invstd)
		bessel := float32(columns / max(columns-1, 1))
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

// join turns the statistics of the columns here into those of all, and returns their number.
func (n *Norm) join(cols int, mean, variance, invstd []float32) float64 {
	if n.Join == nil {
		return float64(cols)
	}
	all := make([]float64, 1, 2*len(mean)+1)
	all[0] = float64(cols)
	for i, m := range mean {
		mu := float64(m)
		all = append(all, mu*all[0], (float64(variance[i])+mu*mu)*float64(cols))
	}
	n.Join(all, false)
	for i := range mean {
		mu := all[1+2*i] / all[0]
		v := max(all[2+2*i]/all[0]-mu*mu, 0)
		mean[i], variance[i], invstd[i] = float32(mu), float32(v), float32(1/math.Sqrt(v+float64(n.Eps)))
	}
	return all[0]
}

func (o *batchNorm) outs() *Var { return o.out }

func (o *batchNorm) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	x := o.x.Value
	var join func(sums []float64)
	if o.n.Join != nil {
		join = func(sums []float64) { o.n.Join(sums, true) }
	}
	kernel.BatchNormBackward(x.Rows(), x.Cols(), x.Data, o.out.Value.Data, o.out.Grad.Data, o.mean, o.invstd,
		o.n.Gamma, o.n.ReLU, acc, dx, o.n.DGamma, o.n.DBeta, join)
}
