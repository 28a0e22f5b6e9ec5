package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// vecSizes are lengths around every vector width and unrolling.
var vecSizes = []int{0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000}

func vectors(rng *rand.Rand, count, n int) [][]float32 {
	xs := make([][]float32, count)
	for i := range xs {
		xs[i] = make([]float32, n+3)[1 : n+1] // off alignment
		for j := range xs[i] {
			xs[i][j] = float32(rng.NormFloat64())
		}
	}
	return xs
}

// functions lists what is computed element by element, with its float64 meaning.
var functions = []struct {
	name string
	run  func(dst, x []float32)
	want func(x float64) float64
	tol  float64 // relative
	zero float64 // absolute, for results near zero
}{
	{"exp", Exp, math.Exp, 3e-7, 2e-45},
	{"sigmoid", Sigmoid, sigmoid64, 5e-7, 6e-39},
	{"tanh", Tanh, math.Tanh, 5e-7, 0},
	{"silu", SiLU, func(x float64) float64 { return x * sigmoid64(x) }, 1e-6, 6e-37},
	{"gelu", GELU, func(x float64) float64 { return x * sigmoid64(geluArg(x)) }, 3e-5, 6e-37},
	{"relu", ReLU, func(x float64) float64 { return max(x, 0) }, 0, 0},
	{"relu6", ReLU6, func(x float64) float64 { return min(max(x, 0), 6) }, 0, 0},
}

// Functions hold their error everywhere, saturate, pass NaN on, and give an element the
// same bits wherever it stands.
func TestFunctions(t *testing.T) {
	var x []float32
	for v := -110.0; v < 110; v += 0.0371 {
		x = append(x, float32(v), float32(v/100), float32(v*1e-6))
	}
	inf := float32(math.Inf(1))
	x = append(x, 0, inf, -inf, float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32)
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, f := range functions {
				got := make([]float32, len(x))
				f.run(got, x)
				for i, v := range x {
					want := float64(float32(f.want(float64(v))))
					if math.IsInf(float64(v), -1) && (f.name == "silu" || f.name == "gelu") {
						continue // -Inf·0
					}
					g := float64(got[i])
					if math.IsNaN(want) || math.IsInf(want, 0) {
						if g != want && !(math.IsNaN(g) && math.IsNaN(want)) {
							t.Errorf("%s(%g) = %g, want %g", f.name, v, g, want)
						}
						continue
					}
					if d := math.Abs(g - want); !(d <= f.tol*math.Abs(want)+f.zero) {
						t.Errorf("%s(%g) = %g, want %g", f.name, v, g, want)
					}
				}
				for _, n := range vecSizes {
					if n > 100 {
						continue
					}
					part := make([]float32, n)
					f.run(part, x[37:37+n])
					testkit.Same(t, f.name+" at another place", part, got[37:37+n])
				}
			}
		})
	}
}

// Arithmetic on vectors equals float64 arithmetic rounded once or twice.
func TestVectors(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, n := range vecSizes {
				testVectors(t, n)
			}
		})
	}
}

