package grad

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

// A waveform comes back from the magnitudes and phases of its frames.
func TestInverseSTFTInverts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	frames := kernel.Frames{Size: 64, Hop: 16, Before: 32, Window: make([]float32, 64)}
	for i := range frames.Window {
		frames.Window[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/64))
	}
	const B, T, L = 2, 9, 9 * 16
	x := make([]float32, B*L)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	n := 33 * B * T
	re, im, phase := make([]float32, n), make([]float32, n), make([]float32, n)
	frames.Analyze(B, L, T, x, re, im)
	for i := range re {
		phase[i] = float32(math.Atan2(float64(im[i]), float64(re[i])))
		re[i] = float32(math.Log(math.Hypot(float64(re[i]), float64(im[i]))))
	}
	var no *Tape
	y := InverseSTFT(no, &Var{Value: tensor.Of(re, 33, B, T)}, &Var{Value: tensor.Of(phase, 33, B, T)}, nil, nil, frames, 20)
	for i, v := range y.Value.Data {
		if math.Abs(float64(v-x[i])) > 1e-4 {
			t.Fatalf("sample %d: %g, want %g", i, v, x[i])
		}
	}
}
