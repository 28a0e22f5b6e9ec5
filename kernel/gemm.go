package kernel

// Dense products. C[M,N] = A[M,K]·B[K,N] does 2·M·N·K operations on M·K + K·N + M·N
// values, so each value is used often and speed is that of the multipliers. The work
// is cut into register tiles of 6×16 (AVX2) or 12×32 (AVX-512) sums; K is cut so that
// one panel of B, a tile wide, stays in the first-level cache while all rows of A
// pass by. B is packed in blocks of up to 256 columns, whole rows at a time, since reading
// it panel by panel takes a new page for every k. A is read where it stands, by row and
// column stride, and packed if it is used often or its rows lie pages apart. Packing
// costs 3 to 8 % at N = 128, so prepacked weights are worth having. Masked stores are
// slow on AMD machines: packing writes whole vectors and lets the next row cover the rest.
// Rows are dealt out evenly to tiles (M = 10 is 5 + 5, not 6 + 4).

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

//go:generate sh -c "cd _asm && go run . -op gemm -out ../gemm_amd64.s -stubs ../z_gemm_amd64.go -pkg kernel"

// GEMM computes C = alpha·op(A)·op(B) + beta·C for row-major matrices, op(A) of
// shape [M,K], op(B) of shape [K,N] and C of shape [M,N]; tA and tB say that A and B
// are stored transposed. With beta 0, C is not read. It panics where a slice is too
// short for its shape.
func GEMM(tA, tB bool, M, N, K int, alpha float32, A []float32, lda int, B []float32, ldb int, beta float32, C []float32, ldc int) {
	p := takeGEMM(tA, tB, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc)
	if p.thin() {
		p.gemv()
	} else {
		p.cut()
		parallel.Do(p.chunkRows*p.chunkCols, p)
	}
	p.put()
}

// gemmSerial is GEMM on the calling goroutine, for use inside kernels that have cut
// the work already.
func gemmSerial(tA, tB bool, M, N, K int, alpha float32, A []float32, lda int, B []float32, ldb int, beta float32, C []float32, ldc int) {
	p := takeGEMM(tA, tB, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc)
	for n := 0; n < N; n += gemmCols {
		gemmRange(p, 0, M, n, min(n+gemmCols, N))
	}
	p.put()
}

// Packed is a left operand in the order in which the kernels read it, for weights
// that are used many times between changes.
type Packed struct {
	M, K  int
	tA    bool
	level Level
	data  []float32
}

// PackA returns op(A), of shape [M,K], packed for the level in use.
func PackA(tA bool, M, K int, A []float32, lda int) *Packed {
	p := &Packed{M: M, K: K, tA: tA}
	p.Repack(A, lda)
	return p
}

// Repack takes new values of the same shape from A.
func (p *Packed) Repack(A []float32, lda int) {
	r, c := p.M, p.K
	if p.tA {
		r, c = c, r
	}
	if !holds(r, c, A, lda) {
		panic(fmt.Sprintf("kernel: PackA: A of %d values (stride %d) for [%d,%d]", len(A), lda, r, c))
	}
	p.level = active
	if cap(p.data) < p.M*p.K {
		p.data = make([]float32, p.M*p.K)
	}
	p.data = p.data[:p.M*p.K]
	rs, cs := lda, 1
	if p.tA {
		rs, cs = 1, lda
	}
	at := 0
	for lo, hi := range panels(0, p.M, gemmTileRows) {
		for k := range p.K {
			for m := lo; m < hi; m++ {
				p.data[at] = A[m*rs+k*cs]
				at++
			}
		}
	}
}

// GEMMPacked computes C = A·B + beta·C for a packed A of shape [M,K], B of shape
// [K,N] and C of shape [M,N].
func GEMMPacked(A *Packed, N int, B []float32, ldb int, beta float32, C []float32, ldc int) {
	p := takePacked(A, N, B, ldb, beta, C, ldc)
	p.cut()
	parallel.Do(p.chunkRows*p.chunkCols, p)
	p.put()
}

// gemmPackedSerial is GEMMPacked on the calling goroutine.
func gemmPackedSerial(A *Packed, N int, B []float32, ldb int, beta float32, C []float32, ldc int) {
	p := takePacked(A, N, B, ldb, beta, C, ldc)
	for n := 0; n < N; n += gemmCols {
		gemmRange(p, 0, A.M, n, min(n+gemmCols, N))
	}
	p.put()
}

func takePacked(A *Packed, N int, B []float32, ldb int, beta float32, C []float32, ldc int) *gemmJob {
	if A.level != active {
		panic(fmt.Sprintf("kernel: GEMMPacked: A was packed for %v, %v is in use", A.level, active))
	}
	p := takeGEMM(false, false, A.M, N, A.K, 1, A.data, A.K, B, ldb, beta, C, ldc)
	p.packed = true
	return p
}

// gemmCols is the most columns a chunk has, which bounds the packed part of B.
const gemmCols = 256

// The kernels of the level in use: rows m0 to m1 and columns n0 to n1 (at most
// gemmCols) of a product, and the most rows of a tile.
var (
	gemmRange    func(p *gemmJob, m0, m1, n0, n1 int)
	gemmTileRows int
)

func init() {
	bind(Portable, func() { gemmRange, gemmTileRows = gemmPortable, 4 })
}

