package wavernn

import "github.com/seed073b5613/filigree/audio"

// Encode returns the samples that are modelled of a waveform in -1 to 1: emphasised, companded
// and rounded to 16 bits.
func (s Spec) Encode(x []float32) []int16 {
	y := make([]float32, len(x))
	before := float32(0)
	for i, v := range x {
		y[i] = v - float32(s.Emphasis)*before
		before = v
	}
	if s.Mu > 0 {
		audio.MuLaw(y, s.Mu)
	}
	out := make([]int16, len(x))
	for i, v := range y {
		out[i], _ = audio.Int16(v)
	}
	return out
}

// Decoder turns modelled samples back into a waveform, one after the other.
type Decoder struct {
	spec   Spec
	before float32
}

// NewDecoder returns a decoder at the beginning of a recording.
func (s Spec) NewDecoder() *Decoder { return &Decoder{spec: s} }

// Decode puts the waveform of samples, in -1 to 1, into dst of the same length.
func (d *Decoder) Decode(dst []float32, samples []int16) {
	for i, v := range samples {
		dst[i] = float32(v) / 32768
	}
	if d.spec.Mu > 0 {
		audio.FromMuLaw(dst, d.spec.Mu)
	}
	for i, v := range dst {
		d.before = max(-1, min(v+float32(d.spec.Emphasis)*d.before, 1))
		dst[i] = d.before
	}
}
