package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["matvec"] = genMatVec }

func genMatVec() {
	for _, w := range widths {
		w.tallF32()
	}
	w := widths[0]
	w.tallBF16()
	w.tallInt8(false)
	w.tallInt8(true)
	w.squareFloat("F32")
	w.squareFloat("BF16")
	squareInt8()
	singleFloat("F32")
	singleFloat("BF16")
	singleInt8()
	w.quantize()
	w.largest()
	for _, w := range widths {
		w.gates()
	}
	vnni(false)
	vnni(true)
	spread()
}

// mvFields are the offsets of the fields of kernel.matVec.
var mvFields = map[string]int{"y": 0, "bias": 8, "x": 16, "columns": 24, "offsets": 32, "values": 40, "scale": 48, "groups": 56, "xs": 64, "sums": 72, "order": 80}

// mv is what a product keeps in registers.
type mv struct {
	x, col, off, val, groups, n, order reg.GPVirtual
	at                                 reg.GPVirtual // where the group's rows begin, in bytes of float32
	t                                  reg.Register
}

// field loads a field of the task.
func (s *mv) field(f string) reg.GPVirtual {
	r := GP64()
	MOVQ(Mem{Base: s.t, Disp: mvFields[f]}, r)
	return r
}

// rows is where the group's rows lie in one of the arrays.
func (s *mv) rows(f string, disp int) Mem {
	return Mem{Base: s.field(f), Index: s.at, Scale: 1, Disp: disp}
}

