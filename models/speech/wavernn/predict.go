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

// PredictingFeatures is the number of values of the frames of models that predict.
var PredictingFeatures = audio.VoiceMel().Bands + pitchRows

// front is the front end whose bands prediction reads.
var front = sync.OnceValue(audio.VoiceMel)

// predictor foretells samples.
type predictor struct {
	spec     Spec
	filter   []float32 // of the samples before, the last one first
	period   float64   // in samples; 0 where unvoiced
	envelope *envelope
}

func newPredictor(s Spec) *predictor {
	return &predictor{spec: s, filter: make([]float32, s.Predict), envelope: newEnvelope(s)}
}

// frame takes the frame that follows, with those around it. Its samples lie between it and the next.
func (p *predictor) frame(window []float32) {
	n, bands := p.spec.Features, p.spec.bands()
	here := window[p.spec.Around*n:][:n]
	next := here
	if p.spec.Around > 0 {
		next = window[(p.spec.Around+1)*n:][:n]
	}
	p.envelope.filter(p.filter, here[:bands], next[:bands])
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

// bins is the number of frequencies an envelope is looked at.
const bins = 257

// envelope turns bands into filters.
type envelope struct {
	left   []int     // of each frequency, the band below
	share  []float64 // and how far it is from there to the next
	area   []float64 // ln of the sum of each band's weights
	weight []float64 // of each frequency: the power of the emphasis
	cosine []float64 // [order+1, bins]

	logs, power []float64
	r, a, b     []float64 // autocorrelation and filters
}

func newEnvelope(s Spec) *envelope {
	f := front()
	e := &envelope{logs: make([]float64, f.Bands), power: make([]float64, bins),
		r: make([]float64, s.Predict+1), a: make([]float64, s.Predict+1), b: make([]float64, s.Predict+1)}
	width := len(f.Filters) / f.Bands
	for m := range f.Bands {
		sum := 0.0
		for _, v := range f.Filters[m*width : (m+1)*width] {
			sum += float64(v)
		}
		e.area = append(e.area, math.Log(sum))
	}
	top := audio.HTK.Mel(float64(f.Rate) / 2)
	for k := range bins {
		w := math.Pi * float64(k) / (bins - 1)
		place := audio.HTK.Mel(w/(2*math.Pi)*float64(f.Rate))/top*float64(f.Bands+1) - 1 // in bands
		place = max(0, min(place, float64(f.Bands-1)))
		left := min(int(place), f.Bands-2)
		e.left, e.share = append(e.left, left), append(e.share, place-float64(left))
		e.weight = append(e.weight, 1-2*s.Emphasis*math.Cos(w)+s.Emphasis*s.Emphasis)
	}
	const smear = 40.0 // Hz: peaks are at least so wide
	for i := range s.Predict + 1 {
		lag := 2 * math.Pi * smear / float64(f.Rate) * float64(i)
		for k := range bins {
			e.cosine = append(e.cosine, math.Cos(math.Pi*float64(k*i)/(bins-1))*math.Exp(-lag*lag/2))
		}
	}
	return e
}

// filter finds the filter that leaves least of a sound whose spectrum lies between two frames of normalised bands: the
// autocorrelation of its envelope, and Levinson's recursion.
func (e *envelope) filter(dst, here, next []float32) {
	for m := range e.logs {
		e.logs[m] = logMean + logDeviation*float64(here[m]+next[m])/2 - e.area[m]
	}
	for k := range e.power {
		l, share := e.left[k], e.share[k]
		e.power[k] = e.weight[k] * math.Exp(2*(e.logs[l]*(1-share)+e.logs[l+1]*share))
	}
	for i := range e.r {
		sum := 0.0
		for k, c := range e.cosine[i*bins : (i+1)*bins] {
			sum += c * e.power[k]
		}
		e.r[i] = sum
	}
	e.r[0] *= 1 + 1e-4 // a floor of noise, 40 dB below
	clear(e.a)
	e.a[0] = 1
	rest := e.r[0]
	for i := 1; i < len(e.a); i++ {
		sum := 0.0
		for j := range i {
			sum += e.a[j] * e.r[i-j]
		}
		k := -sum / rest
		copy(e.b, e.a)
		for j := 1; j <= i; j++ {
			e.a[j] = e.b[j] + k*e.b[i-j]
		}
		rest *= 1 - k*k
	}
	for i := range dst {
		dst[i] = float32(-e.a[i+1])
	}
}
