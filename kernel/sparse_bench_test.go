package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// layerShapes are the layers [M, K] with N columns that speeds are quoted for.
var layerShapes = [][3]int{{300, 784, 128}, {1024, 1024, 128}, {512, 512, 196}, {128, 128, 3136}, {3072, 1024, 16}}

// sparseLayer is a layer ready to be timed.
type sparseLayer struct {
	w        *CSR
	twin     *Twin
	n        int
	x, y     []float32
	dx, dw   []float32
	multiply float64 // multiply-adds of one product
}

func newSparseLayer(shape [3]int, r int, density float64) *sparseLayer {
	rng := rand.New(rand.NewPCG(11, uint64(r)))
	m, k, n := shape[0], shape[1], shape[2]
	w := randomCSR(rng, m, k, r, density)
	return &sparseLayer{w, NewTwin(w), n, randomSlice(rng, k*n), randomSlice(rng, m*n), make([]float32, k*n),
		make([]float32, len(w.Values)), float64(len(w.Values)) * float64(n)}
}

func (l *sparseLayer) forward()    { SpMM(l.w, l.n, l.x, l.n, false, l.y, l.n) }
func (l *sparseLayer) inputGrad()  { SpMMT(l.w, l.twin, l.n, l.y, l.n, false, l.dx, l.n) }
func (l *sparseLayer) weightGrad() { SDDMM(l.w, l.n, l.y, l.n, l.x, l.n, l.dw) }

func (l *sparseLayer) step() {
	l.forward()
	l.inputGrad()
	l.weightGrad()
}

// BenchmarkStride times the forward product where rows of X and Y start on 64
// bytes, lie an odd number of values apart, and a multiple of 4 KiB apart.
func BenchmarkStride(b *testing.B) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	for _, r := range []int{1, 4} {
		for _, ld := range []int{208, 196, 1024} {
			l := newSparseLayer([3]int{512, 512, 196}, r, 0.1)
			rng := rand.New(rand.NewPCG(12, 12))
			x, y := randomSlice(rng, 512*ld), randomSlice(rng, 512*ld)
			b.Run(fmt.Sprintf("%dx1/%d", r, ld), func(b *testing.B) {
				for b.Loop() {
					SpMM(l.w, 196, x, ld, false, y, ld)
				}
				b.ReportMetric(2e-9*l.multiply*float64(b.N)/b.Elapsed().Seconds(), "GFLOP/s")
			})
		}
	}
}

// BenchmarkBreakEven finds the density at which a sparse layer takes as long as a
// dense one, forward and backward, on one thread: the constants of BreakEven. The
// sparse time is taken as linear between two densities.
func BenchmarkBreakEven(b *testing.B) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	for _, r := range []int{1, 2, 4, 16} {
		for _, shape := range layerShapes {
			b.Run(fmt.Sprintf("%dx1/%dx%dx%d", r, shape[0], shape[1], shape[2]), func(b *testing.B) {
				m, k, n := shape[0], shape[1], shape[2]
				low, high := newSparseLayer(shape, r, 0.2), newSparseLayer(shape, r, 0.6)
				rng := rand.New(rand.NewPCG(13, 13))
				w, dw := randomSlice(rng, m*k), make([]float32, m*k)
				x, y, dx := low.x, low.y, low.dx
				var sum float64
				for b.Loop() {
					dense, sparseLow, sparseHigh := time.Hour, time.Hour, time.Hour
					for range 5 {
						dense = min(dense, timed(func() {
							GEMM(false, false, m, n, k, 1, w, k, x, n, 0, y, n)
							GEMM(true, false, k, n, m, 1, w, k, y, n, 0, dx, n)
							GEMM(false, true, m, k, n, 1, y, n, x, n, 0, dw, k)
						}))
						sparseLow = min(sparseLow, timed(low.step))
						sparseHigh = min(sparseHigh, timed(high.step))
					}
					slope := (sparseHigh - sparseLow).Seconds() / 0.4
					sum += 0.2 + (dense-sparseLow).Seconds()/slope
				}
				b.ReportMetric(sum/float64(b.N), "density")
			})
		}
	}
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
