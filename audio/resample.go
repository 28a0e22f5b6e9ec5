package audio

import (
	"fmt"
	"math"
)

// Resample changes the sample rate of x by a windowed sinc: a low pass at the lower of the
// two Nyquist frequencies, its pass band ending 5 % below it, cut by a Kaiser window for 90 dB.
// The result has ⌈len(x)·to/from⌉ samples, without delay. It panics on rates below 1.
func Resample(x []float32, from, to int) []float32 {
	if from < 1 || to < 1 {
		panic(fmt.Sprintf("audio: Resample: from %d to %d samples a second", from, to))
	}
	if from == to || len(x) == 0 {
		return x
	}
	d := gcd(from, to)
	up, down := to/d, from/d
	filters, half := sincs(up, down)
	out := make([]float32, (len(x)*up+down-1)/down)
	for i := range out {
		at := i * down / up
		h := filters[i*down%up]
		sum := 0.0
		first := at - half + 1
		for j := max(0, -first); j < len(h) && first+j < len(x); j++ {
			sum += float64(h[j]) * float64(x[first+j])
		}
		out[i] = float32(sum)
	}
	return out
}

// sincs returns the filter of each of the up places between two samples, 2·half taps each.
func sincs(up, down int) (filters [][]float32, half int) {
	const (
		beta  = 8.96 // of a Kaiser window: 90 dB
		share = 0.95
	)
	cutoff := min(1, float64(up)/float64(down)) // of the Nyquist frequency before
	// The transition is 2·(1-share) of the cut-off wide: (90-7.95)/14.36 = 5.71 over it.
	half = int(math.Ceil(5.71 / (2 * (1 - share)) / cutoff))
	cutoff *= (1 + share) / 2
	filters = make([][]float32, up)
	for p := range filters {
		h := make([]float32, 2*half)
		sum := 0.0
		for j := range h {
			t := float64(p)/float64(up) - float64(j-half+1) // distance of the tap in samples before
			w := 0.0
			if r := t / float64(half); r > -1 && r < 1 {
				w = bessel(beta*math.Sqrt(1-r*r)) / bessel(beta)
			}
			v := cutoff * sinc(cutoff*t) * w
			sum += v
			h[j] = float32(v)
		}
		for j := range h { // the same gain at every place
			h[j] = float32(float64(h[j]) / sum)
		}
		filters[p] = h
	}
	return filters, half
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
