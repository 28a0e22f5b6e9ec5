package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// leastPower is added to the power of a bin, so that its root has a derivative at 0.
const leastPower = 1e-10

type magnitude struct {
	x, out *Var
	frames kernel.Frames
	re, im []float32
}

// Magnitude returns the magnitudes [Size/2+1, B, T] of the first T frames of the short-time
// Fourier transform of waveforms x [1, B, L].
func Magnitude(t *Tape, x *Var, frames kernel.Frames, T int) *Var {
	s := x.Value.Shape
	if len(s) != 3 || s[0] != 1 {
		panic(fmt.Sprintf("grad: Magnitude: x is %v, want [1, B, L]", s))
	}
	bins := frames.Size/2 + 1
	out := t.New(bins, s[1], T)
	n := len(out.Value.Data)
	re, im := t.buffer(n), t.buffer(n)
	frames.Analyze(s[1], s[2], T, x.Value.Data, re, im)
	for i, v := range re {
		out.Value.Data[i] = float32(math.Sqrt(float64(v*v + im[i]*im[i] + leastPower)))
	}
	if t.wants(x) {
		out.wanted = true
		*next[magnitude](t) = magnitude{x, out, frames, re, im}
	}
	return out
}

func (o *magnitude) outs() *Var { return o.out }

func (o *magnitude) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if !acc {
		clear(dx)
	}
	dy, y := o.out.Grad.Data, o.out.Value.Data
	for i, v := range y {
		g := dy[i] / v
		o.re[i] *= g
		o.im[i] *= g
	}
	s := o.x.Value.Shape
	o.frames.Adjoint(s[1], s[2], o.out.Value.Shape[2], o.re, o.im, dx)
}

type inverseSTFT struct {
	magnitude, phase, out *Var
	frames                kernel.Frames
	clip                  float32
	re, im                []float32
	scale                 []float32 // of samples: the windows that meet in each
}

// InverseSTFT returns the waveforms [1, B, T·Hop] whose short-time Fourier transform is
// nearest that of given log magnitudes, cut at clip, and phases, both [Size/2+1, B, T]
// (Griffin and Lim 1984, eq. 6): windowed inverse transforms, added, over the sum of the
// squared windows. Frame t is centred on sample t·Hop if frames.Before is half of Size.
// cos and sin, where not nil, are those of a further phase to be added, without gradient.
func InverseSTFT(t *Tape, magnitude, phase *Var, cos, sin []float32, frames kernel.Frames, clip float32) *Var {
	s := magnitude.Value.Shape
	if bins := frames.Size/2 + 1; len(s) != 3 || s[0] != bins || len(phase.Value.Data) != len(magnitude.Value.Data) || len(sin) != len(cos) || cos != nil && len(cos) != len(magnitude.Value.Data) {
		panic(fmt.Sprintf("grad: InverseSTFT: magnitudes are %v, phases %v, want [%d, B, T]; %d cosines, %d sines", s, phase.Value.Shape, bins, len(cos), len(sin)))
	}
	B, T := s[1], s[2]
	L := T * frames.Hop
	out := t.New(1, B, L)
	n := len(magnitude.Value.Data)
	re, im, m := t.buffer(n), t.buffer(n), t.buffer(n)
	for i, v := range magnitude.Value.Data {
		m[i] = min(v, clip)
	}
	kernel.Exp(m, m)
	kernel.Sincos(im, re, phase.Value.Data)
	for i, c := range cos {
		re[i], im[i] = re[i]*c-im[i]*sin[i], re[i]*sin[i]+im[i]*c
	}
	kernel.Mul(re, re, m)
	kernel.Mul(im, im, m)
	o := inverseSTFT{magnitude, phase, out, frames, clip, re, im, t.buffer(L)}
	o.envelope(T)
	y := out.Value.Data
	clear(y)
	if t.wants(magnitude, phase) { // the transform spoils what it is given
		a, b := t.grab(n), t.grab(n)
		copy(a, re)
		copy(b, im)
		o.double(a, b)
		frames.Adjoint(B, L, T, a, b, y)
		t.give(a)
		t.give(b)
	} else {
		o.double(re, im)
		frames.Adjoint(B, L, T, re, im, y)
	}
	o.divide(y)
	if t.wants(magnitude, phase) {
		out.wanted = true
		*next[inverseSTFT](t) = o
	}
	return out
}

