package wavernn

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
)

// Encode returns the samples that are modelled of a waveform in -1 to 1: emphasised, companded and rounded to
// 16 bits. Models that predict have [Spec.Leave].
func (s Spec) Encode(x []float32) []int16 {
	y, out := s.emphasize(x), make([]int16, len(x))
	if s.Mu > 0 {
		audio.MuLaw(y, s.Mu)
	}
	for i, v := range y {
		out[i], _ = audio.Int16(v)
	}
	return out
}

func (s Spec) emphasize(x []float32) []float32 {
	y := make([]float32, len(x))
	before := float32(0)
	for i, v := range x {
		y[i] = v - float32(s.Emphasis)*before
		before = v
	}
	return y
}

// Past is a recording as a model that predicts sees it.
type Past struct {
	Signal []float32 // emphasised samples
	Left   []int16   // and what prediction left of them
	Pulses []int32   // samples at which periods begin, of a recording
}

// Leave returns what linear prediction leaves of a waveform, by the frames [T, Features] of the recording, which are at least as
// long as it: what is modelled. As in LPCNet the past may be noisy: what was left is off by a normal deviate of so much, 1
// being the loudest, and what is modelled next makes up for that. So a model learns to live with what it draws itself.
func (s Spec) Leave(x, frames []float32, noise float64, rng *rand.Rand) (out []int16, past Past) {
	y := s.emphasize(x)
	out, past = make([]int16, len(x)), Past{Signal: y, Left: make([]int16, len(x))}
	p, window := newPredictor(s), make([]float32, s.Width())
	rest, periods := make([]float32, len(x)), make([]float64, 0, len(x)/s.Hop+1)
	for t, v := range y {
		if t%s.Hop == 0 {
			s.Stack(window, frames, t/s.Hop)
			p.frame(window)
			periods = append(periods, p.period)
		}
		expected := p.expect(y, t)
		rest[t] = v - expected
		left := s.compand(rest[t])
		out[t], _ = audio.Int16(left)
		past.Left[t] = out[t]
		if noise > 0 {
			past.Left[t], _ = audio.Int16(left + float32(noise*rng.NormFloat64()))
		}
		y[t] = s.add(expected, past.Left[t])
	}
	past.Pulses = pulses(rest, periods, s.Hop)
	return out, past
}

// add returns the sample of which so much was expected and the rest was modelled.
func (s Spec) add(expected float32, left int16) float32 {
	return max(-1.5, min(expected+s.expand(left), 1.5))
}

// compand maps a sample of -1 to 1 as the mu law of the model has it.
func (s Spec) compand(v float32) float32 {
	if s.Mu == 0 {
		return v
	}
	x := [1]float32{v}
	audio.MuLaw(x[:], s.Mu)
	return x[0]
}

// expand undoes compand for a modelled sample.
func (s Spec) expand(v int16) float32 {
	x := [1]float32{float32(v) / 32768}
	if s.Mu > 0 {
		audio.FromMuLaw(x[:], s.Mu)
	}
	return x[0]
}

// Decoder turns modelled samples back into a waveform, one after the other.
type Decoder struct {
	spec   Spec
	before float32
}

// NewDecoder returns a decoder at the beginning of a recording.
func (s Spec) NewDecoder() *Decoder { return &Decoder{spec: s} }

// Decode puts the waveform of samples, in -1 to 1, into dst of the same length. It is for models that do not
// predict: [Vocoder] is for all.
func (d *Decoder) Decode(dst []float32, samples []int16) {
	for i, v := range samples {
		dst[i] = d.spec.expand(v)
	}
	d.deemphasize(dst)
}

// deemphasize undoes the emphasis, in place.
func (d *Decoder) deemphasize(x []float32) {
	for i, v := range x {
		d.before = max(-1, min(v+float32(d.spec.Emphasis)*d.before, 1))
		x[i] = d.before
	}
}
