package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	ops["conv"] = func() {
		genMove8("gather8", "copies to each of k rows the 8 floats at each of n places of an image, counted from the row's own place in it.",
			func(row, image Mem, v reg.VecVirtual) {
				VMOVUPS(image, v)
				VMOVUPS(v, row)
			})
		genMove8("scatter8", "adds each 8 floats of each of k rows to those at one of n places of an image, counted from the row's own place in it.",
			func(row, image Mem, v reg.VecVirtual) {
				VMOVUPS(row, v)
				VADDPS(image, v, v)
				VMOVUPS(v, image)
			})
		genRows8("copyRows8", "copies rows of n times 8 floats between places dstStride and srcStride bytes apart.", false)
		genSplit2()
		genJoin2("join2", "interleaves the floats of even and odd rows into rows of n floats, a multiple of 16.", false)
		genJoin2("joinAdd2", "is join2 that adds to its rows.", true)
		genRows8("addRows8", "adds rows of n times 8 floats, srcStride bytes apart, to those dstStride bytes apart.", true)
	}
}

func genMove8(name, doc string, move func(row, image Mem, v reg.VecVirtual)) {
	TEXT(name+"AVX2", attr.NOSPLIT, "func(rows, image *float32, places *int, k int, groups *int32, n int)")
	Pragma("noescape")
	Doc(name + " " + doc)
	row, image := Load(Param("rows"), GP64()), Load(Param("image"), GP64())
	places, k := Load(Param("places"), GP64()), Load(Param("k"), GP64())
	first, n := Load(Param("groups"), GP64()), Load(Param("n"), GP64())
	at := []reg.GPVirtual{GP64(), GP64(), GP64(), GP64()}
	base, groups, left := GP64(), GP64(), GP64()
	TESTQ(k, k)
	JE(LabelRef("done"))
	Label("row")
	MOVQ(Mem{Base: places}, base)
	ADDQ(Imm(8), places)
	LEAQ(Mem{Base: image, Index: base, Scale: 4}, base)
	MOVQ(first, groups)
	MOVQ(n, left)
	Label("four")
	SUBQ(Imm(4), left)
	JL(LabelRef("rest"))
	for i, a := range at {
		MOVLQSX(Mem{Base: groups, Disp: 4 * i}, a)
	}
	for i, a := range at {
		move(Mem{Base: row, Disp: 32 * i}, Mem{Base: base, Index: a, Scale: 4}, YMM())
	}
	ADDQ(Imm(16), groups)
	ADDQ(U32(128), row)
	JMP(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(4), left)
	JE(LabelRef("next"))
	Label("one")
	MOVLQSX(Mem{Base: groups}, at[0])
	move(Mem{Base: row}, Mem{Base: base, Index: at[0], Scale: 4}, YMM())
	ADDQ(Imm(4), groups)
	ADDQ(Imm(32), row)
	DECQ(left)
	JNE(LabelRef("one"))
	Label("next")
	DECQ(k)
	JNE(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

func genRows8(name, doc string, add bool) {
	TEXT(name+"AVX2", attr.NOSPLIT, "func(dst, src *float32, rows, n, dstStride, srcStride int)")
	Pragma("noescape")
	Doc(name + " " + doc)
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	dstStride, srcStride := Load(Param("dstStride"), GP64()), Load(Param("srcStride"), GP64())
	SHLQ(Imm(5), n)
	TESTQ(rows, rows)
	JE(LabelRef("done"))
	Label("row")
	at, v := GP64(), YMM()
	XORQ(at, at)
	Label("eight")
	VMOVUPS(Mem{Base: src, Index: at, Scale: 1}, v)
	if add {
		VADDPS(Mem{Base: dst, Index: at, Scale: 1}, v, v)
	}
	VMOVUPS(v, Mem{Base: dst, Index: at, Scale: 1})
	ADDQ(Imm(32), at)
	CMPQ(at, n)
	JL(LabelRef("eight"))
	ADDQ(dstStride, dst)
	ADDQ(srcStride, src)
	DECQ(rows)
	JNE(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// rowsOf2 loops over rows and, in them, over 16 floats of the whole and 8 of either half.
func rowsOf2(body func(whole, even, odd func(disp int) Mem)) {
	w, e, o := Load(Param("whole"), GP64()), Load(Param("even"), GP64()), Load(Param("odd"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	wholeStride, halfStride := Load(Param("wholeStride"), GP64()), Load(Param("halfStride"), GP64())
	SHLQ(Imm(1), n) // bytes of a half
	TESTQ(rows, rows)
	JE(LabelRef("done"))
	Label("row")
	at := GP64()
	XORQ(at, at)
	Label("sixteen")
	half := func(base reg.Register) func(int) Mem {
		return func(disp int) Mem { return Mem{Base: base, Index: at, Scale: 1, Disp: disp} }
	}
	body(func(disp int) Mem { return Mem{Base: w, Index: at, Scale: 2, Disp: disp} }, half(e), half(o))
	ADDQ(Imm(32), at)
	CMPQ(at, n)
	JL(LabelRef("sixteen"))
	ADDQ(wholeStride, w)
	ADDQ(halfStride, e)
	ADDQ(halfStride, o)
	DECQ(rows)
	JNE(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

const rowsOf2Params = "func(whole, even, odd *float32, rows, n, wholeStride, halfStride int)"

func genSplit2() {
	TEXT("split2AVX2", attr.NOSPLIT, rowsOf2Params)
	Pragma("noescape")
	Doc("split2 writes the floats at even and at odd places of rows of n floats, a multiple of 16, to rows of their own.")
	rowsOf2(func(whole, even, odd func(int) Mem) {
		a, b := YMM(), YMM()
		VMOVUPS(whole(0), a)
		VMOVUPS(whole(32), b)
		for _, h := range []struct {
			pick uint64
			to   func(int) Mem
		}{{0x88, even}, {0xDD, odd}} {
			v := YMM()
			VSHUFPS(Imm(h.pick), b, a, v)
			VPERMPD(Imm(0xD8), v, v)
			VMOVUPS(v, h.to(0))
		}
	})
}

func genJoin2(name, doc string, add bool) {
	TEXT(name+"AVX2", attr.NOSPLIT, rowsOf2Params)
	Pragma("noescape")
	Doc(name + " " + doc)
	rowsOf2(func(whole, even, odd func(int) Mem) {
		e, o, lo, hi := YMM(), YMM(), YMM(), YMM()
		VMOVUPS(even(0), e)
		VMOVUPS(odd(0), o)
		VUNPCKLPS(o, e, lo)
		VUNPCKHPS(o, e, hi)
		for i, pick := range []uint64{0x20, 0x31} {
			v := YMM()
			VPERM2F128(Imm(pick), hi, lo, v)
			if add {
				VADDPS(whole(32*i), v, v)
			}
			VMOVUPS(v, whole(32*i))
		}
	})
}
