package wavernn

import (
	"math"
	"slices"
	"sort"
)

// pulses finds where periods begin in what prediction leaves of a recording: from the strongest pulse of each voiced
// stretch on to either side, the strongest about a period away. periods are those of frames of hop samples, 0 where unvoiced.
func pulses(rest []float32, periods []float64, hop int) (all []int32) {
	at := func(t int) float64 { return periods[t/hop] }
	skew := 0.0
	for t, v := range rest {
		if at(t) > 0 {
			skew += float64(v) * float64(v) * float64(v)
		}
	}
	if skew < 0 { // pulses point down
		rest = slices.Clone(rest)
		for i := range rest {
			rest[i] = -rest[i]
		}
	}
	// strongest returns the best place about a period from t on, in the direction of step; -1 beyond lo to hi.
	strongest := func(t, lo, hi, step int) int {
		period, best, place := at(t), float32(0), -1
		for d := int(0.75 * period); d <= int(1.25*period); d++ {
			i := t + step*d
			if i < lo || i >= hi {
				continue
			}
			off := (float64(d) - period) / period
			if v := rest[i] * float32(1-8*off*off); place < 0 || v > best {
				best, place = v, i
			}
		}
		return place
	}
	for f := 0; f < len(periods); f++ {
		if periods[f] == 0 {
			continue
		}
		lo := f * hop
		for f < len(periods) && periods[f] > 0 {
			f++
		}
		hi := min(f*hop, len(rest))
		anchor := lo
		for t := lo; t < hi; t++ {
			if rest[t] > rest[anchor] {
				anchor = t
			}
		}
		from := len(all)
		for t := anchor; t >= 0; t = strongest(t, lo, hi, -1) {
			all = append(all, int32(t))
		}
		slices.Reverse(all[from:])
		for t := strongest(anchor, lo, hi, 1); t >= 0; t = strongest(t, lo, hi, 1) {
			all = append(all, int32(t))
		}
	}
	return all
}

// phase returns where sample t stands in its period, from 0 to 1: between the pulses around it if they are about a period
// apart, else by the one that is nearer.
func (p Past) phase(t int, period float64) float64 {
	if period == 0 || len(p.Pulses) == 0 {
		return 0
	}
	next := sort.Search(len(p.Pulses), func(i int) bool { return int(p.Pulses[i]) > t })
	before, after := math.Inf(1), math.Inf(1) // distances
	if next > 0 {
		before = float64(t - int(p.Pulses[next-1]))
	}
	if next < len(p.Pulses) {
		after = float64(int(p.Pulses[next]) - t)
	}
	if before+after < 1.6*period {
		return before / (before + after)
	}
	turns := before / period
	if after < before {
		turns = -after / period
	}
	return turns - math.Floor(turns)
}
