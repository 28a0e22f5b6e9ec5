package nn

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
)

// Conv2D is a convolution (cross-correlation, as is usual) of x [C, B, H, W]:
//
//	y[m, b, i, j] = bias[m] + Σ W[m, c, u, v] · x[c, b, i·Stride + u - Pad, j·Stride + v - Pad]
//
// of shape [M, B, (H + 2·Pad - KH)/Stride + 1, likewise]. A sparse W is [M, C·KH·KW]; the
// output and both gradients then cost two operations for every weight that exists and
// output position.
type Conv2D struct {
	Weight      *Param // [M, C, KH, KW]
	Bias        *Param // [M], or nil
	Stride, Pad int
}

// NewConv2D returns a convolution of C to M channels with a size×size kernel, He-normal
// weights and no bias.
func NewConv2D(C, M, size, stride, pad int, rng *rand.Rand) *Conv2D {
	l := &Conv2D{Weight: NewParam(M, C, size, size), Stride: stride, Pad: pad}
	l.Weight.Prunable, l.Weight.Local = true, true
	HeNormal(l.Weight, rng)
	return l
}

// Forward returns y. It panics unless x is [C, B, H, W] and not smaller than the kernel.
func (l *Conv2D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	s := l.Weight.Shape
	shape := kernel.Conv{M: s[0], C: s[1], KH: s[2], KW: s[3],
		StrideH: l.Stride, StrideW: l.Stride, PadH: l.Pad, PadW: l.Pad}
	y := l.Weight.product(t, l.Bias, func(w *grad.Weight, bias, dbias []float32) *grad.Var { return grad.Conv2D(t, x, w, bias, dbias, shape) })
	l.Weight.Uses = y.Value.Shape[2] * y.Value.Shape[3]
	return l.Weight.perturbed(t, x, y, func(x *grad.Var, w *grad.Weight) *grad.Var { return grad.Conv2D(t, x, w, nil, nil, shape) })
}

// GlobalAvgPool is the mean over space: [C, B, H, W] to [C, B].
type GlobalAvgPool struct{}

// Forward applies the function.
func (GlobalAvgPool) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.GlobalAvgPool(t, x) }

// Conv1D is a convolution of x [C, B, T] along T: [M, B, (T + 2·Pad - Dilation·(K-1) - 1)/Stride + 1].
type Conv1D struct {
	Weight                *Param // [M, C, K]
	Bias                  *Param // [M], or nil
	Stride, Pad, Dilation int    // strides and dilations of 0 are 1
}

// NewConv1D returns a convolution of C to M channels with a kernel of the given size,
// He-normal weights and no bias.
func NewConv1D(C, M, size, stride, pad, dilation int, rng *rand.Rand) *Conv1D {
	l := &Conv1D{Weight: NewParam(M, C, size), Stride: stride, Pad: pad, Dilation: dilation}
	l.Weight.Prunable = true
	HeNormal(l.Weight, rng)
	return l
}

// Forward returns y. It panics unless x is [C, B, T] and not shorter than the kernel.
func (l *Conv1D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	s := l.Weight.Shape
	shape := kernel.Conv{M: s[0], C: s[1], KH: 1, KW: s[2], StrideW: l.Stride, PadW: l.Pad, DilationW: l.Dilation}
	y := l.Weight.product(t, l.Bias, func(w *grad.Weight, bias, dbias []float32) *grad.Var { return grad.Conv1D(t, x, w, bias, dbias, shape) })
	l.Weight.Uses = y.Value.Shape[2]
	return y
}

// DepthwiseConv2D is a convolution of each channel of x [C, B, H, W] with a filter of its
// own (Howard et al. 2017, section 3.1). Its weights are few and stay dense.
type DepthwiseConv2D struct {
	Weight      *Param // [C, KH, KW]
	Stride, Pad int
}

// NewDepthwiseConv2D returns a depth-wise convolution of C channels with size×size filters
// and He-normal weights.
func NewDepthwiseConv2D(C, size, stride, pad int, rng *rand.Rand) *DepthwiseConv2D {
	l := &DepthwiseConv2D{Weight: NewParam(C, size, size), Stride: stride, Pad: pad}
	HeNormal(l.Weight, rng)
	return l
}

// Forward returns y, of shape [C, B, OH, OW].
func (l *DepthwiseConv2D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	s := l.Weight.Shape
	shape := window(s[1], l.Stride, l.Pad)
	shape.KW = s[2]
	y := grad.DepthwiseConv2D(t, x, l.Weight.values(), l.Weight.gradFor(t), shape)
	l.Weight.Uses = y.Value.Shape[2] * y.Value.Shape[3]
	return y
}

// DepthwiseConv1D is a convolution of each channel of x [C, B, T] along T with a filter of
// its own, of odd size K and padded so that T stays. Its weights are few and stay dense.
type DepthwiseConv1D struct {
	Weight *Param // [C, K]
}

// NewDepthwiseConv1D returns a depth-wise convolution of C channels with filters of an odd
// size, He-normal weights and no bias.
func NewDepthwiseConv1D(C, size int, rng *rand.Rand) *DepthwiseConv1D {
	l := &DepthwiseConv1D{Weight: NewParam(C, size)}
	HeNormal(l.Weight, rng)
	return l
}

// Forward returns y, of the shape of x. It panics unless x is [C, B, T].
func (l *DepthwiseConv1D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	s, size := x.Value.Shape, l.Weight.Shape[1]
	l.Weight.Uses = s[2]
	shape := kernel.Conv{KH: 1, KW: size, PadW: size / 2}
	y := grad.DepthwiseConv2D(t, grad.Reshape(t, x, s[0], s[1], 1, s[2]), l.Weight.values(), l.Weight.gradFor(t), shape)
	return grad.Reshape(t, y, s...)
}