// gemmJob is a dense product cut into a grid of chunks.
type gemmJob struct {
	tA, tB, packed bool
	M, N, K        int
	alpha, beta    float32
	A, B, C        []float32
	lda, ldb, ldc  int

	chunkRows, chunkCols int // chunks along M and N
	rows, cols           int // size of a chunk
}

var gemmJobs = sync.Pool{New: func() any { return new(gemmJob) }}

func takeGEMM(tA, tB bool, M, N, K int, alpha float32, A []float32, lda int, B []float32, ldb int, beta float32, C []float32, ldc int) *gemmJob {
	ar, ac, br, bc := M, K, K, N
	if tA {
		ar, ac = K, M
	}
	if tB {
		br, bc = N, K
	}
	if min(M, N, K) < 0 || !holds(ar, ac, A, lda) || !holds(br, bc, B, ldb) || !holds(M, N, C, ldc) {
		panic(fmt.Sprintf("kernel: GEMM: A of %d values (stride %d) for [%d,%d], B of %d (stride %d) for [%d,%d], C of %d (stride %d) for [%d,%d]",
			len(A), lda, ar, ac, len(B), ldb, br, bc, len(C), ldc, M, N))
	}
	p := gemmJobs.Get().(*gemmJob)
	*p = gemmJob{tA: tA, tB: tB, M: M, N: N, K: K, alpha: alpha, beta: beta, A: A, B: B, C: C, lda: lda, ldb: ldb, ldc: ldc}
	return p
}

func (p *gemmJob) put() {
	*p = gemmJob{}
	gemmJobs.Put(p)
}

// cut chooses the grid: chunks of about a million operations or more, at most four a
// worker, rows first, as each chunk packs its own rows of A and columns of B. The grid
// does not show in the result: every level adds the products of an output in the order
// of k, in the same blocks of K, whatever tile the output falls in.
func (p *gemmJob) cut() {
	p.chunkRows, p.chunkCols, p.rows, p.cols = 0, 0, p.M, p.N
	if p.M == 0 || p.N == 0 {
		return
	}
	const least = 1 << 20
	most := 1
	if w := parallel.Workers(); w > 1 {
		most = 4 * w
	}
	want := min(max(2*p.M*p.N*p.K/least, 1), most)
	p.chunkRows, p.chunkCols = 1, (p.N+gemmCols-1)/gemmCols
	if !p.packed {
		p.chunkRows = max(min((want+p.chunkCols-1)/p.chunkCols, p.M/96), 1)
	}
	p.chunkCols = max(p.chunkCols, min(want/p.chunkRows, (p.N+63)/64))
	p.cols = ((p.N+p.chunkCols-1)/p.chunkCols + 31) / 32 * 32
	p.chunkCols = (p.N + p.cols - 1) / p.cols
	p.rows = (p.M + p.chunkRows - 1) / p.chunkRows
	if t := 12; p.chunkRows > 1 { // whole tiles at every level; packed panels stay whole
		p.rows = (p.rows + t - 1) / t * t
		p.chunkRows = (p.M + p.rows - 1) / p.rows
	}
	if p.packed {
		p.chunkRows, p.rows = 1, p.M
	}
}

// Run computes one chunk.
func (p *gemmJob) Run(i int) {
	m, n := i/p.chunkCols*p.rows, i%p.chunkCols*p.cols
	gemmRange(p, m, min(m+p.rows, p.M), n, min(n+p.cols, p.N))
}

// panels deals rows m0 to m1 out to the fewest tiles of at most most rows, as evenly
// as can be, and yields their bounds.
func panels(m0, m1, most int) func(yield func(lo, hi int) bool) {
	return func(yield func(lo, hi int) bool) {
		n := (m1 - m0 + most - 1) / most
		for i := range n {
			if !yield(m0+(m1-m0)*i/n, m0+(m1-m0)*(i+1)/n) {
				return
			}
		}
	}
}

// scaleC multiplies a part of C by beta, 0 without reading it.
func (p *gemmJob) scaleC(m0, m1, n0, n1 int) {
	for m := m0; m < m1; m++ {
		c := p.C[m*p.ldc+n0 : m*p.ldc+n1]
		if p.beta == 0 {
			clear(c)
			continue
		}
		for j := range c {
			c[j] *= p.beta
		}
	}
}

// gemmPortable is the specification: a sum over k in order for every element.
func gemmPortable(p *gemmJob, m0, m1, n0, n1 int) {
	if p.beta != 1 {
		p.scaleC(m0, m1, n0, n1)
	}
	rs, cs := p.lda, 1
	if p.tA {
		rs, cs = 1, p.lda
	}
	for lo, hi := range panels(m0, m1, gemmTileRows) {
		for m := lo; m < hi; m++ {
			a := p.A[min(m*rs, len(p.A)):]
			stride := cs
			if p.packed {
				a, stride = p.A[min(lo*p.K+m-lo, len(p.A)):], hi-lo
			}
			c := p.C[m*p.ldc+n0 : m*p.ldc+n1]
			if p.tB {
				for j := range c {
					b := p.B[(n0+j)*p.ldb:]
					s := float32(0)
					for k := range p.K {
						s += a[k*stride] * b[k]
					}
					c[j] += p.alpha * s
				}
				continue
			}
			for k := range p.K {
				v := p.alpha * a[k*stride]
				b := p.B[k*p.ldb+n0:][:len(c)]
				for j := range c {
					c[j] += v * b[j]
				}
			}
		}
	}
}