func testVectors(t *testing.T, n int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, uint64(n)))
	check := func(name string, run func(xs [][]float32), want func(x []float64) []float64) {
		t.Helper()
		xs := vectors(rng, 4, n)
		for j := range xs[3] {
			xs[3][j] *= xs[3][j] // a second moment is not negative
		}
		wants := make([][]float64, 4)
		for i := range wants {
			wants[i] = make([]float64, n)
		}
		for j := range n {
			at := make([]float64, 4)
			for i := range at {
				at[i] = float64(xs[i][j])
			}
			for i, v := range want(at) {
				wants[i][j] = v
			}
		}
		run(xs)
		for i := range xs {
			testkit.Close(t, name, xs[i], wants[i], testkit.Pass)
		}
	}
	pos := func(y, v float64) float64 {
		if y > 0 {
			return v
		}
		return 0
	}
	check("Add", func(x [][]float32) { Add(x[0], x[1], x[2]) }, func(x []float64) []float64 { return []float64{x[1] + x[2], x[1], x[2], x[3]} })
	check("Mul", func(x [][]float32) { Mul(x[0], x[1], x[2]) }, func(x []float64) []float64 { return []float64{x[1] * x[2], x[1], x[2], x[3]} })
	check("MulAdd", func(x [][]float32) { MulAdd(x[0], x[1], x[2]) }, func(x []float64) []float64 { return []float64{x[0] + x[1]*x[2], x[1], x[2], x[3]} })
	check("Scale", func(x [][]float32) { Scale(3, x[0], x[1]) }, func(x []float64) []float64 { return []float64{3 * x[1], x[1], x[2], x[3]} })
	check("Axpy", func(x [][]float32) { Axpy(3, x[1], x[0]) }, func(x []float64) []float64 { return []float64{3*x[1] + x[0], x[1], x[2], x[3]} })
	check("ReLUGrad", func(x [][]float32) { ReLUGrad(false, x[0], x[1], x[2]) }, func(x []float64) []float64 { return []float64{pos(x[2], x[1]), x[1], x[2], x[3]} })
	check("ReLUGrad added", func(x [][]float32) { ReLUGrad(true, x[0], x[1], x[2]) }, func(x []float64) []float64 { return []float64{x[0] + pos(x[2], x[1]), x[1], x[2], x[3]} })
	check("SGD", func(x [][]float32) { SGD(x[0], x[1], x[2], 0.1, 0.9, 0.01, false) }, func(x []float64) []float64 {
		m := 0.9*x[2] + x[1] + 0.01*x[0]
		return []float64{x[0] - 0.1*m, x[1], m, x[3]}
	})
	check("Nesterov", func(x [][]float32) { SGD(x[0], x[1], x[2], 0.1, 0.9, 0.01, true) }, func(x []float64) []float64 {
		d := x[1] + 0.01*x[0]
		m := 0.9*x[2] + d
		return []float64{x[0] - 0.1*(d+0.9*m), x[1], m, x[3]}
	})
	check("Adam", func(x [][]float32) { Adam(x[0], x[1], x[2], x[3], 0.1, 0.9, 0.99, 1e-3, 2, 3, 0.02, 0.01) }, func(x []float64) []float64 {
		d := x[1] + 0.01*x[0]
		m, v := 0.9*x[2]+0.1*d, 0.99*x[3]+0.01*d*d
		return []float64{(1-0.1*0.02)*x[0] - 0.1*2*m/(math.Sqrt(3*v)+1e-3), x[1], m, v}
	})
	check("EMA", func(x [][]float32) { EMA(x[0], x[1], 0.9) }, func(x []float64) []float64 { return []float64{0.9*x[0] + 0.1*x[1], x[1], x[2], x[3]} })
	sum, squares := 0.0, 0.0
	x := vectors(rng, 1, n)[0]
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	if d := math.Abs(Sum(x) - sum); d > 1e-6*squares+1e-6 {
		t.Errorf("Sum of %d: off by %g", n, d)
	}
	if d := math.Abs(SumSquares(x) - squares); d > 1e-6*squares {
		t.Errorf("SumSquares of %d: off by %g", n, d)
	}
}

// Batch norm agrees with its definition in float64 on rows with a mean far from zero.
func TestBatchNorm(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, n := range []int{1, 2, 7, 1023, 1025, 40000} {
				for _, relu := range []bool{false, true} {
					testBatchNorm(t, 3, n, relu)
				}
			}
		})
	}
}

func testBatchNorm(t *testing.T, M, N int, relu bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(N), 4))
	v := vectors(rng, 3, M*N)
	X, dY, before := v[0], v[1], v[2]
	for i := range X {
		X[i] = X[i]*2 + 30
	}
	gamma, beta := []float32{1, -0.5, 2}, []float32{0.1, 0.2, -0.3}
	mean, variance, invstd := make([]float32, M), make([]float32, M), make([]float32, M)
	const eps = 1e-3
	BatchNormStats(M, N, X, mean, variance, invstd, eps)
	scale, shift := make([]float32, M), make([]float32, M)
	Y, dX := make([]float32, M*N), append([]float32(nil), before...)
	dGamma, dBeta := make([]float32, M), make([]float32, M)
	for m := range M {
		scale[m] = gamma[m] * invstd[m]
		shift[m] = beta[m] - mean[m]*scale[m]
	}
	BatchNormForward(M, N, X, scale, shift, relu, Y)
	BatchNormBackward(M, N, X, Y, dY, mean, invstd, gamma, relu, true, dX, dGamma, dBeta, nil)
	for m := range M {
		row := func(x []float32) []float32 { return x[m*N : (m+1)*N] }
		mu, s2 := 0.0, 0.0
		for _, x := range row(X) {
			mu += float64(x) / float64(N)
		}
		for _, x := range row(X) {
			s2 += (float64(x) - mu) * (float64(x) - mu) / float64(N)
		}
		inv := 1 / math.Sqrt(s2+eps)
		testkit.Close(t, "mean, variance", []float32{mean[m], variance[m]}, []float64{mu, s2}, 1e-5)
		y, dx := make([]float64, N), make([]float64, N)
		g := make([]float64, N)
		sumG, sumGH := 0.0, 0.0
		for j, x := range row(X) {
			h := (float64(x) - mu) * inv
			y[j] = float64(gamma[m])*h + float64(beta[m])
			g[j] = float64(row(dY)[j])
			if relu {
				if !(row(Y)[j] > 0) {
					g[j] = 0
				}
				y[j] = max(y[j], 0)
			}
			sumG, sumGH = sumG+g[j], sumGH+g[j]*h
		}
		for j, x := range row(X) {
			h := (float64(x) - mu) * inv
			dx[j] = float64(row(before)[j]) + float64(gamma[m])*inv*(g[j]-sumG/float64(N)-h*sumGH/float64(N))
		}
		scale := math.Sqrt(float64(N)) // sums of N terms of either sign
		testkit.Close(t, "Y", row(Y), y, 1e-4)
		testkit.Close(t, "dX", row(dX), dx, 1e-3)
		testkit.Close(t, "dGamma", dGamma[m:m+1], []float64{sumGH}, 1e-5*scale)
		testkit.Close(t, "dBeta", dBeta[m:m+1], []float64{sumG}, 1e-5*scale)
	}
}

