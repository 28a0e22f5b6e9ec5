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
		for nv := 1; nv <= 14; nv++ {
			w.several(nv)
		}
		for nv := 1; nv <= 6; nv++ {
			w.blocks(2, nv)
			w.scatter(1, nv)
			w.scatter(2, nv)
		}
		for nv := 1; nv <= 3 || nv <= 6 && w.regs > 16; nv++ {
			w.blocks(4, nv)
			w.scatter(4, nv)
		}
		w.pack()
	}
	gather()
}

// state is what a kernel knows of the row (row group) it is at.
type state struct {
	tile          reg.Register
	y             reg.GPVirtual // first output
	col, end, val reg.GPVirtual // columns and values of its entries
	vstride       reg.GPVirtual
}

// eachRow visits the rows of a tile in their order; body goes back to label "row".
func eachRow(t reg.Register, rows, bytes int, body func(s state)) {
	s := state{tile: t}
	Label("row")
	i, g := GP64(), GP64() // counted in memory: registers are few
	MOVQ(fieldMem(t, "i"), i)
	CMPQ(i, fieldMem(t, "n"))
	JGE(LabelRef("done"))
	MOVQ(fieldMem(t, "order"), g)
	LEAQ(Mem{Base: g, Index: i, Scale: 4}, g)
	ahead(t, g, 1, rows, bytes)
	MOVLQSX(Mem{Base: g}, g)
	INCQ(i)
	MOVQ(i, fieldMem(t, "i"))
	s.vstride = field(t, "vstride")
	s.col, s.end, s.val = GP64(), GP64(), GP64()
	offsets := field(t, "offsets")
	MOVLQSX(Mem{Base: offsets, Index: i, Scale: 4, Disp: -4}, s.col)
	MOVLQSX(Mem{Base: offsets, Index: i, Scale: 4}, s.end)
	s.y = g
	rowAddress(t, g)
	MOVQ(s.col, s.val)
	IMULQ(s.vstride, s.val)
	ADDQ(fieldMem(t, "values"), s.val)
	columns := field(t, "columns")
	LEAQ(Mem{Base: columns, Index: s.col, Scale: 2}, s.col)
	LEAQ(Mem{Base: columns, Index: s.end, Scale: 2}, s.end)
	body(s)
	JMP(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// rowAddress turns the number of a row group into the address of its outputs.
func rowAddress(t reg.Register, g reg.GPVirtual) {
	SUBQ(fieldMem(t, "first"), g)
	IMULQ(fieldMem(t, "group"), g)
	ADDQ(fieldMem(t, "y"), g)
}

// ahead fetches the outputs of row r (row group r of so many rows) from order
// while the rows before it are done: rows come in an order of their own, which the
// machine cannot foresee.
func ahead(t, order reg.Register, r, rows, bytes int) {
	g := GP64()
	MOVLQSX(Mem{Base: order, Disp: 4 * r}, g)
	rowAddress(t, g)
	for i := range rows {
		if i > 0 {
			ADDQ(fieldMem(t, "ldy"), g)
		}
		for at := 0; at < bytes; at += 64 {
			PREFETCHT0(Mem{Base: g, Disp: at})
		}
	}
}

// outputs moves accumulators from or to rows of the output. The last vector of a
// row has an offset of its own.
func (w width) outputs(t reg.Register, acc [][]reg.VecVirtual, row func(r int) reg.Register, load bool) {
	lasty := field(t, "lasty")
	for r := range acc {
		p := row(r)
		for v := range acc[r] {
			m := Mem{Base: p, Disp: v * w.bytes}
			if v == len(acc[r])-1 {
				m = Mem{Base: p, Index: lasty, Scale: 1}
			}
			if load {
				VMOVUPS(m, acc[r][v])
			} else {
				VMOVUPS(acc[r][v], m)
			}
		}
	}
}

func (w width) zeros(acc [][]reg.VecVirtual) {
	for r := range acc {
		for v := range acc[r] {
			w.zero(acc[r][v])
		}
	}
}

// blocks generates the product for blocks of nr rows, nv vectors wide.
func (w width) blocks(nr, nv int) {
	t := tileFunc(fmt.Sprintf("spmm%dx%d%s", nr, nv, w.suffix),
		fmt.Sprintf("spmm%dx%d%s multiplies rows in blocks of %d with %d vectors of columns.", nr, nv, w.suffix, nr, nv))
	x, xlast, ldx := field(t, "x"), GP64(), field(t, "ldx")
	MOVQ(x, xlast)
	ADDQ(fieldMem(t, "lastx"), xlast)
	eachRow(t, nr, nv*w.bytes, func(s state) {
		acc := make([][]reg.VecVirtual, nr)
		for r := range acc {
			acc[r] = w.vecs(nv)
		}
		rows := []reg.Register{s.y}
		for r := 1; r < nr; r++ {
			p := GP64()
			MOVQ(rows[r-1], p)
			ADDQ(fieldMem(t, "ldy"), p)
			rows = append(rows, p)
		}
		row := func(r int) reg.Register { return rows[r] }
		CMPQ(fieldMem(t, "acc"), Imm(0))
		JE(LabelRef("fresh"))
		CMPQ(s.col, s.end)
		JE(LabelRef("row"))
		w.outputs(t, acc, row, true)
		JMP(LabelRef("entry"))
		Label("fresh")
		w.zeros(acc)
		CMPQ(s.col, s.end)
		JE(LabelRef("store"))
		Label("entry")
		k := GP64()
		MOVWQZX(Mem{Base: s.col}, k)
		IMULQ(ldx, k)
		w.block(s, acc, func(v int) Mem {
			if v == nv-1 {
				return Mem{Base: xlast, Index: k, Scale: 1}
			}
			return Mem{Base: x, Index: k, Scale: 1, Disp: v * w.bytes}
		})
		ADDQ(Imm(2), s.col)
		ADDQ(s.vstride, s.val)
		CMPQ(s.col, s.end)
		JNE(LabelRef("entry"))
		Label("store")
		w.outputs(t, acc, row, false)
	})
}

// block adds one entry: the values of its rows times one row of X, whose vectors
// the rows share. Two rows keep their values in registers, more the vectors.
func (w width) block(s state, acc [][]reg.VecVirtual, in func(v int) Mem) {
	nr, nv := len(acc), len(acc[0])
	if nr == 2 {
		a := w.vecs(2)
		VBROADCASTSS(Mem{Base: s.val}, a[0])
		VBROADCASTSS(Mem{Base: s.val, Disp: 4}, a[1])
		for v := range nv {
			x := w.vec()
			VMOVUPS(in(v), x)
			VFMADD231PS(x, a[0], acc[0][v])
			VFMADD231PS(x, a[1], acc[1][v])
		}
		return
	}
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

// several generates the product for single rows, nv vectors wide.
//
// A sum of nv vectors is nv chains of additions, too few to keep the arithmetic
// busy where a tile is narrow. So two or four rows that have equally many entries
// (the order makes them neighbours) are done together.
func (w width) several(nv int) {
	name := fmt.Sprintf("spmm1x%d%s", nv, w.suffix)
	t := tileFunc(name, fmt.Sprintf("%s multiplies rows with %d vectors of columns.", name, nv))
	x, ldx, lastx := field(t, "x"), field(t, "ldx"), field(t, "lastx")
	ADDQ(x, lastx)
	s := severalState{width: w, t: t, x: x, ldx: ldx, lastx: lastx, nv: nv}
	group := 1
	if nv <= 3 {
		group = 4
	} else if nv <= 7 {
		group = 2
	}
	Label("row")
	i, left := GP64(), GP64()
	MOVQ(fieldMem(t, "i"), i)
	MOVQ(fieldMem(t, "n"), left)
	SUBQ(i, left)
	JLE(LabelRef("done"))
	order := field(t, "order")
	LEAQ(Mem{Base: order, Index: i, Scale: 4}, order)
	offsets := field(t, "offsets")
	LEAQ(Mem{Base: offsets, Index: i, Scale: 4}, offsets)
	count := GP64()
	cols := []reg.GPVirtual{s.begin(order, offsets, 0, count)}
	for r := range group {
		ahead(t, order, group+r, 1, nv*w.bytes)
	}
	if group > 1 {
		CMPQ(left, Imm(uint64(group)))
		JL(LabelRef("alone"))
		for r := 1; r < group; r++ {
			other := GP64()
			cols = append(cols, s.begin(order, offsets, r, other))
			CMPQ(other, count)
			JNE(LabelRef("alone"))
		}
		s.together(cols, count, "group")
		JMP(LabelRef("row"))
		Label("alone")
	}
	s.together(cols[:1], count, "one")
	JMP(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

type severalState struct {
	width
	t             reg.Register
	x, ldx, lastx reg.GPVirtual
	nv            int
}

// begin looks row r from order up: it leaves the address of its outputs in the
// tile, its number of entries in count, and returns the number of its first.
func (s severalState) begin(order, offsets reg.Register, r int, count reg.GPVirtual) reg.GPVirtual {
	g, first := GP64(), GP64()
	MOVLQSX(Mem{Base: order, Disp: 4 * r}, g)
	MOVLQSX(Mem{Base: offsets, Disp: 4 * r}, first)
	MOVLQSX(Mem{Base: offsets, Disp: 4*r + 4}, count)
	SUBQ(first, count)
	rowAddress(s.t, g)
	MOVQ(g, fieldMem(s.t, fmt.Sprintf("y%d", r)))
	return first
}

// together does rows with the same number of entries.
func (s severalState) together(at []reg.GPVirtual, count reg.GPVirtual, label string) {
	t, rows := s.t, len(at)
	ADDQ(Imm(uint64(rows)), fieldMem(t, "i"))
	acc := make([][]reg.VecVirtual, rows)
	for r := range acc {
		acc[r] = s.vecs(s.nv)
	}
	row := func(r int) reg.Register { return field(t, fmt.Sprintf("y%d", r)) }
	CMPQ(fieldMem(t, "acc"), Imm(0))
	JE(LabelRef(label + "_fresh"))
	TESTQ(count, count)
	JZ(LabelRef("row"))
	s.outputs(t, acc, row, true)
	JMP(LabelRef(label + "_start"))
	Label(label + "_fresh")
	s.zeros(acc)
	TESTQ(count, count)
	JZ(LabelRef(label + "_store"))
	Label(label + "_start")
	columns, values := field(t, "columns"), field(t, "values")
	Label(label + "_entry")
	for r := range at {
		k := GP64()
		MOVWQZX(Mem{Base: columns, Index: at[r], Scale: 2}, k)
		IMULQ(s.ldx, k)
		v := s.vec()
		VBROADCASTSS(Mem{Base: values, Index: at[r], Scale: 4}, v)
		for i := range acc[r] {
			m := Mem{Base: s.x, Index: k, Scale: 1, Disp: i * s.bytes}
			if i == s.nv-1 {
				m = Mem{Base: s.lastx, Index: k, Scale: 1}
			}
			VFMADD231PS(m, v, acc[r][i])
		}
		INCQ(at[r])
	}
	DECQ(count)
	JNZ(LabelRef(label + "_entry"))
	Label(label + "_store")
	s.outputs(t, acc, row, false)
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
	// The next tile starts where this one ends; its rows may lie pages apart, so
	// nothing but this fetches them early.
	next := GP64()
	LEAQ(Mem{Base: src, Index: end, Scale: 1, Disp: w.bytes}, next)
	JMP(LabelRef("test"))
	Label("vector")
	PREFETCHT1(Mem{Base: next, Index: at, Scale: 1})
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

// gather generates the refresh of a twin's values.
func gather() {
	TEXT("gatherScalar", attr.NOSPLIT, "func(dst, src *float32, perm *int32, n int)")
	Pragma("noescape")
	Doc("gatherScalar sets dst[i] to src[perm[i]] for n values.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	perm, n := Load(Param("perm"), GP64()), Load(Param("n"), GP64())
	at, four := GP64(), GP64()
	XORQ(at, at)
	LEAQ(Mem{Base: n, Disp: -3}, four)
	one := func(i int) {
		p, v := GP64(), GP32()
		MOVLQSX(Mem{Base: perm, Index: at, Scale: 4, Disp: 4 * i}, p)
		MOVL(Mem{Base: src, Index: p, Scale: 4}, v)
		MOVL(v, Mem{Base: dst, Index: at, Scale: 4, Disp: 4 * i})
	}
	Label("four")
	CMPQ(at, four)
	JGE(LabelRef("one"))
	for i := range 4 {
		one(i)
	}
	ADDQ(Imm(4), at)
	JMP(LabelRef("four"))
	Label("one")
	CMPQ(at, n)
	JGE(LabelRef("done"))
	one(0)
	INCQ(at)
	JMP(LabelRef("one"))
	Label("done")
	RET()
}
