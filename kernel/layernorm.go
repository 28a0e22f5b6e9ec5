package kernel

import (
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Layer norm (Ba, Kiros and Hinton 2016) runs down the columns of feature-major
// activations, softmaxCols columns at a time: every row of the block is a vector
// operation, and the block stays in the cache between the passes.

type layerNormTask struct {
	C, N          int
	x, y, dy, dx  []float32
	gamma, beta   []float32
	eps           float32
	mean, invstd  []float32 // [N]
	acc           bool
	gammas, betas []float32 // a sum of each block: [blocks, C]
	backward      bool
}

var layerNormTasks = sync.Pool{New: func() any { return new(layerNormTask) }}

// LayerNormColumns normalises each column of X [C,N] by its mean and deviation over the C
// features, Y = gamma·(X - mean)·invstd + beta with gamma and beta [C], and keeps mean and
// invstd [N] for the gradient.
func LayerNormColumns(C, N int, X, gamma, beta []float32, eps float32, Y, mean, invstd []float32) {
	t := layerNormTasks.Get().(*layerNormTask)
	*t = layerNormTask{C: C, N: N, x: X, y: Y, gamma: gamma, beta: beta, eps: eps, mean: mean, invstd: invstd, gammas: t.gammas, betas: t.betas}
	parallel.Do((N+softmaxCols-1)/softmaxCols, t)
	t.put()
}

// LayerNormColumnsGrad computes the gradient of X, added to dX where acc is true, and adds
// those of gamma and beta.
func LayerNormColumnsGrad(C, N int, X, gamma, mean, invstd, dY []float32, acc bool, dX, dGamma, dBeta []float32) {
	t := layerNormTasks.Get().(*layerNormTask)
	blocks := (N + softmaxCols - 1) / softmaxCols
	*t = layerNormTask{C: C, N: N, x: X, dy: dY, dx: dX, gamma: gamma, mean: mean, invstd: invstd, acc: acc, backward: true,
		gammas: resize(t.gammas, blocks*C), betas: resize(t.betas, blocks*C)}
	parallel.Do(blocks, t)
	for b := range blocks { // in order, so that the sum does not depend on the workers
		for c := range C {
			dGamma[c] += t.gammas[b*C+c]
			dBeta[c] += t.betas[b*C+c]
		}
	}
	t.put()
}

func (t *layerNormTask) put() {
	*t = layerNormTask{gammas: t.gammas, betas: t.betas}
	layerNormTasks.Put(t)
}

// Run does a block of columns.
func (t *layerNormTask) Run(i int) {
	lo := i * softmaxCols
	n := min(softmaxCols, t.N-lo)
	if t.backward {
		t.back(i, lo, n)
		return
	}
	mean, inv := t.mean[lo:lo+n], t.invstd[lo:lo+n]
	clear(mean)
	clear(inv)
	for c := range t.C {
		vec.add(&mean[0], &mean[0], &t.x[c*t.N+lo], n)
	}
	vec.scale(&mean[0], &mean[0], n, 1/float32(t.C))
	for c := range t.C {
		y := &t.y[c*t.N+lo]
		vec.scaleAdd(y, &mean[0], &t.x[c*t.N+lo], n, -1)
		vec.mulAdd(&inv[0], y, y, n)
	}
	for j, v := range inv {
		inv[j] = float32(1 / math.Sqrt(float64(v)/float64(t.C)+float64(t.eps)))
	}
	for c := range t.C {
		y := &t.y[c*t.N+lo]
		vec.mul(y, y, &inv[0], n)
		vec.affine(y, y, n, t.gamma[c], t.beta[c])
	}
}

// layerRoom is what the gradient of a block needs: sums down the columns and rows under
// way.
type layerRoom struct{ sum, dot, h, g [softmaxCols]float32 }

var layerRooms = sync.Pool{New: func() any { return new(layerRoom) }}

// back computes, with g = gamma·dY and h = (X - mean)·invstd down a column of C,
// dX = invstd·(g - mean(g) - h·mean(g·h)).
func (t *layerNormTask) back(block, lo, n int) {
	r := layerRooms.Get().(*layerRoom)
	defer layerRooms.Put(r)
	clear(r.sum[:])
	clear(r.dot[:])
	for c := range t.C {
		dy := &t.dy[c*t.N+lo]
		t.normalised(r, c, lo, n)
		t.betas[block*t.C+c], t.gammas[block*t.C+c] = vec.normGrads(dy, &r.h[0], n, 0)
		vec.scaleAdd(&r.sum[0], dy, &r.sum[0], n, t.gamma[c])
		vec.scale(&r.g[0], dy, n, t.gamma[c])
		vec.mulAdd(&r.dot[0], &r.g[0], &r.h[0], n)
	}
	for c := range t.C {
		t.normalised(r, c, lo, n)
		vec.mul(&r.h[0], &r.h[0], &r.dot[0], n)
		vec.add(&r.h[0], &r.h[0], &r.sum[0], n)
		vec.scale(&r.g[0], &t.dy[c*t.N+lo], n, t.gamma[c])
		vec.scaleAdd(&r.g[0], &r.h[0], &r.g[0], n, -1/float32(t.C))
		dx := &t.dx[c*t.N+lo]
		if t.acc {
			vec.mulAdd(dx, &r.g[0], &t.invstd[lo], n)
		} else {
			vec.mul(dx, &r.g[0], &t.invstd[lo], n)
		}
	}
}

// normalised puts row c of the normalised input into the room.
func (t *layerNormTask) normalised(r *layerRoom, c, lo, n int) {
	vec.scaleAdd(&r.h[0], &t.mean[lo], &t.x[c*t.N+lo], n, -1)
	vec.mul(&r.h[0], &r.h[0], &t.invstd[lo], n)
}
