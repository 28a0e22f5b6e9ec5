package audio

import (
	"math"
	"slices"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Pitch tracking after RAPT (Talkin 1995): peaks of the normalised cross-correlation of each
// frame are candidates, and the cheapest path through them is found by dynamic programming.
const (
	lowestPitch, highestPitch = 50.0, 500.0 // Hz

	pitchRate   = 8000 // the search runs at; peaks are interpolated
	pitchWindow = 0.03 // seconds that are correlated
	candidates  = 6

	lagWeight    = 0.25 // lowers the score of long lags, so that octaves below lose ties
	voicingBias  = 0.6  // score of being unvoiced
	jumpCost     = 1.0  // a change of pitch by an octave
	switchCost   = 0.14 // a change between voiced and unvoiced
	silenceBelow = 1e-4 // of the loudest frame's power: 40 dB
)

// pitchFrame holds the candidates of a frame.
type pitchFrame struct {
	hz, score []float64
	quiet     bool
}

// pitchTask finds the candidates of the frames of a waveform.
type pitchTask struct {
	x      []float32
	energy []float64 // of all samples before each
	hop    float64
	frames []pitchFrame
}

// Pitch returns the fundamental frequency in Hz of frames of hop samples, frame t centred
// on sample t·hop; 0 where the frame is not voiced. There are 1 + len(x)/hop frames.
func Pitch(x []float32, rate, hop int) []float32 {
	hz, _ := pitch(x, rate, hop, 0)
	return hz
}

// pitch is [Pitch] of sound after some whose loudest frame had a power. It returns that of all.
func pitch(x []float32, rate, hop int, before float64) (hz []float32, top float64) {
	frames := make([]pitchFrame, 1+len(x)/hop)
	t := &pitchTask{x: Resample(x, rate, pitchRate), hop: float64(hop) * pitchRate / float64(rate), frames: frames}
	t.energy = make([]float64, len(t.x)+1)
	for i, v := range t.x {
		t.energy[i+1] = t.energy[i] + float64(v)*float64(v)
	}
	const block = 64
	parallel.Do((len(frames)+block-1)/block, blocks{t, block})
	top = t.quiet(before)
	return path(frames), top
}

type blocks struct {
	t    *pitchTask
	size int
}

// Run does one block of frames.
func (b blocks) Run(i int) {
	for f := i * b.size; f < min((i+1)*b.size, len(b.t.frames)); f++ {
		b.t.frame(f)
	}
}

// frame finds the candidates of a frame.
func (t *pitchTask) frame(f int) {
	const n = int(pitchWindow * pitchRate)
	const low, high = int(pitchRate / highestPitch), int(pitchRate / lowestPitch)
	var r [high + 2]float64
	centre := int(math.Round(float64(f) * t.hop))
	for lag := low - 1; lag <= high+1; lag++ {
		r[lag] = t.correlation(centre-(n+lag)/2, n, lag)
	}
	out := &t.frames[f]
	for lag := low; lag <= high; lag++ {
		a, b, c := r[lag-1], r[lag], r[lag+1]
		if b < 0.25 || b < a || b <= c {
			continue
		}
		shift := (a - c) / (2 * (a - 2*b + c)) // top of a parabola
		top := b - (a-c)*shift/4
		exact := float64(lag) + shift
		out.hz = append(out.hz, pitchRate/exact)
		out.score = append(out.score, min(top, 1)*(1-lagWeight*exact/float64(high)))
	}
	for len(out.hz) > candidates {
		i := slices.Index(out.score, slices.Min(out.score))
		out.hz, out.score = slices.Delete(out.hz, i, i+1), slices.Delete(out.score, i, i+1)
	}
}

// correlation returns the normalised correlation of n samples from at with those lag later.
func (t *pitchTask) correlation(at, n, lag int) float64 {
	low, high := max(at, 0), min(at+n, len(t.x)-lag)
	if high-low < n/2 {
		return 0
	}
	aa, bb := t.energy[high]-t.energy[low], t.energy[high+lag]-t.energy[low+lag]
	if aa <= 0 || bb <= 0 {
		return 0
	}
	return float64(dot(t.x[low:high], t.x[low+lag:high+lag])) / (math.Sqrt(aa*bb) + 1e-9)
}

// quiet marks frames that are too quiet to be voiced, and returns the power of the loudest.
func (t *pitchTask) quiet(before float64) float64 {
	n := int(pitchWindow * pitchRate)
	p := make([]float64, len(t.frames))
	for f := range p {
		centre := int(math.Round(float64(f) * t.hop))
		for _, v := range t.x[min(max(0, centre-n/2), len(t.x)):min(len(t.x), centre+n/2)] {
			p[f] += float64(v) * float64(v)
		}
	}
	top := max(before, loudest(p))
	limit := top * silenceBelow
	for f := range p {
		t.frames[f].quiet = p[f] <= limit
	}
	return top
}

// path returns the pitch along the best path.
func path(frames []pitchFrame) []float32 {
	out := make([]float32, len(frames))
	best := []float64{0} // best score of a path that ends in each candidate; the last is unvoiced
	var hz []float64
	from := make([][]int, len(frames))
	for f := range frames {
		c := &frames[f]
		if c.quiet {
			c.hz, c.score = nil, nil
		}
		next := make([]float64, len(c.hz)+1)
		from[f] = make([]int, len(next))
		for j := range next {
			top, arg := math.Inf(-1), 0
			for i, s := range best {
				switch voiced, was := j < len(c.hz), i < len(hz); {
				case voiced && was:
					s -= jumpCost * math.Abs(math.Log2(c.hz[j]/hz[i]))
				case voiced != was:
					s -= switchCost
				}
				if s > top {
					top, arg = s, i
				}
			}
			if j < len(c.hz) {
				next[j] = top + c.score[j]
			} else {
				next[j] = top + voicingBias
			}
			from[f][j] = arg
		}
		best, hz = next, c.hz
	}
	at := slices.Index(best, slices.Max(best))
	for f := len(frames) - 1; f >= 0; f-- {
		if at < len(frames[f].hz) {
			out[f] = float32(frames[f].hz[at])
		}
		at = from[f][at]
	}
	return out
}
