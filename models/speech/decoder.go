package speech

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// The decoder's transform: frames of 40 ms, 10 ms apart, at 16 kHz.
const (
	SampleRate = 16000
	Hop        = 160 // samples between frames
	headSize   = 640 // samples of a frame
	headBins   = headSize/2 + 1
)

// DecoderSpec says how a decoder is built.
type DecoderSpec struct {
	Channels int `json:"channels"`
	Hidden   int `json:"hidden"` // inside a block
	Layers   int `json:"layers"` // blocks
}

func (s DecoderSpec) check() error {
	if s.Channels < 1 || s.Channels > 1<<14 || s.Hidden < 1 || s.Hidden > 1<<14 || s.Layers < 1 || s.Layers > 1000 {
		return fmt.Errorf("%d layers of %d channels and %d hidden ones: out of range", s.Layers, s.Channels, s.Hidden)
	}
	return nil
}

// Decoder turns frames into a waveform: residual blocks at the rate of frames, then
// magnitude and phase of each frame's spectrum, added up by the inverse short-time Fourier
// transform (Vocos, arXiv:2306.00814; the blocks and rates of EATS's decoder would cost fifty
// times as much). The magnitude starts from the mel spectrum's, the phase from that of a pulse
// train at the voice's pitch. Overlapping frames disagree, so that the waveform's spectrum is not the one it was
// made of: the waveform is made anew with what its mel spectrum lacked added to the
// magnitudes, once in training, twice otherwise.
type Decoder struct {
	Spec DecoderSpec `json:"-"`

	Stem   *nn.Conv1D
	FromF0 *nn.Conv1D
	Pulses *nn.Linear // from the excitation's log magnitude
	First  *nn.LayerNorm
	Blocks []*frameBlock
	Norm   *nn.LayerNorm
	Out    *nn.Linear // [2·321], log magnitudes, then phases
}

// NewDecoder returns a decoder with first weights from rng.
func NewDecoder(s DecoderSpec, rng *rand.Rand) (*Decoder, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("speech: decoder: %w", err)
	}
	d := &Decoder{Spec: s, Stem: stem(MelBands, s.Channels, 7, rng), FromF0: stem(pitchRows, s.Channels, 3, rng),
		Pulses: nn.NewLinear(headBins, s.Channels, rng), First: nn.NewLayerNorm(s.Channels),
		Norm: nn.NewLayerNorm(s.Channels), Out: nn.NewLinear(s.Channels, 2*headBins, rng)}
	for range s.Layers {
		d.Blocks = append(d.Blocks, newFrameBlock(s.Channels, s.Hidden, 0.3, rng))
	}
	nn.Normal(d.Out.Weight, 0.02, rng)
	return d, nil
}

// loudest is the highest log magnitude of a bin: that of a full-scale tone is 5.1.
const loudest = 6

// corrections are the shares of what a mel spectrum lacks that are added, a waveform after the other.
var corrections = [...]float32{1, 0.7}

// Wave returns waveforms [1, B, 160·T] of log mel spectra [80, B, T] with their pitch: rows
// of [Acoustic.Mel], and the excitation at it. stats are those of the spectra.
func (d *Decoder) Wave(t *grad.Tape, mel *grad.Var, pitch *tensor.Tensor, e Excitation, stats *Stats) *grad.Var {
	shape := []int{headBins, mel.Value.Shape[1], mel.Value.Shape[2]}
	x := grad.Add(t, d.Stem.Forward(t, stats.Normal(t, mel)), d.FromF0.Forward(t, t.Input(pitch)))
	x = d.First.Forward(t, grad.Add(t, x, d.Pulses.Forward(t, t.Input(tensor.Of(e.Log, shape...)))))
	for _, b := range d.Blocks {
		x = b.forward(t, x, nil, nn.Dropout{})
	}
	y := d.Out.Forward(t, d.Norm.Forward(t, x))
	magnitude, phase := grad.Add(t, grad.Rows(t, y, 0, headBins), prior(t, mel)), grad.Rows(t, y, headBins, 2*headBins)
	x = grad.InverseSTFT(t, magnitude, phase, e.Cos, e.Sin, headFrames, loudest)
	none := make([]float32, MelBands*shape[1])
	for i, gain := range corrections {
		if i > 0 && t.Training() {
			break
		}
		is := grad.LogMel(t, grad.Magnitude(t, x, melFront.Frames, shape[2]), melFront.Filters, melFront.Floor)
		lacking := grad.ScaleShift(t, grad.Add(t, mel, grad.ScaleShift(t, is, -1, none)), gain, none)
		magnitude = grad.Add(t, magnitude, overBins(t, lacking, nil))
		x = grad.InverseSTFT(t, magnitude, phase, e.Cos, e.Sin, headFrames, loudest)
	}
	return x
}

// reach returns how many frames on each side of a frame its samples depend on: those of the
// convolutions, and for each waveform those that overlap in it and in its spectrum.
func (d *Decoder) reach() int {
	return 3 + 3*len(d.Blocks) + (2+2*len(corrections))*headSize/2/Hop + 1
}
