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
