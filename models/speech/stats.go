package speech

import (
	"math"

	"github.com/seed073b5613/filigree/grad"
)

// Stats are averages of a voice's recordings, by which its networks' inputs and outputs
// are scaled, and constants found after training.
type Stats struct {
	MelMean      []float32 `json:"mel_mean"`      // [80], ln
	MelDeviation float64   `json:"mel_deviation"` // of all bands about their means
	PitchMean    float64   `json:"pitch_mean"`    // of ln Hz
	PitchSpread  float64   `json:"pitch_spread"`  // deviation of it

	// What the networks get wrong on average, as means of a distribution do: factors on the lengths
	// of phonemes and of silences, and on the deviation of pitch from its mean in a sentence.
	PhoneFactor float64 `json:"phone_factor,omitempty"`
	PauseFactor float64 `json:"pause_factor,omitempty"`
	PitchFactor float64 `json:"pitch_factor,omitempty"`
}

// Normalize returns log mel spectra [80, ...] with mean 0 and deviation 1.
func (s *Stats) Normalize(mel []float32) []float32 {
	out, n := make([]float32, len(mel)), len(mel)/MelBands
	scale := float32(1 / s.MelDeviation)
	for b := range MelBands {
		for i, v := range mel[b*n : (b+1)*n] {
			out[b*n+i] = (v - s.MelMean[b]) * scale
		}
	}
	return out
}

// Normal is [Stats.Normalize] for log mel spectra [80, B, T] on the tape.
func (s *Stats) Normal(t *grad.Tape, mel *grad.Var) *grad.Var {
	return s.affine(t, mel, 1/s.MelDeviation, func(mean float64) float64 { return -mean / s.MelDeviation })
}

// Natural undoes Normal.
func (s *Stats) Natural(t *grad.Tape, normal *grad.Var) *grad.Var {
	return s.affine(t, normal, s.MelDeviation, func(mean float64) float64 { return mean })
}

func (s *Stats) affine(t *grad.Tape, x *grad.Var, scale float64, shift func(mean float64) float64) *grad.Var {
	B := x.Value.Shape[1]
	shifts := make([]float32, MelBands*B)
	for i := range shifts {
		shifts[i] = float32(shift(float64(s.MelMean[i/B])))
	}
	return grad.ScaleShift(t, x, float32(scale), shifts)
}

// restore undoes Normalize, in place.
func (s *Stats) restore(mel []float32) {
	n := len(mel) / MelBands
	for b := range MelBands {
		for i, v := range mel[b*n : (b+1)*n] {
			mel[b*n+i] = v*float32(s.MelDeviation) + s.MelMean[b]
		}
	}
}

// Pitch returns the rows [2, n] by which networks are told a pitch in Hz, 0 where unvoiced.
func (s *Stats) Pitch(hz []float32) []float32 {
	out := make([]float32, pitchRows*len(hz))
	for i, h := range hz {
		if h > 0 {
			out[i] = float32((math.Log(float64(h)) - s.PitchMean) / s.PitchSpread)
			out[len(hz)+i] = 1
		}
	}
	return out
}

// Phone returns the factor on the lengths of phonemes.
func (s *Stats) Phone() float64 { return orOne(s.PhoneFactor) }

// Pause returns the factor on the lengths of silences.
func (s *Stats) Pause() float64 { return orOne(s.PauseFactor) }

func orOne(f float64) float64 {
	if f == 0 {
		return 1
	}
	return f
}
