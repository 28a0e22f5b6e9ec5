package kernel

import (
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// A dense product with one column, y = alpha·op(A)·x + beta·y, reads each weight once: its
// speed is that of memory, and the tiles of [GEMM] would leave all lanes of a vector but one
// unused. A row of A meets x in a dot product; a row of a transposed A is added to y, so that
// A is read in its own order either way. The product of a column and a row, C = alpha·a·x +
// beta·C, is as slow in tiles, whose sums have one term: here each row of C is visited once.

const (
	gemvChunk = 1 << 16 // weights a worker takes at a time, about
	gemvDeep  = 512     // k of a dot product before its sum is rounded
	gemvWide  = 1024    // least columns of a transposed A a worker takes: whole pages
)

type gemvJob struct {
	*gemmJob
	rows int // of y in a chunk
}

var gemvJobs = sync.Pool{New: func() any { return new(gemvJob) }}

// thin reports whether the product has one column or one term, and its operand one piece.
func (p *gemmJob) thin() bool {
	switch {
	case p.K == 1:
		return !p.tB || p.ldb == 1
	case p.N == 1:
		return (p.tB || p.ldb == 1) && (!p.tA || p.ldc == 1)
	}
	return false
}

// gemv computes a thin product.
func (p *gemmJob) gemv() {
	if p.M == 0 || p.N == 0 {
		return
	}
	j := gemvJobs.Get().(*gemvJob)
	*j = gemvJob{p, max(64, gemvChunk/max(p.K, p.N)/16*16)}
	if p.tA && p.K > 1 {
		j.rows = max(j.rows, gemvWide)
	}
	parallel.Do((p.M+j.rows-1)/j.rows, j)
	*j = gemvJob{}
	gemvJobs.Put(j)
}

// Run does one chunk of rows.
func (j *gemvJob) Run(i int) {
	lo, hi := i*j.rows, min((i+1)*j.rows, j.M)
	if j.beta != 1 {
		j.scaleC(lo, hi, 0, j.N)
	}
	switch {
	case j.K == 1:
		step := j.lda
		if j.tA {
			step = 1
		}
		for m := lo; m < hi; m++ {
			c := &j.C[m*j.ldc]
			vec.scaleAdd(c, &j.B[0], c, j.N, j.alpha*j.A[m*step])
		}
		return
	case j.tA:
		for k, x := range j.B[:j.K] {
			vec.scaleAdd(&j.C[lo], &j.A[k*j.lda+lo], &j.C[lo], hi-lo, j.alpha*x)
		}
		return
	}
	for m := lo; m < hi; m++ {
		for k := 0; k < j.K; k += gemvDeep {
			_, dot := vec.normGrads(&j.A[m*j.lda+k], &j.B[k], min(gemvDeep, j.K-k), 0)
			j.C[m*j.ldc] += j.alpha * dot
		}
	}
}
