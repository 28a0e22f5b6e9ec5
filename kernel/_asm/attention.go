package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["attention"] = genAttention }

// genAttention generates the tiles of products whose elements are vectors of 8 batch
// elements. A vector is 8 lanes at every level.
func genAttention() {
	for _, mr := range []int{3, 1} {
		for _, nr := range []int{4, 1} {
			widths[0].laneTile(mr, nr)
		}
	}
	widths[0].laneCopy("lanesCopy", "copies", false)
	widths[0].laneCopy("lanesAdd", "adds", true)
}

// laneCopy moves n vectors that stand ss bytes apart to places ds bytes apart.
func (w width) laneCopy(name, verb string, add bool) {
	TEXT(name+w.suffix, attr.NOSPLIT, "func(dst, src *float32, ds, ss, n int)")
	Pragma("noescape")
	Doc(name + w.suffix + " " + verb + " n vectors: see laneMove.")
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	dst, src, ds, ss, n := load("dst"), load("src"), load("ds"), load("ss"), load("n")
	v := w.vec()
	Label("step")
	VMOVUPS(Mem{Base: src}, v)
	if add {
		VADDPS(Mem{Base: dst}, v, v)
	}
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(ss, src)
	ADDQ(ds, dst)
	DECQ(n)
	JNZ(LabelRef("step"))
	VZEROUPPER()
	RET()
}

// laneTile keeps mr×nr sums and the mr elements of A in registers.
func (w width) laneTile(mr, nr int) {
	name := fmt.Sprintf("lanes%dx%d%s", mr, nr, w.suffix)
	TEXT(name, attr.NOSPLIT, "func(a *float32, am, ak int, b *float32, bk, bn int, c *float32, cm, k int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s computes a tile of %d×%d vectors: see laneTile.", name, mr, nr))
	load := func(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }
	a, am, ak, b, bk, bn, k := load("a"), load("am"), load("ak"), load("b"), load("bk"), load("bn"), load("k")
	bn3 := GP64()
	LEAQ(Mem{Base: bn, Index: bn, Scale: 2}, bn3)
	rows := []Mem{{Base: a}, {Base: a, Index: am, Scale: 1}, {Base: a, Index: am, Scale: 2}}
	cols := []Mem{{Base: b}, {Base: b, Index: bn, Scale: 1}, {Base: b, Index: bn, Scale: 2}, {Base: b, Index: bn3, Scale: 1}}
	sums := make([]vecs, mr)
	for m := range sums {
		sums[m] = w.vecs(nr)
		for _, v := range sums[m] {
			w.zero(v)
		}
	}
	x := w.vecs(mr)
	Label("step")
	for m := range x {
		VMOVUPS(rows[m], x[m])
	}
	y := w.vec()
	for n := range nr {
		VMOVUPS(cols[n], y)
		for m := range x {
			VFMADD231PS(x[m], y, sums[m][n])
		}
	}
	ADDQ(ak, a)
	ADDQ(bk, b)
	DECQ(k)
	JNZ(LabelRef("step"))
	c, cm := load("c"), load("cm")
	for m := range sums {
		for n, v := range sums[m] {
			VMOVUPS(v, Mem{Base: c, Disp: n * w.bytes})
		}
		if m < mr-1 {
			ADDQ(cm, c)
		}
	}
	VZEROUPPER()
	RET()
}