// Softmax and cross entropy agree with float64, for columns around the block's width.
func TestSoftmaxColumns(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, n := range []int{1, 7, 63, 64, 65, 130} {
				for _, c := range []int{1, 2, 10} {
					testSoftmax(t, c, n)
				}
			}
		})
	}
}

func testSoftmax(t *testing.T, C, N int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(C), uint64(N)))
	x := vectors(rng, 1, C*N)[0]
	labels := make([]int32, N)
	for j := range labels {
		labels[j] = int32(rng.IntN(C))
		x[j] += 80 // far from zero
	}
	const smoothing = 0.1
	y, d, loss := make([]float64, C*N), make([]float64, C*N), make([]float64, N)
	for j := range N {
		sum := 0.0
		for c := range C {
			sum += math.Exp(float64(x[c*N+j]) - 80)
		}
		for c := range C {
			target := smoothing / float64(C)
			if c == int(labels[j]) {
				target += 1 - smoothing
			}
			y[c*N+j] = math.Exp(float64(x[c*N+j])-80) / sum
			d[c*N+j] = y[c*N+j] - target
			loss[j] -= target * (float64(x[c*N+j]) - 80 - math.Log(sum))
		}
	}
	got, gotD, gotLoss := make([]float32, C*N), make([]float32, C*N), make([]float32, N)
	SoftmaxColumns(C, N, x, got)
	testkit.Close(t, "softmax", got, y, 1e-6)
	logSum := make([]float32, N)
	CrossEntropyColumns(C, N, x, labels, smoothing, gotLoss, logSum)
	testkit.Close(t, "loss", gotLoss, loss, 5e-5)
	const scale = 0.25
	for i := range d {
		d[i] *= scale
	}
	CrossEntropyColumnsGrad(C, N, x, labels, smoothing, logSum, scale, gotD)
	testkit.Close(t, "gradient", gotD, d, 1e-5) // log Σ e^x is about 80, to 24 bits
}

func BenchmarkVectors(b *testing.B) {
	const n = 1 << 20
	rng := rand.New(rand.NewPCG(1, 1))
	x := vectors(rng, 4, n)
	for _, f := range []struct {
		name  string
		bytes int64
		run   func()
	}{
		{"add", 12, func() { Add(x[0], x[1], x[2]) }},
		{"relu", 8, func() { ReLU(x[0], x[1]) }},
		{"exp", 8, func() { Exp(x[0], x[1]) }},
		{"tanh", 8, func() { Tanh(x[0], x[1]) }},
		{"sigmoid", 8, func() { Sigmoid(x[0], x[1]) }},
		{"gelu", 8, func() { GELU(x[0], x[1]) }},
		{"sgd", 20, func() { SGD(x[0], x[1], x[2], 0, 0.9, 0, true) }},
		{"batchnorm", 4, func() {
			BatchNormStats(8, n/8, x[1], x[0][:8], x[0][8:16], x[0][16:24], 1e-5)
		}},
		{"softmax", 8, func() { SoftmaxColumns(16, n/16, x[1], x[0]) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(f.bytes * n)
			for b.Loop() {
				f.run()
			}
		})
	}
}
