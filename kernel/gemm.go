package kernel

import (
	"fmt"

	"github.com/seed073b5613/filigree/internal/parallel"
	"sync"
)

// GEMM computes C = alpha·op(A)·op(B) + beta·C for row-major matrices, op(A) of
// shape [M,K], op(B) of shape [K,N] and C of shape [M,N]; tA and tB say that A and B
// are stored transposed. With beta 0, C is not read. It panics where a slice is too
// short for its shape.
func GEMM(tA, tB bool, M, N, K int, alpha float32, A []float32, lda int, B []float32, ldb int, beta float32, C []float32, ldc int) {
	ar, ac, br, bc := M, K, K, N
	if tA {
		ar, ac = K, M
	}
	if tB {
		br, bc = N, K
	}
	if !holds(ar, ac, A, lda) || !holds(br, bc, B, ldb) || !holds(M, N, C, ldc) {
		panic(fmt.Sprintf("kernel: GEMM: A of %d values (stride %d) for [%d,%d], B of %d (%d) for [%d,%d], C of %d (%d) for [%d,%d]",
			len(A), lda, ar, ac, len(B), ldb, br, bc, len(C), ldc, M, N))
	}
	if M == 0 || N == 0 {
		return
	}
	t := gemmTasks.Get().(*gemmTask)
	*t = gemmTask{tA, tB, M, N, K, alpha, A, lda, B, ldb, beta, C, ldc}
	parallel.Do((M+gemmRows-1)/gemmRows, t)
	*t = gemmTask{}
	gemmTasks.Put(t)
}

const gemmRows = 16

type gemmTask struct {
	tA, tB  bool
	M, N, K int
	alpha   float32
	A       []float32
	lda     int
	B       []float32
	ldb     int
	beta    float32
	C       []float32
	ldc     int
}

var gemmTasks = sync.Pool{New: func() any { return new(gemmTask) }}

// Run computes one panel of rows.
func (t *gemmTask) Run(i int) {
	for m := i * gemmRows; m < min(t.M, (i+1)*gemmRows); m++ {
		c := t.C[m*t.ldc : m*t.ldc+t.N]
		if t.beta == 0 {
			clear(c)
		} else if t.beta != 1 {
			for j := range c {
				c[j] *= t.beta
			}
		}
		for k := range t.K {
			at := m*t.lda + k
			if t.tA {
				at = k*t.lda + m
			}
			a := t.alpha * t.A[at]
			if t.tB {
				for j := range c {
					c[j] += a * t.B[j*t.ldb+k]
				}
			} else {
				for j, b := range t.B[k*t.ldb : k*t.ldb+t.N] {
					c[j] += a * b
				}
			}
		}
	}
}
