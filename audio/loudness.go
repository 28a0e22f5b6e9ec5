package audio

import "math"

// Loudness after ITU-R BS.1770-4: each channel through a filter like the ear's, mean
// squares of blocks of 400 ms every 100 ms, and the mean over blocks above two gates.

// biquad is a filter of second order with a0 = 1.
type biquad struct{ b0, b1, b2, a1, a2 float64 }

// kWeighting returns the two filters for a rate. The recommendation gives coefficients for
// 48 kHz only; these are the analogue filters behind them, by the bilinear transform.
func kWeighting(rate float64) (shelf, pass biquad) {
	const (
		shelfHz, shelfQ, shelfDB = 1681.974450955533, 0.7071752369554196, 3.999843853973347
		passHz, passQ            = 38.13547087602444, 0.5003270373238773
	)
	k := math.Tan(math.Pi * shelfHz / rate)
	high := math.Pow(10, shelfDB/20)
	band := math.Pow(high, 0.4996667741545416)
	a0 := 1 + k/shelfQ + k*k
	shelf = biquad{(high + band*k/shelfQ + k*k) / a0, 2 * (k*k - high) / a0, (high - band*k/shelfQ + k*k) / a0,
		2 * (k*k - 1) / a0, (1 - k/shelfQ + k*k) / a0}
	k = math.Tan(math.Pi * passHz / rate)
	a0 = 1 + k/passQ + k*k
	return shelf, biquad{1, -2, 1, 2 * (k*k - 1) / a0, (1 - k/passQ + k*k) / a0}
}

// weights returns how much each channel counts: those from behind more, that of low
// frequencies not at all. Five channels are L R C Ls Rs, six have the low one fourth.
func weights(channels int) []float64 {
	w := make([]float64, channels)
	for c := range w {
		w[c] = 1
		switch {
		case channels >= 6 && c == 3:
			w[c] = 0
		case channels == 4 && c >= 2, channels == 5 && c >= 3, channels >= 6 && c >= 4:
			w[c] = 1.41
		}
	}
	return w
}

// Loudness returns the integrated loudness of a sound in LUFS; -Inf for silence, and for
// what never rises above the absolute gate of -70 LUFS. Less than 400 ms counts as one
// block.
func Loudness(s *Sound) float64 {
	rate := s.Rate
	if rate < 8000 { // the shelf lies too high for such a rate
		rate = 16000
	}
	step := rate / 10
	blocks := max(1, (s.Len()*rate/s.Rate)/step-3)
	power := make([]float64, blocks)
	for c, w := range weights(len(s.Channels)) {
		if w == 0 {
			continue
		}
		parts := weighted(Resample(s.Channels[c], s.Rate, rate), rate, step)
		for b := range power {
			sum, n := 0.0, 0
			for _, p := range parts[min(b, len(parts)):min(b+4, len(parts))] {
				sum += p
				n++
			}
			power[b] += w * sum / float64(max(n, 1))
		}
	}
	gated := func(limit float64) float64 {
		sum, n := 0.0, 0
		for _, p := range power {
			if p > limit {
				sum += p
				n++
			}
		}
		return sum / float64(max(n, 1))
	}
	const calibration = -0.691
	absolute := math.Pow(10, (-70-calibration)/10)
	return calibration + 10*math.Log10(gated(max(absolute, gated(absolute)/10)))
}

// weighted returns the mean squares of pieces of step samples after the filters. A last
// piece that is shorter counts only where it is the only one.
func weighted(x []float32, rate, step int) []float64 {
	f, g := kWeighting(float64(rate))
	var f1, f2, g1, g2, sum float64
	var out []float64
	n := 0
	for _, v := range x {
		in := float64(v) // both in transposed direct form II
		y := f.b0*in + f1
		f1 = f.b1*in - f.a1*y + f2
		f2 = f.b2*in - f.a2*y
		z := g.b0*y + g1
		g1 = g.b1*y - g.a1*z + g2
		g2 = g.b2*y - g.a2*z
		sum += z * z
		if n++; n == step {
			out = append(out, sum/float64(n))
			sum, n = 0, 0
		}
	}
	if len(out) == 0 && n > 0 {
		out = append(out, sum/float64(n))
	}
	return out
}

// Normalize brings a sound to a loudness in LUFS, or as near to it as a peak of ceiling
// allows, in place, and returns the gain: 1 for silence.
func (s *Sound) Normalize(lufs, ceiling float64) float64 {
	now := Loudness(s)
	if math.IsInf(now, 0) {
		return 1
	}
	gain, peak := math.Pow(10, (lufs-now)/20), float32(0)
	for _, c := range s.Channels {
		peak = max(peak, Peak(c))
	}
	gain = min(gain, ceiling/float64(peak))
	for _, c := range s.Channels {
		Gain(c, gain)
	}
	return gain
}
