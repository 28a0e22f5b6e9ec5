package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// What a forward-mode learner of recurrent nets does with its influence matrix besides
// products: few operations a value, so their speed is that of memory, and what is done to
// a row is done in one visit.

// influenceChunk is about how many values a worker takes at a time.
const influenceChunk = 1 << 14

type influenceTask struct {
	m, k             int
	alpha, phi, e, g []float32
	coef, x          []float32 // InfluenceStep
}

var influenceTasks = sync.Pool{New: func() any { return new(influenceTask) }}

func (t *influenceTask) rows() int { return max(1, influenceChunk/t.k) }

// Run does one chunk of rows.
func (t *influenceTask) Run(i int) {
	lo := i * t.rows()
	for r := lo; r < min(lo+t.rows(), t.m); r++ {
		e, g := &t.e[r*t.k], &t.g[r*t.k]
		if t.x == nil {
			vec.scaleAdd(g, e, g, t.k, t.alpha[r])
			vec.scale(e, e, t.k, t.phi[r])
			continue
		}
		vec.influence(e, g, &t.x[0], t.k, t.phi[r], t.coef[r], t.alpha[r])
	}
}

// Influence computes, row by row, g += alpha·e and then e *= phi, for e and g of shape
// [M,K] and one alpha and phi a row.
func Influence(M, K int, alpha, phi, e, g []float32) {
	if len(alpha) < M || len(phi) < M || len(e) < M*K || len(g) < M*K {
		panic(fmt.Sprintf("kernel: Influence: %d and %d factors, %d and %d values for [%d,%d]", len(alpha), len(phi), len(e), len(g), M, K))
	}
	influence(influenceTask{m: M, k: K, alpha: alpha, phi: phi, e: e, g: g})
}

// InfluenceStep computes, row by row, e = phi·e + coef·x and then g += d·e, for e and g of
// shape [M,K], a row x, and one phi, coef and d a row.
func InfluenceStep(M, K int, phi, coef, x, d, e, g []float32) {
	if len(d) < M || len(phi) < M || len(coef) < M || len(x) < K || len(e) < M*K || len(g) < M*K {
		panic(fmt.Sprintf("kernel: InfluenceStep: %d, %d and %d factors, a row of %d, %d and %d values for [%d,%d]", len(phi), len(coef), len(d), len(x), len(e), len(g), M, K))
	}
	influence(influenceTask{m: M, k: K, alpha: d, phi: phi, e: e, g: g, coef: coef, x: x})
}

func influence(task influenceTask) {
	if task.m == 0 || task.k == 0 {
		return
	}
	t := influenceTasks.Get().(*influenceTask)
	*t = task
	parallel.Do((t.m+t.rows()-1)/t.rows(), t)
	*t = influenceTask{}
	influenceTasks.Put(t)
}

// MixRows computes Y[i,:] = Σ coef[e]·X[cols[e],:] over the entries e from offsets[i] to
// offsets[i+1], for rows of N values ldx and ldy apart: the product with a small sparse matrix
// that is used once. It runs on the calling goroutine. It panics where a slice is too short.
func MixRows(offsets, cols []int32, coef []float32, N int, X []float32, ldx int, Y []float32, ldy int) {
	rows := len(offsets) - 1
	if rows < 1 || N == 0 {
		return
	}
	if len(Y) < (rows-1)*ldy+N || len(cols) < int(offsets[rows]) || len(coef) < int(offsets[rows]) {
		panic(fmt.Sprintf("kernel: MixRows: %d values, %d columns and %d factors for %d rows of %d and %d entries",
			len(Y), len(cols), len(coef), rows, N, offsets[rows]))
	}
	for i := range rows {
		y := Y[i*ldy : i*ldy+N]
		lo, hi := offsets[i], offsets[i+1]
		if lo == hi {
			clear(y)
			continue
		}
		for e := lo; e < hi; e++ {
			x := X[int(cols[e])*ldx:][:N]
			if e == lo {
				vec.scale(&y[0], &x[0], N, coef[e])
				continue
			}
			vec.scaleAdd(&y[0], &x[0], &y[0], N, coef[e])
		}
	}
}

// WeighRows computes y += Σ coef[i]·X[rows[i],:] over rows of N values ldx apart, on the calling
// goroutine: a product of a sparse vector with a matrix.
func WeighRows(rows []int32, coef []float32, N int, X []float32, ldx int, y []float32) {
	if N == 0 {
		return
	}
	y = y[:N]
	for i, r := range rows {
		if c := coef[i]; c != 0 {
			x := X[int(r)*ldx:][:N]
			vec.scaleAdd(&y[0], &x[0], &y[0], N, c)
		}
	}
}
