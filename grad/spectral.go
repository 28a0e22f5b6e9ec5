package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// leastSigma is the smallest norm a weight is divided by.
const leastSigma = 1e-4

// PowerStep improves u [M], an estimate of the left singular vector of the largest singular
// value of w: v = Wᵀu, u = Wv, each brought to length 1 (Miyato et al. 2018, algorithm 1). Where
// keep is true, u stays. It fills in v [K] and returns the estimate uᵀWv of the value.
func (w *Weight) PowerStep(u, v []float32, keep bool) float32 {
	w.inputGrad(1, u, false, v)
	sigma := unit(v)
	if !keep {
		w.multiply(1, v, false, u)
		sigma = unit(u)
	}
	return max(sigma, leastSigma)
}

// unit brings x to length 1 and returns the length it had.
func unit(x []float32) float32 {
	length := float32(math.Sqrt(kernel.SumSquares(x)))
	if length > 0 {
		kernel.Scale(1/length, x, x)
	}
	return length
}

type spectral struct {
	z, out      *Var
	w           *Weight
	u, v, scale []float32
	sigma       float32
	dbias       []float32
}

// Spectral returns z/σ + bias for the product z [M, ...] of w and something: what that product
// would be had w been divided by its largest singular value (Miyato et al. 2018, eq. 8). σ is
// estimated by one power iteration from u [M], which it improves unless keep is true. The
// gradient goes through σ with both singular vectors held constant, into w.Grad at the weights
// that exist; weights may be dense, masked or sparse. bias [M] and dbias may be nil.
func Spectral(t *Tape, z *Var, w *Weight, u []float32, keep bool, bias, dbias []float32) *Var {
	M, N := z.Value.Rows(), z.Value.Cols()
	if M != w.M || len(u) != M || bias != nil && len(bias) != M {
		panic(fmt.Sprintf("grad: Spectral: z is %v, weight is [%d, %d], u has %d, bias %d", z.Value.Shape, w.M, w.K, len(u), len(bias)))
	}
	out := t.newLike(M, z)
	o := spectral{z: z, out: out, w: w, u: t.buffer(M), v: t.buffer(w.K), scale: t.buffer(M), dbias: dbias}
	o.sigma = w.PowerStep(u, o.v, keep)
	copy(o.u, u)
	for i := range o.scale {
		o.scale[i] = 1 / o.sigma
	}
	shift := bias
	if bias == nil {
		shift = t.buffer(M)
		clear(shift)
	}
	kernel.BatchNormForward(M, N, z.Value.Data, o.scale, shift, false, out.Value.Data)
	if t.Training() && (z.wanted || w.Grad != nil) {
		out.wanted = true
		*next[spectral](t) = o
	}
	return out
}

func (o *spectral) outs() *Var { return o.out }

func (o *spectral) back(t *Tape) {
	M, N := o.w.M, o.z.Value.Cols()
	z, dy := o.z.Value.Data, o.out.Grad.Data
	if o.w.Grad != nil || o.dbias != nil {
		zero, one, products, sums := t.grab(M), t.grab(M), t.grab(M), t.grab(M)
		clear(zero)
		clear(products)
		clear(sums)
		for i := range one {
			one[i] = 1
		}
		kernel.BatchNormBackward(M, N, z, z, dy, zero, one, one, false, false, nil, products, sums, nil)
		if o.dbias != nil {
			kernel.AddTo(o.dbias, sums)
		}
		if o.w.Grad != nil {
			o.weightGrad(products)
		}
		for _, b := range [][]float32{zero, one, products, sums} {
			t.give(b)
		}
	}
	if dz, acc := t.GradOf(o.z); acc {
		kernel.Axpy(1/o.sigma, dy, dz)
	} else if dz != nil {
		kernel.Scale(1/o.sigma, dz, dy)
	}
}

// weightGrad adds what comes by way of σ, dσ·u·vᵀ with dσ = -Σ dy·z/σ²; products are the sums
// of dy·z by row.
func (o *spectral) weightGrad(products []float32) {
	sum := 0.0
	for _, p := range products {
		sum += float64(p)
	}
	d := float32(-sum / (float64(o.sigma) * float64(o.sigma)))
	w := o.w
	if w.Sparse != nil {
		kernel.Scale(d, products, o.u)
		kernel.SDDMM(&w.Sparse.CSR, 1, products, 1, o.v, 1, w.Grad)
		return
	}
	for i, u := range o.u {
		kernel.Axpy(d*u, o.v, w.Grad[i*w.K:(i+1)*w.K])
	}
	if w.Mask != nil {
		w.Mask.Apply(w.Grad)
	}
}
