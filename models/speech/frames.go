package speech

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// FrameDecoder turns features of frames straight into a waveform: [Decoder] without a spectrum
// before it, from which it could start. It chooses the pitch itself, by a small net, since
// nothing else tells frames within a long sound apart.
type FrameDecoder struct {
	Spec DecoderSpec `json:"-"`

	PitchStem *nn.Conv1D
	Pitch     []*frameBlock
	PitchNorm *nn.LayerNorm
	PitchOut  *nn.Linear

	Stem   *nn.Conv1D
	FromF0 *nn.Conv1D
	Pulses *nn.Linear // from the excitation's log magnitude
	First  *nn.LayerNorm
	Blocks []*frameBlock
	Norm   *nn.LayerNorm
	Out    *nn.Linear // [2·321], log magnitudes, then phases
}

// quiet is the log magnitude that bins start from.
const quiet = -2

// NewFrameDecoder returns a decoder of frames of so many features, with first weights from rng.
func NewFrameDecoder(features int, s DecoderSpec, rng *rand.Rand) (*FrameDecoder, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("speech: decoder: %w", err)
	}
	d := &FrameDecoder{Spec: s,
		PitchStem: stem(features, pitchChannels, 5, rng), PitchNorm: nn.NewLayerNorm(pitchChannels), PitchOut: nn.NewLinear(pitchChannels, pitchRows, rng),
		Stem: stem(features, s.Channels, 7, rng), FromF0: stem(pitchRows, s.Channels, 3, rng),
		Pulses: nn.NewLinear(headBins, s.Channels, rng), First: nn.NewLayerNorm(s.Channels),
		Norm: nn.NewLayerNorm(s.Channels), Out: nn.NewLinear(s.Channels, 2*headBins, rng)}
	for range pitchLayers {
		d.Pitch = append(d.Pitch, newFrameBlock(pitchChannels, 3*pitchChannels, 0.3, rng))
	}
	for range s.Layers {
		d.Blocks = append(d.Blocks, newFrameBlock(s.Channels, s.Hidden, 0.3, rng))
	}
	d.PitchOut.Weight.Prunable = false
	nn.Normal(d.Out.Weight, 0.02, rng)
	for i := range headBins {
		d.Out.Bias.Dense.Data[i] = quiet
	}
	return d, nil
}

// pitchChannels are those of the pitch net.
const pitchChannels = 64

// PitchOf returns the pitch of frames, [2, B, T], as [Acoustic.PitchOf] does.
func (d *FrameDecoder) PitchOf(t *grad.Tape, x *grad.Var) *grad.Var {
	x = d.PitchStem.Forward(t, x)
	for _, b := range d.Pitch {
		x = b.forward(t, x, nil, nn.Dropout{})
	}
	return d.PitchOut.Forward(t, d.PitchNorm.Forward(t, x))
}

// Wave returns waveforms [1, B, 160·T] of features [C, B, T] with their pitch, [2, B, T], rows of
// [Stats.Pitch], and the excitation at it.
func (d *FrameDecoder) Wave(t *grad.Tape, x *grad.Var, pitch *tensor.Tensor, e Excitation) *grad.Var {
	shape := []int{headBins, x.Value.Shape[1], x.Value.Shape[2]}
	y := grad.Add(t, d.Stem.Forward(t, x), d.FromF0.Forward(t, t.Input(pitch)))
	y = d.First.Forward(t, grad.Add(t, y, d.Pulses.Forward(t, t.Input(tensor.Of(e.Log, shape...)))))
	for _, b := range d.Blocks {
		y = b.forward(t, y, nil, nn.Dropout{})
	}
	y = d.Out.Forward(t, d.Norm.Forward(t, y))
	return grad.InverseSTFT(t, grad.Rows(t, y, 0, headBins), grad.Rows(t, y, headBins, 2*headBins), e.Cos, e.Sin, headFrames, loudest)
}

// Hear returns the pitch [T] in Hz, 0 where unvoiced, of rows [2, T] of [FrameDecoder.PitchOf].
func (s *Stats) Hear(rows []float32) []float32 {
	T := len(rows) / pitchRows
	hz := make([]float32, T)
	for i := range hz {
		if rows[T+i] > 0 {
			hz[i] = float32(math.Exp(s.PitchMean + s.PitchSpread*max(-3.5, min(float64(rows[i]), 3.5))))
		}
	}
	return hz
}
