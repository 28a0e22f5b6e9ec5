package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
)

var convCases = []Conv{
	{B: 1, C: 1, H: 1, W: 1, M: 1, KH: 1, KW: 1},
	{B: 3, C: 2, H: 7, W: 9, M: 5, KH: 3, KW: 3, PadH: 1, PadW: 1},
	{B: 2, C: 3, H: 8, W: 8, M: 4, KH: 3, KW: 3, PadH: 1, PadW: 1},
	{B: 5, C: 3, H: 16, W: 16, M: 7, KH: 3, KW: 3, PadH: 1, PadW: 1, StrideH: 2, StrideW: 2},
	{B: 2, C: 2, H: 31, W: 16, M: 6, KH: 3, KW: 5, PadH: 2, PadW: 2, StrideH: 1, StrideW: 2, DilationW: 2},
	{B: 1, C: 4, H: 9, W: 31, M: 3, KH: 2, KW: 3, StrideH: 3, StrideW: 3, DilationH: 2},
	{B: 3, C: 2, H: 5, W: 32, M: 3, KH: 3, KW: 3, PadH: 1, PadW: 2, StrideH: 2, StrideW: 2},
	{B: 2, C: 5, H: 8, W: 16, M: 9, KH: 1, KW: 1, StrideH: 2, StrideW: 2},
	{B: 3, C: 5, H: 6, W: 6, M: 9, KH: 1, KW: 1, StrideH: 2, StrideW: 2},
	{B: 2, C: 6, H: 5, W: 8, M: 16, KH: 1, KW: 1},
	{B: 2, C: 3, H: 1, W: 500, M: 4, KH: 1, KW: 7, PadW: 3},
	{B: 17, C: 33, H: 8, W: 8, M: 18, KH: 3, KW: 3, PadH: 1, PadW: 1},
	{B: 2, C: 2, H: 2, W: 2, M: 3, KH: 3, KW: 3},
	{B: 0, C: 2, H: 4, W: 4, M: 3, KH: 3, KW: 3, PadH: 1, PadW: 1},
}

