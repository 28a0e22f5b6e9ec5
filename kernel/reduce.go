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
// smoothing/C everywhere. A column with a negative label has no loss. logSum, log Σ e^x of
// each column, is kept for the gradient.
func CrossEntropyColumns(C, N int, logits []float32, labels []int32, smoothing float32, loss, logSum []float32) {
	runColumns(columnTask{C: C, N: N, x: logits, labels: labels, loss: loss, logSum: logSum, smoothing: smoothing})
}

// CrossEntropyColumnsGrad computes the gradient of scale times the summed losses.
func CrossEntropyColumnsGrad(C, N int, logits []float32, labels []int32, smoothing float32, logSum []float32, scale float32, dlogits []float32) {
	runColumns(columnTask{C: C, N: N, x: logits, y: dlogits, labels: labels, logSum: logSum, smoothing: smoothing, scale: scale, back: true})
}

type columnTask struct {
	C, N             int
	x, y             []float32
	labels           []int32
	loss, logSum     []float32
	smoothing, scale float32
	back             bool
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
	lo := i * softmaxCols
	n := min(softmaxCols, t.N-lo)
	if t.back {
		t.gradient(room, lo, n)
		return
	}
	top, sum := &room.top, &room.sum
	clear(sum[:])
	clear(room.all[:])
	copy(top[:n], t.x[lo:])
	for c := 1; c < t.C; c++ {
		vec.max(&top[0], &top[0], &t.x[c*t.N+lo], n)
	}
	for c := range t.C {
		x := &t.x[c*t.N+lo]
		dst := &room.row[0]
		if t.y != nil {
			dst = &t.y[c*t.N+lo]
		}
		if t.smoothing > 0 {
			vec.add(&room.all[0], &room.all[0], x, n)
		}
		vec.expSub(dst, &sum[0], x, &top[0], n)
	}
	if t.labels != nil {
		t.losses(room, lo, n)
		return
	}
	for j := range n {
		sum[j] = 1 / sum[j]
	}
	for c := range t.C {
		y := &t.y[c*t.N+lo]
		vec.mul(y, y, &sum[0], n)
	}
}

// losses computes log Σ e^x minus the targets' shares of x.
func (t *columnTask) losses(r *columnRoom, lo, n int) {
	spread := t.smoothing / float32(t.C)
	for j := range n {
		at := lo + j
		t.logSum[at] = r.top[j] + float32(math.Log(float64(r.sum[j])))
		t.loss[at] = 0
		if label := int(t.labels[at]); label >= 0 {
			t.loss[at] = t.logSum[at] - (1-t.smoothing)*t.x[label*t.N+at] - spread*r.all[j]
		}
	}
}

// gradient computes the softmax minus the target, times the scale. Powers are taken again:
// that is cheaper than to write them in the forward pass and read them here.
func (t *columnTask) gradient(r *columnRoom, lo, n int) {
	spread := t.scale * t.smoothing / float32(t.C)
	for j := range n {
		r.all[j], r.top[j] = t.scale, -spread
		if t.labels[lo+j] < 0 {
			r.all[j], r.top[j] = 0, 0
		}
	}
	for c := range t.C {
		y := &t.y[c*t.N+lo]
		vec.expSub(y, &r.sum[0], &t.x[c*t.N+lo], &t.logSum[lo], n)
		vec.mul(y, y, &r.all[0], n)
		if spread != 0 {
			vec.add(y, y, &r.top[0], n)
		}
	}
	for j := lo; j < lo+n; j++ {
		if label := int(t.labels[j]); label >= 0 {
			t.y[label*t.N+j] -= t.scale * (1 - t.smoothing)
		}
	}
}
