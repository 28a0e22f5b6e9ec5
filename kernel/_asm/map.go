package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func init() { ops["map"] = genMap }

type vecs = []reg.VecVirtual

// mapOp is an operation element by element: out vectors from in vectors and scalars.
// Outputs may be inputs as well (in place); names give the parameters.
type mapOp struct {
	name, doc string
	in, out   string // parameter names, space separated; out names repeat those of inputs read too
	scalars   string
	body      func(w width, in, s vecs) (out vecs)
}

// mapOps all have the signature func(pointers..., n int, scalars... float32).
var mapOps = []mapOp{
	{"vecAdd", "dst = a + b", "a b", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.add(in[0], in[1])} }},
	{"vecMul", "dst = a·b", "a b", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.mul(in[0], in[1])} }},
	{"vecMulAdd", "dst = dst + a·b", "dst a b", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.fma(in[1], in[2], in[0])} }},
	{"vecScaleAdd", "dst = scale·x + y", "x y", "dst", "scale", func(w width, in, s vecs) vecs { return vecs{w.fma(in[0], s[0], in[1])} }},
	{"vecScale", "dst = scale·x", "x", "dst", "scale", func(w width, in, s vecs) vecs { return vecs{w.mul(in[0], s[0])} }},
	{"vecAffine", "dst = scale·x + shift", "x", "dst", "scale shift", func(w width, in, s vecs) vecs { return vecs{w.fma(in[0], s[0], s[1])} }},
	{"vecAffineReLU", "dst = max(scale·x + shift, 0)", "x", "dst", "scale shift", func(w width, in, s vecs) vecs {
		return vecs{w.relu(w.fma(in[0], s[0], s[1]))}
	}},
	{"vecMax", "dst = max(a, b)", "a b", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.max(in[0], in[1])} }},
	{"vecReLU", "dst = max(x, 0)", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.relu(in[0])} }},
	{"vecReLUGrad", "dst = dy where y > 0, else 0", "dy y", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.where(in[1], in[0])} }},
	{"vecReLUGradAdd", "dst = dst + dy where y > 0", "dst dy y", "dst", "", func(w width, in, s vecs) vecs {
		return vecs{w.add(in[0], w.where(in[2], in[1]))}
	}},
	{"vecNormBack", "dst = a·dy + b·x + c", "x dy", "dst", "a b c", func(w width, in, s vecs) vecs {
		return vecs{w.fma(in[1], s[0], w.fma(in[0], s[1], s[2]))}
	}},
	{"vecNormBackReLU", "dst = a·dy + b·x + c, with dy 0 where y is not above 0", "x y dy", "dst", "a b c", func(w width, in, s vecs) vecs {
		return vecs{w.fma(w.where(in[1], in[2]), s[0], w.fma(in[0], s[1], s[2]))}
	}},
	{"vecSGD", "momentum, then w = w - rate·m", "w dw m", "w m", "rate momentum decay", func(w width, in, s vecs) vecs {
		d := w.fma(in[0], s[2], in[1])
		m := w.fma(in[2], s[1], d)
		return vecs{w.fnma(m, s[0], in[0]), m}
	}},
	{"vecNesterov", "momentum, then w = w - rate·(d + momentum·m)", "w dw m", "w m", "rate momentum decay", func(w width, in, s vecs) vecs {
		d := w.fma(in[0], s[2], in[1])
		m := w.fma(in[2], s[1], d)
		return vecs{w.fnma(w.fma(m, s[1], d), s[0], in[0]), m}
	}},
	{"vecAdam", "Adam: keep = 1 - rate·decay, c1 and c2 undo the moments' bias", "w dw m v", "w m v", "rate b1 b2 eps c1 c2 l2 keep", func(w width, in, s vecs) vecs {
		g := w.fma(in[0], s[6], in[1])
		m := w.fma(w.sub(in[2], g), s[1], g)
		gg := w.mul(g, g)
		v := w.fma(w.sub(in[3], gg), s[2], gg)
		root := w.vec()
		VSQRTPS(w.mul(v, s[5]), root)
		step := w.div(w.mul(m, s[4]), w.add(root, s[3]))
		return vecs{w.fnma(step, s[0], w.mul(in[0], s[7])), m, v}
	}},
	{"vecInfluence", "influence over a step, e = phi·e + coef·x, and the gradient, dw = dw + d·e", "e dw x", "e dw", "phi coef d", func(w width, in, s vecs) vecs {
		e := w.fma(in[2], s[1], w.mul(in[0], s[0]))
		return vecs{e, w.fma(e, s[2], in[1])}
	}},
	{"vecGRUGrad", "the gradients of gated units: see Cell.GRUGrad", "dh r z c u dy hp", "dh r z c u", "", func(w width, in, s vecs) vecs {
		one := w.constant(1)
		d, r, z, c := w.add(in[5], in[0]), in[1], in[2], in[3]
		dz := w.mul(w.mul(d, w.sub(in[6], c)), w.mul(z, w.sub(one, z)))
		e := w.mul(w.mul(d, w.sub(one, z)), w.fnma(c, c, one))
		dr := w.mul(w.mul(e, in[4]), w.mul(r, w.sub(one, r)))
		return vecs{w.mul(d, z), dr, dz, w.mul(e, r), e}
	}},
	{"vecExp", "dst = exp(x)", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.exp(in[0])} }},
	{"vecExpSub", "dst = exp(x - m), sum = sum + dst", "x m sum", "dst sum", "", func(w width, in, s vecs) vecs {
		e := w.exp(w.sub(in[0], in[1]))
		return vecs{e, w.add(in[2], e)}
	}},
	{"vecLog", "dst = log(x)", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.log(in[0])} }},
	{"vecSigmoid", "dst = 1/(1 + exp(-x))", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.sigmoid(in[0])} }},
	{"vecSiLU", "dst = x/(1 + exp(-x))", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.mul(in[0], w.sigmoid(in[0]))} }},
	{"vecGELU", "dst = x·σ(2u), u = √(2/π)·(x + 0.044715·x³)", "x", "dst", "", func(w width, in, s vecs) vecs {
		return vecs{w.mul(in[0], w.sigmoid(w.geluArg(in[0])))}
	}},
	{"vecGELUSlope", "dst = the derivative of vecGELU at x", "x", "dst", "", func(w width, in, s vecs) vecs {
		x := in[0]
		sg := w.sigmoid(w.geluArg(x))
		k := 2 * math.Sqrt(2/math.Pi)
		slope := w.fma(w.mul(x, x), w.constant(3*k*0.044715), w.constant(k))
		rest := w.mul(w.mul(x, sg), w.sub(w.constant(1), sg))
		return vecs{w.fma(rest, slope, sg)}
	}},
	{"vecSplit", "bins p and q of a real transform from values a and b of the complex one and the root (c, s)", "ar ai br bi", "pr pi qr qi", "c s", func(w width, in, s vecs) vecs {
		half := w.constant(0.5)
		er, ei := w.mul(half, w.add(in[0], in[2])), w.mul(half, w.sub(in[1], in[3]))
		or, oi := w.mul(half, w.add(in[1], in[3])), w.mul(half, w.sub(in[2], in[0]))
		wr := w.fnma(s[1], oi, w.mul(s[0], or))
		wi := w.fma(s[1], or, w.mul(s[0], oi))
		return vecs{w.add(er, wr), w.add(ei, wi), w.sub(er, wr), w.sub(wi, ei)}
	}},
	{"vecMerge", "the transpose of vecSplit, conjugated", "ar ai br bi", "pr pi qr qi", "c s", func(w width, in, s vecs) vecs {
		half := w.constant(0.5)
		er, ei := w.mul(half, w.add(in[0], in[2])), w.mul(half, w.sub(in[1], in[3]))
		dr, di := w.mul(half, w.sub(in[0], in[2])), w.mul(half, w.add(in[1], in[3]))
		or, oi := w.fma(di, s[1], w.mul(dr, s[0])), w.fnma(dr, s[1], w.mul(di, s[0]))
		z := w.vec()
		w.zero(z)
		return vecs{w.sub(er, oi), w.sub(z, w.add(ei, or)), w.add(er, oi), w.sub(ei, or)}
	}},
	{"vecTanh", "dst = tanh(x)", "x", "dst", "", func(w width, in, s vecs) vecs { return vecs{w.tanh(in[0])} }},
}

