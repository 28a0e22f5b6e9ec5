package kernel

import (
	"math"
	"testing"
)

func TestSincos(t *testing.T) {
	var x []float32
	for v := -40.0; v < 40; v += 0.0137 {
		x = append(x, float32(v))
	}
	x = append(x, 0, 9999, -9999, math.Pi/4, -math.Pi/4, math.Pi/2, 3*math.Pi/2)
	s, c := make([]float32, len(x)), make([]float32, len(x))
	Sincos(s, c, x)
	for i, v := range x {
		ws, wc := math.Sincos(float64(v))
		if math.Abs(float64(s[i])-ws) > 1e-6 || math.Abs(float64(c[i])-wc) > 1e-6 {
			t.Errorf("%g: %g, %g, want %g, %g", v, s[i], c[i], ws, wc)
		}
	}
}

func BenchmarkSincos(b *testing.B) {
	x, s, c := make([]float32, 1<<14), make([]float32, 1<<14), make([]float32, 1<<14)
	for i := range x {
		x[i] = float32(i%100) / 7
	}
	for b.Loop() {
		Sincos(s, c, x)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N*len(x)), "ns/element")
}
