package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

//go:generate sh -c "cd _asm && go run . -op spmm -out ../spmm_amd64.s -stubs ../z_spmm_amd64.go -pkg kernel"

// Sparse times dense. Y[M,N] = W[M,K]·X[K,N] with W sparse does 2·N floating
// point operations for each weight and reads one row of X for each block, so its
// speed is that of reading X from the first-level cache.

// The kernels of the level in use. Each works on rows (row groups) lo to hi, which
// are whole panels of the plan, and on N columns, alone.
var (
	spmmRange  func(w *CSR, lo, hi, N int, X []float32, ldx int, acc bool, Y []float32, ldy int)
	spmmtRange func(t *Twin, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int)
	// scatterRange is the transposed product of K-blocks lo to hi without a twin.
	scatterRange func(w *CSR, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int)
)

func init() {
	bind(Portable, func() {
		spmmRange, spmmtRange, scatterRange = spmmPortable, spmmtPortable, scatterPortable
	})
}

// SpMM computes Y[M,N] = W·X, or Y += W·X where acc is true, for X of shape
// [K,N]. ldx and ldy are the distances between rows. It panics where a slice is
// too short for its shape.
func SpMM(W *CSR, N int, X []float32, ldx int, acc bool, Y []float32, ldy int) {
	W.check("SpMM")
	checkProduct("SpMM", W.M, W.K, N, X, ldx, Y, ldy)
	runSparse(sparseTask{op: forward, w: W, n: N, x: X, ldx: ldx, acc: acc, y: Y, ldy: ldy})
}

// SpMMT computes dX[K,N] = Wᵀ·dY, or dX += Wᵀ·dY where acc is true, for dY of
// shape [M,N]. T is W's twin; its values are refreshed from W. It panics where a
// slice is too short for its shape or T is not of W's shape.
//
// There are two ways. Through the twin, each row of dX is summed up in registers
// while rows of dY are read: two reads for a multiply-add of a vector, and the
// values must be copied first. From W itself, rows of dY stay in registers and
// each entry adds to its row of dX: as much again to write, but R multiply-adds
// for one read and one write. So blocks go the second way, and single rows too
// where there are few columns (see scatters).
func SpMMT(W *CSR, T *Twin, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
	W.check("SpMMT")
	T.check("SpMMT", W)
	checkProduct("SpMMT", W.K, W.M, N, dY, ldy, dX, ldx)
	T.w = W
	op := inputGrad
	if scatters(W.R, N) {
		op = inputScatter
	}
	runSparse(sparseTask{op: op, w: W, t: T, n: N, x: dY, ldx: ldy, acc: acc, y: dX, ldy: ldx})
}

// scatters reports whether the input gradient of N columns is taken from the
// matrix itself. Measured at 90 %, 1024×3072, one row to a block: 1.8 times as
// fast as through the twin for 16 columns, 0.7 times for 128.
func scatters(r, N int) bool { return r > 1 || N <= 48 }

// spmmSerial is SpMM on the calling goroutine, for use inside kernels that have
// cut the work already.
func spmmSerial(w *CSR, N int, X []float32, ldx int, acc bool, Y []float32, ldy int) {
	if N > 0 {
		spmmRange(w, 0, w.Groups(), N, X, ldx, acc, Y, ldy)
	}
}

// spmmtSerial is SpMMT on the calling goroutine; the twin must have been refreshed.
func spmmtSerial(t *Twin, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
	switch {
	case N == 0:
	case scatters(t.R, N):
		scatterRange(t.w, 0, t.w.KBlocks(), N, dY, ldy, acc, dX, ldx)
	default:
		spmmtRange(t, 0, t.K, N, dY, ldy, acc, dX, ldx)
	}
}

// checkProduct panics unless X holds rows [K,N] and Y holds [M,N].
func checkProduct(op string, m, k, n int, x []float32, ldx int, y []float32, ldy int) {
	if n < 0 || !holds(k, n, x, ldx) || !holds(m, n, y, ldy) {
		panic(fmt.Sprintf("kernel: %s: input of %d values (stride %d) for [%d,%d], output of %d (stride %d) for [%d,%d]",
			op, len(x), ldx, k, n, len(y), ldy, m, n))
	}
}

// holds reports whether x has room for rows of n values ld apart.
func holds(rows, n int, x []float32, ld int) bool {
	return rows == 0 || n == 0 || ld >= n && len(x) >= (rows-1)*ld+n
}

// sparseOp tells the three products of a sparse layer apart.
type sparseOp int

const (
	forward sparseOp = iota
	inputGrad
	inputScatter
	weightGrad
)

// sparseTask is one sparse product cut into chunks: by columns where there are
// many, else by panels of rows. Every output is the sum of its terms in an order
// fixed by the matrix (for the weight gradient: by N), so the cut does not show.
type sparseTask struct {
	op       sparseOp
	w        *CSR
	t        *Twin
	n        int
	x, y, dw []float32
	ldx, ldy int
	acc      bool

	p      *plan
	chunks int
	width  int // columns of a chunk; 0 when not cut by columns
	parts  int // K-blocks, or ranges of panels, of each range of columns
}

var sparseTasks = sync.Pool{New: func() any { return new(sparseTask) }}

const (
	wideColumns = 1024    // from so many columns a product is cut by columns
	leastWork   = 1 << 15 // multiply-adds worth a chunk
)

