package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["gemm"] = genGEMM }

// tileRows is the most rows of a register tile: with two vectors a row, all but
// four of the registers hold sums.
var tileRows = map[string]int{"AVX2": 6, "AVX512": 12}

func genGEMM() {
	for _, w := range widths {
		for rows := 1; rows <= tileRows[w.suffix]; rows++ {
			w.gemmTile(rows, 2, false)
			w.gemmTile(rows, 2, true)
			w.gemmTile(rows, 1, true)
		}
		w.packRows()
		w.packPanelA()
	}
	genTranspose8()
}

// threes addresses up to 12 rows a stride apart with a pointer for every three.
type threes struct {
	base   []reg.GPVirtual
	stride reg.GPVirtual
}

func newThrees(rows int, base, stride reg.GPVirtual) threes {
	t := threes{[]reg.GPVirtual{base}, stride}
	for i := 3; i < rows; i += 3 {
		p := GP64()
		last := t.base[len(t.base)-1]
		LEAQ(Mem{Base: last, Index: stride, Scale: 2}, p)
		ADDQ(stride, p)
		t.base = append(t.base, p)
	}
	return t
}

func (t threes) row(i int) Mem {
	m := Mem{Base: t.base[i/3]}
	if i%3 > 0 {
		m.Index, m.Scale = t.stride, uint8(i%3)
	}
	return m
}

// gemmTile emits C[rows, nv vectors] (+)= A·B for kc steps. A(i,k) is at a + i·rs + k·cs,
// row k of B at b + k·bs, row i of C at c + i·ldc, all in bytes.
func (w width) gemmTile(rows, nv int, masked bool) {
	name := fmt.Sprintf("gemm%dx%d%s", rows, nv, w.suffix)
	if masked {
		name = fmt.Sprintf("gemm%dx%dMasked%s", rows, nv, w.suffix)
	}
	TEXT(name, attr.NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s adds to or sets a register tile of %d rows by %d vectors.", name, rows, nv))
	t := Load(Param("t"), GP64())
	get := func(i int) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: t, Disp: 8 * i}, r)
		return r
	}
	a, rs, cs, b, bs, kc := get(0), get(1), get(2), get(3), get(4), get(5)
	ap := newThrees(rows, a, rs)
	acc := make([][]reg.VecVirtual, rows)
	for i := range acc {
		acc[i] = w.vecs(nv)
		for _, v := range acc[i] {
			w.zero(v)
		}
	}
	bv := w.vecs(nv)
	step := func() {
		for j := range bv {
			VMOVUPS(Mem{Base: b, Disp: j * w.bytes}, bv[j])
		}
		ADDQ(bs, b)
		for i := range rows {
			if w.bytes == 64 {
				for j := range bv {
					VFMADD231PS_BCST(ap.row(i), bv[j], acc[i][j])
				}
				continue
			}
			s := w.vec()
			VBROADCASTSS(ap.row(i), s)
			for j := range bv {
				VFMADD231PS(s, bv[j], acc[i][j])
			}
		}
		for _, p := range ap.base {
			ADDQ(cs, p)
		}
	}
	const unroll = 4
	Label("four")
	SUBQ(Imm(unroll), kc)
	JL(LabelRef("rest"))
	for range unroll {
		step()
	}
	JMP(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(unroll), kc)
	JE(LabelRef("store"))
	Label("one")
	step()
	DECQ(kc)
	JNE(LabelRef("one"))
	Label("store")
	w.storeTile(t, rows, nv, masked, acc)
}

