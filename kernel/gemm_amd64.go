//go:build amd64 && !portable

package kernel

import (
	"sync"
	"unsafe"
)

// gemmTile is what a tile kernel is told; the order of fields is known to the
// generator. Strides are in bytes.
type gemmTile struct {
	a      unsafe.Pointer
	rs, cs uintptr // A's stride from row to row and from k to k
	b      unsafe.Pointer
	bs     uintptr
	kc     uintptr
	c      unsafe.Pointer
	ldc    uintptr
	acc    uintptr   // not 0: add to C
	mask   [16]int32 // lanes of the last vector: AVX2 -1 each; AVX-512 bits in mask[0]
}

// gemmUnit is the dense product of one vector width.
type gemmUnit struct {
	lanes, rows int                // floats a vector, rows of the highest tile
	full        []func(t *byte)    // by rows: two vectors
	masked      [3][]func(t *byte) // by vectors and rows: the last vector masked
	packRows    func(dst, src *float32, ld, n, panels, pstride int)
	packPanel   func(dst, src *float32, step, ld, n int, mask *[16]int32, bits int)
}

var gemmAVX2 = gemmUnit{
	lanes: 8, rows: 6,
	full: []func(*byte){nil, gemm1x2AVX2, gemm2x2AVX2, gemm3x2AVX2, gemm4x2AVX2, gemm5x2AVX2, gemm6x2AVX2},
	masked: [3][]func(*byte){
		1: {nil, gemm1x1MaskedAVX2, gemm2x1MaskedAVX2, gemm3x1MaskedAVX2, gemm4x1MaskedAVX2, gemm5x1MaskedAVX2, gemm6x1MaskedAVX2},
		2: {nil, gemm1x2MaskedAVX2, gemm2x2MaskedAVX2, gemm3x2MaskedAVX2, gemm4x2MaskedAVX2, gemm5x2MaskedAVX2, gemm6x2MaskedAVX2},
	},
	packRows: gemmPackRowsAVX2, packPanel: gemmPackPanelAVX2,
}

var gemmAVX512 = gemmUnit{
	lanes: 16, rows: 12,
	full: []func(*byte){nil, gemm1x2AVX512, gemm2x2AVX512, gemm3x2AVX512, gemm4x2AVX512, gemm5x2AVX512, gemm6x2AVX512,
		gemm7x2AVX512, gemm8x2AVX512, gemm9x2AVX512, gemm10x2AVX512, gemm11x2AVX512, gemm12x2AVX512},
	masked: [3][]func(*byte){
		1: {nil, gemm1x1MaskedAVX512, gemm2x1MaskedAVX512, gemm3x1MaskedAVX512, gemm4x1MaskedAVX512, gemm5x1MaskedAVX512, gemm6x1MaskedAVX512,
			gemm7x1MaskedAVX512, gemm8x1MaskedAVX512, gemm9x1MaskedAVX512, gemm10x1MaskedAVX512, gemm11x1MaskedAVX512, gemm12x1MaskedAVX512},
		2: {nil, gemm1x2MaskedAVX512, gemm2x2MaskedAVX512, gemm3x2MaskedAVX512, gemm4x2MaskedAVX512, gemm5x2MaskedAVX512, gemm6x2MaskedAVX512,
			gemm7x2MaskedAVX512, gemm8x2MaskedAVX512, gemm9x2MaskedAVX512, gemm10x2MaskedAVX512, gemm11x2MaskedAVX512, gemm12x2MaskedAVX512},
	},
	packRows: gemmPackRowsAVX512, packPanel: gemmPackPanelAVX512,
}

func init() {
	for _, l := range []struct {
		level Level
		unit  *gemmUnit
	}{{AVX2, &gemmAVX2}, {AVX512, &gemmAVX512}} {
		unit := l.unit
		bind(l.level, func() { gemmRange, gemmTileRows = unit.run, unit.rows })
	}
}

const (
	gemmDeep = 320 // most steps of k a tile takes before it writes its sums
	gemmHigh = 192 // most rows of A that pass by one panel of B
)

// gemmScratch holds what a chunk packs.
type gemmScratch struct {
	b    []float32 // panels of B: kc rows of a tile's width each
	a    []float32 // panels of transposed A: kc groups of a tile's rows each
	tile gemmTile
}

var gemmScratches = sync.Pool{New: func() any {
	return &gemmScratch{b: make([]float32, (gemmCols+32)*gemmDeep+16), a: make([]float32, (gemmHigh+12)*gemmDeep+16)}
}}

