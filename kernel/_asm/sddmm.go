package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["sddmm"] = genSDDMM }

func genSDDMM() {
	for _, w := range widths {
		for _, nr := range []int{1, 2, 4} {
			w.dots(nr)
		}
	}
}

// dots generates the weight gradient for blocks of nr rows: eight dot products at
// once, of nr rows of the output gradient (t.y) and 8/nr rows of X, over the
// columns of one tile; t.values is the gradient. The last entries of a row are
// fewer.
func (w width) dots(nr int) {
	name := fmt.Sprintf("sddmm%d%s", nr, w.suffix)
	t := tileFunc(name, name+" adds the gradients of blocks of "+fmt.Sprint(nr)+" rows over the columns of one tile.")
	eachRow(t, nr, 192, func(s state) {
		ys := []reg.Register{s.y}
		for r := 1; r < nr; r++ {
			p := GP64()
			MOVQ(ys[r-1], p)
			ADDQ(fieldMem(t, "ldy"), p)
			ys = append(ys, p)
		}
		most := 8 / nr
		MOVQ(s.end, fieldMem(t, "end"))
		Label("entry")
		left := GP64()
		MOVQ(fieldMem(t, "end"), left)
		SUBQ(s.col, left)
		JZ(LabelRef("row"))
		for n := 1; n < most; n++ {
			CMPQ(left, Imm(uint64(2*n)))
			JE(LabelRef(fmt.Sprintf("left%d", n)))
		}
		for n := most; n >= 1; n-- {
			if n < most {
				Label(fmt.Sprintf("left%d", n))
			}
			w.dotBatch(s, ys, n)
			ADDQ(Imm(uint64(2*n)), s.col)
			JMP(LabelRef("entry"))
		}
	})
}

// dotBatch adds the dot products of ne entries and moves s.val on. The last vector
// comes first: it starts the sums, and of dY it has a place of its own.
func (w width) dotBatch(s state, ys []reg.Register, ne int) {
	nr := len(ys)
	x, ldx := field(s.tile, "x"), field(s.tile, "ldx")
	xs := make([]reg.Register, ne)
	for e := range xs {
		p := GP64()
		MOVWQZX(Mem{Base: s.col, Disp: 2 * e}, p)
		IMULQ(ldx, p)
		ADDQ(x, p)
		xs[e] = p
	}
	acc := w.vecs(nr * ne)
	at := field(s.tile, "lasty")
	dy := w.vecs(nr)
	for r := range nr {
		VMOVUPS(Mem{Base: ys[r], Index: at, Scale: 1}, dy[r])
	}
	MOVQ(fieldMem(s.tile, "lastx"), at)
	w.dotStep(acc, dy, xs, at, true)
	loop, test := fmt.Sprintf("vector%d", ne), fmt.Sprintf("test%d", ne)
	at = GP64()
	XORQ(at, at)
	JMP(LabelRef(test))
	Label(loop)
	for r := range nr {
		VMOVUPS(Mem{Base: ys[r], Index: at, Scale: 1}, dy[r])
	}
	w.dotStep(acc, dy, xs, at, false)
	ADDQ(Imm(uint64(w.bytes)), at)
	Label(test)
	CMPQ(at, fieldMem(s.tile, "lastx"))
	JNE(LabelRef(loop))
	w.dotStore(s, w.tree(acc), nr, ne)
}

// dotStep adds one vector of each dot product, or starts the sums with it.
func (w width) dotStep(acc, dy []reg.VecVirtual, xs []reg.Register, at reg.Register, start bool) {
	nr := len(dy)
	add := func(x Op, dy, acc reg.VecVirtual) {
		if start {
			VMULPS(x, dy, acc)
		} else {
			VFMADD231PS(x, dy, acc)
		}
	}
	for e := range xs {
		m := Mem{Base: xs[e], Index: at, Scale: 1}
		if nr == 1 {
			add(m, dy[0], acc[e])
			continue
		}
		x := w.vec()
		VMOVUPS(m, x)
		for r := range nr {
			add(x, dy[r], acc[e*nr+r])
		}
	}
}

// tree sums up each of at most eight accumulators into one element of the result;
// elements beyond are of no meaning. The order of the sum does not depend on how
// many there are.
func (w width) tree(acc []reg.VecVirtual) reg.VecVirtual {
	var a []reg.VecVirtual
	for _, z := range acc {
		if w.bytes == 32 {
			a = append(a, z)
			continue
		}
		hi, sum := YMM(), YMM()
		VEXTRACTF64X4(Imm(1), z, hi)
		VADDPS(z.AsY(), hi, sum)
		a = append(a, sum)
	}
	for len(a) < 8 {
		a = append(a, a[len(a)-1])
	}
	pair := func(a, b reg.VecVirtual) reg.VecVirtual { // a02 b02 a13 b13
		if a == b {
			b = a
		}
		lo, hi := YMM(), YMM()
		VUNPCKLPS(b, a, lo)
		VUNPCKHPS(b, a, hi)
		VADDPS(hi, lo, lo)
		return lo
	}
	four := func(ab, cd reg.VecVirtual) reg.VecVirtual { // a b c d of each half
		lo, hi := YMM(), YMM()
		VUNPCKLPD(cd, ab, lo)
		VUNPCKHPD(cd, ab, hi)
		VADDPS(hi, lo, lo)
		return lo
	}
	ab := pair(a[0], a[1])
	cd := ab
	if len(acc) > 2 {
		cd = pair(a[2], a[3])
	}
	low := four(ab, cd)
	high := low
	if len(acc) > 4 {
		ef := pair(a[4], a[5])
		gh := ef
		if len(acc) > 6 {
			gh = pair(a[6], a[7])
		}
		high = four(ef, gh)
	}
	x, y := YMM(), YMM()
	VPERM2F128(Imm(0x20), high, low, x)
	VPERM2F128(Imm(0x31), high, low, y)
	VADDPS(y, x, x)
	return x
}

// dotStore adds the nr·ne sums to the gradient.
func (w width) dotStore(s state, sums reg.VecVirtual, nr, ne int) {
	if nr == 4 {
		halves := []reg.Register{sums.AsX(), XMM()}
		if ne == 2 {
			VEXTRACTF128(Imm(1), sums, halves[1])
		}
		for _, half := range halves[:ne] {
			VADDPS(Mem{Base: s.val}, half, half)
			VMOVUPS(half, Mem{Base: s.val})
			ADDQ(s.vstride, s.val)
		}
		return
	}
	n := nr * ne
	if n == 8 {
		VADDPS(Mem{Base: s.val}, sums, sums)
		VMOVUPS(sums, Mem{Base: s.val})
	} else {
		rest, at := sums.AsX(), 0
		if n >= 4 {
			next := XMM()
			VEXTRACTF128(Imm(1), sums, next)
			VADDPS(Mem{Base: s.val}, rest, rest)
			VMOVUPS(rest, Mem{Base: s.val})
			rest, at = next, 16
		}
		if n%4 >= 2 {
			old := XMM()
			VMOVSD(Mem{Base: s.val, Disp: at}, old)
			VADDPS(rest, old, old)
			VMOVSD(old, Mem{Base: s.val, Disp: at})
			if n%2 == 1 {
				VUNPCKHPD(rest, rest, rest)
			}
			at += 8
		}
		if n%2 == 1 {
			VADDSS(Mem{Base: s.val, Disp: at}, rest, rest)
			VMOVSS(rest, Mem{Base: s.val, Disp: at})
		}
	}
	ADDQ(Imm(uint64(4*n)), s.val)
}
