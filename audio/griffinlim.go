package audio

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
)

// GriffinLim finds phases for magnitudes by going back and forth between spectra and
// waveforms (Griffin and Lim 1984). With Momentum, 0.99 say, each step goes beyond where
// the last one led (Perraudin, Balazs and Søndergaard 2013): 32 such iterations are worth
// 100.
type GriffinLim struct {
	STFT
	Iterations int
	Momentum   float32
}

// NewGriffinLim returns the algorithm with momentum 0.99.
func NewGriffinLim(s STFT, iterations int) GriffinLim { return GriffinLim{s, iterations, 0.99} }

// Waveform returns n samples whose magnitudes are about those given [bins, T], from random
// phases.
func (g GriffinLim) Waveform(magnitudes []float32, n int, rng *rand.Rand) []float32 {
	re, im := make([]float32, len(magnitudes)), make([]float32, len(magnitudes))
	for i := range re {
		s, c := math.Sincos(2 * math.Pi * rng.Float64())
		re[i], im[i] = float32(c), float32(s)
	}
	return g.iterate(magnitudes, re, im, n)
}

// From returns len(start) samples whose magnitudes are about those given [bins, T], from
// the phases of a waveform.
func (g GriffinLim) From(magnitudes, start []float32) []float32 {
	re, im := g.Forward(start)
	return g.iterate(magnitudes, re, im, len(start))
}

// iterate starts from the phases of re and im, which it overwrites.
func (g GriffinLim) iterate(magnitudes, re, im []float32, n int) []float32 {
	if len(magnitudes)%g.Bins() != 0 || len(re) != len(magnitudes) {
		panic(fmt.Sprintf("audio: GriffinLim: %d magnitudes and %d phases of %d bins", len(magnitudes), len(re), g.Bins()))
	}
	T := len(magnitudes) / g.Bins()
	y, envelope := make([]float32, n), g.envelope(T, n)
	lastRe, lastIm := make([]float32, len(re)), make([]float32, len(im))
	setMagnitudes(magnitudes, re, im)
	beyond := g.Momentum / (1 + g.Momentum)
	for range g.Iterations {
		g.synthesize(re, im, envelope, y)
		g.analyze(y, T, re, im)
		for i, r := range re { // of x + a·(x - last) only the phase counts
			m := im[i]
			re[i], im[i] = r-beyond*lastRe[i], m-beyond*lastIm[i]
			lastRe[i], lastIm[i] = r, m
		}
		setMagnitudes(magnitudes, re, im)
	}
	g.synthesize(re, im, envelope, y)
	return y
}

// setMagnitudes scales re + i·im to the magnitudes; where it is 0 it stays so.
func setMagnitudes(magnitudes, re, im []float32) {
	for i, m := range magnitudes {
		r, j := re[i], im[i]
		s := m / float32(math.Sqrt(float64(r*r+j*j+1e-20)))
		re[i], im[i] = r*s, j*s
	}
}

// bands applies mel filters and their transpose, a few triangles a bin at most, to rows of
// T values.
type bands struct {
	bins, n int
	first   []int     // of each bin: its first entry
	band    []int     // of each entry
	weight  []float32 // of each entry
	total   []float32 // of each bin: the sum of its weights
}

func newBands(filters []float32, n int) *bands {
	b := &bands{bins: len(filters) / n, n: n}
	for k := range b.bins {
		b.first = append(b.first, len(b.band))
		total := float32(0)
		for m := range n {
			if w := filters[m*b.bins+k]; w != 0 {
				b.band, b.weight = append(b.band, m), append(b.weight, w)
				total += w
			}
		}
		b.total = append(b.total, total)
	}
	b.first = append(b.first, len(b.band))
	return b
}

// apply computes the bands y [n, T] of x [bins, T].
func (b *bands) apply(T int, x, y []float32) {
	clear(y)
	for k := range b.bins {
		for e := b.first[k]; e < b.first[k+1]; e++ {
			kernel.Axpy(b.weight[e], x[k*T:(k+1)*T], y[b.band[e]*T:(b.band[e]+1)*T])
		}
	}
}