// envelope computes the scale of the samples: one over the sum of squared windows.
func (o *inverseSTFT) envelope(T int) {
	clear(o.scale)
	for f := range T {
		at := f*o.frames.Hop - o.frames.Before
		for i, w := range o.frames.Window {
			if j := at + i; j >= 0 && j < len(o.scale) {
				o.scale[j] += w * w
			}
		}
	}
	for i, v := range o.scale {
		o.scale[i] = 1 / max(v, 1e-3)
	}
}

// double makes the transpose of a transform its inverse: bins that stand for two count
// twice, and all are divided by the size.
func (o *inverseSTFT) double(re, im []float32) {
	bins := o.frames.Size/2 + 1
	n := len(re) / bins
	kernel.Scale(2/float32(o.frames.Size), re, re)
	kernel.Scale(2/float32(o.frames.Size), im, im)
	for _, x := range [][]float32{re[:n], re[len(re)-n:], im[:n], im[len(im)-n:]} {
		kernel.Scale(0.5, x, x)
	}
}

// divide multiplies waveforms by the scale.
func (o *inverseSTFT) divide(y []float32) {
	L := len(o.scale)
	for b := range len(y) / L {
		kernel.Mul(y[b*L:(b+1)*L], y[b*L:(b+1)*L], o.scale)
	}
}

func (o *inverseSTFT) outs() *Var { return o.out }

func (o *inverseSTFT) back(t *Tape) {
	n, s := len(o.re), o.out.Value.Shape
	gr, gi := t.grab(n), t.grab(n)
	o.divide(o.out.Grad.Data)
	o.frames.Analyze(s[1], s[2], s[2]/o.frames.Hop, o.out.Grad.Data, gr, gi)
	o.double(gr, gi)
	// With z = e^m·(cos p + i·sin p): dm = gr·re + gi·im, dp = gi·re - gr·im.
	if d, acc := t.GradOf(o.magnitude); d != nil {
		for i, v := range o.magnitude.Value.Data {
			g := gr[i]*o.re[i] + gi[i]*o.im[i]
			if v > o.clip {
				g = 0
			}
			if acc {
				g += d[i]
			}
			d[i] = g
		}
	}
	if d, acc := t.GradOf(o.phase); d != nil {
		for i := range d {
			g := gi[i]*o.re[i] - gr[i]*o.im[i]
			if acc {
				g += d[i]
			}
			d[i] = g
		}
	}
	t.give(gr)
	t.give(gi)
}

type spectralDistance struct {
	x, out *Var
	target []float32
	signs  []float32 // slopes of the logarithms' part
	ratio  float64   // of the convergence's part: 1/(|x-y|·|y|)
}

