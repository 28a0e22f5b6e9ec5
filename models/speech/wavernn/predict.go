package wavernn

import (
	"math"
	"sync"

	"github.com/seed073b5613/filigree/audio"
)

// Linear prediction, as LPCNet has it (Valin and Skoglund 2019, arXiv:1810.11846): the spectrum of a frame tells a
// filter that foretells a sample from those before it, and what it leaves is modelled. The filter is
// taken from the mel bands, so that it needs nothing of its own. The model is told the foretold sample, the
// one before, what was left around one pitch period ago, and where in a period it stands: of a recording by its own
// pulses, of what is drawn by the pitch.
const (
	pitchRows = 2                 // values of a frame behind its bands: ln of the period, and 1 where voiced
	taps      = 5                 // residuals around one period ago
	phases    = 2                 // cosine and sine of the place in a period
	foretold  = 2 + taps + phases // inputs of the cell that prediction adds
	reach     = 512               // samples of the past that are kept: the longest period and the taps

	logPeriod, logPeriodSpread = 4.4, 0.35 // of a speaking voice: e^4.4 = 81 samples
)

// PredictingFeatures is the number of values of the frames of models that predict: the bands of [audio.VoiceMel], and pitch.
const PredictingFeatures = 80 + pitchRows

// front is the front end whose bands prediction reads.
var front = sync.OnceValue(audio.VoiceMel)

// predictor foretells samples.
type predictor struct {
	spec   Spec
	filter []float32 // of the samples before, the last one first
	period float64   // in samples; 0 where unvoiced
	linear *audio.LinearPrediction
	logMel []float32 // between two frames
}

func newPredictor(s Spec) *predictor {
	return &predictor{spec: s, filter: make([]float32, s.Predict), linear: front().Prediction(s.Predict, s.Emphasis), logMel: make([]float32, s.bands())}
}

// frame takes the frame that follows, with those around it. Its samples lie between it and the next.
func (p *predictor) frame(window []float32) {
	n, bands := p.spec.Features, p.spec.bands()
	here := window[p.spec.Around*n:][:n]
	next := here
	if p.spec.Around > 0 {
		next = window[(p.spec.Around+1)*n:][:n]
	}
	for b := range p.logMel {
		p.logMel[b] = logMean + logDeviation*(here[b]+next[b])/2
	}
	p.linear.Filter(p.filter, p.logMel)
	voiced := here[bands+1] + next[bands+1]
	if p.period = 0; voiced > 0 {
		log := (here[bands] + next[bands]) / voiced // 0 where unvoiced
		p.period = max(taps, min(math.Exp(logPeriod+logPeriodSpread*float64(log)), reach-taps))
	}
}

// expect returns the sample t the filter foretells by those of the signal before.
func (p *predictor) expect(signal []float32, t int) float32 {
	sum := float32(0)
	for k, c := range p.filter[:min(len(p.filter), t)] {
		sum += c * signal[t-1-k]
	}
	return max(-1, min(sum, 1))
}

// next puts what a model is told of sample t into dst, whose values are ld apart, and returns the sample expected.
// phase, from 0 to 1, is where t stands in a period.
func (p *predictor) next(dst []float32, ld int, past Past, t int, phase float64) float32 {
	expected, last := p.expect(past.Signal, t), float32(0)
	if t > 0 {
		last = past.Signal[t-1]
	}
	dst[0], dst[ld] = p.spec.compand(last), p.spec.compand(expected)
	period := int(p.period + 0.5)
	for j := range taps {
		v := float32(0)
		if at := t - period + j - taps/2; period > 0 && at >= 0 && at < t {
			v = float32(past.Left[at]) / 32768
		}
		dst[(2+j)*ld] = v
	}
	sin, cos := 0.0, 0.0
	if period > 0 {
		sin, cos = math.Sincos(2 * math.Pi * phase)
	}
	dst[(2+taps)*ld], dst[(3+taps)*ld] = float32(cos), float32(sin)
	return expected
}

// Foretell puts what prediction tells of n samples of a recording into rows of dst that are ld apart, a column every
// step values: those from sample at on, at the beginning of a frame. frames and the past are of the whole recording.
func (s Spec) Foretell(dst []float32, ld, step int, frames []float32, past Past, at, n int) {
	p, window := newPredictor(s), make([]float32, s.Width())
	for i := range n {
		if t := at + i; t%s.Hop == 0 {
			s.Stack(window, frames, t/s.Hop)
			p.frame(window)
		}
		p.next(dst[i*step:], ld, past, at+i, past.phase(at+i, p.period))
	}
}
