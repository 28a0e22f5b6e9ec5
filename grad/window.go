package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

// windowed takes C, B, H and W of shape from x and returns a variable for the result.
func windowed(t *Tape, op string, x *Var, shape *kernel.Conv) *Var {
	s := x.Value.Shape
	if len(s) != 4 {
		panic(fmt.Sprintf("grad: %s: x is %v, want [C, B, H, W]", op, s))
	}
	shape.C, shape.M, shape.B, shape.H, shape.W = s[0], s[0], s[1], s[2], s[3]
	if shape.OutH() == 0 || shape.OutW() == 0 {
		panic(fmt.Sprintf("grad: %s: x is %v, smaller than the %dx%d window", op, s, shape.KH, shape.KW))
	}
	return t.New(s[0], s[1], shape.OutH(), shape.OutW())
}

type maxPool struct {
	x, out *Var
	shape  kernel.Conv
	arg    []int32
}

// MaxPool returns the maximum of each window of x [C, B, H, W]; of shape, the window,
// strides and padding count.
func MaxPool(t *Tape, x *Var, shape kernel.Conv) *Var {
	out := windowed(t, "MaxPool", x, &shape)
	if !t.wants(x) {
		kernel.MaxPool(shape, x.Value.Data, out.Value.Data, nil)
		return out
	}
	o := next[maxPool](t)
	n := len(out.Value.Data)
	if cap(o.arg) < n {
		o.arg = make([]int32, n)
	}
	*o = maxPool{x, out, shape, o.arg[:n]}
	out.wanted = true
	kernel.MaxPool(shape, x.Value.Data, out.Value.Data, o.arg)
	return out
}

func (o *maxPool) outs() *Var { return o.out }

func (o *maxPool) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	kernel.MaxPoolGrad(o.shape, o.out.Grad.Data, o.arg, acc, dx)
}

type avgPool struct {
	x, out *Var
	shape  kernel.Conv
}

// AvgPool returns the mean of each window of x [C, B, H, W], padding counted as zeros; of
// shape, the window, strides and padding count.
func AvgPool(t *Tape, x *Var, shape kernel.Conv) *Var {
	out := windowed(t, "AvgPool", x, &shape)
	kernel.AvgPool(shape, x.Value.Data, out.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[avgPool](t) = avgPool{x, out, shape}
	}
	return out
}

func (o *avgPool) outs() *Var { return o.out }

func (o *avgPool) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	kernel.AvgPoolGrad(o.shape, o.out.Grad.Data, acc, dx)
}

type depthwise struct {
	x, out *Var
	w, dw  []float32
	shape  kernel.Conv
}

// DepthwiseConv2D returns the convolution of each channel of x [C, B, H, W] with its own
// filter of w [C, KH, KW]. The gradient of w is added to dw, where that is not nil.
func DepthwiseConv2D(t *Tape, x *Var, w, dw []float32, shape kernel.Conv) *Var {
	if s := x.Value.Shape; len(s) != 4 || len(w) != s[0]*shape.KH*shape.KW {
		panic(fmt.Sprintf("grad: DepthwiseConv2D: x is %v, %d weights of %dx%d filters", s, len(w), shape.KH, shape.KW))
	}
	out := windowed(t, "DepthwiseConv2D", x, &shape)
	kernel.Depthwise(shape, w, x.Value.Data, out.Value.Data)
	if t.Training() && (x.wanted || dw != nil) {
		out.wanted = true
		*next[depthwise](t) = depthwise{x, out, w, dw, shape}
	}
	return out
}

func (o *depthwise) outs() *Var { return o.out }

func (o *depthwise) back(t *Tape) {
	if o.dw != nil {
		kernel.DepthwiseGradW(o.shape, o.x.Value.Data, o.out.Grad.Data, o.dw)
	}
	if dx, acc := t.GradOf(o.x); dx != nil {
		kernel.DepthwiseGradX(o.shape, o.w, o.out.Grad.Data, acc, dx)
	}
}

type flatten struct{ x, out *Var }

// Flatten returns x [C, B, H, W] as features [C·H·W, B]. The batch stands between channels
// and space, so this copies.
func Flatten(t *Tape, x *Var) *Var {
	s := x.Value.Shape
	if len(s) != 4 {
		panic(fmt.Sprintf("grad: Flatten: x is %v, want [C, B, H, W]", s))
	}
	out := t.New(s[0]*s[2]*s[3], s[1])
	flattenCopy(s, func(image, feature int) { out.Value.Data[feature] = x.Value.Data[image] })
	if t.wants(x) {
		out.wanted = true
		*next[flatten](t) = flatten{x, out}
	}
	return out
}

// flattenCopy calls f with the places of each element as an image and as a feature.
func flattenCopy(s []int, f func(image, feature int)) {
	area := s[2] * s[3]
	for c := range s[0] {
		for b := range s[1] {
			for p := range area {
				f((c*s[1]+b)*area+p, (c*area+p)*s[1]+b)
			}
		}
	}
}

func (o *flatten) outs() *Var { return o.out }

func (o *flatten) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	dy := o.out.Grad.Data
	flattenCopy(o.x.Value.Shape, func(image, feature int) {
		if acc {
			dx[image] += dy[feature]
		} else {
			dx[image] = dy[feature]
		}
	})
}

type layerNorm struct {
	x, out        *Var
	gamma         []float32
	dgamma, dbeta []float32
	mean, invstd  []float32
}

// LayerNorm normalises each column of x [C, ...] by its mean and deviation over the C
// features, times gamma plus beta (Ba, Kiros and Hinton 2016). The gradients of gamma and
// beta are added to dgamma and dbeta, where those are not nil.
func LayerNorm(t *Tape, x *Var, gamma, beta, dgamma, dbeta []float32, eps float32) *Var {
	c, n := x.Value.Rows(), x.Value.Cols()
	if len(gamma) != c || len(beta) != c {
		panic(fmt.Sprintf("grad: LayerNorm: x is %v, gamma has %d, beta %d", x.Value.Shape, len(gamma), len(beta)))
	}
	out := t.newLike(c, x)
	mean, invstd := t.buffer(n), t.buffer(n)
	kernel.LayerNormColumns(c, n, x.Value.Data, gamma, beta, eps, out.Value.Data, mean, invstd)
	if t.Training() && (x.wanted || dgamma != nil) {
		out.wanted = true
		*next[layerNorm](t) = layerNorm{x, out, gamma, dgamma, dbeta, mean, invstd}
	}
	return out
}

func (o *layerNorm) outs() *Var { return o.out }

func (o *layerNorm) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if dx == nil { // nobody wants it, but those of gamma and beta come with it
		dx = t.grab(len(o.x.Value.Data))
		defer t.give(dx)
	}
	dgamma, dbeta := o.dgamma, o.dbeta
	if dgamma == nil { // a frozen norm
		dgamma, dbeta = t.grab(len(o.gamma)), t.grab(len(o.gamma))
		clear(dgamma)
		clear(dbeta)
		defer t.give(dgamma)
		defer t.give(dbeta)
	}
	kernel.LayerNormColumnsGrad(o.x.Value.Rows(), o.x.Value.Cols(), o.x.Value.Data, o.gamma, o.mean, o.invstd,
		o.out.Grad.Data, acc, dx, dgamma, dbeta)
}
