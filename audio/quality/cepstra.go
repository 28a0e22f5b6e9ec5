package quality

import (
	"math"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/kernel"
)

// order is the number of cepstra besides c0.
const order = 24

// block is how many frames are transformed at a time: memory is bounded by it.
const block = 256

// front holds the transforms; it is read only.
var front = struct {
	mel         *audio.Mel
	short, long kernel.Frames
	bands       int
}{mel: audio.VoiceMel(), bands: 80,
	short: kernel.Frames{Size: 1024, Hop: Hop, Before: 512, Window: audio.Hann(1024, 1024)},
	long:  kernel.Frames{Size: 2048, Hop: Hop, Before: 1024, Window: audio.Hann(2048, 2048)}}

// count returns the frames of n samples.
func count(n int) int { return 1 + n/Hop }

// magnitudes returns those of the spectra of frames first to last [bins, last-first].
func magnitudes(f kernel.Frames, x []float32, first, last int) []float32 {
	begin, T := first*f.Hop-f.Before, last-first
	L := (T-1)*f.Hop + f.Size
	part := make([]float32, L)
	if low, high := max(0, begin), min(len(x), begin+L); low < high {
		copy(part[low-begin:], x[low:high])
	}
	f.Before = 0
	bins := f.Size/2 + 1
	re, im := make([]float32, bins*T), make([]float32, bins*T)
	f.Analyze(1, L, T, part, re, im)
	for i, v := range re {
		re[i] = float32(math.Sqrt(float64(v)*float64(v) + float64(im[i])*float64(im[i])))
	}
	return re
}

// cepstra returns c1 … c24 of all frames.
func cepstra(x []float32) [][order]float32 {
	T := count(len(x))
	out := make([][order]float32, T)
	// audio.Cepstra is orthonormal, the coefficients of a sum of cosines are not.
	scale := float32(math.Sqrt(2 / float64(front.bands)))
	for first := 0; first < T; first += block {
		last := min(first+block, T)
		mel := front.mel.Log(magnitudes(front.mel.Frames, x, first, last))
		c := audio.Cepstra(mel, front.bands, order+1)
		n := last - first
		for t := range n {
			for k := range order {
				out[first+t][k] = scale * c[(k+1)*n+t]
			}
		}
	}
	return out
}

// distance is the mel-cepstral distance of two frames in dB.
func distance(a, b []float32) float64 {
	sum := float32(0)
	for i, v := range a {
		d := v - b[i]
		sum += d * d
	}
	return 10 / math.Ln10 * math.Sqrt(2*float64(sum))
}

// floor is the least magnitude whose level is compared, some 70 dB below the partials of a
// vowel at the level of [Level]: the noise of a room and of 16 bits is not speech.
const floor = 2e-3

// spectra adds the spectral distances of the pairs of frames.
func (t *Tally) spectra(x, y []float32, path []pair) {
	for at := 0; at < len(path); {
		end := min(at+block, len(path))
		part := path[at:end]
		a0, a1, b0, b1 := part[0].a, part[len(part)-1].a+1, part[0].b, part[len(part)-1].b+1
		for _, f := range []struct {
			frames kernel.Frames
			out    *mean
		}{{front.short, &t.lsd1024}, {front.long, &t.lsd2048}} {
			difference(level(magnitudes(f.frames, x, a0, a1)), level(magnitudes(f.frames, y, b0, b1)), part, 20/math.Ln10, f.out)
		}
		difference(front.mel.Log(magnitudes(front.mel.Frames, x, a0, a1)),
			front.mel.Log(magnitudes(front.mel.Frames, y, b0, b1)), part, 1, &t.mel)
		at = end
	}
}

// level takes the logarithm in place.
func level(m []float32) []float32 {
	for i, v := range m {
		m[i] = max(v, floor)
	}
	kernel.Log(m, m)
	return m
}

// difference adds for each pair the mean over rows of |p - q|; p and q [rows, frames] begin
// with the first pair's frames.
func difference(p, q []float32, part []pair, scale float64, out *mean) {
	a0, b0 := part[0].a, part[0].b
	m, n := part[len(part)-1].a+1-a0, part[len(part)-1].b+1-b0
	rows := len(p) / m
	sums := make([]float64, len(part))
	for r := range rows {
		pr, qr := p[r*m:(r+1)*m], q[r*n:(r+1)*n]
		for i, at := range part {
			sums[i] += math.Abs(float64(pr[at.a-a0] - qr[at.b-b0]))
		}
	}
	for _, s := range sums {
		out.add(scale * s / float64(rows))
	}
}