// maskFor makes the mask of n lanes of the unit.
func (u *gemmUnit) maskFor(mask *[16]int32, n int) (bits int) {
	bits = 1<<n - 1
	if u.lanes == 16 {
		mask[0] = int32(bits)
		return bits
	}
	for i := range 8 {
		mask[i] = 0
		if i < n {
			mask[i] = -1
		}
	}
	return bits
}

// run computes rows m0 to m1 and columns n0 to n1 of p.
func (u *gemmUnit) run(p *gemmJob, m0, m1, n0, n1 int) {
	if m0 >= m1 || n0 >= n1 {
		return
	}
	if p.beta != 0 && p.beta != 1 || p.K == 0 && p.beta != 1 {
		p.scaleC(m0, m1, n0, n1)
	}
	if p.K == 0 {
		return
	}
	s := gemmScratches.Get().(*gemmScratch)
	parts := (p.K + gemmDeep - 1) / gemmDeep
	for i := range parts {
		k0, k1 := p.K*i/parts, p.K*(i+1)/parts
		high := (m1 - m0 + gemmHigh - 1) / gemmHigh
		for h := range high {
			// Whole tiles, so that the dealing of rows is that of panels(m0, m1).
			lo, hi := m0+tileBound(m1-m0, u.rows, h, high), m0+tileBound(m1-m0, u.rows, h+1, high)
			u.block(s, p, block{lo, hi, n0, n1, k0, k1, m0, m1, h == 0})
		}
	}
	s.tile = gemmTile{}
	gemmScratches.Put(s)
}

// tileBound returns where part h of so many parts of the tiles of rows begins.
func tileBound(rows, most, h, parts int) int {
	n := (rows + most - 1) / most
	return rows * (n * h / parts) / n
}

// block is a part of a product: rows m0 to m1 of a chunk of rows c0 to c1, columns n0
// to n1 and steps k0 to k1. first says that panels of B are still to be packed.
type block struct {
	m0, m1, n0, n1, k0, k1, c0, c1 int
	first                          bool
}

func (u *gemmUnit) block(s *gemmScratch, p *gemmJob, b block) {
	kc, nr := b.k1-b.k0, 2*u.lanes
	packA := !p.packed && u.worthPackingA(p, b)
	if packA {
		u.packA(s, p, b)
	}
	// A panel used by one or two tiles only is not worth packing.
	packB := p.tB || p.alpha != 1 || b.c1-b.c0 > 2*u.rows
	if packB && b.first {
		u.packB(s.b, &s.tile, p, b)
	}
	t := &s.tile
	t.kc, t.ldc = uintptr(kc), uintptr(4*p.ldc)
	t.acc = 0
	if b.k0 > 0 || p.beta != 0 {
		t.acc = 1
	}
	for n := b.n0; n < b.n1; n += nr {
		width := min(nr, b.n1-n)
		kernels := u.full
		if width < nr {
			vecs := (width + u.lanes - 1) / u.lanes
			kernels = u.masked[vecs]
		}
		if packB || width < nr {
			panel := s.b[(n-b.n0)*kc:]
			if !packB && b.first {
				u.packTail(panel, t, p, n, width, b.k0, kc)
			}
			t.b, t.bs = unsafe.Pointer(&panel[0]), uintptr(4*nr)
		} else {
			t.b, t.bs = unsafe.Pointer(&p.B[b.k0*p.ldb+n]), uintptr(4*p.ldb)
		}
		if width < nr {
			u.maskFor(&t.mask, (width-1)%u.lanes+1)
		}
		u.column(s, p, b, packA, n, kernels)
	}
}

// worthPackingA reports whether rows of A are used often enough, for how far apart
// they lie, to be copied together first.
func (u *gemmUnit) worthPackingA(p *gemmJob, b block) bool {
	tiles := (b.n1 - b.n0) / (2 * u.lanes)
	if p.tA {
		return tiles >= 2
	}
	return tiles >= 12 || tiles >= 6 && p.lda%256 == 0
}

// column computes the tiles of one panel of B.
func (u *gemmUnit) column(s *gemmScratch, p *gemmJob, b block, packA bool, n int, kernels []func(*byte)) {
	t, at, kc := &s.tile, 0, b.k1-b.k0
	count := (b.c1 - b.c0 + u.rows - 1) / u.rows
	for lo := b.m0; lo < b.m1; {
		// The tile that starts at lo, as dealt out by panels.
		i := ((lo-b.c0)*count + b.c1 - b.c0 - 1) / (b.c1 - b.c0)
		hi := b.c0 + (b.c1-b.c0)*(i+1)/count
		switch {
		case p.packed:
			t.a, t.rs, t.cs = unsafe.Pointer(&p.A[lo*p.K+b.k0*(hi-lo)]), 4, uintptr(4*(hi-lo))
		case packA:
			t.a, t.rs, t.cs = unsafe.Pointer(&s.a[at]), 4, uintptr(4*(hi-lo))
			at += kc * (hi - lo)
		case p.tA:
			t.a, t.rs, t.cs = unsafe.Pointer(&p.A[b.k0*p.lda+lo]), 4, uintptr(4*p.lda)
		default:
			t.a, t.rs, t.cs = unsafe.Pointer(&p.A[lo*p.lda+b.k0]), uintptr(4*p.lda), 4
		}
		t.c = unsafe.Pointer(&p.C[lo*p.ldc+n])
		kernels[hi-lo]((*byte)(unsafe.Pointer(t)))
		lo = hi
	}
}

