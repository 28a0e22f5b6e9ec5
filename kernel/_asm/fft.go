package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["fft"] = genFFT }

// complexVec is a vector of complex numbers.
type complexVec struct{ re, im reg.VecVirtual }

func (w width) cadd(a, b complexVec) complexVec {
	return complexVec{w.add(a.re, b.re), w.add(a.im, b.im)}
}
func (w width) csub(a, b complexVec) complexVec {
	return complexVec{w.sub(a.re, b.re), w.sub(a.im, b.im)}
}

// both returns a - i·b and a + i·b.
func (w width) both(a, b complexVec) (minus, plus complexVec) {
	minus.re, plus.re = w.add(a.re, b.im), w.sub(a.re, b.im)
	minus.im, plus.im = w.sub(a.im, b.re), w.add(a.im, b.re)
	return
}

// blend returns s·a + c.
func (w width) blend(k float64, a, c complexVec) complexVec {
	s := w.constant(k)
	return complexVec{w.fma(s, a.re, c.re), w.fma(s, a.im, c.im)}
}

func (w width) times(k float64, a complexVec) complexVec {
	s := w.constant(k)
	return complexVec{w.mul(s, a.re), w.mul(s, a.im)}
}

// butterflies are the transforms of 2, 4 and 5 points. Each result is put away as soon as
// it is there, which keeps them within 16 registers.
var butterflies = map[int]func(w width, load func(k int) complexVec, put func(j int, x complexVec)){
	2: func(w width, load func(int) complexVec, put func(int, complexVec)) {
		a, b := load(0), load(1)
		put(0, w.cadd(a, b))
		put(1, w.csub(a, b))
	},
	4: func(w width, load func(int) complexVec, put func(int, complexVec)) {
		a0, a2 := load(0), load(2)
		s, d := w.cadd(a0, a2), w.csub(a0, a2)
		a1, a3 := load(1), load(3)
		u, v := w.cadd(a1, a3), w.csub(a1, a3)
		put(0, w.cadd(s, u))
		put(2, w.csub(s, u))
		minus, plus := w.both(d, v)
		put(1, minus)
		put(3, plus)
	},
	5: func(w width, load func(int) complexVec, put func(int, complexVec)) {
		c := func(k float64) float64 { return math.Cos(2 * math.Pi * k / 5) }
		s := func(k float64) float64 { return math.Sin(2 * math.Pi * k / 5) }
		a1, a4 := load(1), load(4)
		p, m := w.cadd(a1, a4), w.csub(a1, a4)
		a2, a3 := load(2), load(3)
		q, n := w.cadd(a2, a3), w.csub(a2, a3)
		put(0, w.cadd(load(0), w.cadd(p, q)))
		minus, plus := w.both(w.blend(c(1), p, w.blend(c(2), q, load(0))), w.blend(s(1), m, w.times(s(2), n)))
		put(1, minus)
		put(4, plus)
		minus, plus = w.both(w.blend(c(2), p, w.blend(c(1), q, load(0))), w.blend(-s(1), n, w.times(s(2), m)))
		put(2, minus)
		put(3, plus)
	},
}

func genFFT() {
	for _, w := range widths {
		for _, r := range []int{2, 4, 5} {
			w.pass(r)
		}
	}
}

// pass writes a pass of radix r for n values, a multiple of 16.
func (w width) pass(r int) {
	TEXT(fmt.Sprintf("fftPass%d%s", r, w.suffix), attr.NOSPLIT, "func(re, im *float32, sstep int, dre, dim *float32, dstep, n int, w *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("fftPass%d%s does %d-point transforms; n is a multiple of 16.", r, w.suffix, r))
	re, im := Load(Param("re"), GP64()), Load(Param("im"), GP64())
	dre, dim := Load(Param("dre"), GP64()), Load(Param("dim"), GP64())
	ss, ds := Load(Param("sstep"), GP64()), Load(Param("dstep"), GP64())
	n := Load(Param("n"), GP64())
	tw := Load(Param("w"), GP64())
	SHLQ(Imm(2), ss)
	SHLQ(Imm(2), ds)
	steps := func(s reg.Register) []Mem { // places of the blocks beside a base
		ms := []Mem{{}, {Index: s, Scale: 1}, {Index: s, Scale: 2}}
		if r > 3 {
			three := GP64()
			LEAQ(Mem{Base: s, Index: s, Scale: 2}, three)
			ms = append(ms, Mem{Index: three, Scale: 1}, Mem{Index: s, Scale: 4})
		}
		return ms[:r]
	}
	from, to := steps(ss), steps(ds)
	at := func(base reg.Register, m Mem) Mem { m.Base = base; return m }
	Label("loop")
	butterflies[r](w, func(k int) complexVec {
		c := complexVec{w.vec(), w.vec()}
		VMOVUPS(at(re, from[k]), c.re)
		VMOVUPS(at(im, from[k]), c.im)
		return c
	}, func(j int, x complexVec) {
		if j > 0 {
			f := w.vec()
			VBROADCASTSS(Mem{Base: tw, Disp: 8*j - 4}, f)
			p, q := w.mul(x.im, f), w.mul(x.re, f)
			f = w.vec()
			VBROADCASTSS(Mem{Base: tw, Disp: 8*j - 8}, f)
			VFMSUB231PS(x.re, f, p)
			VFMADD231PS(x.im, f, q)
			x = complexVec{p, q}
		}
		VMOVUPS(x.re, at(dre, to[j]))
		VMOVUPS(x.im, at(dim, to[j]))
	})
	for _, p := range []reg.Register{re, im, dre, dim} {
		ADDQ(Imm(uint64(w.bytes)), p)
	}
	SUBQ(Imm(uint64(w.bytes/4)), n)
	JG(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