func genMap() {
	for _, w := range widths {
		for _, op := range mapOps {
			w.mapLoop(op)
		}
		w.sums("vecMoments", "x", "sum and sum of squares of x - base", func(in vecs, base reg.VecVirtual, s, q reg.VecVirtual) {
			d := w.sub(in[0], base)
			VADDPS(d, s, s)
			VFMADD231PS(d, d, q)
		})
		w.sums("vecNormGrads", "dy x", "sums of dy and of dy·(x - base)", func(in vecs, base reg.VecVirtual, s, q reg.VecVirtual) {
			VADDPS(in[0], s, s)
			VFMADD231PS(in[0], w.sub(in[1], base), q)
		})
		w.sums("vecNormGradsReLU", "dy x y", "sums of dy and of dy·(x - base) where y > 0", func(in vecs, base reg.VecVirtual, s, q reg.VecVirtual) {
			g := w.where(in[2], in[0])
			VADDPS(g, s, s)
			VFMADD231PS(g, w.sub(in[1], base), q)
		})
	}
}

func (w width) bin(f func(...Op), a, b reg.VecVirtual) reg.VecVirtual {
	d := w.vec()
	f(b, a, d)
	return d
}

func (w width) add(a, b reg.VecVirtual) reg.VecVirtual { return w.bin(VADDPS, a, b) }
func (w width) sub(a, b reg.VecVirtual) reg.VecVirtual { return w.bin(VSUBPS, a, b) }
func (w width) mul(a, b reg.VecVirtual) reg.VecVirtual { return w.bin(VMULPS, a, b) }
func (w width) div(a, b reg.VecVirtual) reg.VecVirtual { return w.bin(VDIVPS, a, b) }

