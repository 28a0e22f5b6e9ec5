package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

type relu struct{ x, out *Var }

// ReLU returns max(x, 0).
func ReLU(t *Tape, x *Var) *Var {
	out := t.newLike(x.Value.Rows(), x)
	kernel.ReLU(out.Value.Data, x.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[relu](t) = relu{x, out}
	}
	return out
}

func (o *relu) outs() *Var { return o.out }

func (o *relu) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	kernel.ReLUGrad(acc, dx, o.out.Grad.Data, o.out.Value.Data)
}

type crossEntropy struct {
	x, out    *Var
	labels    []int32
	smoothing float32
	logSum    []float32
	n         int // columns with a label
}

// Ignored is the label of a column without one (padding): it has no part in the loss.
const Ignored = -1

// CrossEntropy returns the mean over the columns of logits [C, N...] of the cross
// entropy, in nats, between their softmax and the labels, one a column, with label
// smoothing (Szegedy et al. 2016, section 7): the target is 1-smoothing on the label
// plus smoothing/C on every class. Columns labelled [Ignored] have no loss and no
// gradient, and the mean is over the others; it is 0 where there are none. It panics on
// any other label outside 0 to C-1. The labels must stay as they are until Backward is done.
func CrossEntropy(t *Tape, logits *Var, labels []int32, smoothing float32) *Var {
	c, n := logits.Value.Rows(), logits.Value.Cols()
	if len(labels) != n {
		panic(fmt.Sprintf("grad: CrossEntropy: logits are %v, %d labels", logits.Value.Shape, len(labels)))
	}
	counted := 0
	for i, l := range labels {
		if l != Ignored {
			counted++
		}
		if l < Ignored || int(l) >= c {
			panic(fmt.Sprintf("grad: CrossEntropy: label %d of column %d, logits are %v", l, i, logits.Value.Shape))
		}
	}
	out := t.New(1)
	losses, logSum := t.buffer(n), t.buffer(n)
	if t.wants(logits) {
		out.wanted = true
		*next[crossEntropy](t) = crossEntropy{logits, out, labels, smoothing, logSum, counted}
	}
	kernel.CrossEntropyColumns(c, n, logits.Value.Data, labels, smoothing, losses, logSum)
	sum := 0.0
	for _, l := range losses {
		sum += float64(l)
	}
	out.Value.Data[0] = float32(sum / float64(max(counted, 1)))
	return out
}

func (o *crossEntropy) outs() *Var { return o.out }

func (o *crossEntropy) back(t *Tape) {
	x, scale := o.x.Value, o.out.Grad.Data[0]/float32(max(o.n, 1))
	dx, acc := t.GradOf(o.x)
	d := dx
	if acc {
		d = t.grab(len(dx))
		defer t.give(d)
	}
	kernel.CrossEntropyColumnsGrad(x.Rows(), x.Cols(), x.Data, o.labels, o.smoothing, o.logSum, scale, d)
	if acc {
		kernel.AddTo(dx, d)
	}
}

type add struct{ a, b, out *Var }

// Add returns a + b of the same shape.
func Add(t *Tape, a, b *Var) *Var {
	if !tensor.SameShape(a.Value, b.Value) {
		panic(fmt.Sprintf("grad: Add: a is %v, b is %v", a.Value.Shape, b.Value.Shape))
	}
	out := t.newLike(a.Value.Rows(), a)
	kernel.Add(out.Value.Data, a.Value.Data, b.Value.Data)
	if t.wants(a, b) {
		out.wanted = true
		*next[add](t) = add{a, b, out}
	}
	return out
}

func (o *add) outs() *Var { return o.out }

func (o *add) back(t *Tape) {
	for _, v := range [...]*Var{o.a, o.b} {
		switch d, acc := t.GradOf(v); {
		case d == nil:
		case acc:
			kernel.AddTo(d, o.out.Grad.Data)
		default:
			copy(d, o.out.Grad.Data)
		}
	}
}

type globalAvgPool struct{ x, out *Var }

// GlobalAvgPool returns the mean over the space of x [C, B, H, W], of shape [C, B].
func GlobalAvgPool(t *Tape, x *Var) *Var {
	s := x.Value.Shape
	if len(s) != 4 || s[2]*s[3] == 0 {
		panic(fmt.Sprintf("grad: GlobalAvgPool: x is %v, want [C, B, H, W]", s))
	}
	out := t.New(s[0], s[1])
	kernel.RowMeans(s[0]*s[1], s[2]*s[3], x.Value.Data, out.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[globalAvgPool](t) = globalAvgPool{x, out}
	}
	return out
}

func (o *globalAvgPool) outs() *Var { return o.out }

func (o *globalAvgPool) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	n := len(dx) / len(o.out.Grad.Data)
	for i, g := range o.out.Grad.Data {
		g /= float32(n)
		row := dx[i*n : (i+1)*n]
		for j := range row {
			if acc {
				row[j] += g
			} else {
				row[j] = g
			}
		}
	}
}