// packA packs the rows of a block of A, tile by tile.
func (u *gemmUnit) packA(s *gemmScratch, p *gemmJob, b block) {
	at, kc := 0, b.k1-b.k0
	count := (b.c1 - b.c0 + u.rows - 1) / u.rows
	for lo := b.m0; lo < b.m1; {
		i := ((lo-b.c0)*count + b.c1 - b.c0 - 1) / (b.c1 - b.c0)
		hi := b.c0 + (b.c1-b.c0)*(i+1)/count
		u.packTile(s.a[at:], &s.tile, p, lo, hi, b.k0, kc)
		at += kc * (hi - lo)
		lo = hi
	}
}

// packTile packs rows lo to hi of op(A), kc steps from k0 on, as kc groups of hi-lo
// values. It may write a vector's worth beyond them.
func (u *gemmUnit) packTile(dst []float32, t *gemmTile, p *gemmJob, lo, hi, k0, kc int) {
	rows := hi - lo
	if p.tA {
		bits := u.maskFor(&t.mask, rows)
		u.packPanel(&dst[0], &p.A[k0*p.lda+lo], 4*rows, 4*p.lda, kc, &t.mask, bits)
		return
	}
	// The higher rows first: what they write too much the lower rows cover.
	if rows > 8 {
		packEight(dst[8:], p.A[(lo+8)*p.lda+k0:], p.lda, rows-8, rows, kc)
		rows = 8
	}
	packEight(dst, p.A[lo*p.lda+k0:], p.lda, rows, hi-lo, kc)
}

// packEight writes value (r, k) of up to 8 rows of kc values, ld apart, to
// dst[k·step+r]. What it writes beyond the rows it covers with the next k.
func packEight(dst, src []float32, ld, rows, step, kc int) {
	if kc < 8 {
		for k := range kc {
			for r := range rows {
				dst[k*step+r] = src[r*ld+k]
			}
		}
		return
	}
	var at [8]unsafe.Pointer
	from := func(k int) *byte {
		for r := range at {
			at[r] = unsafe.Pointer(&src[min(r, rows-1)*ld+k])
		}
		return (*byte)(unsafe.Pointer(&at))
	}
	transpose8(&dst[0], from(0), 4*step, kc/8)
	if kc%8 != 0 {
		transpose8(&dst[(kc-8)*step], from(kc-8), 4*step, 1)
	}
}

// packB packs a block of B, times alpha, as panels of a tile's width.
func (u *gemmUnit) packB(dst []float32, t *gemmTile, p *gemmJob, b block) {
	nr, kc := 2*u.lanes, b.k1-b.k0
	whole := (b.n1 - b.n0) / nr
	tail := b.n1 - b.n0 - whole*nr
	if p.tB {
		for n := b.n0; n < b.n1; n += 8 {
			at := n - b.n0
			packEight(dst[at/nr*nr*kc+at%nr:], p.B[n*p.ldb+b.k0:], p.ldb, min(8, b.n1-n), nr, kc)
		}
	} else {
		if whole > 0 {
			u.packRows(&dst[0], &p.B[b.k0*p.ldb+b.n0], 4*p.ldb, kc, whole, 4*nr*kc)
		}
		if tail > 0 {
			u.packTail(dst[whole*nr*kc:], t, p, b.n1-tail, tail, b.k0, kc)
		}
	}
	if p.alpha != 1 {
		dst = dst[:(b.n1-b.n0+nr-1)/nr*nr*kc]
		for i := range dst {
			dst[i] *= p.alpha
		}
	}
}

// packTail packs the last columns of B, fewer than a tile's width, to a panel whose
// rows are of whole vectors.
func (u *gemmUnit) packTail(dst []float32, t *gemmTile, p *gemmJob, n, width, k0, kc int) {
	for j := 0; j < width; j += u.lanes {
		bits := u.maskFor(&t.mask, min(u.lanes, width-j))
		u.packPanel(&dst[j], &p.B[k0*p.ldb+n+j], 8*u.lanes, 4*p.ldb, kc, &t.mask, bits)
	}
}