// max returns b where either is NaN.
func (w width) max(a, b reg.VecVirtual) reg.VecVirtual { return w.bin(VMAXPS, a, b) }

// fma returns a·b + c.
func (w width) fma(a, b, c reg.VecVirtual) reg.VecVirtual {
	d := w.vec()
	VMOVAPS(c, d)
	VFMADD231PS(a, b, d)
	return d
}

// fnma returns c - a·b.
func (w width) fnma(a, b, c reg.VecVirtual) reg.VecVirtual {
	d := w.vec()
	VMOVAPS(c, d)
	VFNMADD231PS(a, b, d)
	return d
}

func (w width) relu(x reg.VecVirtual) reg.VecVirtual {
	z := w.vec()
	w.zero(z)
	return w.max(z, x)
}

// where returns v where y > 0, else 0.
func (w width) where(y, v reg.VecVirtual) reg.VecVirtual {
	z := w.vec()
	w.zero(z)
	d := w.vec()
	if w.bytes == 64 {
		k := K()
		VCMPPS(Imm(0x1e), z, y, k) // y > 0, quiet
		VMOVAPS_Z(v, k, d)
		return d
	}
	VCMPPS(Imm(0x1e), z, y, d)
	VANDPS(v, d, d)
	return d
}

// constants are kept once in read-only memory.
var constants = map[uint32]Mem{}

func (w width) constBits(bits uint32) reg.VecVirtual {
	m, ok := constants[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("const%08x", bits), attr.RODATA|attr.NOPTR)
		DATA(0, U32(bits))
		constants[bits] = m
	}
	v := w.vec()
	VBROADCASTSS(m, v)
	return v
}

func (w width) constant(x float64) reg.VecVirtual { return w.constBits(math.Float32bits(float32(x))) }

