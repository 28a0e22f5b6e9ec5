package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// windows are shapes of pooling and depth-wise convolution.
var windows = []Conv{
	{B: 1, C: 1, H: 1, W: 1, KH: 1, KW: 1},
	{B: 2, C: 3, H: 7, W: 9, KH: 3, KW: 3, PadH: 1, PadW: 1},
	{B: 3, C: 2, H: 8, W: 16, KH: 2, KW: 2, StrideH: 2, StrideW: 2},
	{B: 2, C: 4, H: 9, W: 31, KH: 5, KW: 5, PadH: 2, PadW: 2, StrideH: 2, StrideW: 2},
	{B: 1, C: 2, H: 1, W: 100, KH: 1, KW: 7, PadW: 3, DilationW: 2},
	{B: 2, C: 2, H: 2, W: 2, KH: 3, KW: 3, PadH: 1, PadW: 1, StrideH: 3, StrideW: 3},
}

// eachWorkers runs f on every level with 1 to 3 workers; f returns outputs, which must be
// the same bits for any number of workers.
func eachWorkers(t *testing.T, f func(t *testing.T) [][]float32) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			var first [][]float32
			for workers := 1; workers <= 3; workers++ {
				old := parallel.SetWorkers(workers)
				out := f(t)
				parallel.SetWorkers(old)
				if first == nil {
					first = out
				}
				for i := range out {
					testkit.Same(t, "with more workers", out[i], first[i])
				}
			}
		})
	}
}

// depthwiseAsConv returns the dense filters of the convolution that a depth-wise one is.
func depthwiseAsConv(c Conv, W []float32) (Conv, []float32) {
	c.M = c.C
	dense := make([]float32, c.C*c.C*c.KH*c.KW)
	for ch := range c.C {
		copy(dense[(ch*c.C+ch)*c.KH*c.KW:], W[ch*c.KH*c.KW:(ch+1)*c.KH*c.KW])
	}
	return c, dense
}

func TestDepthwise(t *testing.T) {
	for i, c := range windows {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			eachWorkers(t, func(t *testing.T) [][]float32 {
				rng := rand.New(rand.NewPCG(uint64(i), 1))
				area := c.KH * c.KW
				W, X := randomSlice(rng, c.C*area), randomSlice(rng, c.C*c.B*c.H*c.W)
				full, dense := depthwiseAsConv(c, W)
				dY := randomSlice(rng, full.M*full.norm().N())
				y, dx, dw := make([]float64, len(dY)), make([]float64, len(X)), make([]float64, len(W))
				start := randomSlice(rng, len(X))
				for j, v := range start {
					dx[j] = float64(v)
				}
				visitConv(full, func(o, w, in int) {
					ch := w / (c.C * area)
					if w/area%c.C != ch {
						return
					}
					y[o] += float64(dense[w]) * float64(X[in])
					dx[in] += float64(dense[w]) * float64(dY[o])
					dw[ch*area+w%area] += float64(dY[o]) * float64(X[in])
				})
				Y, dX, dW := randomSlice(rng, len(dY)), start, make([]float32, len(W))
				Depthwise(c, W, X, Y)
				DepthwiseGradX(c, W, dY, true, dX)
				DepthwiseGradW(c, X, dY, dW)
				testkit.Close(t, "Y", Y, y, testkit.Pass)
				testkit.Close(t, "dX", dX, dx, testkit.Pass)
				testkit.Close(t, "dW", dW, dw, testkit.Pass)
				return [][]float32{Y, dX, dW}
			})
		})
	}
}

