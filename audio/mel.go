package audio

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/seed073b5613/filigree/kernel"
)

// Hann returns a periodic Hann window of n samples in the middle of size, zeros around it.
func Hann(n, size int) []float32 {
	if n > size {
		panic(fmt.Sprintf("audio: Hann: %d samples in a frame of %d", n, size))
	}
	w := make([]float32, size)
	for i := range n {
		w[(size-n)/2+i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n)))
	}
	return w
}

// Scale maps frequencies to mels and back.
type Scale struct {
	Mel   func(hz float64) float64
	Hertz func(mel float64) float64
}

// HTK is the mel scale of the HTK toolkit, 1127·ln(1 + f/700).
var HTK = Scale{
	Mel:   func(hz float64) float64 { return 1127 * math.Log1p(hz/700) },
	Hertz: func(mel float64) float64 { return 700 * math.Expm1(mel/1127) },
}

// MelFilters returns bands triangles of height 1 [bands, size/2+1] over the bins of a
// transform of size samples, their corners equally spaced on a mel scale from low to high
// Hz.
func MelFilters(s Scale, bands, size, rate int, low, high float64) []float32 {
	bins := size/2 + 1
	f := make([]float32, bands*bins)
	corner := func(i int) float64 {
		a, b := s.Mel(low), s.Mel(high)
		return s.Hertz(a + (b-a)*float64(i)/float64(bands+1))
	}
	for m := range bands {
		left, peak, right := corner(m), corner(m+1), corner(m+2)
		for k := range bins {
			hz := float64(k) * float64(rate) / float64(size)
			f[m*bins+k] = float32(max(0, min((hz-left)/(peak-left), (right-hz)/(right-peak))))
		}
	}
	return f
}

// Mel is a front end that turns a waveform into log mel spectra: magnitudes of the
// short-time Fourier transform, weighted sums over bands, and their logarithm.
type Mel struct {
	Rate   int
	Frames kernel.Frames
	Bands  int
	Floor  float32 // least value m the logarithm is taken of
	Gain   float32 // if not 0, the logarithm is ln(1 + Gain·m)

	Filters []float32 // [Bands, bins]
}

// NewMel returns the front end of the voices: bands triangles from 0 Hz to half the rate,
// Hann windows of window samples every hop in frames of size, frame t centred on
// sample t·hop, ln max(m, 1e-4).
func NewMel(rate, bands, size, window, hop int) *Mel {
	return &Mel{Rate: rate, Bands: bands, Floor: 1e-4,
		Frames:  kernel.Frames{Size: size, Hop: hop, Before: size / 2, Window: Hann(window, size)},
		Filters: MelFilters(HTK, bands, size, rate, 0, float64(rate)/2)}
}

// VoiceMel is the front end of speech at 16 kHz: 80 bands, 100 frames a second, windows of
// 40 ms.
func VoiceMel() *Mel { return NewMel(16000, 80, 1024, 640, 160) }

// EATSMel is the front end of EATS and of its spectrogram discriminator (Donahue et al.
// 2021, appendix E), which is for 24 kHz: 80 bands from 80 to 7600 Hz, windows of 2048 samples
// every 1024 from the first sample on, zeros behind the last, ln(1 + 10000·m). Two seconds are
// 47 frames. At other rates windows are as long, rounded down to a power of two.
func EATSMel(rate int) *Mel {
	size := 1 << (bits.Len(uint(2048*rate/24000)) - 1)
	return &Mel{Rate: rate, Bands: 80, Gain: 10000,
		Frames:  kernel.Frames{Size: size, Hop: size / 2, Window: Hann(size, size)},
		Filters: MelFilters(HTK, 80, size, rate, 80, 7600)}
}

// Count returns the frames of a waveform of n samples: 1 + n/hop where they are centred,
// or else n/hop, rounded up.
func (m *Mel) Count(n int) int {
	if m.Frames.Before == 0 {
		return (n + m.Frames.Hop - 1) / m.Frames.Hop
	}
	return 1 + n/m.Frames.Hop
}

// Magnitudes returns the magnitudes [bins, T] of the spectra of a waveform.
func (m *Mel) Magnitudes(x []float32) []float32 {
	return m.magnitudes(x, m.Count(len(x)))
}

// magnitudes returns those of T frames.
func (m *Mel) magnitudes(x []float32, T int) []float32 {
	bins := m.Frames.Size/2 + 1
	re, im := make([]float32, bins*T), make([]float32, bins*T)
	m.Frames.Analyze(1, len(x), T, x, re, im)
	for i, v := range re {
		re[i] = float32(math.Sqrt(float64(v)*float64(v) + float64(im[i])*float64(im[i])))
	}
	return re
}

// Of returns the log mel spectra [Bands, T] of a waveform.
func (m *Mel) Of(x []float32) []float32 {
	return m.Log(m.Magnitudes(x))
}

// Log returns the log mel spectra [Bands, T] of magnitudes [bins, T].
func (m *Mel) Log(magnitudes []float32) []float32 {
	bins := m.Frames.Size/2 + 1
	T := len(magnitudes) / bins
	out := make([]float32, m.Bands*T)
	if T == 0 {
		return out
	}
	kernel.GEMM(false, false, m.Bands, T, bins, 1, m.Filters, bins, magnitudes, T, 0, out, T)
	for i, v := range out {
		if m.Gain != 0 {
			out[i] = 1 + m.Gain*v
		} else {
			out[i] = max(v, m.Floor)
		}
	}
	kernel.Log(out, out)
	return out
}

// linear returns the values of bands that log mel spectra are the logarithms of.
func (m *Mel) linear(logMel []float32) []float32 {
	out := make([]float32, len(logMel))
	kernel.Exp(out, logMel)
	if m.Gain != 0 {
		for i, v := range out {
			out[i] = max(v-1, 0) / m.Gain
		}
	}
	return out
}

// Cepstra returns the first n mel cepstra [n, T] of log mel spectra [bands, T]: their
// orthonormal discrete cosine transform (DCT-II), c0 first.
func Cepstra(logMel []float32, bands, n int) []float32 {
	T := len(logMel) / bands
	basis := make([]float32, n*bands)
	for k := range n {
		scale := math.Sqrt(2 / float64(bands))
		if k == 0 {
			scale = math.Sqrt(1 / float64(bands))
		}
		for j := range bands {
			basis[k*bands+j] = float32(scale * math.Cos(math.Pi*float64(k)*(float64(j)+0.5)/float64(bands)))
		}
	}
	out := make([]float32, n*T)
	if T > 0 {
		kernel.GEMM(false, false, n, T, bands, 1, basis, bands, logMel, T, 0, out, T)
	}
	return out
}

// MuLaw compands x in -1 to 1 by the continuous mu law, sign(x)·ln(1 + mu|x|)/ln(1 + mu),
// in place. GAN-TTS and EATS use mu = 65535.
func MuLaw(x []float32, mu float64) {
	for i, v := range x {
		x[i] = float32(math.Copysign(math.Log1p(mu*math.Abs(float64(v)))/math.Log1p(mu), float64(v)))
	}
}

// FromMuLaw undoes [MuLaw].
func FromMuLaw(c []float32, mu float64) {
	for i, v := range c {
		c[i] = float32(math.Copysign(math.Expm1(math.Abs(float64(v))*math.Log1p(mu))/mu, float64(v)))
	}
}