// exp computes e^x as 2^n·e^r, |r| ≤ ln2/2, e^r by a polynomial of degree 6 (Taylor's but
// for rounding). Above ln of the largest float32 it is +Inf, far below 0 it is 0.
func (w width) exp(x reg.VecVirtual) reg.VecVirtual {
	// Limits that leave NaN alone: MAXPS and MINPS return their second operand for NaN.
	x = w.max(w.constant(-104), x)
	x = w.bin(VMINPS, w.constant(89), x)
	n := w.vec()
	if w.bytes == 64 {
		VRNDSCALEPS(Imm(0), w.mul(x, w.constant(math.Log2E)), n)
	} else {
		VROUNDPS(Imm(0), w.mul(x, w.constant(math.Log2E)), n)
	}
	r := w.fnma(n, w.constant(0.693359375), x)
	r = w.fnma(n, w.constant(-2.12194440054690583e-4), r)
	p := w.constant(1.0 / 720)
	for _, c := range []float64{1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1} {
		p = w.fma(p, r, w.constant(c))
	}
	// 2^n in two halves, so that the ends of the range are reached through denormals
	// and infinity.
	i := w.vec()
	VCVTPS2DQ(n, i)
	half := w.vec()
	VPSRAD(Imm(1), i, half)
	rest := w.vec()
	VPSUBD(half, i, rest)
	for _, h := range (vecs{half, rest}) {
		e := w.vec()
		VPADDD(h, w.constBits(127), e)
		VPSLLD(Imm(23), e, e)
		p = w.mul(p, e)
	}
	return p
}

// log writes x as m·2^e with m in [√½, √2) and takes log m from the minimax polynomial of
// degree 9 of the Cephes library (Moshier).
func (w width) log(x reg.VecVirtual) reg.VecVirtual {
	x = w.max(w.constant(0x1p-126), x)
	e, m := w.vec(), w.vec()
	VPSUBD(w.constBits(0x3f3504f3), x, e) // bits of √½
	VPSRAD(Imm(23), e, e)
	VPSLLD(Imm(23), e, m)
	VPSUBD(m, x, m)
	k := w.vec()
	VCVTDQ2PS(e, k)
	z := w.sub(m, w.constant(1))
	p := w.constant(7.0376836292e-2)
	for _, c := range []float64{-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1} {
		p = w.fma(p, z, w.constant(c))
	}
	q := w.mul(z, z)
	r := w.fnma(q, w.constant(0.5), w.mul(w.mul(p, z), q))
	r = w.fnma(k, w.constant(2.12194440e-4), r)
	return w.fma(k, w.constant(0.693359375), w.add(z, r))
}

func (w width) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	z := w.vec()
	w.zero(z)
	one := w.constant(1)
	return w.div(one, w.add(one, w.exp(w.sub(z, x))))
}

func (w width) geluArg(x reg.VecVirtual) reg.VecVirtual {
	k := 2 * math.Sqrt(2/math.Pi)
	return w.mul(x, w.fma(w.mul(x, x), w.constant(k*0.044715), w.constant(k)))
}

// tanh is x + x³·P(x²) near zero and 1 - 2/(e^2x + 1) with the sign of x elsewhere.
func (w width) tanh(x reg.VecVirtual) reg.VecVirtual {
	a := w.vec()
	sign := w.constBits(1 << 31)
	VANDNPS(x, sign, a) // |x|
	s := w.vec()
	VANDPS(x, sign, s)
	e := w.exp(w.add(a, a))
	one := w.constant(1)
	far := w.sub(one, w.div(w.constant(2), w.add(e, one)))
	VORPS(s, far, far)
	q := w.mul(x, x)
	p := w.constant(-5.70498872745e-3)
	for _, c := range []float64{2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1} {
		p = w.fma(p, q, w.constant(c))
	}
	near := w.fma(w.mul(p, q), x, x)
	limit := w.constant(0.625)
	out := w.vec()
	if w.bytes == 64 {
		k := K()
		VCMPPS(Imm(0x11), limit, a, k) // |x| < 0.625
		VBLENDMPS(near, far, k, out)
		return out
	}
	k := w.vec()
	VCMPPS(Imm(0x11), limit, a, k)
	VBLENDVPS(k, near, far, out)
	return out
}

