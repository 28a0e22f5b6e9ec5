package eats

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

// Constants of the losses (section 2.4).
const (
	WarpPenalty = 1.0 // what a step of time warping along one spectrum costs
	Temperature = 0.01
	JitterRange = 60 // samples
)

// Front makes the log mel spectra that losses compare and the spectrogram discriminator sees.
type Front struct {
	mel     *audio.Mel
	filters []float32
}

// NewFront returns the front end for waveforms of a rate.
func NewFront(rate int) *Front {
	m := audio.EATSMel(rate)
	f := &Front{m, make([]float32, len(m.Filters))}
	kernel.Scale(m.Gain, f.filters, m.Filters)
	return f
}

// Spectra returns the log mel spectra [80, B, T] of waveforms [1, B, L], not companded, T =
// ⌈L/hop⌉.
func (f *Front) Spectra(t *grad.Tape, wave *grad.Var) *grad.Var {
	L := wave.Value.Shape[2]
	return grad.LogMelPlus(t, grad.Magnitude(t, wave, f.mel.Frames, f.mel.Count(L)), f.filters)
}

// Jitter shifts each waveform of x [1, B, L] by a random number of samples up to JitterRange
// either way, zeros coming in: what is compared with a jittered recording cannot be asked for the
// phase below a frame. It is for the recordings of the prediction loss alone.
func Jitter(x *tensor.Tensor, rng *rand.Rand) *tensor.Tensor {
	B, L := x.Shape[1], x.Shape[2]
	out := tensor.New(1, B, L)
	for b := range B {
		d := rng.IntN(2*JitterRange+1) - JitterRange
		from, to := x.Data[b*L:(b+1)*L], out.Data[b*L:(b+1)*L]
		if d >= 0 {
			copy(to[min(d, L):], from)
		} else {
			copy(to, from[min(-d, L):])
		}
	}
	return out
}

// PredictionLoss returns how far spectra [80, B, T] are from those of recordings: the sum over
// time of the mean absolute difference, with dynamic time warping by soft minima (the paper's third form, eq.
// 5 to 7) or between frames of the same time (Lpred, eq. 4); a mean over the batch.
func PredictionLoss(t *grad.Tape, spectra *grad.Var, target *tensor.Tensor, warping bool) *grad.Var {
	if warping {
		return grad.SoftDTW(t, spectra, target, WarpPenalty, Temperature)
	}
	T := float32(spectra.Value.Shape[2])
	return grad.ScaleShift(t, grad.L1(t, spectra, target.Data, nil), T, []float32{0})
}

// LengthLoss returns ½(L - Σ l_n)², a mean over the batch, for the lengths [1, B, N] of tokens and the
// true total L of each utterance (eq. 8).
func LengthLoss(t *grad.Tape, lengths *grad.Var, totals []float32) *grad.Var {
	s := lengths.Value.Shape
	sums := grad.ScaleShift(t, grad.TimeMean(t, lengths), float32(s[2]), []float32{0})
	return grad.ScaleShift(t, grad.L2(t, sums, totals, nil), 0.5, []float32{0})
}
