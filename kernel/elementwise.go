package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Work element by element is bound by memory, so each function is one pass, and long
// slices are cut into chunks that two or more workers share.

// elementChunk is how many elements a worker takes at a time.
const elementChunk = 1 << 15

// elementTask is one pass over slices of equal length.
type elementTask struct {
	f         func(t *elementTask, lo, n int)
	dst, a, b []float32
	m, v      []float32
	s         [8]float32
	op3       func(dst, a, b *float32, n int)
	op2       func(dst, x *float32, n int)
}

var elementTasks = sync.Pool{New: func() any { return new(elementTask) }}

// Run does one chunk.
func (t *elementTask) Run(i int) {
	lo := i * elementChunk
	t.f(t, lo, min(elementChunk, len(t.dst)-lo))
}

func (t *elementTask) do(op string, others ...int) {
	for _, n := range others {
		if n != len(t.dst) {
			panic(fmt.Sprintf("kernel: %s: slices of %d and %d elements", op, len(t.dst), n))
		}
	}
	parallel.Do((len(t.dst)+elementChunk-1)/elementChunk, t)
	*t = elementTask{}
	elementTasks.Put(t)
}

func run3(op string, f func(dst, a, b *float32, n int), dst, a, b []float32) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.b, t.op3 = dst, a, b, f
	t.f = func(t *elementTask, lo, n int) { t.op3(&t.dst[lo], &t.a[lo], &t.b[lo], n) }
	t.do(op, len(a), len(b))
}

func run2(op string, f func(dst, x *float32, n int), dst, x []float32) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.op2 = dst, x, f
	t.f = func(t *elementTask, lo, n int) { t.op2(&t.dst[lo], &t.a[lo], n) }
	t.do(op, len(x))
}

// Add computes dst = a + b.
func Add(dst, a, b []float32) { run3("Add", vec.add, dst, a, b) }

// AddTo computes dst += a.
func AddTo(dst, a []float32) { run3("AddTo", vec.add, dst, dst, a) }

// Mul computes dst = a·b, element by element.
func Mul(dst, a, b []float32) { run3("Mul", vec.mul, dst, a, b) }

// MulAdd computes dst += a·b, element by element.
func MulAdd(dst, a, b []float32) { run3("MulAdd", vec.mulAdd, dst, a, b) }

// ReLU computes dst = max(x, 0); NaN stays NaN.
func ReLU(dst, x []float32) { run2("ReLU", vec.relu, dst, x) }

// ReLUGrad computes dx = dy where y > 0, else 0; it adds to dx where acc is true.
func ReLUGrad(acc bool, dx, dy, y []float32) {
	if acc {
		run3("ReLUGrad", vec.reluGradAdd, dx, dy, y)
		return
	}
	run3("ReLUGrad", vec.reluGrad, dx, dy, y)
}

// Exp computes dst = e^x with a relative error below 3e-7.
func Exp(dst, x []float32) { run2("Exp", vec.exp, dst, x) }

// Log computes the natural logarithm of positive, finite elements. What is below the
// smallest normal number counts as that.
func Log(dst, x []float32) { run2("Log", vec.log, dst, x) }

// Sigmoid computes dst = 1/(1 + e^-x) with a relative error below 5e-7 where the result
// is a normal number.
func Sigmoid(dst, x []float32) { run2("Sigmoid", vec.sigmoid, dst, x) }

// SiLU computes dst = x/(1 + e^-x).
func SiLU(dst, x []float32) { run2("SiLU", vec.silu, dst, x) }

// GELU computes the tanh form of the Gaussian error linear unit (Hendrycks and Gimpel
// 2016): dst = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func GELU(dst, x []float32) { run2("GELU", vec.gelu, dst, x) }

// Tanh computes dst = tanh x with a relative error below 5e-7.
func Tanh(dst, x []float32) { run2("Tanh", vec.tanh, dst, x) }

// Scale computes dst = scale·x.
func Scale(scale float32, dst, x []float32) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.s[0] = dst, x, scale
	t.f = func(t *elementTask, lo, n int) { vec.scale(&t.dst[lo], &t.a[lo], n, t.s[0]) }
	t.do("Scale", len(x))
}

// Axpy computes y += scale·x.
func Axpy(scale float32, x, y []float32) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.s[0] = y, x, scale
	t.f = func(t *elementTask, lo, n int) { vec.scaleAdd(&t.dst[lo], &t.a[lo], &t.dst[lo], n, t.s[0]) }
	t.do("Axpy", len(x))
}

// gradBy computes dx = f(dy, y) element by element, or adds it where acc is true.
func gradBy(op string, acc bool, dx, dy, y []float32, f func(dy, y float32) float32) {
	if len(dy) != len(dx) || len(y) != len(dx) {
		panic(fmt.Sprintf("kernel: %s: slices of %d, %d and %d elements", op, len(dx), len(dy), len(y)))
	}
	for i := range dx {
		d := f(dy[i], y[i])
		if acc {
			d += dx[i]
		}
		dx[i] = d
	}
}

// TanhGrad computes dx = dy·(1 - y²) for y = tanh x; it adds to dx where acc is true.
func TanhGrad(acc bool, dx, dy, y []float32) {
	gradBy("TanhGrad", acc, dx, dy, y, func(dy, y float32) float32 { return dy * (1 - y*y) })
}

// SigmoidGrad computes dx = dy·y·(1 - y) for y = σ(x); it adds to dx where acc is true.
func SigmoidGrad(acc bool, dx, dy, y []float32) {
	gradBy("SigmoidGrad", acc, dx, dy, y, func(dy, y float32) float32 { return dy * y * (1 - y) })
}