func TestPool(t *testing.T) {
	for i, c := range windows {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			eachWorkers(t, func(t *testing.T) [][]float32 {
				rng := rand.New(rand.NewPCG(uint64(i), 2))
				full := c
				full.M = c.C
				X := randomSlice(rng, c.C*c.B*c.H*c.W)
				dY := randomSlice(rng, full.norm().N()*c.C)
				top, mean, dMean := make([]float64, len(dY)), make([]float64, len(dY)), make([]float64, len(X))
				best := make([]int, len(dY))
				for o := range top {
					top[o], best[o] = math.Inf(-1), -1
				}
				area := c.KH * c.KW
				visitConv(full, func(o, w, in int) {
					if w/area%c.C != w/(c.C*area) {
						return
					}
					if v := float64(X[in]); v > top[o] {
						top[o], best[o] = v, in
					}
					mean[o] += float64(X[in]) / float64(area)
					dMean[in] += float64(dY[o]) / float64(area)
				})
				dMax := make([]float64, len(X))
				for o, in := range best {
					if in >= 0 {
						dMax[in] += float64(dY[o])
					}
				}
				Y, A, arg := make([]float32, len(dY)), make([]float32, len(dY)), make([]int32, len(dY))
				dM, dA := randomSlice(rng, len(X)), randomSlice(rng, len(X))
				MaxPool(c, X, Y, arg)
				MaxPoolGrad(c, dY, arg, false, dM)
				AvgPool(c, X, A)
				AvgPoolGrad(c, dY, false, dA)
				testkit.Close(t, "max", Y, top, testkit.Exact)
				testkit.Close(t, "max gradient", dM, dMax, testkit.Pass)
				testkit.Close(t, "mean", A, mean, testkit.Pass)
				testkit.Close(t, "mean gradient", dA, dMean, testkit.Pass)
				return [][]float32{Y, dM, A, dA}
			})
		})
	}
}

func TestLayerNorm(t *testing.T) {
	for _, s := range [][2]int{{1, 1}, {5, 7}, {33, 63}, {8, 65}, {100, 130}} {
		t.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(t *testing.T) {
			eachWorkers(t, func(t *testing.T) [][]float32 { return testLayerNorm(t, s[0], s[1]) })
		})
	}
}

func testLayerNorm(t *testing.T, C, N int) [][]float32 {
	rng := rand.New(rand.NewPCG(uint64(C), uint64(N)))
	X, dY, dX := randomSlice(rng, C*N), randomSlice(rng, C*N), randomSlice(rng, C*N)
	gamma, beta := randomSlice(rng, C), randomSlice(rng, C)
	Y, mean, invstd := make([]float32, C*N), make([]float32, N), make([]float32, N)
	dGamma, dBeta := make([]float32, C), make([]float32, C)
	const eps = 1e-2
	y, dx := make([]float64, C*N), make([]float64, C*N)
	dg, db := make([]float64, C), make([]float64, C)
	for j := range N {
		mu, s2 := 0.0, 0.0
		for c := range C {
			mu += float64(X[c*N+j]) / float64(C)
		}
		for c := range C {
			s2 += math.Pow(float64(X[c*N+j])-mu, 2) / float64(C)
		}
		inv, sumG, sumGH := 1/math.Sqrt(s2+eps), 0.0, 0.0
		for c := range C {
			h, g := (float64(X[c*N+j])-mu)*inv, float64(gamma[c])*float64(dY[c*N+j])
			y[c*N+j] = float64(gamma[c])*h + float64(beta[c])
			dg[c] += float64(dY[c*N+j]) * h
			db[c] += float64(dY[c*N+j])
			sumG, sumGH = sumG+g, sumGH+g*h
		}
		for c := range C {
			h, g := (float64(X[c*N+j])-mu)*inv, float64(gamma[c])*float64(dY[c*N+j])
			dx[c*N+j] = float64(dX[c*N+j]) + inv*(g-sumG/float64(C)-h*sumGH/float64(C))
		}
	}
	LayerNormColumns(C, N, X, gamma, beta, eps, Y, mean, invstd)
	LayerNormColumnsGrad(C, N, X, gamma, mean, invstd, dY, true, dX, dGamma, dBeta)
	testkit.Close(t, "Y", Y, y, testkit.Pass)
	testkit.Close(t, "dX", dX, dx, 2*testkit.Pass)
	testkit.Close(t, "dGamma", dGamma, dg, testkit.Pass)
	testkit.Close(t, "dBeta", dBeta, db, testkit.Pass)
	return [][]float32{Y, dX, dGamma, dBeta}
}