// spread calls use with the weighted mean over its bands of y [n, T] at each bin that is in
// some, in row, which has T values.
func (b *bands) spread(T int, y, row []float32, use func(k int, row []float32)) {
	for k := range b.bins {
		if b.total[k] == 0 {
			continue
		}
		clear(row)
		for e := b.first[k]; e < b.first[k+1]; e++ {
			kernel.Axpy(b.weight[e]/b.total[k], y[b.band[e]*T:(b.band[e]+1)*T], row)
		}
		use(k, row)
	}
}

// Invert returns magnitudes [bins, T] whose log mel spectra are about those given
// [Bands, T]: smooth ones, fitted by [Mel.Fit].
func (m *Mel) Invert(logMel []float32, updates int) []float32 {
	T := len(logMel) / m.Bands
	mel := m.linear(logMel)
	b := newBands(m.Filters, m.Bands)
	ones := make([]float32, b.bins)
	for k := range ones {
		ones[k] = 1
	}
	area := make([]float32, m.Bands)
	b.apply(1, ones, area)
	for j, a := range area {
		if a > 0 {
			kernel.Scale(1/a, mel[j*T:(j+1)*T], mel[j*T:(j+1)*T])
		}
	}
	magnitudes := make([]float32, b.bins*T)
	b.spread(T, mel, make([]float32, T), func(k int, row []float32) { copy(magnitudes[k*T:], row) })
	m.Fit(magnitudes, logMel, updates)
	return magnitudes
}

// Fit changes magnitudes [bins, T] so that their log mel spectra become those given
// [Bands, T]. Each multiplicative update lowers the Kullback-Leibler divergence between
// the two (Lee and Seung 2001, eq. 5); zeros, and bins that are in no band, stay as they
// are.
func (m *Mel) Fit(magnitudes, logMel []float32, updates int) {
	T, bins := len(logMel)/m.Bands, m.Frames.Size/2+1
	if len(logMel) != m.Bands*T || len(magnitudes) != bins*T {
		panic(fmt.Sprintf("audio: Fit: %d magnitudes of %d bins, %d values of %d bands", len(magnitudes), bins, len(logMel), m.Bands))
	}
	want, have, row := m.linear(logMel), make([]float32, len(logMel)), make([]float32, T)
	b := newBands(m.Filters, m.Bands)
	for range updates {
		b.apply(T, magnitudes, have)
		for i, v := range have {
			have[i] = want[i] / max(v, 1e-9)
		}
		b.spread(T, have, row, func(k int, row []float32) {
			kernel.Mul(magnitudes[k*T:(k+1)*T], magnitudes[k*T:(k+1)*T], row)
		})
	}
}

// Waveform returns n samples, T·hop of them with n = 0, whose log mel spectra are about
// those given [Bands, T], by Griffin and Lim's algorithm from random phases. 32 iterations
// are good, 8 are intelligible.
func (m *Mel) Waveform(logMel []float32, n, iterations int, rng *rand.Rand) []float32 {
	if n == 0 {
		n = len(logMel) / m.Bands * m.Frames.Hop
	}
	g := NewGriffinLim(STFT{Frames: m.Frames}, iterations)
	return g.Waveform(m.Invert(logMel, 60), n, rng)
}

// Polish returns a waveform near x, which a decoder made for log mel spectra [Bands, T],
// that has about these: 20 updates fit the magnitudes of x to them, then Griffin and Lim's
// algorithm goes on from the phases of x. 8 iterations do.
func (m *Mel) Polish(x, logMel []float32, iterations int) []float32 {
	g := NewGriffinLim(STFT{Frames: m.Frames}, iterations)
	T := len(logMel) / m.Bands
	re, im := make([]float32, g.Bins()*T), make([]float32, g.Bins()*T)
	g.analyze(x, T, re, im)
	magnitudes := make([]float32, len(re))
	Magnitudes(magnitudes, re, im)
	for i, v := range magnitudes {
		magnitudes[i] = max(v, 1e-5) // updates cannot revive a zero
	}
	m.Fit(magnitudes, logMel, 20)
	return g.iterate(magnitudes, re, im, len(x))
}