func (w width) load(m Mem, mask reg.VecVirtual, k reg.OpmaskVirtual, tail bool) reg.VecVirtual {
	v := w.vec()
	switch {
	case !tail:
		VMOVUPS(m, v)
	case w.bytes == 64:
		VMOVUPS_Z(m, k, v)
	default:
		VMASKMOVPS(m, mask, v)
	}
	return v
}

func (w width) store(v reg.VecVirtual, m Mem, mask reg.VecVirtual, k reg.OpmaskVirtual, tail bool) {
	switch {
	case !tail:
		VMOVUPS(v, m)
	case w.bytes == 64:
		VMOVUPS(v, k, m)
	default:
		VMASKMOVPS(v, mask, m)
	}
}

// maskTable holds 8 lanes of ones, then 8 of zeros.
var maskTable *Mem

// masks loads the mask of the first n lanes.
func (w width) masks(n reg.GPVirtual) (reg.VecVirtual, reg.OpmaskVirtual) {
	if w.bytes == 64 {
		k, bits := K(), GP64()
		MOVQ(I32(-1), bits)
		BZHIQ(n, bits, bits)
		KMOVW(bits.As32(), k)
		return nil, k
	}
	if maskTable == nil {
		m := GLOBL("lanes", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(math.MaxUint32)*uint32(1-i/8)))
		}
		maskTable = &m
	}
	at, mask := GP64(), w.vec()
	LEAQ(*maskTable, at)
	back := GP64()
	MOVQ(n, back)
	SHLQ(Imm(2), back)
	SUBQ(back, at)
	VMOVUPS(Mem{Base: at, Disp: 32}, mask)
	return mask, nil
}

func (w width) mapLoop(op mapOp) {
	ins, outs, scalars := strings.Fields(op.in), strings.Fields(op.out), strings.Fields(op.scalars)
	var params []string
	for _, name := range append(append([]string{}, outs...), ins...) {
		if !strings.Contains(" "+strings.Join(params, " ")+" ", " "+name+" ") {
			params = append(params, name)
		}
	}
	sig := "func(" + strings.Join(params, ", ") + " *float32, n int"
	if len(scalars) > 0 {
		sig += ", " + strings.Join(scalars, ", ") + " float32"
	}
	TEXT(op.name+w.suffix, attr.NOSPLIT, sig+")")
	Pragma("noescape")
	Doc(op.name + w.suffix + " computes " + op.doc + " for n elements.")
	ptr := map[string]reg.Register{}
	for _, name := range params {
		ptr[name] = Load(Param(name), GP64())
	}
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	var s vecs
	for _, name := range scalars {
		v := w.vec()
		addr, err := Param(name).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(addr.Addr, v)
		s = append(s, v)
	}
	unroll := 1
	if len(ins)+len(outs) <= 4 && !strings.Contains("vecExp vecExpSub vecSigmoid vecSiLU vecGELU vecGELUSlope vecTanh", op.name) {
		unroll = 2
	}
	pass := func(count int, mask reg.VecVirtual, k reg.OpmaskVirtual, tail bool) {
		for u := range count {
			var in vecs
			for _, name := range ins {
				in = append(in, w.load(Mem{Base: ptr[name], Disp: u * w.bytes}, mask, k, tail))
			}
			for i, v := range op.body(w, in, s) {
				w.store(v, Mem{Base: ptr[outs[i]], Disp: u * w.bytes}, mask, k, tail)
			}
		}
		if !tail {
			for _, name := range params {
				ADDQ(U32(count*w.bytes), ptr[name])
			}
		}
	}
	lanes := w.bytes / 4
	if unroll > 1 {
		Label("wide")
		CMPQ(n, Imm(uint64(unroll*lanes)))
		JL(LabelRef("one"))
		pass(unroll, nil, nil, false)
		SUBQ(Imm(uint64(unroll*lanes)), n)
		JMP(LabelRef("wide"))
	}
	Label("one")
	CMPQ(n, Imm(uint64(lanes)))
	JL(LabelRef("tail"))
	pass(1, nil, nil, false)
	SUBQ(Imm(uint64(lanes)), n)
	JMP(LabelRef("one"))
	Label("tail")
	TESTQ(n, n)
	JE(LabelRef("done"))
	mask, k := w.masks(n)
	pass(1, mask, k, true)
	Label("done")
	VZEROUPPER()
	RET()
}