func runSparse(task sparseTask) {
	if task.n == 0 && (task.op == weightGrad || task.acc) {
		return
	}
	s := sparseTasks.Get().(*sparseTask)
	*s = task
	s.cut()
	parallel.Do(s.chunks, s)
	*s = sparseTask{}
	sparseTasks.Put(s)
}

func (s *sparseTask) cut() {
	s.p = &s.w.plan
	if s.op == inputGrad {
		s.p = &s.t.plan
	}
	work := len(s.w.Values) * s.n
	workers := min(parallel.Workers(), max(work/leastWork, 1))
	s.parts, s.width = min(workers, len(s.p.cuts)-1), 0
	ranges := 1 // of columns
	switch {
	case s.op == weightGrad || workers == 1:
	case s.n >= wideColumns:
		s.parts, ranges = 1, 2*min(workers, s.n/wideColumns*2)
	case s.op == inputScatter:
		s.parts = s.w.KBlocks()
		if s.n >= 2*leastColumns && s.parts < 4*workers {
			ranges = 2
		}
	}
	if s.op == inputGrad && ranges > 1 {
		s.t.refresh(0, s.t.K)
	}
	if ranges > 1 {
		s.width = ((s.n+ranges-1)/ranges + 15) &^ 15
		ranges = (s.n + s.width - 1) / s.width
	}
	s.chunks = ranges * s.parts
}

// Run does one chunk.
func (s *sparseTask) Run(chunk int) {
	part, j, n := chunk%s.parts, 0, s.n
	if s.width > 0 {
		j = chunk / s.parts * s.width
		n = min(s.width, s.n-j)
	}
	if s.op == inputScatter {
		blocks := s.w.KBlocks()
		scatterRange(s.w, blocks*part/s.parts, blocks*(part+1)/s.parts, n, tailOf(s.x, j), s.ldx, s.acc, tailOf(s.y, j), s.ldy)
		return
	}
	panels := len(s.p.cuts) - 1
	first, last := int(s.p.cuts[panels*part/s.parts]), int(s.p.cuts[panels*(part+1)/s.parts])
	if first == last {
		return
	}
	switch s.op {
	case forward:
		spmmRange(s.w, first, last, n, tailOf(s.x, j), s.ldx, s.acc, tailOf(s.y, j), s.ldy)
	case inputGrad:
		if s.width == 0 {
			s.t.refresh(first, last)
		}
		spmmtRange(s.t, first, last, n, tailOf(s.x, j), s.ldx, s.acc, tailOf(s.y, j), s.ldy)
	case weightGrad:
		sddmmRange(s.w, first, last, n, s.y, s.ldy, s.x, s.ldx, s.dw)
	}
}

// tailOf is x[j:], or nothing where x is shorter (a matrix without rows).
func tailOf(x []float32, j int) []float32 { return x[min(j, len(x)):] }

func spmmPortable(w *CSR, lo, hi, N int, X []float32, ldx int, acc bool, Y []float32, ldy int) {
	groups := w.Groups()
	if !acc {
		for i := lo * w.R; i < min(w.M, hi*w.R); i++ {
			clear(Y[i*ldy : i*ldy+N])
		}
	}
	for b := range w.KBlocks() {
		for i := b*groups + lo; i < b*groups+hi; i++ {
			g := int(w.plan.order[i])
			for e := w.Offsets[i]; e < w.Offsets[i+1]; e++ {
				k := b*w.KB + int(w.Columns[e])
				for r := range w.rowsOf(g) {
					row := (g*w.R + r) * ldy
					addScaled(Y[row:row+N], w.Values[int(e)*w.R+r], X[k*ldx:])
				}
			}
		}
	}
}

func spmmtPortable(t *Twin, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
	if !acc {
		for k := lo; k < hi; k++ {
			clear(dX[k*ldx : k*ldx+N])
		}
	}
	for b := range t.Blocks() {
		for i := b*t.K + lo; i < b*t.K+hi; i++ {
			k := int(t.plan.order[i])
			for e := t.Offsets[i]; e < t.Offsets[i+1]; e++ {
				addScaled(dX[k*ldx:k*ldx+N], t.Values[e], dY[(b*t.GB+int(t.Columns[e]))*ldy:])
			}
		}
	}
}

func scatterPortable(w *CSR, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
	groups := w.Groups()
	for b := lo; b < hi; b++ {
		if !acc {
			for k := b * w.KB; k < min(w.K, (b+1)*w.KB); k++ {
				clear(dX[k*ldx : k*ldx+N])
			}
		}
		for i := b * groups; i < (b+1)*groups; i++ {
			g := int(w.plan.order[i])
			for e := w.Offsets[i]; e < w.Offsets[i+1]; e++ {
				k := b*w.KB + int(w.Columns[e])
				for r := range w.rowsOf(g) {
					addScaled(dX[k*ldx:k*ldx+N], w.Values[int(e)*w.R+r], dY[(g*w.R+r)*ldy:])
				}
			}
		}
	}
}

// addScaled computes y += a·x over the length of y.
func addScaled(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] += a * v
	}
}

// BreakEven returns the density (0 to 1) above which a linear layer with R×1
// blocks, forward and backward, is faster done densely: the medians over the
// layers of BenchmarkBreakEven against GEMM, AVX2 on Zen 3 (single rows 0.58 to
// 0.86, pairs 0.74 to 0.87, larger blocks 0.77 to 0.99).
func BreakEven(R int) float64 {
	switch R {
	case 1:
		return 0.65
	case 2:
		return 0.78
	}
	return 0.85
}
