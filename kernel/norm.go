package kernel

import (
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Batch norm (Ioffe and Szegedy 2015) is a row operation on feature-major
// activations: one mean and one deviation for each of M channels over N columns.
// Every pass reads or writes whole rows in order, so it runs at the speed of memory.

// normSpan is how many columns of a row one sum covers before it is added to the
// others in float64; normChunk is how many columns a worker takes at a time.
const (
	normSpan  = 1024
	normChunk = 1 << 15
)

type normOp int

const (
	normStats normOp = iota
	normForward
	normGradSums
	normGradX
)

// normTask is one pass over the rows of [M,N], cut into rows and, where they are
// long, into chunks of columns.
type normTask struct {
	op            normOp
	N, per        int // columns; chunks a row
	x, y, dy, dx  []float32
	scale, shift  []float32 // normForward: by row; normGradX: factors of dy and of x
	constant      []float32
	relu, acc     bool
	first, second []float64 // sums of each chunk
}

var normTasks = sync.Pool{New: func() any { return new(normTask) }}

func (t *normTask) run(M int) {
	t.per = max((t.N+normChunk-1)/normChunk, 1)
	n := M * t.per
	if t.op == normStats || t.op == normGradSums {
		if cap(t.first) < n {
			t.first, t.second = make([]float64, n), make([]float64, n)
		}
		t.first, t.second = t.first[:n], t.second[:n]
	}
	parallel.Do(n, t)
}

func (t *normTask) put() {
	*t = normTask{first: t.first[:0], second: t.second[:0]}
	normTasks.Put(t)
}

// Run does one chunk.
func (t *normTask) Run(i int) {
	m := i / t.per
	lo := m*t.N + i%t.per*normChunk
	hi := min(lo+normChunk, (m+1)*t.N)
	switch t.op {
	case normForward:
		if t.relu {
			vec.affineReLU(&t.y[lo], &t.x[lo], hi-lo, t.scale[m], t.shift[m])
		} else {
			vec.affine(&t.y[lo], &t.x[lo], hi-lo, t.scale[m], t.shift[m])
		}
	case normGradX:
		t.gradX(m, lo, hi)
	default:
		a, b := 0.0, 0.0
		for ; lo < hi; lo += normSpan {
			end := min(lo+normSpan, hi)
			if t.op == normGradSums {
				s, p := t.gradSums(m, lo, end)
				a, b = a+float64(s), b+float64(p)
				continue
			}
			// Moments about the span's first value, moved to zero.
			s, q := vec.moments(&t.x[lo], end-lo, t.x[lo])
			base, n := float64(t.x[lo]), float64(end-lo)
			a += float64(s) + n*base
			b += float64(q) + base*(2*float64(s)+n*base)
		}
		t.first[i], t.second[i] = a, b
	}
}

// gradSums returns the sums of the gradient g under the ReLU and of g·(x - mean).
func (t *normTask) gradSums(m, lo, hi int) (sum, product float32) {
	if t.relu {
		return vec.normGradsReLU(&t.dy[lo], &t.x[lo], &t.y[lo], hi-lo, t.scale[m])
	}
	return vec.normGrads(&t.dy[lo], &t.x[lo], hi-lo, t.scale[m])
}

// gradX writes or adds a part of row m of dX, spans at a time so that an addition finds
// what was written still in the cache.
func (t *normTask) gradX(m, lo, hi int) {
	room := normRooms.Get().(*[normSpan]float32)
	defer normRooms.Put(room)
	for ; lo < hi; lo += normSpan {
		n := min(normSpan, hi-lo)
		dst := &t.dx[lo]
		if t.acc {
			dst = &room[0]
		}
		if t.relu {
			vec.normBackReLU(dst, &t.x[lo], &t.y[lo], &t.dy[lo], n, t.scale[m], t.shift[m], t.constant[m])
		} else {
			vec.normBack(dst, &t.x[lo], &t.dy[lo], n, t.scale[m], t.shift[m], t.constant[m])
		}
		if t.acc {
			vec.add(&t.dx[lo], &t.dx[lo], dst, n)
		}
	}
}

var normRooms = sync.Pool{New: func() any { return new([normSpan]float32) }}

// sums adds the chunks of row m.
func (t *normTask) sums(m int) (a, b float64) {
	for i := m * t.per; i < (m+1)*t.per; i++ {
		a += t.first[i]
		b += t.second[i]
	}
	return a, b
}

// BatchNormStats computes of each row of X [M,N] the mean, the variance (of the N
// values, not of a sample) and 1/√(variance + eps).
func BatchNormStats(M, N int, X, mean, variance, invstd []float32, eps float32) {
	t := normTasks.Get().(*normTask)
	t.op, t.N, t.x = normStats, N, X[:M*N]
	t.run(M)
	for m := range M {
		s, q := t.sums(m)
		mu := s / float64(N)
		v := max(q/float64(N)-mu*mu, 0)
		mean[m], variance[m], invstd[m] = float32(mu), float32(v), float32(1/math.Sqrt(v+float64(eps)))
	}
	t.put()
}

// BatchNormForward computes Y = scale·X + shift for each row of X [M,N], and max(·, 0)
// of it where relu is true. Y may be X.
func BatchNormForward(M, N int, X, scale, shift []float32, relu bool, Y []float32) {
	t := normTasks.Get().(*normTask)
	t.op, t.N, t.x, t.y, t.scale, t.shift, t.relu = normForward, N, X[:M*N], Y[:M*N], scale, shift, relu
	t.run(M)
	t.put()
}

// BatchNormBackward computes the gradients of Y = gamma·(X - mean)·invstd + beta, under a
// ReLU where relu is true, with the statistics taken over the N columns of X: dX, added
// where acc is true and left out where dX is nil, and dGamma and dBeta, which are added to.
// Where the statistics are those of more columns than X has, join, else nil, is handed N, the
// M sums over X that dX depends on and as many products, and turns them into those of all.
func BatchNormBackward(M, N int, X, Y, dY, mean, invstd, gamma []float32, relu, acc bool, dX, dGamma, dBeta []float32, join func(sums []float64)) {
	t := normTasks.Get().(*normTask)
	t.op, t.N, t.x, t.y, t.dy, t.relu = normGradSums, N, X[:M*N], Y[:M*N], dY[:M*N], relu
	t.scale = mean
	t.run(M)
	factors := normFactors.Get().(*[3][]float32)
	for i := range factors {
		factors[i] = resize(factors[i], M)
	}
	for m := range M {
		sum, product := t.sums(m)
		dBeta[m] += float32(sum)
		dGamma[m] += float32(product * float64(invstd[m]))
	}
	var all []float64
	columns := float64(N)
	if join != nil {
		all = make([]float64, 1, 2*M+1)
		all[0] = columns
		for m := range M {
			sum, product := t.sums(m)
			all = append(all, sum, product)
		}
		join(all)
		columns = all[0]
	}
	for m := range M {
		// With g = dY under the ReLU and h = (X - mean)·invstd:
		// dX = gamma·invstd·(g - mean(g) - h·mean(g·h)).
		sum, product := t.sums(m)
		if join != nil {
			sum, product = all[1+2*m], all[2+2*m]
		}
		inv, mu := float64(invstd[m]), float64(mean[m])
		a := float64(gamma[m]) * inv
		b := -a * (product * inv) * inv / columns
		factors[0][m], factors[1][m] = float32(a), float32(b)
		factors[2][m] = float32(-a*sum/columns - b*mu)
	}
	if dX != nil {
		t.op, t.dx, t.acc = normGradX, dX[:M*N], acc
		t.scale, t.shift, t.constant = factors[0], factors[1], factors[2]
		t.run(M)
	}
	normFactors.Put(factors)
	t.put()
}

// RowGrads computes dX = a·g + b·X + c for each row of X [M,N], added where acc is true, with
// g = dY, or where relu is true dY at the elements of Y above 0: the last step of the gradient
// of a norm whose factors depend on more than one row.
func RowGrads(M, N int, X, Y, dY, a, b, c []float32, relu, acc bool, dX []float32) {
	t := normTasks.Get().(*normTask)
	t.op, t.N, t.x, t.y, t.dy, t.relu = normGradX, N, X[:M*N], Y[:M*N], dY[:M*N], relu
	t.dx, t.acc, t.scale, t.shift, t.constant = dX[:M*N], acc, a, b, c
	t.run(M)
	t.put()
}

var normFactors = sync.Pool{New: func() any { return new([3][]float32) }}

// InvSqrt computes dst = 1/√(x + eps).
func InvSqrt(dst, x []float32, eps float32) {
	for i, v := range x {
		dst[i] = float32(1 / math.Sqrt(float64(v)+float64(eps)))
	}
}
