package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// width is a vector width the sparse kernels are generated for. Both are the same
// programs; only the registers differ.
type width struct {
	suffix string
	bytes  int
	regs   int // vector registers there are
}

var widths = []width{{"AVX2", 32, 16}, {"AVX512", 64, 32}}

func (w width) vec() reg.VecVirtual {
	if w.bytes == 64 {
		return ZMM()
	}
	return YMM()
}

func (w width) vecs(n int) []reg.VecVirtual {
	vs := make([]reg.VecVirtual, n)
	for i := range vs {
		vs[i] = w.vec()
	}
	return vs
}

func (w width) zero(v reg.VecVirtual) {
	VXORPS(v, v, v) // not VPXORD: avo would take its inputs for read
}

// tileFields are the offsets in bytes of the fields of kernel.tile.
var tileFields = map[string]int{}

func init() {
	for i, name := range []string{"x", "y", "order", "n", "offsets", "columns", "values",
		"ldx", "ldy", "group", "first", "lastx", "lasty", "vstride", "acc", "i", "end", "y0", "y1", "y2", "y3"} {
		tileFields[name] = 8 * i
	}
}

// field loads a field of the tile into a register.
func field(tile reg.Register, name string) reg.GPVirtual {
	r := GP64()
	MOVQ(fieldMem(tile, name), r)
	return r
}

func fieldMem(tile reg.Register, name string) Mem {
	at, ok := tileFields[name]
	if !ok {
		panic("no field " + name)
	}
	return Mem{Base: tile, Disp: at}
}

func tileFunc(name, doc string) reg.Register {
	TEXT(name, attr.NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(doc)
	return Load(Param("t"), GP64())
}
