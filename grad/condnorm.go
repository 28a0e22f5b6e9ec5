package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// CondNorm is the state of a conditional batch norm of C channels.
type CondNorm struct {
	Mean, Var []float32 // running statistics; Var of a sample (n-1)
	Momentum  float32   // share of a batch in the running statistics
	Eps       float32
	ReLU      bool // max(·, 0) of the result
}

type condNorm struct {
	x, gain, shift, out *Var
	n                   *CondNorm
	mask                []float32
	count               float64
	mean, invstd, scale []float32 // [C, B], of the channel's row for each element
}

// CondBatchNorm normalises each channel of x [C, B, T] by its mean and deviation over batch and
// time while training, by the running ones otherwise, and gives each element of the batch a
// gain and a shift of its own, gain and shift [C, B]:
//
//	y = (1 + gain)·(x - mean)/√(var + Eps) + shift,   and max(y, 0) where ReLU is set
//
// (de Vries et al. 2017; Binkowski et al. 2020, section 3.1). mask, nil for none, is 1 or 0 for
// each column [B, T]: columns of padding have no part in the statistics, and y is 0 there.
func CondBatchNorm(t *Tape, x, gain, shift *Var, n *CondNorm, mask []float32) *Var {
	C, B, T := timed("CondBatchNorm", x)
	if len(n.Mean) != C || len(gain.Value.Data) != C*B || len(shift.Value.Data) != C*B || mask != nil && len(mask) != B*T {
		panic(fmt.Sprintf("grad: CondBatchNorm: x is %v, gain %v, shift %v, norm of %d channels, mask of %d", x.Value.Shape, gain.Value.Shape, shift.Value.Shape, len(n.Mean), len(mask)))
	}
	out := t.New(C, B, T)
	o := condNorm{x: x, gain: gain, shift: shift, out: out, n: n, mask: mask, mean: t.buffer(C * B), invstd: t.buffer(C * B), scale: t.buffer(C * B)}
	offset := t.buffer(C * B)
	o.statistics(t, C, B, T)
	for i, g := range gain.Value.Data {
		o.scale[i] = (1 + g) * o.invstd[i]
		offset[i] = shift.Value.Data[i] - o.mean[i]*o.scale[i]
	}
	kernel.BatchNormForward(C*B, T, x.Value.Data, o.scale, offset, n.ReLU, out.Value.Data)
	o.hide(out.Value.Data)
	if t.wants(x, gain, shift) {
		out.wanted = true
		*next[condNorm](t) = o
	}
	return out
}

// hide multiplies y [C, B, T] by the mask.
func (o *condNorm) hide(y []float32) {
	for n := len(o.mask); n > 0 && len(y) > 0; y = y[n:] {
		kernel.Mul(y[:n], y[:n], o.mask)
	}
}

// statistics fills in mean and invstd and updates the running ones.
func (o *condNorm) statistics(t *Tape, C, B, T int) {
	n := o.n
	mean, invstd := t.buffer(C), t.buffer(C)
	if !t.Training() {
		copy(mean, n.Mean)
		kernel.InvSqrt(invstd, n.Var, n.Eps)
	} else {
		variance := t.buffer(C)
		if o.mask == nil {
			o.count = float64(B * T)
			kernel.BatchNormStats(C, B*T, o.x.Value.Data, mean, variance, invstd, n.Eps)
		} else {
			o.masked(mean, variance)
			kernel.InvSqrt(invstd, variance, n.Eps)
		}
		bessel := float32(o.count / max(o.count-1, 1))
		for c := range C {
			n.Mean[c] += n.Momentum * (mean[c] - n.Mean[c])
			n.Var[c] += n.Momentum * (variance[c]*bessel - n.Var[c])
		}
	}
	for i := range C * B {
		o.mean[i], o.invstd[i] = mean[i/B], invstd[i/B]
	}
}

// masked computes the moments over the columns of the mask.
func (o *condNorm) masked(mean, variance []float32) {
	o.count = 0
	for _, m := range o.mask {
		o.count += float64(m)
	}
	N := len(o.mask)
	for c := range mean {
		sum, squares := 0.0, 0.0
		for i, v := range o.x.Value.Data[c*N : (c+1)*N] {
			w := float64(o.mask[i]) * float64(v)
			sum, squares = sum+w, squares+w*float64(v)
		}
		m := sum / math.Max(o.count, 1)
		mean[c], variance[c] = float32(m), float32(max(squares/math.Max(o.count, 1)-m*m, 0))
	}
}

func (o *condNorm) outs() *Var { return o.out }

func (o *condNorm) back(t *Tape) {
	C, B, T := timed("CondBatchNorm", o.x)
	x, y, dy := o.x.Value.Data, o.out.Value.Data, o.out.Grad.Data
	o.hide(dy)
	// With g = dy under the ReLU and h the normalised x: sums over time of g and of g·h.
	dgain, dshift := t.grab(C*B), t.grab(C*B)
	clear(dgain)
	clear(dshift)
	kernel.BatchNormBackward(C*B, T, x, y, dy, o.mean, o.invstd, o.scale, o.n.ReLU, false, nil, dgain, dshift, nil)
	if dx, acc := t.GradOf(o.x); dx != nil {
		o.inputGrad(t, C, B, T, dgain, dshift, dx, acc)
	}
	o.hand(t, o.gain, dgain)
	o.hand(t, o.shift, dshift)
	t.give(dgain)
	t.give(dshift)
}

// inputGrad computes dx = invstd·((1 + gain)·g - mean((1 + gain)·g) - h·mean((1 + gain)·g·h)),
// means over the columns that count.
func (o *condNorm) inputGrad(t *Tape, C, B, T int, dgain, dshift, dx []float32, acc bool) {
	slope, constant := t.grab(C*B), t.grab(C*B)
	for c := range C {
		sum, product := 0.0, 0.0
		for i := c * B; i < (c+1)*B; i++ {
			g := 1 + float64(o.gain.Value.Data[i])
			sum, product = sum+g*float64(dshift[i]), product+g*float64(dgain[i])
		}
		inv, mu := float64(o.invstd[c*B]), float64(o.mean[c*B])
		b := -inv * inv * product / math.Max(o.count, 1)
		for i := c * B; i < (c+1)*B; i++ {
			slope[i], constant[i] = float32(b), float32(-inv*sum/math.Max(o.count, 1)-b*mu)
		}
	}
	dst := dx
	if o.mask != nil && acc {
		dst = t.grab(len(dx))
	}
	kernel.RowGrads(C*B, T, o.x.Value.Data, o.out.Value.Data, o.out.Grad.Data, o.scale, slope, constant, o.n.ReLU, acc && o.mask == nil, dst)
	o.hide(dst)
	if o.mask != nil && acc {
		kernel.AddTo(dx, dst)
		t.give(dst)
	}
	t.give(slope)
	t.give(constant)
}

// hand gives a gradient to v.
func (o *condNorm) hand(t *Tape, v *Var, g []float32) {
	if d, acc := t.GradOf(v); acc {
		kernel.AddTo(d, g)
	} else {
		copy(d, g)
	}
}