func (w width) storeTile(t reg.Register, rows, nv int, masked bool, acc [][]reg.VecVirtual) {
	c, ldc := GP64(), GP64()
	MOVQ(Mem{Base: t, Disp: 8 * 6}, c)
	MOVQ(Mem{Base: t, Disp: 8 * 7}, ldc)
	cp := newThrees(rows, c, ldc)
	var mask reg.VecVirtual
	var k reg.OpmaskVirtual
	if masked {
		if w.bytes == 64 {
			k = K()
			KMOVW(Mem{Base: t, Disp: 8 * 9}, k)
		} else {
			mask = w.vec()
			VMOVUPS(Mem{Base: t, Disp: 8 * 9}, mask)
		}
	}
	CMPQ(Mem{Base: t, Disp: 8 * 8}, Imm(0))
	JE(LabelRef("set"))
	for i := range rows {
		for j := range nv {
			m := cp.row(i)
			m.Disp += j * w.bytes
			if !masked || j < nv-1 {
				VADDPS(m, acc[i][j], acc[i][j])
				continue
			}
			old := w.vec()
			if w.bytes == 64 {
				VMOVUPS_Z(m, k, old)
			} else {
				VMASKMOVPS(m, mask, old)
			}
			VADDPS(old, acc[i][j], acc[i][j])
		}
	}
	Label("set")
	for i := range rows {
		for j := range nv {
			m := cp.row(i)
			m.Disp += j * w.bytes
			switch {
			case !masked || j < nv-1:
				VMOVUPS(acc[i][j], m)
			case w.bytes == 64:
				VMOVUPS(acc[i][j], k, m)
			default:
				VMASKMOVPS(acc[i][j], mask, m)
			}
		}
	}
	VZEROUPPER()
	RET()
}

