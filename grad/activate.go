package grad

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
)

// unary is a function of each element, whose gradient is computed from the input or from
// the output, whichever is simpler.
type unary struct {
	x, out *Var
	f      *function
}

type function struct {
	forward  func(dst, x []float32)
	backward func(acc bool, dx, dy, from []float32)
	ofInput  bool // backward reads the input
}

var (
	tanhFunction    = function{forward: kernel.Tanh, backward: kernel.TanhGrad}
	sigmoidFunction = function{forward: kernel.Sigmoid, backward: kernel.SigmoidGrad}
	relu6Function   = function{forward: kernel.ReLU6, backward: kernel.ReLU6Grad}
	geluFunction    = function{forward: kernel.GELU, backward: kernel.GELUGrad, ofInput: true}
	expFunction     = function{forward: kernel.Exp, backward: expGrad}
	siluFunction    = function{forward: kernel.SiLU, backward: kernel.SiLUGrad, ofInput: true}
)

func (f *function) apply(t *Tape, x *Var) *Var {
	out := t.newLike(x.Value.Rows(), x)
	f.forward(out.Value.Data, x.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[unary](t) = unary{x, out, f}
	}
	return out
}

func (o *unary) outs() *Var { return o.out }

func (o *unary) back(t *Tape) {
	from := o.out.Value.Data
	if o.f.ofInput {
		from = o.x.Value.Data
	}
	dx, acc := t.GradOf(o.x)
	o.f.backward(acc, dx, o.out.Grad.Data, from)
}

// Tanh returns the hyperbolic tangent of each element.
func Tanh(t *Tape, x *Var) *Var { return tanhFunction.apply(t, x) }

// Sigmoid returns 1/(1 + e^-x).
func Sigmoid(t *Tape, x *Var) *Var { return sigmoidFunction.apply(t, x) }

// ReLU6 returns min(max(x, 0), 6).
func ReLU6(t *Tape, x *Var) *Var { return relu6Function.apply(t, x) }

// GELU returns the Gaussian error linear unit in its tanh form: see [kernel.GELU].
func GELU(t *Tape, x *Var) *Var { return geluFunction.apply(t, x) }

// Exp returns e^x.
func Exp(t *Tape, x *Var) *Var { return expFunction.apply(t, x) }

func expGrad(acc bool, dx, dy, y []float32) {
	if acc {
		kernel.MulAdd(dx, dy, y)
	} else {
		kernel.Mul(dx, dy, y)
	}
}

// SiLU returns x/(1 + e^-x).
func SiLU(t *Tape, x *Var) *Var { return siluFunction.apply(t, x) }

type leakyReLU struct {
	x, out *Var
	slope  float32
}

// LeakyReLU returns x where x > 0, else slope·x, for a slope above 0.
func LeakyReLU(t *Tape, x *Var, slope float32) *Var {
	out := t.newLike(x.Value.Rows(), x)
	kernel.LeakyReLU(slope, out.Value.Data, x.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[leakyReLU](t) = leakyReLU{x, out, slope}
	}
	return out
}

func (o *leakyReLU) outs() *Var { return o.out }

func (o *leakyReLU) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	kernel.LeakyReLUGrad(o.slope, acc, dx, o.out.Grad.Data, o.out.Value.Data)
}

type dropout struct {
	x, out *Var
	keep   []float32 // 0 or 1/(1 - p)
}

// Dropout sets each element to zero with probability p and divides the others by 1 - p
// while training (Srivastava et al. 2014); otherwise it returns x.
func Dropout(t *Tape, x *Var, p float32, rng *rand.Rand) *Var {
	if !t.Training() || p == 0 {
		return x
	}
	out := t.newLike(x.Value.Rows(), x)
	keep := t.buffer(len(x.Value.Data))
	// Sixteen bits decide on an element, so that one number from rng does for four.
	chance := uint64(math.Round(float64(p) * (1 << 16)))
	share := [2]float32{1 / (1 - p), 0}
	for i := 0; i < len(keep); i += 4 {
		bits := rng.Uint64()
		for j := i; j < min(i+4, len(keep)); j++ {
			// 1 where the bits are below the chance.
			keep[j] = share[(bits&(1<<16-1)-chance)>>63]
			bits >>= 16
		}
	}
	kernel.Mul(out.Value.Data, x.Value.Data, keep)
	if t.wants(x) {
		out.wanted = true
		*next[dropout](t) = dropout{x, out, keep}
	}
	return out
}

func (o *dropout) outs() *Var { return o.out }

func (o *dropout) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if acc {
		kernel.MulAdd(dx, o.out.Grad.Data, o.keep)
		return
	}
	kernel.Mul(dx, o.out.Grad.Data, o.keep)
}
