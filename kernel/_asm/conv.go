package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() {
	ops["conv"] = func() {
		genMove8("gather8", "copies the 8 floats at each of n places of an image to row, one after the other.", func(row, image Mem, v reg.VecVirtual) {
			VMOVUPS(image, v)
			VMOVUPS(v, row)
		})
		genMove8("scatter8", "adds each 8 floats of row to those at one of n places of an image.", func(row, image Mem, v reg.VecVirtual) {
			VMOVUPS(row, v)
			VADDPS(image, v, v)
			VMOVUPS(v, image)
		})
	}
}

func genMove8(name, doc string, move func(row, image Mem, v reg.VecVirtual)) {
	TEXT(name+"AVX2", attr.NOSPLIT, "func(row, image *float32, groups *int32, n int)")
	Pragma("noescape")
	Doc(name + " " + doc)
	row, image := Load(Param("row"), GP64()), Load(Param("image"), GP64())
	groups, n := Load(Param("groups"), GP64()), Load(Param("n"), GP64())
	at := []reg.GPVirtual{GP64(), GP64(), GP64(), GP64()}
	Label("four")
	SUBQ(Imm(4), n)
	JL(LabelRef("rest"))
	for i, a := range at {
		MOVLQSX(Mem{Base: groups, Disp: 4 * i}, a)
	}
	for i, a := range at {
		move(Mem{Base: row, Disp: 32 * i}, Mem{Base: image, Index: a, Scale: 4}, YMM())
	}
	ADDQ(Imm(16), groups)
	ADDQ(U32(128), row)
	JMP(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(4), n)
	JE(LabelRef("done"))
	Label("one")
	MOVLQSX(Mem{Base: groups}, at[0])
	move(Mem{Base: row}, Mem{Base: image, Index: at[0], Scale: 4}, YMM())
	ADDQ(Imm(4), groups)
	ADDQ(Imm(32), row)
	DECQ(n)
	JNE(LabelRef("one"))
	Label("done")
	VZEROUPPER()
	RET()
}