// packRows emits the copy of n rows to panels: two vectors of a row go to each of so
// many panels, pstride bytes apart, one row after another. Rows are fetched ahead: they
// lie far apart, where the machine does not foresee them.
func (w width) packRows() {
	TEXT("gemmPackRows"+w.suffix, attr.NOSPLIT, "func(dst, src *float32, ld, n, panels, pstride int)")
	Pragma("noescape")
	Doc("gemmPackRows copies n rows, ld bytes apart, to panels two vectors wide and pstride bytes apart.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ld, n := Load(Param("ld"), GP64()), Load(Param("n"), GP64())
	panels, pstride := Load(Param("panels"), GP64()), Load(Param("pstride"), GP64())
	s, d, left := GP64(), GP64(), GP64()
	v := w.vecs(8)
	copyRows := func(count int) {
		MOVQ(src, s)
		MOVQ(dst, d)
		MOVQ(panels, left)
		now, next := newThrees(count, s, ld.(reg.GPVirtual)), threes{}
		if count == 4 {
			p := GP64()
			LEAQ(Mem{Base: src, Index: ld, Scale: 4}, p)
			next = newThrees(4, p, ld.(reg.GPVirtual))
		}
		label := fmt.Sprintf("panel%d", count)
		Label(label)
		for i := range count {
			for j := range 2 {
				m := now.row(i)
				m.Disp = j * w.bytes
				VMOVUPS(m, v[2*i+j])
				if count == 4 && (w.bytes == 64 || j == 0) {
					m = next.row(i)
					m.Disp = j * w.bytes
					PREFETCHT0(m)
				}
			}
		}
		for i := range 2 * count {
			VMOVUPS(v[i], Mem{Base: d, Disp: i * w.bytes})
		}
		for _, p := range append(now.base, next.base...) {
			ADDQ(U32(2*w.bytes), p)
		}
		ADDQ(pstride, d)
		DECQ(left)
		JNE(LabelRef(label))
		ADDQ(U32(2*count*w.bytes), dst)
	}
	Label("four")
	SUBQ(Imm(4), n)
	JL(LabelRef("rest"))
	copyRows(4)
	LEAQ(Mem{Base: src, Index: ld, Scale: 4}, src.(reg.GPVirtual))
	JMP(LabelRef("four"))
	Label("rest")
	ADDQ(Imm(4), n)
	JE(LabelRef("done"))
	Label("one")
	copyRows(1)
	ADDQ(ld, src)
	DECQ(n)
	JNE(LabelRef("one"))
	Label("done")
	VZEROUPPER()
	RET()
}

// packPanelA emits the copy of n rows of a few floats, ld bytes apart, to places step
// bytes apart. It reads under a mask and writes whole vectors in the order of rows (a
// masked store is slow on some machines), so the last row wants room behind it.
func (w width) packPanelA() {
	TEXT("gemmPackPanel"+w.suffix, attr.NOSPLIT, "func(dst, src *float32, step, ld, n int, mask *[16]int32, bits int)")
	Pragma("noescape")
	Doc("gemmPackPanel copies n rows of the floats a mask tells, ld bytes apart, as whole vectors to places step bytes apart.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	step, ld, n := Load(Param("step"), GP64()), Load(Param("ld"), GP64()), Load(Param("n"), GP64())
	maskAt, bits := Load(Param("mask"), GP64()), Load(Param("bits"), GP64())
	v := w.vec()
	mask, k := w.vec(), K()
	if w.bytes == 64 {
		KMOVW(bits.(reg.GPVirtual).As32(), k)
	} else {
		VMOVUPS(Mem{Base: maskAt}, mask)
	}
	TESTQ(n, n)
	JE(LabelRef("done"))
	Label("row")
	if w.bytes == 64 {
		VMOVUPS_Z(Mem{Base: src}, k, v)
	} else {
		VMASKMOVPS(Mem{Base: src}, mask, v)
	}
	VMOVUPS(v, Mem{Base: dst})
	PREFETCHT0(Mem{Base: src, Disp: 64}) // the tiles that follow go on there
	ADDQ(ld, src)
	ADDQ(step, dst)
	DECQ(n)
	JNE(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// genTranspose8 emits the transposition of 8 rows of n·8 floats, which may lie
// anywhere. Its outputs are written in order, so that they may overlap: where only the
// first of 8 values count, the next output covers the others.
func genTranspose8() {
	TEXT("transpose8", attr.NOSPLIT, "func(dst *float32, rows *byte, step, n int)")
	Pragma("noescape")
	Doc("transpose8 writes element (r, c) of 8 rows of 8n floats, whose addresses rows points at, to place r of output c, outputs step bytes apart and in order.")
	dst, step := Load(Param("dst"), GP64()).(reg.GPVirtual), Load(Param("step"), GP64()).(reg.GPVirtual)
	table, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	row := make([]reg.GPVirtual, 8)
	for i := range row {
		row[i] = GP64()
		MOVQ(Mem{Base: table, Disp: 8 * i}, row[i])
	}
	TESTQ(n, n)
	JE(LabelRef("done"))
	SHLQ(Imm(5), n)
	for i := range row {
		ADDQ(n, row[i])
	}
	NEGQ(n)
	Label("block")
	in := make([]reg.VecVirtual, 8)
	for i := range in {
		in[i] = YMM()
		VMOVUPS(Mem{Base: row[i], Index: n, Scale: 1}, in[i])
	}
	t := make([]reg.VecVirtual, 8)
	for i := 0; i < 8; i += 2 {
		t[i], t[i+1] = YMM(), YMM()
		VUNPCKLPS(in[i+1], in[i], t[i])
		VUNPCKHPS(in[i+1], in[i], t[i+1])
	}
	u := make([]reg.VecVirtual, 8)
	for i := 0; i < 8; i += 4 {
		for h := range 2 {
			u[i+2*h], u[i+2*h+1] = YMM(), YMM()
			VSHUFPS(Imm(0x44), t[i+2+h], t[i+h], u[i+2*h])
			VSHUFPS(Imm(0xEE), t[i+2+h], t[i+h], u[i+2*h+1])
		}
	}
	for _, half := range []uint64{0x20, 0x31} {
		for c := range 4 {
			v := YMM()
			VPERM2F128(Imm(half), u[4+c], u[c], v)
			VMOVUPS(v, Mem{Base: dst})
			ADDQ(step, dst)
		}
	}
	ADDQ(Imm(32), n)
	JNE(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}
