package grad

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

type square struct{ x, out *Var }

// Square returns x².
func Square(t *Tape, x *Var) *Var {
	out := t.newLike(x.Value.Rows(), x)
	kernel.Mul(out.Value.Data, x.Value.Data, x.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[square](t) = square{x, out}
	}
	return out
}

func (o *square) outs() *Var { return o.out }

func (o *square) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	d := t.grab(len(dx))
	kernel.Scale(2, d, o.out.Grad.Data)
	if acc {
		kernel.MulAdd(dx, d, o.x.Value.Data)
	} else {
		kernel.Mul(dx, d, o.x.Value.Data)
	}
	t.give(d)
}

// least is added to a variance, so that its root has a derivative at 0.
const least = 1e-8

type perturb struct {
	mean, variance, out *Var
	slope               []float32 // of the output by the variance
}

// Perturb returns a sample of a normal distribution of that mean and variance in each
// element, mean + √(variance + 1e-8)·ε (the local reparameterisation of Kingma et al.
// 2015). Of a sequence [C, T, B] the time steps share their ε (arXiv:1902.09574, released
// code). Gradients go to mean and variance.
func Perturb(t *Tape, mean, variance *Var, rng *rand.Rand) *Var {
	if !tensor.SameShape(mean.Value, variance.Value) {
		panic(fmt.Sprintf("grad: Perturb: mean is %v, variance is %v", mean.Value.Shape, variance.Value.Shape))
	}
	out := t.newLike(mean.Value.Rows(), mean)
	n := len(out.Value.Data)
	slope := t.buffer(n)
	line, repeat := n, 1 // so many elements, and how often their noise is used again
	if s := mean.Value.Shape; len(s) == 3 {
		line, repeat = s[2], s[1]
	}
	noise := t.buffer(line)
	m, v, y := mean.Value.Data, variance.Value.Data, out.Value.Data
	for at := 0; at < n; {
		for i := range noise {
			noise[i] = float32(rng.NormFloat64())
		}
		for range repeat {
			for i, e := range noise {
				sd := float32(math.Sqrt(float64(v[at+i] + least)))
				y[at+i] = m[at+i] + sd*e
				slope[at+i] = e / (2 * sd)
			}
			at += line
		}
	}
	if t.wants(mean, variance) {
		out.wanted = true
		*next[perturb](t) = perturb{mean, variance, out, slope}
	}
	return out
}

func (o *perturb) outs() *Var { return o.out }

func (o *perturb) back(t *Tape) {
	dy := o.out.Grad.Data
	switch d, acc := t.GradOf(o.mean); {
	case d == nil:
	case acc:
		kernel.AddTo(d, dy)
	default:
		copy(d, dy)
	}
	switch d, acc := t.GradOf(o.variance); {
	case d == nil:
	case acc:
		kernel.MulAdd(d, dy, o.slope)
	default:
		kernel.Mul(d, dy, o.slope)
	}
}
