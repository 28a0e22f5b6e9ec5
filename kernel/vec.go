package kernel

import (
	"math"
	"unsafe"
)

//go:generate sh -c "cd _asm && go run . -op map -out ../map_amd64.s -stubs ../z_map_amd64.go -pkg kernel"

// vecKernels are the loops over n elements that everything element by element is made
// of. The result for an element does not depend on its place, except in sums, which
// are meant for spans of a fixed length.
type vecKernels struct {
	add, mul, max, mulAdd, reluGrad, reluGradAdd func(dst, a, b *float32, n int)
	relu, exp, log, sigmoid, silu, tanh          func(dst, x *float32, n int)
	gelu, geluSlope                              func(dst, x *float32, n int)
	scale                                        func(dst, x *float32, n int, scale float32)
	affine, affineReLU                           func(dst, x *float32, n int, scale, shift float32)
	scaleAdd                                     func(dst, x, y *float32, n int, scale float32)
	expSub                                       func(dst, sum, x, m *float32, n int)
	normBack                                     func(dst, x, dy *float32, n int, a, b, c float32)
	normBackReLU                                 func(dst, x, y, dy *float32, n int, a, b, c float32)
	moments                                      func(x *float32, n int, base float32) (sum, squares float32)
	normGrads                                    func(dy, x *float32, n int, base float32) (sum, product float32)
	normGradsReLU                                func(dy, x, y *float32, n int, base float32) (sum, product float32)
	influence                                    func(e, g, x *float32, n int, phi, coef, d float32)
	sgd, nesterov                                func(w, m, g *float32, n int, rate, momentum, decay float32)
	gruGrad                                      func(dh, r, z, c, u, dy, hp *float32, n int)
	adam                                         func(w, m, v, g *float32, n int, rate, b1, b2, eps, c1, c2, l2, keep float32)
}

// vec holds the loops of the level in use.
var vec vecKernels

func init() { bind(Portable, func() { vec = vecPortable }) }

