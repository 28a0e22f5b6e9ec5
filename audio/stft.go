package audio

import (
	"math"

	"github.com/seed073b5613/filigree/kernel"
)

// STFT is a short-time Fourier transform of waveforms and its inverse. Its frames and
// window are those of [kernel.Frames]; Before = Size/2 centres frame t on sample t·Hop.
// What lies outside a waveform counts as zeros, or with Reflect as its mirror image around
// the first and the last sample.
type STFT struct {
	kernel.Frames
	Reflect bool
}

// NewSTFT returns the transform of centred frames of size samples every hop, under a Hann
// window of window samples.
func NewSTFT(size, window, hop int) STFT {
	return STFT{Frames: kernel.Frames{Size: size, Hop: hop, Before: size / 2, Window: Hann(window, size)}}
}

// Bins returns the number of frequencies: Size/2 + 1.
func (s STFT) Bins() int { return s.Size/2 + 1 }

// Forward returns real and imaginary parts [bins, T] of the spectra of a waveform, T = 1 +
// len(x)/Hop.
func (s STFT) Forward(x []float32) (re, im []float32) {
	T := 1 + len(x)/s.Hop
	re, im = make([]float32, s.Bins()*T), make([]float32, s.Bins()*T)
	s.analyze(x, T, re, im)
	return re, im
}

// analyze computes the first T frames.
func (s STFT) analyze(x []float32, T int, re, im []float32) {
	f := s.Frames
	if s.Reflect && len(x) > 1 {
		x = mirror(x, s.Before, s.Size)
		f.Before = 0
	}
	f.Analyze(1, len(x), T, x, re, im)
}

// mirror puts before samples in front of x and after behind it, reflected at its ends as
// often as it takes.
func mirror(x []float32, before, after int) []float32 {
	y := make([]float32, before+len(x)+after)
	period := 2 * (len(x) - 1)
	for i := range y {
		at := ((i-before)%period + period) % period
		y[i] = x[min(at, period-at)]
	}
	return y
}

// Inverse returns the n samples whose spectra are nearest re and im [bins, T] (Griffin and
// Lim 1984, eq. 6): windowed inverse transforms, added, over the sum of squared windows.
// Samples that no frame reaches are zeros.
func (s STFT) Inverse(re, im []float32, n int) []float32 {
	y := make([]float32, n)
	s.synthesize(re, im, s.envelope(len(re)/s.Bins(), n), y)
	return y
}

// envelope returns what sums of frames are multiplied with: one over the squared windows
// that meet in each sample, times what makes the transpose of a transform its inverse.
func (s STFT) envelope(T, n int) []float32 {
	e := make([]float32, n)
	for t := range T {
		at := t*s.Hop - s.Before
		for i := max(0, -at); i < min(s.Size, n-at); i++ {
			e[at+i] += s.Window[i] * s.Window[i]
		}
	}
	for i, v := range e {
		if v < 1e-6 {
			e[i] = 0
		} else {
			e[i] = 2 / (v * float32(s.Size))
		}
	}
	return e
}

// synthesize computes y, overwriting it, from spectra, whose first and last bins it halves
// (all others stand for two).
func (s STFT) synthesize(re, im, envelope, y []float32) {
	T := len(re) / s.Bins()
	for _, x := range [][]float32{re, im} {
		kernel.Scale(0.5, x[:T], x[:T])
		kernel.Scale(0.5, x[len(x)-T:], x[len(x)-T:])
	}
	clear(y)
	s.Adjoint(1, len(y), T, re, im, y)
	kernel.Mul(y, y, envelope)
	for _, x := range [][]float32{re, im} {
		kernel.Scale(2, x[:T], x[:T])
		kernel.Scale(2, x[len(x)-T:], x[len(x)-T:])
	}
}

// Magnitudes writes the absolute values of re + i·im to dst, which may be re.
func Magnitudes(dst, re, im []float32) {
	for i, v := range re {
		dst[i] = float32(math.Sqrt(float64(v*v + im[i]*im[i])))
	}
}
