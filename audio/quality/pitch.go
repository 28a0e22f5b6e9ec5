package quality

import (
	"math"

	"github.com/seed073b5613/filigree/audio"
)

// pitch adds the measures of voicing, pitch and periodicity.
func (t *Tally) pitch(x, y []float32, path []pair, aligned bool) {
	f, g := audio.Pitch(x, Rate, Hop), audio.Pitch(y, Rate, Hop)
	for _, p := range path {
		a, b := float64(f[p.a]), float64(g[p.b])
		differ := 0.0
		if (a > 0) != (b > 0) {
			differ = 1
		}
		t.voicing.add(differ)
		if a > 0 && b > 0 {
			cents := 1200 * math.Log2(b/a)
			t.f0.add(cents * cents)
		}
		if aligned && a > 0 {
			d := periodicity(y, p.b*Hop, Rate/a) - periodicity(x, p.a*Hop, Rate/a)
			t.periodicity.add(d * d)
		}
	}
	if s := Spread(f); !math.IsNaN(s) {
		t.referenceSpread.add(s)
	}
	if s := Spread(g); !math.IsNaN(s) {
		t.spread.add(s)
	}
}

// Spread returns the standard deviation of pitch in semitones, given in Hz and 0 where
// unvoiced; NaN where less than two frames are voiced.
func Spread(f0 []float32) float64 {
	sum, squares, n := 0.0, 0.0, 0.0
	for _, v := range f0 {
		if v > 0 {
			s := 12 * math.Log2(float64(v)/100)
			sum += s
			squares += s * s
			n++
		}
	}
	if n < 2 {
		return math.NaN()
	}
	return math.Sqrt(max(0, squares/n-sum*sum/(n*n)))
}

// window is the number of samples that are correlated with as many later ones: 30 ms.
const window = 480

// periodicity returns the peak of the normalised autocorrelation around a sample within
// 3 % of a lag.
func periodicity(x []float32, at int, lag float64) float64 {
	low, high := int(math.Floor(0.97*lag)), int(math.Ceil(1.03*lag))
	var r [64]float64
	if low < 1 || high-low+3 > len(r) {
		return 0
	}
	for k := low - 1; k <= high+1; k++ {
		r[k-low+1] = correlation(x, at-(window+k)/2, k)
	}
	best := 0.0
	for i := 1; i <= high-low+1; i++ {
		a, b, c := r[i-1], r[i], r[i+1]
		top := b
		if b >= a && b >= c && 2*b > a+c {
			top = b + (a-c)*(a-c)/(8*(2*b-a-c)) // of a parabola
		}
		best = max(best, min(top, 1))
	}
	return best
}

// correlation is that of a window that begins at a sample with the one lag later.
func correlation(x []float32, at, lag int) float64 {
	low, high := max(at, 0), min(at+window, len(x)-lag)
	if high-low < window/2 {
		return 0
	}
	a, b := x[low:high], x[low+lag:high+lag]
	var ab, aa, bb float32
	for i, v := range a {
		ab += v * b[i]
		aa += v * v
		bb += b[i] * b[i]
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}
