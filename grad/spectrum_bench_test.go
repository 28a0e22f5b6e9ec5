package grad

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

// One training step's spectral losses: 8 waveforms of 0.64 s at 16 kHz at three
// resolutions, forward and backward.
func BenchmarkSpectralLosses(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 0))
	const B, L = 8, 10240
	x := tensor.New(1, B, L)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64()) * 0.1
	}
	var frames []kernel.Frames
	var targets [][]float32
	for _, size := range []int{256, 512, 1024} {
		f := kernel.Frames{Size: size, Hop: size / 4, Before: size / 2, Window: make([]float32, size)}
		for i := range f.Window {
			f.Window[i] = rng.Float32()
		}
		target := make([]float32, (size/2+1)*B*f.Count(L))
		for i := range target {
			target[i] = rng.Float32() + 0.01
		}
		frames, targets = append(frames, f), append(targets, target)
	}
	t := new(Tape)
	b.ReportAllocs()
	for b.Loop() {
		t.Reset()
		v := t.Leaf(x)
		var loss *Var
		for i, f := range frames {
			d := SpectralDistance(t, Magnitude(t, v, f, f.Count(L)), targets[i])
			if loss == nil {
				loss = d
			} else {
				loss = Add(t, loss, d)
			}
		}
		t.Backward(loss)
	}
}

// Depth-wise convolution in time, as in a decoder: 128 channels, 8 × 64 frames, 7 taps.
func BenchmarkDepthwise1D(b *testing.B) {
	const C, B, T, K = 128, 8, 72, 7
	x := tensor.New(C, B, 1, T)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	w, dw := make([]float32, C*K), make([]float32, C*K)
	shape := kernel.Conv{C: C, B: B, H: 1, W: T, KH: 1, KW: K, PadW: K / 2}
	y, dx := make([]float32, len(x.Data)), make([]float32, len(x.Data))
	work := 2 * float64(C*B*T*K)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(work*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
	run("forward", func() { kernel.Depthwise(shape, w, x.Data, y) })
	run("input", func() { kernel.DepthwiseGradX(shape, w, y, false, dx) })
	run("weights", func() { kernel.DepthwiseGradW(shape, x.Data, y, dw) })
}