// visitConv calls f for every product of a convolution: output, weight and input index.
func visitConv(c Conv, f func(y, w, x int)) {
	c = c.norm()
	oh, ow := c.OutH(), c.OutW()
	for m := range c.M {
		for b := range c.B {
			for i := range oh {
				for j := range ow {
					for ch := range c.C {
						for kh := range c.KH {
							for kw := range c.KW {
								h, w := i*c.StrideH+kh*c.DilationH-c.PadH, j*c.StrideW+kw*c.DilationW-c.PadW
								if h >= 0 && h < c.H && w >= 0 && w < c.W {
									f(((m*c.B+b)*oh+i)*ow+j, ((m*c.C+ch)*c.KH+kh)*c.KW+kw, ((ch*c.B+b)*c.H+h)*c.W+w)
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestConv(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, c := range convCases {
				for _, r := range []int{0, 1, 4} {
					testConv(t, c, r)
				}
			}
		})
	}
}

// testConv checks a convolution and its gradients against plain sums in float64, for
// dense weights (R = 0) or sparse ones in blocks of R rows, with 1 to 3 workers.
func testConv(t *testing.T, c Conv, R int) {
	t.Helper()
	name := fmt.Sprintf("%+v R=%d", c, R)
	rng := rand.New(rand.NewPCG(uint64(c.K()), uint64(c.M)))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = rng.Float32() - 0.5
		}
		return x
	}
	X, dY := fill(c.C*c.B*c.H*c.W), fill(c.M*c.N())
	dense := fill(c.M * c.K())
	exists := make([]bool, len(dense))
	var W *CSR
	if R > 0 {
		W = randomCSR(rng, c.M, c.K(), R, 0.4)
		clear(dense)
		eachWeight(W, func(m, k, at int) { dense[m*c.K()+k], exists[m*c.K()+k] = W.Values[at], true })
	}
	y, dx, dw := make([]float64, len(dY)), make([]float64, len(X)), make([]float64, len(dense))
	visitConv(c, func(o, w, i int) {
		y[o] += float64(dense[w]) * float64(X[i])
		dx[i] += float64(dense[w]) * float64(dY[o])
		dw[w] += float64(dY[o]) * float64(X[i])
	})
	for workers := 1; workers <= 3; workers++ {
		old := parallel.SetWorkers(workers)
		gotY, gotX := fill(len(dY)), fill(len(X))
		twice := append([]float32(nil), X...)
		var gotW []float32
		if R == 0 {
			gotW = make([]float32, len(dense))
			ConvDense(c, dense, X, gotY)
			ConvDenseGradX(c, dense, dY, false, gotX)
			ConvDenseGradX(c, dense, dY, true, twice)
			ConvDenseGradW(c, X, dY, gotW)
		} else {
			grad := make([]float32, len(W.Values))
			T := NewTwin(W)
			ConvSparse(c, W, X, gotY)
			ConvSparseGradX(c, W, T, dY, false, gotX)
			ConvSparseGradX(c, W, T, dY, true, twice)
			ConvSparseGradW(c, W, X, dY, grad)
			gotW = make([]float32, len(dense))
			eachWeight(W, func(m, k, at int) { gotW[m*c.K()+k] = grad[at] })
			for i := range dw {
				if !exists[i] {
					dw[i] = 0
				}
			}
		}
		parallel.SetWorkers(old)
		testkit.Close(t, name+" Y", gotY, y, testkit.Pass)
		testkit.Close(t, name+" dX", gotX, dx, testkit.Pass)
		sum := make([]float64, len(dx))
		for i := range sum {
			sum[i] = dx[i] + float64(X[i])
		}
		testkit.Close(t, name+" dX added", twice, sum, testkit.Pass)
		testkit.Close(t, name+" dW", gotW, dw, testkit.Pass)
	}
}

func BenchmarkConv(b *testing.B) {
	for _, c := range []Conv{
		{B: 128, C: 32, H: 32, W: 32, M: 32, KH: 3, KW: 3, PadH: 1, PadW: 1},
		{B: 128, C: 64, H: 16, W: 16, M: 64, KH: 3, KW: 3, PadH: 1, PadW: 1},
		{B: 128, C: 128, H: 8, W: 8, M: 128, KH: 3, KW: 3, PadH: 1, PadW: 1},
	} {
		X, Y, W := make([]float32, c.C*c.B*c.H*c.W), make([]float32, c.M*c.N()), make([]float32, c.M*c.K())
		S := randomCSR(rand.New(rand.NewPCG(1, 1)), c.M, c.K(), 1, 0.1)
		T, dS := NewTwin(S), make([]float32, len(S.Values))
		run := func(name string, share float64, call func()) {
			b.Run(fmt.Sprintf("%s/%dx%d@%d", name, c.M, c.C, c.H), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					call()
				}
				b.ReportMetric(share*2*float64(c.M)*float64(c.K())*float64(c.N())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
		density := float64(len(S.Values)) / float64(len(W))
		run("dense", 1, func() { ConvDense(c, W, X, Y) })
		run("denseGradX", 1, func() { ConvDenseGradX(c, W, Y, false, X) })
		run("denseGradW", 1, func() { ConvDenseGradW(c, X, Y, W) })
		run("sparse", density, func() { ConvSparse(c, S, X, Y) })
		run("sparseGradX", density, func() { ConvSparseGradX(c, S, T, Y, false, X) })
		run("sparseGradW", density, func() { ConvSparseGradW(c, S, X, Y, dS) })
	}
}

// eachWeight calls f for every weight of W that exists, with its place in Values.
func eachWeight(W *CSR, f func(m, k, at int)) {
	W.visit(func(g, k, e int) {
		for r := range W.rowsOf(g) {
			f(g*W.R+r, k, e*W.R+r)
		}
	})
}
