package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Convolution in time against its definition, in float64.
func TestDepthwiseInTime(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, c := range []Conv{
				{C: 1, B: 1, W: 1, KW: 1}, {C: 2, B: 3, W: 5, KW: 3, PadW: 1}, {C: 3, B: 8, W: 72, KW: 7, PadW: 3},
				{C: 2, B: 5, W: 40, KW: 5, PadW: 8, DilationW: 4}, {C: 1, B: 3, W: 9, KW: 3}, {C: 1, B: 2, W: 3, KW: 7, PadW: 5},
				{C: 1, B: 70, W: 61, KW: 7, PadW: 3}, {C: 1, B: 2, W: 5000, KW: 3, PadW: 1},
			} {
				c.H, c.KH = 1, 1
				t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) { checkDepthwiseInTime(t, c.norm()) })
			}
		})
	}
}

func checkDepthwiseInTime(t *testing.T, c Conv) {
	rng := rand.New(rand.NewPCG(3, 0))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	c.M = c.C
	ow := c.OutW()
	w, x, dy := fill(c.C*c.KW), fill(c.C*c.B*c.W), fill(c.C*c.B*ow)
	y, dx, dw := fill(len(dy)), fill(len(x)), fill(len(w))
	wantY, wantX, wantW := make([]float64, len(y)), make([]float64, len(x)), make([]float64, len(w))
	sumX := make([]float64, len(x)) // added to what is there
	for i, v := range dx {
		sumX[i] = float64(v)
	}
	for i, v := range dw {
		wantW[i] = float64(v)
	}
	for r := range c.C * c.B {
		for j := range ow {
			for k := range c.KW {
				at := j + k*c.DilationW - c.PadW
				if at < 0 || at >= c.W {
					continue
				}
				tap, in, out := r/c.B*c.KW+k, r*c.W+at, r*ow+j
				wantY[out] += float64(w[tap]) * float64(x[in])
				wantX[in] += float64(w[tap]) * float64(dy[out])
				wantW[tap] += float64(x[in]) * float64(dy[out])
			}
		}
	}
	for i, v := range wantX {
		sumX[i] += v
	}
	near := func(what string, got []float32, want []float64) {
		t.Helper()
		for i, v := range want {
			if math.Abs(float64(got[i])-v) > 1e-4*(1+math.Sqrt(float64(c.B*ow))/10) {
				t.Fatalf("%s: %d is %g, want %g", what, i, got[i], v)
			}
		}
	}
	Depthwise(c, w, x, y)
	near("outputs", y, wantY)
	DepthwiseGradX(c, w, dy, true, dx)
	near("added gradient", dx, sumX)
	DepthwiseGradX(c, w, dy, false, dx)
	near("gradient", dx, wantX)
	DepthwiseGradW(c, x, dy, dw)
	near("gradient of weights", dw, wantW)
}
