package grad

import (
	"fmt"
	"slices"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

type conv struct {
	x, out *Var
	w      *Weight
	shape  kernel.Conv
	dbias  []float32
}

// Conv2D returns the convolution of x [C, B, H, W] with weights [M, C, KH, KW], plus a
// bias [M] where it is not nil; the result is [M, B, OH, OW]. Of shape, B, H and W are
// taken from x. The gradients of the weight and, where dbias is not nil, of the bias are
// added to w.Grad and dbias.
func Conv2D(t *Tape, x *Var, w *Weight, bias, dbias []float32, shape kernel.Conv) *Var {
	s := x.Value.Shape
	if len(s) != 4 || s[0] != shape.C || w.M != shape.M || w.K != shape.K() {
		panic(fmt.Sprintf("grad: Conv2D: x is %v, weight is [%d, %d, %d, %d]", s, w.M, shape.C, shape.KH, shape.KW))
	}
	shape.B, shape.H, shape.W = s[1], s[2], s[3]
	if shape.OutH() == 0 || shape.OutW() == 0 {
		panic(fmt.Sprintf("grad: Conv2D: x is %v, smaller than the %dx%d kernel", s, shape.KH, shape.KW))
	}
	out := t.New(shape.M, shape.B, shape.OutH(), shape.OutW())
	if w.Sparse != nil {
		kernel.ConvSparse(shape, &w.Sparse.CSR, x.Value.Data, out.Value.Data)
	} else {
		kernel.ConvDense(shape, w.Dense, x.Value.Data, out.Value.Data)
	}
	if bias != nil {
		kernel.BiasAdd(shape.M, shape.N(), bias, out.Value.Data)
	}
	if t.Training() && (x.wanted || w.Grad != nil) {
		out.wanted = true
		*next[conv](t) = conv{x, out, w, shape, dbias}
	}
	return out
}

func (o *conv) outs() *Var { return o.out }

func (o *conv) back(t *Tape) {
	dy, x := o.out.Grad.Data, o.x.Value.Data
	if o.dbias != nil {
		kernel.RowSums(o.shape.M, o.shape.N(), dy, true, o.dbias)
	}
	o.weightGrad(t, x, dy)
	dx, acc := t.GradOf(o.x)
	switch {
	case dx == nil:
	case o.w.Sparse != nil:
		kernel.ConvSparseGradX(o.shape, &o.w.Sparse.CSR, o.w.Sparse.Twin(), dy, acc, dx)
	default:
		kernel.ConvDenseGradX(o.shape, o.w.Dense, dy, acc, dx)
	}
}

// weightGrad adds the gradient at the weights that exist and shows the whole of it to
// Scan.
func (o *conv) weightGrad(t *Tape, x, dy []float32) {
	w := o.w
	if w.Grad == nil {
		return
	}
	var all []float32 // the gradient as if all weights existed
	if w.Scan != nil {
		all = t.grab(w.M * w.K)
		clear(all)
		kernel.ConvDenseGradW(o.shape, x, dy, all)
	}
	switch {
	case w.Sparse != nil:
		kernel.ConvSparseGradW(o.shape, &w.Sparse.CSR, x, dy, w.Grad)
	case all != nil:
		kernel.AddTo(w.Grad, all)
	default:
		kernel.ConvDenseGradW(o.shape, x, dy, w.Grad)
	}
	if w.Mask != nil {
		w.Mask.Apply(w.Grad)
	}
	if all != nil {
		w.Scan(0, all)
		t.give(all)
	}
}

// Conv1D is [Conv2D] of x [C, B, T] along T; the result is [M, B, OT].
func Conv1D(t *Tape, x *Var, w *Weight, bias, dbias []float32, shape kernel.Conv) *Var {
	s := x.Value.Shape
	if len(s) != 3 {
		panic(fmt.Sprintf("grad: Conv1D: x is %v, want [C, B, T]", s))
	}
	y := Conv2D(t, Reshape(t, x, s[0], s[1], 1, s[2]), w, bias, dbias, shape)
	o := y.Value.Shape
	return Reshape(t, y, o[0], o[1], o[3])
}

type reshape struct{ x, out *Var }

// Reshape returns the elements of x in another shape of the same size, without copying.
func Reshape(t *Tape, x *Var, shape ...int) *Var {
	if tensor.Size(shape) != len(x.Value.Data) { // clones keep shape itself on the stack
		panic(fmt.Sprintf("grad: Reshape: x is %v, want %v", x.Value.Shape, slices.Clone(shape)))
	}
	if t == nil {
		return &Var{Value: tensor.Of(x.Value.Data, slices.Clone(shape)...)}
	}
	out := t.slot()
	out.view.Data, out.view.Shape = x.Value.Data, append(out.view.Shape[:0], shape...)
	out.Value = &out.view
	if t.wants(x) {
		out.wanted = true
		*next[reshape](t) = reshape{x, out}
	}
	return out
}

func (o *reshape) outs() *Var { return o.out }

func (o *reshape) back(t *Tape) {
	if dx, acc := t.GradOf(o.x); acc {
		kernel.AddTo(dx, o.out.Grad.Data)
	} else {
		copy(dx, o.out.Grad.Data)
	}
}
