package audio

import "math"

// Level measures. Speech is judged by the part of it that is loud enough to be speech.

// RemoveDC subtracts the mean from x, in place.
func RemoveDC(x []float32) {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	mean := float32(sum / float64(max(len(x), 1)))
	for i := range x {
		x[i] -= mean
	}
}

// Peak returns the largest magnitude.
func Peak(x []float32) float32 {
	peak := float32(0)
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	return peak
}

// powers returns the mean squares of blocks of n samples.
func powers(x []float32, n int) []float64 {
	var p []float64
	for at := 0; at < len(x); at += n {
		sum := 0.0
		part := x[at:min(at+n, len(x))]
		for _, v := range part {
			sum += float64(v) * float64(v)
		}
		p = append(p, sum/float64(len(part)))
	}
	return p
}

func loudest(p []float64) float64 {
	top := 0.0
	for _, v := range p {
		top = max(top, v)
	}
	return top
}

// ActiveRMS returns the root mean square over the blocks of 20 ms that are no more than 30 dB
// below the loudest; 0 for silence.
func ActiveRMS(x []float32, rate int) float64 {
	return math.Sqrt(active(powers(x, max(rate/50, 1))))
}

// active returns the mean of the powers that are no more than 30 dB below the highest.
func active(p []float64) float64 {
	top, sum, n := loudest(p), 0.0, 0
	for _, v := range p {
		if v > 0 && v >= top*1e-3 {
			sum += v
			n++
		}
	}
	return sum / float64(max(n, 1))
}

// LevelMeter is [ActiveRMS] for sound that comes a piece at a time. It keeps 8 bytes for each 20 ms.
type LevelMeter struct {
	Rate int

	powers  []float64
	pending []float32
}

// Push takes samples.
func (m *LevelMeter) Push(x []float32) {
	n := max(m.Rate/50, 1)
	m.pending = append(m.pending, x...)
	whole := len(m.pending) / n * n
	m.powers = append(m.powers, powers(m.pending[:whole], n)...)
	m.pending = append(m.pending[:0], m.pending[whole:]...)
}

// Active returns the square of the [ActiveRMS] of all samples so far.
func (m *LevelMeter) Active() float64 {
	return active(append(m.powers[:len(m.powers):len(m.powers)], powers(m.pending, max(m.Rate/50, 1))...))
}

// Trim returns the part of x between the first and the last block of 10 ms that is no more
// than db below the loudest, and edge seconds around it, where there are any. A single such
// block with none within 20 ms is a click and does not count, unless there is nothing else.
// Silence is trimmed to nothing. Speech needs an edge of 60 to 90 ms: soft consonants lie outside.
func Trim(x []float32, rate int, db, edge float64) []float32 {
	n := max(rate/100, 1)
	p := powers(x, n)
	limit := loudest(p) * math.Pow(10, -db/10)
	loud := func(i int) bool { return i >= 0 && i < len(p) && p[i] > 0 && p[i] >= limit }
	first, last := -1, -1
	for _, clicks := range []bool{false, true} {
		for i := range p {
			if loud(i) && (clicks || loud(i-2) || loud(i-1) || loud(i+1) || loud(i+2)) {
				if first < 0 {
					first = i
				}
				last = i
			}
		}
		if first >= 0 {
			margin := int(edge * float64(rate))
			return x[max(0, first*n-margin):min(len(x), (last+1)*n+margin)]
		}
	}
	return x[:0]
}

// Gain multiplies x, in place.
func Gain(x []float32, gain float64) {
	for i := range x {
		x[i] = float32(float64(x[i]) * gain)
	}
}
