package nn

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
)

// LeakyReLU is x where x > 0, else Slope·x.
type LeakyReLU struct{ Slope float32 }

// Forward applies the function.
func (l LeakyReLU) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.LeakyReLU(t, x, l.Slope) }

// ReLU6 is min(max(x, 0), 6).
type ReLU6 struct{}

// Forward applies the function.
func (ReLU6) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.ReLU6(t, x) }

// GELU is the Gaussian error linear unit in its tanh form (Hendrycks and Gimpel 2016).
type GELU struct{}

// Forward applies the function.
func (GELU) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.GELU(t, x) }

// SiLU is x/(1 + e^-x).
type SiLU struct{}

// Forward applies the function.
func (SiLU) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.SiLU(t, x) }

// Sigmoid is 1/(1 + e^-x).
type Sigmoid struct{}

// Forward applies the function.
func (Sigmoid) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.Sigmoid(t, x) }

// Tanh is the hyperbolic tangent.
type Tanh struct{}

// Forward applies the function.
func (Tanh) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.Tanh(t, x) }

// Dropout sets elements to zero with probability P while training and divides the others
// by 1 - P (Srivastava et al. 2014). Random is its source; keep the state of the generator
// below it to resume exactly.
type Dropout struct {
	P      float32
	Random *rand.Rand
}

// Forward applies the layer.
func (l Dropout) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	return grad.Dropout(t, x, l.P, l.Random)
}

// Flatten turns images [C, B, H, W] into features [C·H·W, B].
type Flatten struct{}

// Forward applies the layer.
func (Flatten) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.Flatten(t, x) }

// MaxPool2D is the maximum over windows of Size×Size: [C, B, H, W] to
// [C, B, (H + 2·Pad - Size)/Stride + 1, likewise].
type MaxPool2D struct{ Size, Stride, Pad int }

// Forward applies the layer.
func (l MaxPool2D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	return grad.MaxPool(t, x, window(l.Size, l.Stride, l.Pad))
}

// AvgPool2D is the mean over windows of Size×Size, padding counted as zeros.
type AvgPool2D struct{ Size, Stride, Pad int }

// Forward applies the layer.
func (l AvgPool2D) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	return grad.AvgPool(t, x, window(l.Size, l.Stride, l.Pad))
}

func window(size, stride, pad int) kernel.Conv {
	return kernel.Conv{KH: size, KW: size, StrideH: stride, StrideW: stride, PadH: pad, PadW: pad}
}

// Residual is Body(x) + Shortcut(x); a nil shortcut is x itself (He et al. 2016).
type Residual struct{ Body, Shortcut Layer }

// Forward applies the layer.
func (l Residual) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	y := l.Body.Forward(t, x)
	if l.Shortcut != nil {
		x = l.Shortcut.Forward(t, x)
	}
	return grad.Add(t, x, y)
}

// LayerNorm normalises each column over its C features (Ba, Kiros and Hinton 2016):
// y = Gamma·(x - mean)/√(var + Eps) + Beta, x and y [C, ...].
type LayerNorm struct {
	Gamma, Beta *Param // [C]
	Eps         float32
}

// NewLayerNorm returns a layer norm of C features with gamma 1 and beta 0.
func NewLayerNorm(C int) *LayerNorm {
	l := &LayerNorm{Gamma: NewParam(C), Beta: NewParam(C), Eps: 1e-5}
	l.Gamma.NoDecay, l.Beta.NoDecay = true, true
	for i := range l.Gamma.Dense.Data {
		l.Gamma.Dense.Data[i] = 1
	}
	return l
}

// Forward returns y. It panics unless the first axis of x has C elements.
func (l *LayerNorm) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	return grad.LayerNorm(t, x, l.Gamma.values(), l.Beta.values(), l.Gamma.gradFor(t), l.Beta.gradFor(t), l.Eps)
}

// CrossEntropySmoothed returns a loss like [CrossEntropy] with label smoothing (Szegedy et
// al. 2016, section 7): the target is 1 - smoothing on the label plus smoothing/C on all.
func CrossEntropySmoothed(smoothing float32) func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
	return func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
		return grad.CrossEntropy(t, logits, labels, smoothing)
	}
}
