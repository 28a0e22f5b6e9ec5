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

// columnRoom is what a block of columns needs: the greatest values, the sums of powers, a
// row nobody reads, and the sums of the values.
type columnRoom struct{ top, sum, row, all [softmaxCols]float32 }

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
	smooth := t.labels != nil && t.smoothing > 0
	clear(room.all[:])
	t.pick(lo, n) // before the powers, whose place may be that of the logits
	for c := range t.C {
		x := &t.x[c*t.N+lo]
		dst := &row[0]
		if t.y != nil {
			dst = &t.y[c*t.N+lo]
		}
		if smooth {
			vec.add(&room.all[0], &room.all[0], x, n)
		}
		vec.expSub(dst, &sum[0], x, &top[0], n)
	}
	if t.labels != nil {
		t.losses(room, lo, n)
	}
	if t.y != nil {
		t.gradient(room, smooth, lo, n)
	}
}

// pick sets the losses to the logits at the labels.
func (t *columnTask) pick(lo, n int) {
	if t.labels == nil {
		return
	}
	for j := lo; j < lo+n; j++ {
		if label := int(t.labels[j]); label >= 0 {
			t.loss[j] = t.x[label*t.N+j]
		}
	}
}

// losses computes log Σ e^x minus the targets' shares of x.
func (t *columnTask) losses(r *columnRoom, lo, n int) {
	spread := t.smoothing / float32(t.C)
	for j := range n {
		l := &t.loss[lo+j]
		if t.labels[lo+j] < 0 {
			*l = 0
			continue
		}
		*l = r.top[j] + float32(math.Log(float64(r.sum[j]))) - (1-t.smoothing)**l - spread*r.all[j]
	}
}

// gradient divides the powers by their sums and subtracts the targets.
func (t *columnTask) gradient(r *columnRoom, smooth bool, lo, n int) {
	spread := t.smoothing / float32(t.C)
	for j := range n {
		r.sum[j], r.row[j] = 1/r.sum[j], -spread
		if t.labels != nil && t.labels[lo+j] < 0 {
			r.sum[j], r.row[j] = 0, 0
		}
	}
	for c := range t.C {
		y := &t.y[c*t.N+lo]
		vec.mul(y, y, &r.sum[0], n)
		if smooth {
			vec.add(y, y, &r.row[0], n)
		}
	}
	if t.labels == nil {
		return
	}
	for j := lo; j < lo+n; j++ {
		if label := int(t.labels[j]); label >= 0 {
			t.y[label*t.N+j] -= 1 - t.smoothing
		}
	}
}