// SpectralDistance returns how far magnitudes x, above 0, are from target (Yamamoto et al.
// 2020, eq. 5 and 6): the spectral convergence |x - y|/|y|, Frobenius norms over all
// elements, and the mean of |ln x - ln y|.
func SpectralDistance(t *Tape, x *Var, target []float32) *Var {
	v := x.Value.Data
	if len(target) != len(v) {
		panic(fmt.Sprintf("grad: SpectralDistance: x is %v, %d targets", x.Value.Shape, len(target)))
	}
	out := t.New(1)
	a, b := t.grabFor(len(v)), t.grabFor(len(v))
	kernel.Log(a, v)
	kernel.Log(b, target)
	signs := t.buffer(len(v))
	share := 1 / float32(max(len(v), 1))
	logs, difference, size := 0.0, 0.0, 0.0
	const span = 4096 // sums in float32 over spans, in float64 over all
	for at := 0; at < len(v); at += span {
		var l, d, s float32
		end := min(at+span, len(v))
		v, b, target, signs := v[at:end], b[at:end], target[at:end], signs[at:end]
		for i, e := range a[at:end] {
			e -= b[i]
			// Which is greater is anybody's guess: no branch on it.
			sign := math.Float32bits(e) & (1 << 31)
			l += math.Float32frombits(math.Float32bits(e) ^ sign)
			signs[i] = math.Float32frombits(math.Float32bits(share)|sign) / v[i]
			e = v[i] - target[i]
			d += e * e
			s += target[i] * target[i]
		}
		logs, difference, size = logs+float64(l), difference+float64(d), size+float64(s)
	}
	t.giveFor(a)
	t.giveFor(b)
	norm := math.Sqrt(max(difference, 1e-20)) * math.Sqrt(max(size, 1e-20))
	out.Value.Data[0] = float32(difference/norm + logs*float64(share))
	if t.wants(x) {
		out.wanted = true
		*next[spectralDistance](t) = spectralDistance{x, out, target, signs, 1 / norm}
	}
	return out
}

// grabFor is grab for a tape that may be nil.
func (t *Tape) grabFor(n int) []float32 {
	if t == nil {
		return make([]float32, n)
	}
	return t.grab(n)
}

func (t *Tape) giveFor(b []float32) {
	if t != nil {
		t.give(b)
	}
}

func (o *spectralDistance) outs() *Var { return o.out }

func (o *spectralDistance) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	g, r := o.out.Grad.Data[0], float32(o.ratio)
	for i, v := range o.x.Value.Data {
		d := g * (r*(v-o.target[i]) + o.signs[i])
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

type logMel struct {
	x, out  *Var
	filters []float32
	floor   float32
	plus    float32 // what is added before the logarithm
}

// LogMel returns ln max(F·x, floor), of shape [bands, ...], for magnitudes x [bins, ...] and
// filters F [bands, bins].
func LogMel(t *Tape, x *Var, filters []float32, floor float32) *Var {
	return logMelOf(t, x, filters, floor, 0)
}

// LogMelPlus returns ln(1 + F·x), of shape [bands, ...], for magnitudes x [bins, ...] and
// filters F [bands, bins], all of them at least 0.
func LogMelPlus(t *Tape, x *Var, filters []float32) *Var {
	return logMelOf(t, x, filters, 0, 1)
}

func logMelOf(t *Tape, x *Var, filters []float32, floor, plus float32) *Var {
	bins, n := x.Value.Rows(), x.Value.Cols()
	if bins == 0 || len(filters)%bins != 0 {
		panic(fmt.Sprintf("grad: LogMel: x is %v, filters have %d weights", x.Value.Shape, len(filters)))
	}
	bands := len(filters) / bins
	out := t.newLike(bands, x)
	y := out.Value.Data
	kernel.GEMM(false, false, bands, n, bins, 1, filters, bins, x.Value.Data, n, 0, y, n)
	for i, v := range y {
		y[i] = max(v, floor) + plus
	}
	kernel.Log(y, y)
	if t.wants(x) {
		out.wanted = true
		*next[logMel](t) = logMel{x, out, filters, floor, plus}
	}
	return out
}

func (o *logMel) outs() *Var { return o.out }

func (o *logMel) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	y, dy := o.out.Value.Data, o.out.Grad.Data
	d := t.grab(len(y))
	kernel.Scale(-1, d, y)
	kernel.Exp(d, d) // one over the value before the logarithm
	lowest := float32(-1)
	if o.plus == 0 {
		lowest = float32(math.Log(float64(o.floor))) + 1e-5
	}
	for i, v := range y {
		if v <= lowest {
			d[i] = 0
		} else {
			d[i] *= dy[i]
		}
	}
	bands, bins, n := o.out.Value.Rows(), o.x.Value.Rows(), o.out.Value.Cols()
	beta := float32(0)
	if acc {
		beta = 1
	}
	kernel.GEMM(true, false, bins, n, bands, 1, o.filters, bins, d, n, beta, dx, n)
	t.give(d)
}
