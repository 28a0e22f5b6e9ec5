package quality

import "math"

// ClipFraction returns the share of samples at full scale of 16 bits or beyond.
func ClipFraction(x []float32) float64 {
	n := 0
	for _, v := range x {
		if v >= 32767.0/32768 || v <= -32767.0/32768 {
			n++
		}
	}
	return float64(n) / float64(max(len(x), 1))
}

// HopComb measures what repeats with the frames of a synthesiser, as the buzz of an inverse
// transform or of upsampling does: the power of the second difference of x is folded over the samples
// of a hop, and the comb is the RMS of the fold's changes over its mean, less what
// the same power would show by chance. It is about 0 for natural speech, whose
// pulses have no tie to the frames, and 1 where all power falls into half of every frame. It is NaN for
// silence and for less than 10 frames.
//
// So that a loud vowel does not stand for all, every frame counts by its own mean power.
func HopComb(x []float32, hop int) float64 {
	fold := make([]float64, hop)
	squares := make([]float64, hop)
	power := make([]float64, hop)
	n := 0.0
	for at := 2; at+hop <= len(x); at += hop {
		sum := 0.0
		for i := range hop {
			d := float64(x[at+i]) - 2*float64(x[at+i-1]) + float64(x[at+i-2])
			power[i] = d * d
			sum += d * d
		}
		if sum < 1e-10*float64(hop) {
			continue
		}
		n++
		for i, p := range power {
			p *= float64(hop) / sum
			fold[i] += p
			squares[i] += p * p
		}
	}
	if n < 10 {
		return math.NaN()
	}
	// The mean over frames has the variance of a frame's values over n by chance.
	variance, chance := 0.0, 0.0
	for i, f := range fold {
		m := f / n
		variance += (m - 1) * (m - 1) / float64(hop)
		chance += (squares[i]/n - m*m) / (n - 1) / float64(hop)
	}
	return math.Sqrt(max(0, variance-chance))
}