// sums emits a reduction to two sums. Four pairs of vectors collect, then fold in a fixed
// order; the tail is masked to zeros that add nothing.
func (w width) sums(name, inputs, doc string, body func(in vecs, base, s, q reg.VecVirtual)) {
	ins := strings.Fields(inputs)
	TEXT(name+w.suffix, attr.NOSPLIT, "func("+strings.Join(ins, ", ")+" *float32, n int, base float32) (sum, product float32)")
	Pragma("noescape")
	Doc(name + w.suffix + " returns the " + doc + ", n elements.")
	ptr := make([]reg.Register, len(ins))
	for i, p := range ins {
		ptr[i] = Load(Param(p), GP64())
	}
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	base := w.vec()
	addr, err := Param("base").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(addr.Addr, base)
	const pairs = 4
	s, q := w.vecs(pairs), w.vecs(pairs)
	for i := range pairs {
		w.zero(s[i])
		w.zero(q[i])
	}
	lanes := w.bytes / 4
	load := func(u int) vecs {
		var in vecs
		for _, p := range ptr {
			in = append(in, w.load(Mem{Base: p, Disp: u * w.bytes}, nil, nil, false))
		}
		return in
	}
	step := func(count int) {
		for u := range count {
			body(load(u), base, s[u], q[u])
		}
		for _, p := range ptr {
			ADDQ(U32(count*w.bytes), p)
		}
		SUBQ(Imm(uint64(count*lanes)), n)
	}
	Label("wide")
	CMPQ(n, Imm(uint64(pairs*lanes)))
	JL(LabelRef("one"))
	step(pairs)
	JMP(LabelRef("wide"))
	Label("one")
	CMPQ(n, Imm(uint64(lanes)))
	JL(LabelRef("tail"))
	step(1)
	JMP(LabelRef("one"))
	Label("tail")
	TESTQ(n, n)
	JE(LabelRef("fold"))
	mask, k := w.masks(n)
	var in vecs
	for _, p := range ptr {
		in = append(in, w.load(Mem{Base: p}, mask, k, true))
	}
	// x - base is not zero beyond the end: there base itself stands in for x.
	if len(ins) == 1 {
		if w.bytes == 64 {
			filled := w.vec()
			VBLENDMPS(in[0], base, k, filled)
			in[0] = filled
		} else {
			filled := w.vec()
			VBLENDVPS(mask, in[0], base, filled)
			in[0] = filled
		}
	}
	body(in, base, s[1], q[1])
	Label("fold")
	for i, v := range []vecs{s, q} {
		a, b := w.add(v[0], v[1]), w.add(v[2], v[3])
		x := w.add(a, b)
		Store(w.fold(x), ReturnIndex(i))
	}
	VZEROUPPER()
	RET()
}

// fold adds the lanes of v, halves onto halves.
func (w width) fold(v reg.VecVirtual) reg.Register {
	y := v
	if w.bytes == 64 {
		hi, half := YMM(), YMM()
		VEXTRACTF64X4(Imm(1), v, hi)
		VADDPS(v.AsY(), hi, half)
		y = half
	}
	x, lo := XMM(), XMM()
	VEXTRACTF128(Imm(1), y, x)
	VADDPS(y.AsX(), x, lo)
	t := XMM()
	VMOVHLPS(lo, lo, t)
	VADDPS(t, lo, lo)
	VMOVSHDUP(lo, t)
	VADDSS(t, lo, lo)
	return lo
}