// GELUGrad computes the gradient of GELU at x; it adds to dx where acc is true.
func GELUGrad(acc bool, dx, dy, x []float32) {
	if len(dy) != len(dx) || len(x) != len(dx) {
		panic(fmt.Sprintf("kernel: GELUGrad: slices of %d, %d and %d elements", len(dx), len(dy), len(x)))
	}
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.b, t.s[0] = dx, dy, x, 0
	if acc {
		t.s[0] = 1
	}
	t.f = func(t *elementTask, lo, n int) {
		var slope [1024]float32
		for at := lo; at < lo+n; at += len(slope) {
			k := min(len(slope), lo+n-at)
			vec.geluSlope(&slope[0], &t.b[at], k)
			if t.s[0] != 0 {
				vec.mulAdd(&t.dst[at], &t.a[at], &slope[0], k)
			} else {
				vec.mul(&t.dst[at], &t.a[at], &slope[0], k)
			}
		}
	}
	t.do("GELUGrad")
}

// SiLUGrad computes the gradient of SiLU at x; it adds to dx where acc is true.
func SiLUGrad(acc bool, dx, dy, x []float32) {
	gradBy("SiLUGrad", acc, dx, dy, x, func(dy, x float32) float32 {
		s := sigmoid64(float64(x))
		return dy * float32(s+float64(x)*s*(1-s))
	})
}

// LeakyReLU computes dst = x where x > 0, else slope·x.
func LeakyReLU(slope float32, dst, x []float32) {
	for i, v := range x {
		if !(v > 0) {
			v *= slope
		}
		dst[i] = v
	}
}

// LeakyReLUGrad computes the gradient of LeakyReLU with a positive slope from its output
// y; it adds to dx where acc is true.
func LeakyReLUGrad(slope float32, acc bool, dx, dy, y []float32) {
	gradBy("LeakyReLUGrad", acc, dx, dy, y, func(dy, y float32) float32 {
		if y > 0 {
			return dy
		}
		return slope * dy
	})
}

// ReLU6 computes dst = min(max(x, 0), 6).
func ReLU6(dst, x []float32) {
	for i, v := range x {
		dst[i] = min(max(v, 0), 6)
	}
}

// ReLU6Grad computes dx = dy where 0 < y < 6, else 0; it adds to dx where acc is true.
func ReLU6Grad(acc bool, dx, dy, y []float32) {
	gradBy("ReLU6Grad", acc, dx, dy, y, func(dy, y float32) float32 {
		if y > 0 && y < 6 {
			return dy
		}
		return 0
	})
}

// BiasFill sets row m of Y [M,N] to bias[m], or to 0 where bias is nil.
func BiasFill(M, N int, bias, Y []float32) {
	if bias == nil {
		clear(Y[:M*N])
		return
	}
	for m := range M {
		row, b := Y[m*N:(m+1)*N], bias[m]
		for j := range row {
			row[j] = b
		}
	}
}

// BiasAdd adds bias[m] to row m of Y [M,N].
func BiasAdd(M, N int, bias, Y []float32) {
	for m := range M {
		if N > 0 {
			vec.affine(&Y[m*N], &Y[m*N], N, 1, bias[m])
		}
	}
}

// SGD updates w by stochastic gradient descent with momentum m and L2 decay:
// d = g + decay·w, m = momentum·m + d, and w -= rate·m, or with Nesterov's momentum
// w -= rate·(d + momentum·m).
func SGD(w, g, m []float32, rate, momentum, decay float32, nesterov bool) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.m, t.s = w, g, m, [8]float32{rate, momentum, decay}
	t.f = func(t *elementTask, lo, n int) { vec.sgd(&t.dst[lo], &t.m[lo], &t.a[lo], n, t.s[0], t.s[1], t.s[2]) }
	if nesterov {
		t.f = func(t *elementTask, lo, n int) {
			vec.nesterov(&t.dst[lo], &t.m[lo], &t.a[lo], n, t.s[0], t.s[1], t.s[2])
		}
	}
	t.do("SGD", len(g), len(m))
}

// Adam updates w by Adam (Kingma and Ba 2015, algorithm 1) with moments m and v:
// d = g + l2·w, m = b1·m + (1-b1)·d, v = b2·v + (1-b2)·d², and
// w = (1 - rate·decay)·w - rate·c1·m/(√(c2·v) + eps), where c1 = 1/(1 - b1^t) and
// c2 = 1/(1 - b2^t) at step t. decay is that of AdamW (Loshchilov and Hutter 2019).
func Adam(w, g, m, v []float32, rate, b1, b2, eps, c1, c2, decay, l2 float32) {
	t := elementTasks.Get().(*elementTask)
	t.dst, t.a, t.m, t.v, t.s = w, g, m, v, [8]float32{rate, b1, b2, eps, c1, c2, l2, 1 - rate*decay}
	t.f = func(t *elementTask, lo, n int) {
		vec.adam(&t.dst[lo], &t.m[lo], &t.v[lo], &t.a[lo], n, t.s[0], t.s[1], t.s[2], t.s[3], t.s[4], t.s[5], t.s[6], t.s[7])
	}
	t.do("Adam", len(g), len(m), len(v))
}

// EMA moves avg towards w: avg = decay·avg + (1 - decay)·w.
func EMA(avg, w []float32, decay float32) {
	if len(avg) != len(w) {
		panic(fmt.Sprintf("kernel: EMA: slices of %d and %d elements", len(avg), len(w)))
	}
	for i := range avg {
		avg[i] = w[i] + decay*(avg[i]-w[i])
	}
}
