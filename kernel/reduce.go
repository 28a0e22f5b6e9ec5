package kernel

import (
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Sums are taken over spans of normSpan values in float32 and added up in float64, in an
// order fixed by their length.

// sumSpans returns the sum and the sum of squares of x.
func sumSpans(x []float32) (sum, squares float64) {
	for len(x) > 0 {
		n := min(len(x), normSpan)
		s, q := vec.moments(&x[0], n, 0)
		sum, squares = sum+float64(s), squares+float64(q)
		x = x[n:]
	}
	return sum, squares
}

// Sum returns the sum of x.
func Sum(x []float32) float64 { s, _ := sumSpans(x); return s }

// SumSquares returns the sum of the squares of x.
func SumSquares(x []float32) float64 { _, q := sumSpans(x); return q }

// MaxAbs returns the largest magnitude in x, NaN where there is one, 0 for none.
func MaxAbs(x []float32) float32 {
	top := float32(0)
	for _, v := range x {
		top = max(top, max(v, -v))
	}
	return top
}

// RowSums computes out[m] = sum of row m of X [M,N], or adds it where acc is true.
func RowSums(M, N int, X []float32, acc bool, out []float32) {
	for m := range M {
		s := Sum(X[m*N : (m+1)*N])
		if acc {
			s += float64(out[m])
		}
		out[m] = float32(s)
	}
}

// RowMeans computes out[m] = mean of row m of X [M,N].
func RowMeans(M, N int, X, out []float32) {
	for m := range M {
		out[m] = float32(Sum(X[m*N:(m+1)*N]) / float64(N))
	}
}

// softmaxCols is how many columns are done at a time: few enough that a block of them
// and its sums stay in the cache.
const softmaxCols = 64

// SoftmaxColumns computes the softmax down each column of x [C,N]: y = e^(x - top)/sum.
// y may be x.
func SoftmaxColumns(C, N int, x, y []float32) {
	runColumns(columnTask{C: C, N: N, x: x, y: y})
}

// CrossEntropyColumns computes the cross entropy, in nats, of the softmax down each of N
// columns of logits [C,N] with its label: the target is 1 - smoothing on the label plus
// smoothing/C everywhere. A column with a negative label has no loss and no gradient.
// dlogits, where not nil, becomes the gradient of the summed loss.
func CrossEntropyColumns(C, N int, logits []float32, labels []int32, smoothing float32, dlogits, loss []float32) {
	runColumns(columnTask{C: C, N: N, x: logits, y: dlogits, labels: labels, loss: loss, smoothing: smoothing})
}

type columnTask struct {
	C, N      int
	x, y      []float32
	labels    []int32
	loss      []float32
	smoothing float32
}

// columnRoom is what a block of columns needs: the greatest values, the sums, and a row
// nobody reads.
type columnRoom struct{ top, sum, row [softmaxCols]float32 }

var columnRooms = sync.Pool{New: func() any { return new(columnRoom) }}

var columnTasks = sync.Pool{New: func() any { return new(columnTask) }}

func runColumns(c columnTask) {
	if c.C == 0 || c.N == 0 {
		return
	}
	t := columnTasks.Get().(*columnTask)
	*t = c
	parallel.Do((c.N+softmaxCols-1)/softmaxCols, t)
	*t = columnTask{}
	columnTasks.Put(t)
}

// Run does a block of columns.
func (t *columnTask) Run(i int) {
	room := columnRooms.Get().(*columnRoom)
	defer columnRooms.Put(room)
	top, sum, row := &room.top, &room.sum, &room.row
	lo := i * softmaxCols
	n := min(softmaxCols, t.N-lo)
	clear(sum[:])
	copy(top[:n], t.x[lo:])
	for c := 1; c < t.C; c++ {
		vec.max(&top[0], &top[0], &t.x[c*t.N+lo], n)
	}
	for c := range t.C {
		dst := &row[0]
		if t.y != nil {
			dst = &t.y[c*t.N+lo]
		}
		if t.labels != nil {
			t.losses(c, lo, n)
		}
		vec.expSub(dst, &sum[0], &t.x[c*t.N+lo], &top[0], n)
	}
	if t.labels != nil {
		for j := range n {
			t.loss[lo+j] += top[j] + float32(math.Log(float64(sum[j])))
			if t.labels[lo+j] < 0 {
				t.loss[lo+j] = 0
			}
		}
	}
	if t.y == nil {
		return
	}
	for j := range n {
		sum[j] = 1 / sum[j]
		if t.labels != nil && t.labels[lo+j] < 0 {
			sum[j] = 0
		}
	}
	for c := range t.C {
		dst := &t.y[c*t.N+lo]
		vec.mul(dst, dst, &sum[0], n)
		if t.labels != nil {
			t.subtractTargets(c, lo, n)
		}
	}
}

// losses adds minus the target's share of row c to the losses, which start at zero.
func (t *columnTask) losses(c, lo, n int) {
	spread := t.smoothing / float32(t.C)
	for j := lo; j < lo+n; j++ {
		if c == 0 {
			t.loss[j] = 0
		}
		share := spread
		if int(t.labels[j]) == c {
			share += 1 - t.smoothing
		}
		t.loss[j] -= share * t.x[c*t.N+j]
	}
}

func (t *columnTask) subtractTargets(c, lo, n int) {
	spread := t.smoothing / float32(t.C)
	for j := lo; j < lo+n; j++ {
		if t.labels[j] < 0 {
			continue
		}
		t.y[c*t.N+j] -= spread
		if int(t.labels[j]) == c {
			t.y[c*t.N+j] -= 1 - t.smoothing
		}
	}
}
