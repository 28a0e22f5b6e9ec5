package kernel

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// spectrum is the definition of the transform.
func spectrum(x []float64) []complex128 {
	n := len(x)
	y := make([]complex128, n/2+1)
	for k := range y {
		for j, v := range x {
			y[k] += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(j*k%n)/float64(n))
		}
	}
	return y
}

func TestFrames(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, c := range []struct{ size, hop, before, B, L, T int }{
				{2, 1, 0, 1, 3, 2}, {4, 2, 1, 1, 9, 5}, {6, 3, 0, 2, 20, 4}, {8, 4, 4, 1, 30, 17}, {10, 4, 4, 1, 30, 7}, {16, 4, 8, 1, 70, 18}, {30, 7, 3, 1, 60, 5},
				{64, 16, 32, 3, 300, 19}, {256, 64, 128, 1, 1100, 18}, {320, 160, 160, 1, 1000, 7}, {640, 160, 320, 2, 3000, 20}, {1024, 256, 512, 1, 5000, 21}, {2048, 1024, 0, 1, 4096, 3},
			} {
				t.Run(fmt.Sprint(c), func(t *testing.T) { checkFrames(t, c.size, c.hop, c.before, c.B, c.L, c.T) })
			}
		})
	}
}

func checkFrames(t *testing.T, size, hop, before, B, L, T int) {
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	f := Frames{Size: size, Hop: hop, Before: before, Window: fill(size)}
	x := fill(B * L)
	bins := size/2 + 1
	re, im := make([]float32, bins*B*T), make([]float32, bins*B*T)
	f.Analyze(B, L, T, x, re, im)
	scale := math.Sqrt(float64(size))
	for b := range B {
		for s := range T {
			frame := make([]float64, size)
			for i := range frame {
				if at := s*hop - before + i; at >= 0 && at < L {
					frame[i] = float64(x[b*L+at]) * float64(f.Window[i])
				}
			}
			for k, want := range spectrum(frame) {
				at := (k*B+b)*T + s
				if d := cmplx.Abs(complex(float64(re[at]), float64(im[at])) - want); d > 1e-5*scale {
					t.Fatalf("signal %d, frame %d, bin %d: %v%+vi, want %v", b, s, k, re[at], im[at], want)
				}
			}
		}
	}
	// The transpose: <Analyze x, y> = <x, Adjoint y>.
	yr, yi := fill(len(re)), fill(len(im))
	back := make([]float32, B*L)
	left, size2 := 0.0, 0.0
	for i := range yr {
		left += float64(yr[i])*float64(re[i]) + float64(yi[i])*float64(im[i])
		size2 += math.Abs(float64(yr[i]) * float64(re[i]))
	}
	f.Adjoint(B, L, T, yr, yi, back)
	right := 0.0
	for i := range x {
		right += float64(x[i]) * float64(back[i])
	}
	if math.Abs(left-right) > 1e-5*size2+1e-4 {
		t.Errorf("<Ax, y> = %g, <x, A'y> = %g", left, right)
	}
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []int{256, 512, 640, 1024, 2048} {
		B, L := 8, 10240
		f := Frames{Size: size, Hop: size / 4, Before: size / 2, Window: make([]float32, size)}
		T := f.Count(L)
		x := make([]float32, B*L)
		re, im := make([]float32, (size/2+1)*B*T), make([]float32, (size/2+1)*B*T)
		flops := 2.5 * float64(size) * math.Log2(float64(size)) * float64(B*T)
		b.Run(fmt.Sprintf("analyze/%d", size), func(b *testing.B) {
			for b.Loop() {
				f.Analyze(B, L, T, x, re, im)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		b.Run(fmt.Sprintf("adjoint/%d", size), func(b *testing.B) {
			for b.Loop() {
				f.Adjoint(B, L, T, re, im, x)
			}
			b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
