package quality

import (
	"math"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/kernel"
)

// STOI: Taal, Hendriks, Heusdens and Jensen, "An algorithm for intelligibility prediction
// of time-frequency weighted noisy speech", 2011. ESTOI: Jensen and Taal, "An algorithm for
// predicting the intelligibility of speech masked by modulated noise maskers", 2016.
const (
	stoiRate    = 10000
	stoiFrame   = 256 // half of it overlaps
	stoiSize    = 512 // of the transform
	stoiBands   = 15  // third octaves
	stoiLowest  = 150 // Hz, centre of the first
	stoiSegment = 30  // frames that are compared at a time
	stoiRange   = 40  // dB below the loudest frame: less is silence
	stoiClip    = -15 // dB, bound on the ratio of signal to distortion
)

// STOI returns the short-time objective intelligibility of generated speech and its
// extended form, both from 0 (or a little below) to 1. The recordings must be aligned. It
// reports false where less than 0.4 s of the reference is not silent.
func STOI(reference, generated []float32, rate int) (stoi, extended float64, ok bool) {
	x, y := audio.Resample(reference, rate, stoiRate), audio.Resample(generated, rate, stoiRate)
	n := min(len(x), len(y))
	x, y = withoutSilence(x[:n], y[:n])
	X, Y := thirdOctaves(x), thirdOctaves(y)
	T := len(X) / stoiBands
	if T < stoiSegment {
		return 0, 0, false
	}
	var a, b bands
	for end := stoiSegment; end <= T; end++ {
		segment(X, end-stoiSegment, T, &a)
		segment(Y, end-stoiSegment, T, &b)
		stoi += clippedCorrelation(&a, &b)
		extended += spectralCorrelation(&a, &b)
	}
	segments := float64(T - stoiSegment + 1)
	return stoi / segments, extended / segments, true
}

// stoiWindow is a Hann window without its zeros.
func stoiWindow() []float64 {
	w := make([]float64, stoiFrame)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i+1)/(stoiFrame+1))
	}
	return w
}

// withoutSilence drops the frames where x is silent from both, overlapping and adding the rest.
func withoutSilence(x, y []float32) (_, _ []float32) {
	const hop = stoiFrame / 2
	w := stoiWindow()
	frames := max(0, (len(x)-stoiFrame+hop-1)/hop)
	energy := make([]float64, frames)
	loudest := math.Inf(-1)
	for f := range energy {
		sum := 0.0
		for i, v := range w {
			s := v * float64(x[f*hop+i])
			sum += s * s
		}
		energy[f] = 20 * math.Log10(math.Sqrt(sum)+1e-16)
		loudest = max(loudest, energy[f])
	}
	keep := 0
	for _, e := range energy {
		if e > loudest-stoiRange {
			keep++
		}
	}
	if keep == 0 {
		return nil, nil
	}
	a, b := make([]float32, (keep-1)*hop+stoiFrame), make([]float32, (keep-1)*hop+stoiFrame)
	at := 0
	for f, e := range energy {
		if e <= loudest-stoiRange {
			continue
		}
		for i, v := range w {
			a[at+i] += float32(v * float64(x[f*hop+i]))
			b[at+i] += float32(v * float64(y[f*hop+i]))
		}
		at += hop
	}
	return a, b
}

// thirdOctaves returns the magnitudes of the bands [15, T].
func thirdOctaves(x []float32) []float32 {
	const hop = stoiFrame / 2
	T := max(0, (len(x)-stoiFrame+hop-1)/hop)
	if T == 0 {
		return nil
	}
	w := make([]float32, stoiSize)
	for i, v := range stoiWindow() {
		w[i] = float32(v)
	}
	var edges [stoiBands + 1]int // bins
	for i := range edges {
		edges[i] = int(math.Round(stoiLowest * math.Exp2((2*float64(i)-1)/6) * stoiSize / stoiRate))
	}
	const bins, block = stoiSize/2 + 1, 1024
	re, im := make([]float32, bins*min(block, T)), make([]float32, bins*min(block, T))
	out := make([]float32, stoiBands*T)
	for first := 0; first < T; first += block {
		n := min(block, T-first)
		re, im := re[:bins*n], im[:bins*n]
		part := x[first*hop : (first+n-1)*hop+stoiFrame]
		kernel.Frames{Size: stoiSize, Hop: hop, Window: w}.Analyze(1, len(part), n, part, re, im)
		for band := range stoiBands {
			for t := range n {
				sum := 0.0
				for k := edges[band]; k < edges[band+1]; k++ {
					r, i := float64(re[k*n+t]), float64(im[k*n+t])
					sum += r*r + i*i
				}
				out[band*T+first+t] = float32(math.Sqrt(sum))
			}
		}
	}
	return out
}

// bands holds 30 frames, one row a band.
type bands [stoiBands][stoiSegment]float64

// segment copies the frames that begin with from.
func segment(x []float32, from, T int, into *bands) {
	for band := range into {
		for i := range stoiSegment {
			into[band][i] = float64(x[band*T+from+i])
		}
	}
}

const tiny = 2.220446049250313e-16 // keeps silence from dividing by zero

// clippedCorrelation is STOI's measure of a segment: the mean over bands of the correlation
// in time, the generated level matched and its excess clipped.
func clippedCorrelation(x, y *bands) float64 {
	sum := 0.0
	clip := 1 + math.Pow(10, -stoiClip/20.0)
	for band := range x {
		a, b := x[band], y[band] // copies
		gain := norm(a[:]) / (norm(b[:]) + tiny)
		for i, v := range b {
			b[i] = min(v*gain, a[i]*clip)
		}
		unit(a[:])
		unit(b[:])
		sum += inner(a[:], b[:])
	}
	return sum / stoiBands
}

// spectralCorrelation is ESTOI's: bands normalised in time, in place, then frames across
// bands.
func spectralCorrelation(x, y *bands) float64 {
	for band := range x {
		unit(x[band][:])
		unit(y[band][:])
	}
	sum := 0.0
	var a, b [stoiBands]float64
	for i := range stoiSegment {
		for band := range x {
			a[band], b[band] = x[band][i], y[band][i]
		}
		unit(a[:])
		unit(b[:])
		sum += inner(a[:], b[:])
	}
	return sum / stoiSegment
}

func inner(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func norm(a []float64) float64 { return math.Sqrt(inner(a, a)) }

// unit removes the mean and divides by the norm, in place.
func unit(a []float64) {
	mean := 0.0
	for _, v := range a {
		mean += v / float64(len(a))
	}
	for i := range a {
		a[i] -= mean
	}
	n := norm(a) + tiny
	for i := range a {
		a[i] /= n
	}
}
