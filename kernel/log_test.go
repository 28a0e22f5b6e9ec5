package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestLog(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x := []float32{1, math.E, 0.5, 2, 0x1p-126, math.MaxFloat32, math.Sqrt2 / 2, 0.99999994, 1.0000001}
	for range 100_000 {
		x = append(x, float32(math.Exp(rng.Float64()*170-85)), float32(0.5+rng.Float64()))
	}
	y := make([]float32, len(x))
	for _, level := range Available() {
		restore := Use(level)
		Log(y, x)
		for i, v := range x {
			want := math.Log(float64(v))
			if d := math.Abs(float64(y[i]) - want); d > 3e-7*math.Abs(want)+1e-7 {
				t.Fatalf("%s: log %g is %g, want %g", level, v, y[i], want)
			}
		}
		Log(y[:1], []float32{0})
		if math.Abs(float64(y[0])+126*math.Ln2) > 1e-4 {
			t.Errorf("%s: log 0 is %g", level, y[0])
		}
		restore()
	}
}

func BenchmarkLog(b *testing.B) {
	x := make([]float32, 1<<15)
	for i := range x {
		x[i] = float32(i + 1)
	}
	y := make([]float32, len(x))
	b.SetBytes(4 * int64(len(x)))
	for b.Loop() {
		Log(y, x)
	}
}
