package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["spmm"] = genSpMM }

func genSpMM() {
	for _, w := range widths {
		for nv := 1; nv <= w.regs-2 && nv <= 14; nv++ {
			w.rows(1, nv)
		}
		for nv := 1; nv <= 6; nv++ {
			w.rows(2, nv)
		}
		for nv := 1; nv <= 3 || nv <= 6 && w.regs > 16; nv++ {
			w.rows(4, nv)
		}
		for nv := 1; nv <= w.regs-2 && nv <= 14; nv++ {
			w.across(2, nv)
			w.across(4, nv)
		}
		w.pack()
	}
}

// rowLoop visits the rows (row groups) of a tile. body gets the pointers of the
// row's first column and value and the end of its columns; the row's first output
// is at y. skip is where to go on when there is nothing to add.
type rowState struct {
	tile          reg.Register
	y             reg.GPVirtual
	col, end, val reg.GPVirtual
	vstride       reg.GPVirtual
	ldy           reg.GPVirtual
}

func eachRow(t reg.Register, body func(s rowState)) {
	s := rowState{tile: t}
	Label("row")
	i, g := GP64(), GP64() // counted in memory: registers are few
	MOVQ(fieldMem(t, "i"), i)
	CMPQ(i, fieldMem(t, "n"))
	JGE(LabelRef("done"))
	MOVQ(fieldMem(t, "order"), g)
	MOVLQSX(Mem{Base: g, Index: i, Scale: 4}, g)
	INCQ(i)
	MOVQ(i, fieldMem(t, "i"))
	s.vstride = field(t, "vstride")
	s.col, s.end, s.val = GP64(), GP64(), GP64()
	offsets := GP64()
	MOVQ(fieldMem(t, "offsets"), offsets)
	MOVLQSX(Mem{Base: offsets, Index: g, Scale: 4}, s.col)
	MOVLQSX(Mem{Base: offsets, Index: g, Scale: 4, Disp: 4}, s.end)
	s.y = g
	SUBQ(fieldMem(t, "first"), s.y)
	IMULQ(fieldMem(t, "group"), s.y)
	ADDQ(fieldMem(t, "y"), s.y)
	MOVQ(s.col, s.val)
	IMULQ(s.vstride, s.val)
	ADDQ(fieldMem(t, "values"), s.val)
	columns := GP64()
	MOVQ(fieldMem(t, "columns"), columns)
	LEAQ(Mem{Base: columns, Index: s.col, Scale: 2}, s.col)
	LEAQ(Mem{Base: columns, Index: s.end, Scale: 2}, s.end)
	body(s)
	JMP(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// outputs gives the address of vector v of row r of the output; the last vector
// of a row has an offset of its own.
func (w width) outputs(s rowState, nr, nv int) func(r, v int, lasty reg.Register) Mem {
	ptrs := []reg.Register{s.y}
	for r := 1; r < nr; r++ {
		p := GP64()
		MOVQ(ptrs[r-1], p)
		ADDQ(fieldMem(s.tile, "ldy"), p)
		ptrs = append(ptrs, p)
	}
	return func(r, v int, lasty reg.Register) Mem {
		if v == nv-1 {
			return Mem{Base: ptrs[r], Index: lasty, Scale: 1}
		}
		return Mem{Base: ptrs[r], Disp: v * w.bytes}
	}
}

// start fills the accumulators with the outputs, or with zero where the tile does
// not accumulate; then, rows without entries are done when they accumulate.
func (w width) start(s rowState, acc [][]reg.VecVirtual, out func(r, v int, lasty reg.Register) Mem) {
	flag := field(s.tile, "acc")
	TESTQ(flag, flag)
	JZ(LabelRef("fresh"))
	CMPQ(s.col, s.end)
	JE(LabelRef("row"))
	lasty := field(s.tile, "lasty")
	for r := range acc {
		for v := range acc[r] {
			VMOVUPS(out(r, v, lasty), acc[r][v])
		}
	}
	JMP(LabelRef("entry"))
	Label("fresh")
	for r := range acc {
		for v := range acc[r] {
			w.zero(acc[r][v])
		}
	}
	CMPQ(s.col, s.end)
	JE(LabelRef("store"))
}

func (w width) store(s rowState, acc [][]reg.VecVirtual, out func(r, v int, lasty reg.Register) Mem) {
	Label("store")
	lasty := field(s.tile, "lasty")
	for r := range acc {
		for v := range acc[r] {
			VMOVUPS(acc[r][v], out(r, v, lasty))
		}
	}
}

// rows generates the product for blocks of nr rows, nv vectors wide.
func (w width) rows(nr, nv int) {
	t := tileFunc(fmt.Sprintf("spmm%dx%d%s", nr, nv, w.suffix),
		fmt.Sprintf("spmm%dx%d%s multiplies rows in blocks of %d with %d vectors of columns.", nr, nv, w.suffix, nr, nv))
	x, xlast, ldx := field(t, "x"), GP64(), field(t, "ldx")
	MOVQ(x, xlast)
	ADDQ(fieldMem(t, "lastx"), xlast)
	eachRow(t, func(s rowState) {
		acc := make([][]reg.VecVirtual, nr)
		for r := range acc {
			acc[r] = w.vecs(nv)
		}
		out := w.outputs(s, nr, nv)
		w.start(s, acc, out)
		Label("entry")
		k := GP64()
		MOVWQZX(Mem{Base: s.col}, k)
		IMULQ(ldx, k)
		in := func(v int) Mem {
			if v == nv-1 {
				return Mem{Base: xlast, Index: k, Scale: 1}
			}
			return Mem{Base: x, Index: k, Scale: 1, Disp: v * w.bytes}
		}
		w.block(s, acc, in)
		ADDQ(Imm(2), s.col)
		ADDQ(s.vstride, s.val)
		CMPQ(s.col, s.end)
		JNE(LabelRef("entry"))
		w.store(s, acc, out)
	})
}

// block adds one entry: the values of its rows times one row of X. Several rows
// share the vectors of X, held in registers: all of them where there is room.
func (w width) block(s rowState, acc [][]reg.VecVirtual, in func(v int) Mem) {
	nr, nv := len(acc), len(acc[0])
	switch nr {
	case 1:
		a := w.vec()
		VBROADCASTSS(Mem{Base: s.val}, a)
		for v := range nv {
			VFMADD231PS(in(v), a, acc[0][v])
		}
	case 2:
		a := w.vecs(2)
		VBROADCASTSS(Mem{Base: s.val}, a[0])
		VBROADCASTSS(Mem{Base: s.val, Disp: 4}, a[1])
		for v := range nv {
			x := w.vec()
			VMOVUPS(in(v), x)
			VFMADD231PS(x, a[0], acc[0][v])
			VFMADD231PS(x, a[1], acc[1][v])
		}
	default:
		x := w.vecs(nv)
		for v := range nv {
			VMOVUPS(in(v), x[v])
		}
		for r := range nr {
			a := w.vec()
			VBROADCASTSS(Mem{Base: s.val, Disp: 4 * r}, a)
			for v := range nv {
				VFMADD231PS(x[v], a, acc[r][v])
			}
		}
	}
}

// across generates the product of the transpose of blocks of nr rows: each entry
// adds nr rows of the input, or t.sub times nr.
func (w width) across(nr, nv int) {
	t := tileFunc(fmt.Sprintf("spmmt%dx%d%s", nr, nv, w.suffix),
		fmt.Sprintf("spmmt%dx%d%s multiplies the transpose of blocks of %d rows with %d vectors of columns.", nr, nv, w.suffix, nr, nv))
	x, ldx, lastx := field(t, "x"), field(t, "ldx"), field(t, "lastx")
	eachRow(t, func(s rowState) {
		acc := [][]reg.VecVirtual{w.vecs(nv)}
		out := w.outputs(s, 1, nv)
		w.start(s, acc, out)
		Label("entry")
		k := GP64()
		MOVWQZX(Mem{Base: s.col}, k)
		IMULQ(ldx, k)
		subs := GP64()
		if nr == 4 {
			// The rows of a block lie ldx apart, and ldx is the stride of a block's
			// rows over nr·sub: the stride of a column.
			MOVQ(fieldMem(t, "sub"), subs)
			IMULQ(subs, k)
		}
		LEAQ(Mem{Base: x, Index: k, Scale: uint8(nr)}, k)
		val := s.val
		if nr == 4 {
			val = GP64()
			MOVQ(s.val, val)
			Label("quarter")
		}
		for r := range nr {
			a := w.vec()
			VBROADCASTSS(Mem{Base: val, Disp: 4 * r}, a)
			for v := range nv {
				m := Mem{Base: k, Disp: v * w.bytes}
				if v == nv-1 {
					m = Mem{Base: k, Index: lastx, Scale: 1}
				}
				VFMADD231PS(m, a, acc[0][v])
			}
			ADDQ(ldx, k)
		}
		if nr == 4 {
			ADDQ(Imm(16), val)
			DECQ(subs)
			JNZ(LabelRef("quarter"))
		}
		ADDQ(Imm(2), s.col)
		ADDQ(s.vstride, s.val)
		CMPQ(s.col, s.end)
		JNE(LabelRef("entry"))
		w.store(s, acc, out)
	})
}

// pack generates the copy of rows of whole vectors, the last of which stands at
// an offset of its own in the source or the destination and is masked.
func (w width) pack() {
	name := "packRows" + w.suffix
	TEXT(name, attr.NOSPLIT, "func(dst, src *float32, rows, vectors, lddst, ldsrc, lastdst, lastsrc int, mask *int32)")
	Pragma("noescape")
	Doc(name + " copies rows of so many vectors (at least one); strides and the places of the last vector are in bytes.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	rows, vectors := Load(Param("rows"), GP64()), Load(Param("vectors"), GP64())
	lddst, ldsrc := Load(Param("lddst"), GP64()), Load(Param("ldsrc"), GP64())
	lastdst, lastsrc := Load(Param("lastdst"), GP64()), Load(Param("lastsrc"), GP64())
	mask := w.vec()
	p := Load(Param("mask"), GP64())
	VMOVUPS(Mem{Base: p}, mask)
	end := GP64()
	MOVQ(vectors, end)
	DECQ(end)
	shift := 5
	if w.bytes == 64 {
		shift = 6
	}
	SHLQ(Imm(uint64(shift)), end)
	Label("row")
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	at := GP64()
	XORQ(at, at)
	// The last vector is read first: it may overlap the one before.
	last := w.vec()
	if w.bytes == 64 {
		VPANDD(Mem{Base: src, Index: lastsrc, Scale: 1}, mask, last)
	} else {
		VANDPS(Mem{Base: src, Index: lastsrc, Scale: 1}, mask, last)
	}
	JMP(LabelRef("test"))
	Label("vector")
	v := w.vec()
	VMOVUPS(Mem{Base: src, Index: at, Scale: 1}, v)
	VMOVUPS(v, Mem{Base: dst, Index: at, Scale: 1})
	ADDQ(Imm(uint64(w.bytes)), at)
	Label("test")
	CMPQ(at, end)
	JNE(LabelRef("vector"))
	VMOVUPS(last, Mem{Base: dst, Index: lastdst, Scale: 1})
	ADDQ(lddst, dst)
	ADDQ(ldsrc, src)
	DECQ(rows)
	JMP(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}
