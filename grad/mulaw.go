package grad

import "math"

type muLaw struct {
	x, out *Var
	slopes []float32
}

// MuLaw compands x, in -1 to 1, by the continuous mu law, sign(x)·ln(1 + mu|x|)/ln(1 + mu). Its
// slope at 0 is mu/ln(1 + mu): 46 for 255, 5900 for the 65535 of GAN-TTS and EATS.
func MuLaw(t *Tape, x *Var, mu float64) *Var {
	scale := 1 / math.Log1p(mu)
	return muLawOf(t, x, func(v float64) (y, slope float64) {
		return math.Copysign(math.Log1p(mu*math.Abs(v))*scale, v), mu * scale / (1 + mu*math.Abs(v))
	})
}

// FromMuLaw undoes [MuLaw].
func FromMuLaw(t *Tape, x *Var, mu float64) *Var {
	scale := math.Log1p(mu)
	return muLawOf(t, x, func(v float64) (y, slope float64) {
		e := math.Expm1(math.Abs(v) * scale)
		return math.Copysign(e/mu, v), scale * (1 + e) / mu
	})
}

func muLawOf(t *Tape, x *Var, f func(float64) (y, slope float64)) *Var {
	out := t.newLike(x.Value.Rows(), x)
	slopes := t.buffer(len(x.Value.Data))
	for i, v := range x.Value.Data {
		y, slope := f(float64(v))
		out.Value.Data[i], slopes[i] = float32(y), float32(slope)
	}
	if t.wants(x) {
		out.wanted = true
		*next[muLaw](t) = muLaw{x, out, slopes}
	}
	return out
}

func (o *muLaw) outs() *Var { return o.out }

func (o *muLaw) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	for i, g := range o.out.Grad.Data {
		g *= o.slopes[i]
		if acc {
			g += dx[i]
		}
		dx[i] = g
	}
}