// vecPortable is the specification.
var vecPortable = vecKernels{
	add:         zip(func(a, b float32) float32 { return a + b }),
	mul:         zip(func(a, b float32) float32 { return a * b }),
	max:         zip(func(a, b float32) float32 { return max(a, b) }),
	mulAdd:      update(func(d, a, b float32) float32 { return d + a*b }),
	reluGrad:    zip(func(dy, y float32) float32 { return above(y, dy) }),
	reluGradAdd: update(func(d, dy, y float32) float32 { return d + above(y, dy) }),
	relu:        each(func(x float32) float32 { return max(x, 0) }),
	exp:         each(func(x float32) float32 { return float32(math.Exp(float64(x))) }),
	log:         each(func(x float32) float32 { return float32(math.Log(float64(max(x, 0x1p-126)))) }),
	sigmoid:     each(func(x float32) float32 { return float32(sigmoid64(float64(x))) }),
	silu:        each(func(x float32) float32 { return float32(float64(x) * sigmoid64(float64(x))) }),
	gelu:        each(func(x float32) float32 { return float32(float64(x) * sigmoid64(geluArg(float64(x)))) }),
	geluSlope: each(func(x float32) float32 {
		v := float64(x)
		s := sigmoid64(geluArg(v))
		return float32(s + v*s*(1-s)*2*math.Sqrt(2/math.Pi)*(1+3*0.044715*v*v))
	}),
	tanh: each(func(x float32) float32 { return float32(math.Tanh(float64(x))) }),
	scale: func(dst, x *float32, n int, scale float32) {
		d, s := floats(dst, n), floats(x, n)
		for i := range d {
			d[i] = scale * s[i]
		}
	},
	affine: func(dst, x *float32, n int, scale, shift float32) {
		d, s := floats(dst, n), floats(x, n)
		for i := range d {
			d[i] = scale*s[i] + shift
		}
	},
	affineReLU: func(dst, x *float32, n int, scale, shift float32) {
		d, s := floats(dst, n), floats(x, n)
		for i := range d {
			d[i] = max(scale*s[i]+shift, 0)
		}
	},
	scaleAdd: func(dst, x, y *float32, n int, scale float32) {
		d, s, t := floats(dst, n), floats(x, n), floats(y, n)
		for i := range d {
			d[i] = scale*s[i] + t[i]
		}
	},
	expSub: func(dst, sum, x, m *float32, n int) {
		d, s, t, u := floats(dst, n), floats(sum, n), floats(x, n), floats(m, n)
		for i := range d {
			d[i] = float32(math.Exp(float64(t[i] - u[i])))
			s[i] += d[i]
		}
	},
	normBack: func(dst, x, dy *float32, n int, a, b, c float32) {
		d, s, g := floats(dst, n), floats(x, n), floats(dy, n)
		for i := range d {
			d[i] = a*g[i] + (b*s[i] + c)
		}
	},
	normBackReLU: func(dst, x, y, dy *float32, n int, a, b, c float32) {
		d, s, t, g := floats(dst, n), floats(x, n), floats(y, n), floats(dy, n)
		for i := range d {
			d[i] = a*above(t[i], g[i]) + (b*s[i] + c)
		}
	},
	moments: func(x *float32, n int, base float32) (sum, squares float32) {
		for _, v := range floats(x, n) {
			v -= base
			sum += v
			squares += v * v
		}
		return sum, squares
	},
	normGrads: func(dy, x *float32, n int, base float32) (sum, product float32) {
		s := floats(x, n)
		for i, g := range floats(dy, n) {
			sum += g
			product += g * (s[i] - base)
		}
		return sum, product
	},
	normGradsReLU: func(dy, x, y *float32, n int, base float32) (sum, product float32) {
		s, t := floats(x, n), floats(y, n)
		for i, g := range floats(dy, n) {
			g = above(t[i], g)
			sum += g
			product += g * (s[i] - base)
		}
		return sum, product
	},
	influence: func(e, g, x *float32, n int, phi, coef, d float32) {
		es, gs, xs := floats(e, n), floats(g, n), floats(x, n)
		for i, v := range xs {
			es[i] = phi*es[i] + coef*v
			gs[i] += d * es[i]
		}
	},
	sgd: func(w, m, g *float32, n int, rate, momentum, decay float32) {
		ws, ms, gs := floats(w, n), floats(m, n), floats(g, n)
		for i := range ws {
			ms[i] = momentum*ms[i] + (decay*ws[i] + gs[i])
			ws[i] -= rate * ms[i]
		}
	},
	nesterov: func(w, m, g *float32, n int, rate, momentum, decay float32) {
		ws, ms, gs := floats(w, n), floats(m, n), floats(g, n)
		for i := range ws {
			d := decay*ws[i] + gs[i]
			ms[i] = momentum*ms[i] + d
			ws[i] -= rate * (momentum*ms[i] + d)
		}
	},
	gruGrad: func(dh, r, z, c, u, dy, hp *float32, n int) {
		dhs, rs, zs, cs, us, dys, hps := floats(dh, n), floats(r, n), floats(z, n), floats(c, n), floats(u, n), floats(dy, n), floats(hp, n)
		for i, d := range dys {
			d += dhs[i]
			r, z, v := rs[i], zs[i], cs[i]
			e := d * (1 - z) * (1 - v*v)
			rs[i] = e * us[i] * r * (1 - r)
			zs[i] = d * (hps[i] - v) * z * (1 - z)
			cs[i] = e * r
			us[i] = e
			dhs[i] = d * z
		}
	},
	adam: func(w, m, v, g *float32, n int, rate, b1, b2, eps, c1, c2, l2, keep float32) {
		ws, ms, vs, gs := floats(w, n), floats(m, n), floats(v, n), floats(g, n)
		for i := range ws {
			d := l2*ws[i] + gs[i]
			ms[i] = (ms[i]-d)*b1 + d
			vs[i] = (vs[i]-d*d)*b2 + d*d
			ws[i] = ws[i]*keep - rate*(ms[i]*c1/(float32(math.Sqrt(float64(vs[i]*c2)))+eps))
		}
	},
}

func floats(p *float32, n int) []float32 { return unsafe.Slice(p, n) }

func each(f func(x float32) float32) func(dst, x *float32, n int) {
	return func(dst, x *float32, n int) {
		d, s := floats(dst, n), floats(x, n)
		for i := range d {
			d[i] = f(s[i])
		}
	}
}

func zip(f func(a, b float32) float32) func(dst, a, b *float32, n int) {
	return func(dst, a, b *float32, n int) {
		d, s, t := floats(dst, n), floats(a, n), floats(b, n)
		for i := range d {
			d[i] = f(s[i], t[i])
		}
	}
}

func update(f func(d, a, b float32) float32) func(dst, a, b *float32, n int) {
	return func(dst, a, b *float32, n int) {
		d, s, t := floats(dst, n), floats(a, n), floats(b, n)
		for i := range d {
			d[i] = f(d[i], s[i], t[i])
		}
	}
}

// above returns v where y > 0, else 0.
func above(y, v float32) float32 {
	if y > 0 {
		return v
	}
	return 0
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// geluArg returns 2u of the tanh form of GELU (Hendrycks and Gimpel 2016, section 2):
// x·(1 + tanh u)/2 = x·σ(2u).
func geluArg(x float64) float64 { return 2 * math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