// product emits a function that visits the row groups: body does the entries of one, of
// which there are n, and moves col and val past them. begin, if not nil, is done once before.
func product(name, doc string, rows int, begin, body func(s *mv)) {
	TEXT(name, attr.NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc(name + " multiplies " + doc + ".")
	s := &mv{t: Load(Param("t"), GP64()), n: GP64(), at: GP64()}
	s.x, s.col, s.off, s.val, s.groups, s.order = s.field("x"), s.field("columns"), s.field("offsets"), s.field("values"), s.field("groups"), s.field("order")
	if begin != nil {
		begin(s)
	}
	Label("group")
	TESTQ(s.groups, s.groups)
	JE(LabelRef("done"))
	MOVLQSX(Mem{Base: s.off, Disp: 4}, s.n)
	first := GP64()
	MOVLQSX(Mem{Base: s.off}, first)
	SUBQ(first, s.n)
	ADDQ(Imm(4), s.off)
	MOVLQSX(Mem{Base: s.order}, s.at)
	IMUL3Q(U32(4*rows), s.at, s.at)
	ADDQ(Imm(4), s.order)
	body(s)
	DECQ(s.groups)
	JMP(LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}

// entries emits a loop over n entries, unrolled, with a column step and a value step in bytes.
func (s *mv) entries(unroll, columns, values int, entry func(u int)) {
	for _, count := range []int{unroll, 1} {
		if count == 1 && unroll == 0 {
			break
		}
		loop, end := "wide", "one"
		if count == 1 {
			loop, end = "one", "end"
		}
		Label(loop)
		CMPQ(s.n, Imm(uint64(count)))
		JL(LabelRef(end))
		for u := range count {
			entry(u)
		}
		ADDQ(Imm(uint64(count*columns)), s.col)
		ADDQ(U32(count*values), s.val)
		SUBQ(Imm(uint64(count)), s.n)
		JMP(LabelRef(loop))
	}
	Label("end")
}

// column loads column number i from the present one.
func (s *mv) column(i int) reg.GPVirtual {
	c := GP64()
	MOVWQZX(Mem{Base: s.col, Disp: 2 * i}, c)
	return c
}

func (w width) broadcast(m Mem) reg.VecVirtual {
	v := w.vec()
	VBROADCASTSS(m, v)
	return v
}

// fold adds accumulators n, n+1, ... to the first n.
func fold(acc vecs, n int) {
	for len(acc) > n {
		half := len(acc) / 2
		for i := range half {
			VADDPS(acc[half+i], acc[i], acc[i])
		}
		acc = acc[:half]
	}
}

func (w width) start(acc vecs, s *mv, n int) {
	for i, a := range acc {
		if i < n {
			VMOVUPS(s.rows("bias", w.bytes*i), a)
		} else {
			w.zero(a)
		}
	}
}

func (w width) tallF32() {
	product("matVec16x1F32"+w.suffix, "16x1 blocks of float32", 16, nil, func(s *mv) {
		n := 64 / w.bytes
		acc := w.vecs(4 * n)
		w.start(acc, s, n)
		s.entries(4, 2, 64, func(u int) {
			x := w.broadcast(Mem{Base: s.x, Index: s.column(u), Scale: 4})
			for i := range n {
				VFMADD231PS(Mem{Base: s.val, Disp: 64*u + w.bytes*i}, x, acc[n*u+i])
			}
		})
		fold(acc, n)
		for i := range n {
			VMOVUPS(acc[i], s.rows("y", w.bytes*i))
		}
	})
}

// tallBF16 takes two columns at a time: the low half of a 32-bit word, and the whole, whose low half
// is part of the value as it was rounded. There is no version for 64 bytes: a broadcast costs the
// time of a load of the vector's width, so that it would not be faster.
func (w width) tallBF16() {
	product("matVec16x1BF16", "pairs of 16x1 blocks of bfloat16", 16, nil, func(s *mv) {
		acc := w.vecs(8)
		w.start(acc, s, 2)
		s.entries(2, 4, 64, func(u int) {
			first, second := s.pair(4 * u)
			a := w.broadcast(Mem{Base: s.x, Index: first, Scale: 4})
			b := w.broadcast(Mem{Base: s.x, Index: second, Scale: 4})
			for i := range 2 {
				v, low := w.vec(), w.vec()
				VMOVUPS(Mem{Base: s.val, Disp: 64*u + 32*i}, v)
				VPSLLD(Imm(16), v, low)
				VFMADD231PS(low, a, acc[4*u+i])
				VFMADD231PS(v, b, acc[4*u+2+i])
			}
		})
		fold(acc, 2)
		for i := range 2 {
			VMOVUPS(acc[i], s.rows("y", 32*i))
		}
	})
}

// pair loads two columns, disp bytes from the present one.
func (s *mv) pair(disp int) (first, second reg.GPVirtual) {
	both, low := GP32(), GP32()
	MOVL(Mem{Base: s.col, Disp: disp}, both)
	MOVWLZX(both.As16(), low)
	SHRL(Imm(16), both)
	return low.As64().(reg.GPVirtual), both.As64().(reg.GPVirtual)
}

// vnni emits the products of int8 in blocks of 16x4 that multiply unsigned by signed bytes.
// Activations are raised by 128 to be unsigned; what that adds to a row's sum, 128 times the sum
// of its weights, is taken away where the sum begins. Four blocks of 16x1 find their activations
// apart, in the pairs that spread has made.
func vnni(apart bool) {
	w := widths[1]
	name, doc, cols := "matVec16x4Int8VNNI", "16x4 blocks of int8", 1
	if apart {
		name, doc, cols = "matVec16x1Int8VNNI", "four 16x1 blocks of int8 at a time", 4
	}
	var raise, xs reg.VecVirtual
	product(name, doc, 16, func(s *mv) {
		if !apart {
			raise = w.constBits(0x80808080)
		}
		xs = w.broadcast(Mem{Base: s.t, Disp: mvFields["xs"]})
	}, func(s *mv) {
		acc := w.vecs(2)
		VMOVUPS(s.rows("sums", 0), acc[0])
		w.zero(acc[1])
		s.entries(4, 2*cols, 64, func(u int) {
			x := w.vec()
			if apart {
				a, b := s.pair(8 * u)
				c, d := s.pair(8*u + 4)
				low, high := XMM(), XMM() // only their first four bytes count
				both := GP32()            // half by the ports of integers, half by those of vectors
				MOVL(Mem{Base: s.x, Index: a, Scale: 8}, both)
				ORL(Mem{Base: s.x, Index: b, Scale: 8, Disp: 4}, both)
				VMOVD(both, low)
				VMOVD(Mem{Base: s.x, Index: c, Scale: 8}, high)
				VPOR(Mem{Base: s.x, Index: d, Scale: 8, Disp: 4}, high, high)
				VPSLLD(Imm(16), high, high)
				VPOR(high, low, low)
				VPBROADCASTD(low, x)
			} else {
				VPBROADCASTD(Mem{Base: s.x, Index: s.column(u), Scale: 1}, x)
				VPXORD(raise, x, x)
			}
			VPDPBUSD(Mem{Base: s.val, Disp: 64 * u}, x, acc[u%2])
		})
		VPADDD(acc[1], acc[0], acc[0])
		finish(s, acc[0], acc[1], xs, 0)
	})
}

// spread emits what finds activations for products of blocks that lie apart.
func spread() {
	w := widths[1]
	TEXT("spreadVNNI", attr.NOSPLIT, "func(pairs *uint32, q *int8, n int)")
	Pragma("noescape")
	Doc("spreadVNNI raises n bytes by 128 and writes each twice, as it is and times 256; n is a multiple of 16.")
	pairs, q, n := Load(Param("pairs"), GP64()), Load(Param("q"), GP64()), Load(Param("n"), GP64())
	raise := w.constBits(128)
	low, high := w.halves()
	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("done"))
	a, b := w.vec(), w.vec()
	VPMOVSXBD(Mem{Base: q}, a)
	VPADDD(raise, a, a)
	VPSLLD(Imm(8), a, b)
	for i, order := range []reg.VecVirtual{low, high} {
		both := w.vec()
		VMOVDQU32(a, both)
		VPERMT2D(b, order, both)
		VMOVUPS(both, Mem{Base: pairs, Disp: 64 * i})
	}
	ADDQ(Imm(16), q)
	ADDQ(U32(128), pairs)
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// halves returns the orders that interleave the lower and the upper halves of two vectors.
func (w width) halves() (low, high reg.VecVirtual) {
	m := GLOBL("interleave", attr.RODATA|attr.NOPTR)
	for i := range 32 {
		DATA(4*i, U32(uint32(i/2+i%2*16)))
	}
	low, high = w.vec(), w.vec()
	at := GP64()
	LEAQ(m, at)
	VMOVUPS(Mem{Base: at}, low)
	VMOVUPS(Mem{Base: at, Disp: 64}, high)
	return low, high
}

// finish turns integer sums into outputs: y = sum·scale·xs + bias.
func finish(s *mv, sum, f reg.VecVirtual, xs reg.VecVirtual, at int) {
	VCVTDQ2PS(sum, f)
	VMULPS(xs, f, f)
	VMULPS(s.rows("scale", at), f, f)
	VADDPS(s.rows("bias", at), f, f)
	VMOVUPS(f, s.rows("y", at))
}

// tallInt8 takes four columns at a time. The magnitudes of the activations multiply the
// weights with their signs, so that no sum of two products leaves 16 bits.
func (w width) tallInt8(apart bool) {
	name, doc, cols := "matVec16x4Int8", "16x4 blocks of int8", 1
	if apart {
		name, doc, cols = "matVec16x1Int8", "four 16x1 blocks of int8 at a time", 4
	}
	product(name, doc, 16, nil, func(s *mv) {
		ones := w.constBits(0x00010001)
		acc := w.vecs(4)
		for _, a := range acc {
			w.zero(a)
		}
		s.entries(2, 2*cols, 64, func(u int) {
			x, mag := w.vec(), w.vec()
			if apart {
				first, four := GP32(), XMM()
				MOVBLZX(Mem{Base: s.x, Index: s.column(4 * u), Scale: 1}, first)
				VMOVD(first, four)
				for i := 1; i < 4; i++ {
					VPINSRB(Imm(uint64(i)), Mem{Base: s.x, Index: s.column(4*u + i), Scale: 1}, four, four)
				}
				VPBROADCASTD(four, x)
			} else {
				VPBROADCASTD(Mem{Base: s.x, Index: s.column(u), Scale: 1}, x)
			}
			VPABSB(x, mag)
			for i := range 2 {
				v := w.vec()
				VMOVDQU(Mem{Base: s.val, Disp: 64*u + 32*i}, v)
				VPSIGNB(x, v, v)
				VPMADDUBSW(v, mag, v)
				VPMADDWD(ones, v, v)
				VPADDD(v, acc[2*u+i], acc[2*u+i])
			}
		})
		xs := w.broadcast(Mem{Base: s.t, Disp: mvFields["xs"]})
		for i := range 2 {
			VPADDD(acc[2+i], acc[i], acc[i])
			finish(s, acc[i], w.vec(), xs, 32*i)
		}
	})
}

func (w width) squareFloat(kind string) {
	bytes := 64
	if kind == "BF16" {
		bytes = 32
	}
	product("matVec4x4"+kind, "4x4 blocks of "+kind, 4, nil, func(s *mv) {
		acc := w.vecs(8)
		w.start(acc, s, 0)
		s.entries(4, 2, bytes, func(u int) {
			x := w.vec()
			VBROADCASTF128(Mem{Base: s.x, Index: s.column(u), Scale: 4}, x)
			for i := range 2 {
				if kind == "F32" {
					VFMADD231PS(Mem{Base: s.val, Disp: 64*u + 32*i}, x, acc[2*u+i])
					continue
				}
				v := w.vec()
				VPMOVZXWD(Mem{Base: s.val, Disp: 32*u + 16*i}, v)
				VPSLLD(Imm(16), v, v)
				VFMADD231PS(v, x, acc[2*u+i])
			}
		})
		fold(acc, 2)
		h := w.vec()
		VHADDPS(acc[1], acc[0], h)
		VHADDPS(h, h, h)
		top, y := XMM(), XMM()
		VEXTRACTF128(Imm(1), h, top)
		VUNPCKLPS(top, h.AsX(), y)
		VADDPS(s.rows("bias", 0), y, y)
		VMOVUPS(y, s.rows("y", 0))
	})
}

func squareInt8() {
	product("matVec4x4Int8", "4x4 blocks of int8", 4, nil, func(s *mv) {
		ones := XMM()
		VPCMPEQW(ones, ones, ones)
		VPSRLW(Imm(15), ones, ones)
		acc := []reg.VecVirtual{XMM(), XMM()}
		for _, a := range acc {
			VXORPS(a, a, a)
		}
		s.entries(2, 2, 16, func(u int) {
			x, mag, v := XMM(), XMM(), XMM()
			VPBROADCASTD(Mem{Base: s.x, Index: s.column(u), Scale: 1}, x)
			VPABSB(x, mag)
			VMOVDQU(Mem{Base: s.val, Disp: 16 * u}, v)
			VPSIGNB(x, v, v)
			VPMADDUBSW(v, mag, v)
			VPMADDWD(ones, v, v)
			VPADDD(v, acc[u], acc[u])
		})
		VPADDD(acc[1], acc[0], acc[0])
		xs := XMM()
		VBROADCASTSS(Mem{Base: s.t, Disp: mvFields["xs"]}, xs)
		finish(s, acc[0], XMM(), xs, 0)
	})
}

func singleFloat(kind string) {
	bytes := 4
	if kind == "BF16" {
		bytes = 2
	}
	product("matVec1x1"+kind, "single weights of "+kind, 1, nil, func(s *mv) {
		acc := make([]reg.VecVirtual, 4)
		for i := range acc {
			acc[i] = XMM()
			VXORPS(acc[i], acc[i], acc[i])
		}
		s.entries(4, 2, bytes, func(u int) {
			v := XMM()
			if kind == "F32" {
				VMOVSS(Mem{Base: s.val, Disp: 4 * u}, v)
			} else {
				b := GP32()
				MOVWLZX(Mem{Base: s.val, Disp: 2 * u}, b)
				SHLL(Imm(16), b)
				VMOVD(b, v)
			}
			VFMADD231SS(Mem{Base: s.x, Index: s.column(u), Scale: 4}, v, acc[u])
		})
		fold(acc, 1)
		VADDSS(s.rows("bias", 0), acc[0], acc[0])
		VMOVSS(acc[0], s.rows("y", 0))
	})
}

func singleInt8() {
	product("matVec1x1Int8", "single weights of int8", 1, nil, func(s *mv) {
		sum := GP32()
		XORL(sum, sum)
		s.entries(4, 2, 1, func(u int) {
			v, x := GP32(), GP32()
			MOVBLSX(Mem{Base: s.val, Disp: u}, v)
			MOVBLSX(Mem{Base: s.x, Index: s.column(u), Scale: 1}, x)
			IMULL(x, v)
			ADDL(v, sum)
		})
		f := XMM()
		VXORPS(f, f, f)
		VCVTSI2SSL(sum, f, f)
		VMULSS(Mem{Base: s.t, Disp: mvFields["xs"]}, f, f)
		VMULSS(s.rows("scale", 0), f, f)
		VADDSS(s.rows("bias", 0), f, f)
		VMOVSS(f, s.rows("y", 0))
	})
}

// quantize rounds x·inverse to bytes, 32 at a time.
func (w width) quantize() {
	TEXT("quantizeAVX2", attr.NOSPLIT, "func(q *int8, x *float32, n int, inverse float32)")
	Pragma("noescape")
	Doc("quantizeAVX2 rounds n values x·inverse to bytes; n is a multiple of 32.")
	q, x := Load(Param("q"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	addr, err := Param("inverse").Resolve()
	if err != nil {
		panic(err)
	}
	inverse := w.broadcast(addr.Addr)
	order := GLOBL("byteOrder", attr.RODATA|attr.NOPTR)
	for i, v := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(v))
	}
	perm := w.vec()
	VMOVDQU(order, perm)
	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("done"))
	v := w.vecs(4)
	for i := range v {
		VMULPS(Mem{Base: x, Disp: 32 * i}, inverse, v[i])
		VCVTPS2DQ(v[i], v[i])
	}
	VPACKSSDW(v[1], v[0], v[0])
	VPACKSSDW(v[3], v[2], v[2])
	VPACKSSWB(v[2], v[0], v[0])
	VPERMD(v[0], perm, v[0])
	VMOVDQU(v[0], Mem{Base: q})
	ADDQ(Imm(128), x)
	ADDQ(Imm(32), q)
	SUBQ(Imm(32), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}

// largest finds the largest magnitude.
func (w width) largest() {
	TEXT("maxAbsAVX2", attr.NOSPLIT, "func(x *float32, n int) float32")
	Pragma("noescape")
	Doc("maxAbsAVX2 returns the largest magnitude of n values; n is a multiple of 32.")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	mask := w.constBits(0x7fffffff)
	acc := w.vecs(4)
	for _, a := range acc {
		w.zero(a)
	}
	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("done"))
	for i, a := range acc {
		v := w.vec()
		VANDPS(Mem{Base: x, Disp: 32 * i}, mask, v)
		VMAXPS(v, a, a)
	}
	ADDQ(Imm(128), x)
	SUBQ(Imm(32), n)
	JMP(LabelRef("loop"))
	Label("done")
	VMAXPS(acc[1], acc[0], acc[0])
	VMAXPS(acc[3], acc[2], acc[2])
	VMAXPS(acc[2], acc[0], acc[0])
	top, m := XMM(), acc[0].AsX()
	VEXTRACTF128(Imm(1), acc[0], top)
	VMAXPS(top, m, m)
	VPERMILPS(Imm(0x4e), m, top)
	VMAXPS(top, m, m)
	VPERMILPS(Imm(0xb1), m, top)
	VMAXPS(top, m, m)
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// gateFields are the offsets of the fields of kernel.gateTask.
var gateFields = map[string]int{"g": 0, "c": 8, "i0": 16, "i1": 24, "i2": 32, "h": 40, "y": 48, "n": 56, "s0": 64, "s1": 68, "s2": 72}

// rational computes tanh of several vectors by the quotient of polynomials of degrees 13
// and 6 that Eigen uses.
func (w width) rational(xs ...reg.VecVirtual) vecs {
	hi, lo := w.constant(tanhLimit), w.constant(-tanhLimit)
	sq, p, q := w.vecs(len(xs)), w.vecs(len(xs)), w.vecs(len(xs))
	for i, x := range xs {
		VMINPS(hi, x, x)
		VMAXPS(lo, x, x)
		VMULPS(x, x, sq[i])
	}
	horner := func(dst vecs, coefs []float64) {
		for k, c := range coefs {
			v := w.constant(c)
			for i := range dst {
				if k == 0 {
					VMOVAPS(v, dst[i])
				} else {
					VFMADD213PS(v, sq[i], dst[i])
				}
			}
		}
	}
	horner(p, tanhAbove)
	horner(q, tanhBelow)
	for i, x := range xs {
		VMULPS(x, p[i], p[i])
		VDIVPS(q[i], p[i], p[i])
	}
	return p
}

// The coefficients stand in kernel/wavecell.go too.
const tanhLimit = 7.90531110763549805

var (
	tanhAbove = []float64{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03}
	tanhBelow = []float64{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03}
)

// byQuotient returns what emits sigmoid and tanh by [width.rational].
func (w width) byQuotient() (sigmoid func(xs ...reg.VecVirtual) vecs, tanh func(x reg.VecVirtual) reg.VecVirtual) {
	sigmoid = func(xs ...reg.VecVirtual) vecs {
		half := w.constant(0.5)
		for _, x := range xs {
			VMULPS(half, x, x)
		}
		ys := w.rational(xs...)
		half = w.constant(0.5)
		for _, y := range ys {
			VFMADD213PS(half, half, y)
		}
		return ys
	}
	return sigmoid, func(x reg.VecVirtual) reg.VecVirtual { return w.rational(x)[0] }
}

// power2 are the coefficients of the polynomial of degree 5 that is within 1.1e-7 of 2^x for
// |x| ≤ 1/2 (Chebyshev's interpolation), highest first.
var power2 = []float64{0.00133909, 0.00967603, 0.05550357, 0.24022107, 0.69314719, 1.00000008}

// byPower returns what emits sigmoid and tanh by 1/(1 + 2^(kx)): two thirds of the multiplications
// of the quotient, with instructions AVX-512 has. It keeps its constants in registers.
func (w width) byPower() (sigmoid func(xs ...reg.VecVirtual) vecs, tanh func(x reg.VecVirtual) reg.VecVirtual) {
	one, two, least, most := w.constant(1), w.constant(2), w.constant(-126), w.constant(126)
	once, twice := w.constant(-math.Log2E), w.constant(-2*math.Log2E)
	var coefs vecs
	for _, c := range power2 {
		coefs = append(coefs, w.constant(c))
	}
	logistic := func(k, x reg.VecVirtual) reg.VecVirtual {
		n, p, r := w.vec(), w.vec(), w.vec()
		VMULPS(k, x, x)
		VMINPS(most, x, x)
		VMAXPS(least, x, x)
		VRNDSCALEPS(Imm(0), x, n)
		VSUBPS(n, x, x)
		VMOVAPS(coefs[0], p)
		for _, c := range coefs[1:] {
			VFMADD213PS(c, x, p)
		}
		VSCALEFPS(n, p, p)
		VADDPS(one, p, p)
		VRCP14PS(p, r) // and one step of Newton's
		VFNMADD213PS(two, r, p)
		VMULPS(p, r, r)
		return r
	}
	sigmoid = func(xs ...reg.VecVirtual) (ys vecs) {
		for _, x := range xs {
			ys = append(ys, logistic(once, x))
		}
		return ys
	}
	return sigmoid, func(x reg.VecVirtual) reg.VecVirtual {
		y := logistic(twice, x)
		VFMSUB213PS(one, two, y)
		return y
	}
}

// gates emits the cell after its product. The gates of 16 units stand side by side, so that few
// streams of memory are read.
func (w width) gates() {
	TEXT("gates"+w.suffix, attr.NOSPLIT, "func(t *byte)")
	Pragma("noescape")
	Doc("gates" + w.suffix + " computes the gates of a WaveRNN cell, for a multiple of 16 units.")
	t := Load(Param("t"), GP64())
	at := func(f string) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: t, Disp: gateFields[f]}, r)
		return r
	}
	g, c, h, y, n := at("g"), at("c"), at("h"), at("y"), at("n")
	in := []reg.GPVirtual{at("i0"), at("i1"), at("i2")}
	var s vecs
	for _, f := range []string{"s0", "s1", "s2"} {
		s = append(s, w.broadcast(Mem{Base: t, Disp: gateFields[f]}))
	}
	sigmoid, tanh := w.byQuotient()
	if w.bytes == 64 {
		sigmoid, tanh = w.byPower()
	}
	Label("loop")
	TESTQ(n, n)
	JE(LabelRef("done"))
	for part := 0; part < 64; part += w.bytes {
		gate := func(base reg.GPVirtual, i int) Mem { return Mem{Base: base, Disp: 64*i + part} }
		outside := func(i int) reg.VecVirtual { // what does not pass the reset gate
			v := w.vec()
			VMOVUPS(gate(c, i), v)
			for k := range in {
				VFMADD231PS(gate(in[k], i), s[k], v)
			}
			return v
		}
		u, r := outside(0), outside(1)
		VADDPS(gate(g, 0), u, u)
		VADDPS(gate(g, 1), r, r)
		ur := sigmoid(u, r)
		e := outside(2)
		VFMADD231PS(gate(g, 2), ur[1], e)
		e = tanh(e)
		d := w.vec() // h' = e + u·(h - e)
		VMOVUPS(gate(h, 0), d)
		VSUBPS(e, d, d)
		VFMADD231PS(ur[0], d, e)
		VMOVUPS(e, gate(y, 0))
	}
	for _, p := range append([]reg.GPVirtual{g, c}, in...) {
		ADDQ(U32(192), p)
	}
	ADDQ(Imm(64), h)
	ADDQ(Imm(64), y)
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
