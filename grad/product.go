package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/sparse"
)

// Weight is the left operand [M,K] of a product: dense or sparse values, and the
// place for their gradient, which has the layout of the values.
type Weight struct {
	M, K   int
	Dense  []float32      // [M,K]; exactly one of Dense and Sparse is set
	Sparse *sparse.Matrix //
	Mask   *sparse.Mask   // with Dense only: the weights that exist; gradients elsewhere are 0
	Grad   []float32      // gradients are added here; nil where none is wanted

	// Scan, where set, is handed the gradient as if all weights existed, in blocks of
	// whole rows from row on. g is valid during the call only.
	Scan func(row int, g []float32)
}

// scanRows is how many rows of a dense weight gradient exist at a time when it is
// only scanned: a multiple of all block heights.
const scanRows = 64

// multiply computes Y[M,N] = W·X, or adds it where acc is true.
func (w *Weight) multiply(N int, X []float32, acc bool, Y []float32) {
	w.multiplyRows(N, X, N, acc, Y, N)
}

// multiplyRows is multiply for rows of X and Y that lie ldx and ldy apart.
func (w *Weight) multiplyRows(N int, X []float32, ldx int, acc bool, Y []float32, ldy int) {
	if w.Sparse != nil {
		kernel.SpMM(&w.Sparse.CSR, N, X, ldx, acc, Y, ldy)
		return
	}
	kernel.GEMM(false, false, w.M, N, w.K, 1, w.Dense, w.K, X, ldx, beta(acc), Y, ldy)
}

// inputGrad computes dX[K,N] = Wᵀ·dY, or adds it where acc is true.
func (w *Weight) inputGrad(N int, dY []float32, acc bool, dX []float32) {
	w.inputGradRows(N, dY, N, acc, dX, N)
}

// inputGradRows is inputGrad for rows of dY and dX that lie ldy and ldx apart.
func (w *Weight) inputGradRows(N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
	if w.Sparse != nil {
		kernel.SpMMT(&w.Sparse.CSR, w.Sparse.Twin(), N, dY, ldy, acc, dX, ldx)
		return
	}
	kernel.GEMM(true, false, w.K, N, w.M, 1, w.Dense, w.K, dY, ldy, beta(acc), dX, ldx)
}

// weightGrad adds the gradient dY·Xᵀ at the weights that exist to Grad, and shows
// the whole of it to Scan.
func (w *Weight) weightGrad(t *Tape, N int, dY, X []float32) {
	w.weightGradRows(t, N, dY, N, X, N)
}

// weightGradRows is weightGrad for rows of dY and X that lie ldy and ldx apart.
func (w *Weight) weightGradRows(t *Tape, N int, dY []float32, ldy int, X []float32, ldx int) {
	if w.Grad == nil {
		return
	}
	if w.Sparse != nil {
		kernel.SDDMM(&w.Sparse.CSR, N, dY, ldy, X, ldx, w.Grad)
	} else {
		kernel.GEMM(false, true, w.M, w.K, N, 1, dY, ldy, X, ldx, 1, w.Grad, w.K)
		if w.Mask != nil {
			w.Mask.Apply(w.Grad)
		}
	}
	if w.Scan == nil {
		return
	}
	g := t.grab(min(scanRows, w.M) * w.K)
	for row := 0; row < w.M; row += scanRows {
		rows := min(scanRows, w.M-row)
		kernel.GEMM(false, true, rows, w.K, N, 1, dY[row*ldy:], ldy, X, ldx, 0, g, w.K)
		w.Scan(row, g[:rows*w.K])
	}
	t.give(g)
}

func beta(acc bool) float32 {
	if acc {
		return 1
	}
	return 0
}

type linear struct {
	x, out *Var
	w      *Weight
	dbias  []float32
	n      int
}

// Linear returns w·x + bias for x of shape [K, ...]; the result is [M, ...]. bias may
// be nil. The gradients of the weight and, where dbias is not nil, of the bias are
// added to w.Grad and dbias.
func Linear(t *Tape, x *Var, w *Weight, bias, dbias []float32) *Var {
	if x.Value.Rows() != w.K || bias != nil && len(bias) != w.M {
		panic(fmt.Sprintf("grad: Linear: x is %v, weight is [%d, %d], bias has %d", x.Value.Shape, w.M, w.K, len(bias)))
	}
	out := t.newLike(w.M, x)
	n := x.Value.Cols()
	if bias != nil {
		kernel.BiasFill(w.M, n, bias, out.Value.Data)
	}
	w.multiply(n, x.Value.Data, bias != nil, out.Value.Data)
	if t.Training() && (x.wanted || w.Grad != nil) {
		out.wanted = true
		o := next[linear](t)
		*o = linear{x: x, out: out, w: w, dbias: dbias, n: n}
	}
	return out
}

func (o *linear) outs() *Var { return o.out }

func (o *linear) back(t *Tape) {
	dy := o.out.Grad.Data
	if o.dbias != nil {
		kernel.RowSums(o.w.M, o.n, dy, true, o.dbias)
	}
	o.w.weightGrad(t, o.n, dy, o.x.Value.Data)
	if dx, acc := t.GradOf(o.x); dx != nil {
		o.w.inputGrad(o.n, dy, acc, dx)
	}
}
