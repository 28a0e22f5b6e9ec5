package speech

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Frames: what an acoustic model says of each 10 ms.
const (
	MelBands  = 80 // log mel spectrum
	pitchRows = 2  // normalised ln F0 where voiced, and 1 where voiced or 0
)

// KernelWidth is sigma² of the interpolation in frames²: EATS's 10 at 200 frames a second.
const KernelWidth = 2.5

// AcousticSpec says how an acoustic model is built.
type AcousticSpec struct {
	Symbols int `json:"symbols"` // phonemes and silences
	Tokens  int `json:"tokens"`  // channels of tokens
	Blocks  int `json:"blocks"`  // of 4 convolutions each over tokens
	Pitch   int `json:"pitch"`   // channels of the pitch net
	Frames  int `json:"frames"`  // channels of frames
	Hidden  int `json:"hidden"`  // inside a block of frames
	Layers  int `json:"layers"`  // blocks of frames
}

func (s AcousticSpec) check() error {
	for name, n := range map[string]int{"symbols": s.Symbols, "tokens": s.Tokens, "blocks": s.Blocks, "pitch": s.Pitch, "frames": s.Frames, "hidden": s.Hidden, "layers": s.Layers} {
		if n < 1 || n > 1<<14 {
			return fmt.Errorf("%d %s: must be from 1 to %d", n, name, 1<<14)
		}
	}
	return nil
}

// Acoustic is a feed-forward network from phonemes to mel spectra: the aligner of EATS
// (arXiv:2006.03575, section 2.1) in small, with durations learned from an alignment
// rather than by dynamic time warping, a net for pitch, and one for spectra that is told the
// pitch.
type Acoustic struct {
	Spec AcousticSpec `json:"-"`
	Drop nn.Dropout   `json:"-"` // on what each block adds, while training

	Symbol, Place *nn.Embedding
	Blocks        []*tokenBlock
	Norm          *nn.LayerNorm
	Lengths       []*nn.Linear // two, ReLU between them

	PitchStem *nn.Conv1D
	Pitch     []*frameBlock
	PitchNorm *nn.LayerNorm
	PitchOut  *nn.Linear

	Stem    *nn.Conv1D
	FromF0  *nn.Conv1D
	Layers  []*frameBlock
	OutNorm *nn.LayerNorm
	Out     *nn.Linear
}

// NewAcoustic returns a model with first weights from rng.
func NewAcoustic(s AcousticSpec, rng *rand.Rand) (*Acoustic, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("speech: acoustic model: %w", err)
	}
	m := &Acoustic{Spec: s,
		Symbol: nn.NewEmbedding(s.Symbols, s.Tokens, rng), Place: nn.NewEmbedding(places, s.Tokens, rng),
		Norm:    nn.NewLayerNorm(s.Tokens),
		Lengths: []*nn.Linear{nn.NewLinear(s.Tokens, s.Tokens, rng), nn.NewLinear(s.Tokens, 1, rng)},

		PitchStem: stem(s.Tokens, s.Pitch, 5, rng), PitchNorm: nn.NewLayerNorm(s.Pitch), PitchOut: nn.NewLinear(s.Pitch, pitchRows, rng),
		Stem: stem(s.Tokens, s.Frames, 7, rng), FromF0: stem(pitchRows, s.Frames, 3, rng),
		OutNorm: nn.NewLayerNorm(s.Frames), Out: nn.NewLinear(s.Frames, MelBands, rng),
	}
	for range s.Blocks {
		m.Blocks = append(m.Blocks, newTokenBlock(s.Tokens, []int{1, 2, 4, 8}, rng))
	}
	for range pitchLayers {
		m.Pitch = append(m.Pitch, newFrameBlock(s.Pitch, 3*s.Pitch, 0.3, rng))
	}
	for range s.Layers {
		m.Layers = append(m.Layers, newFrameBlock(s.Frames, s.Hidden, 0.3, rng))
	}
	for _, l := range []*nn.Linear{m.Lengths[1], m.PitchOut, m.Out} {
		l.Weight.Prunable = false // a few rows, each of which counts
	}
	m.Lengths[1].Bias.Dense.Data[0] = 2 // ln of a typical length
	return m, nil
}

const pitchLayers = 3

func stem(C, M, size int, rng *rand.Rand) *nn.Conv1D {
	l := nn.NewConv1D(C, M, size, 1, size/2, 1, rng)
	l.Weight.Prunable = false
	l.Bias = nn.NewParam(M)
	l.Bias.NoDecay = true
	return l
}

// Encode returns the features [C, B, N] of tokens, for ids of symbols and places [B, N].
// mask, nil for none, is 0 at padding.
func (m *Acoustic) Encode(t *grad.Tape, ids, places *tensor.Tensor, mask []float32) *grad.Var {
	x := grad.Add(t, m.Symbol.Forward(t, t.Input(ids)), m.Place.Forward(t, t.Input(places)))
	x = masked(t, x, mask)
	for _, b := range m.Blocks {
		x = b.forward(t, x, mask, m.Drop)
	}
	return masked(t, m.Norm.Forward(t, x), mask)
}

// LogLengths returns ln of the lengths of tokens in frames, [1, B, N].
func (m *Acoustic) LogLengths(t *grad.Tape, h *grad.Var) *grad.Var {
	return m.Lengths[1].Forward(t, grad.ReLU(t, m.Lengths[0].Forward(t, h)))
}

// PitchOf returns the pitch of frames, [2, B, S], for aligned features [C, B, S]: ln F0 in
// deviations from the voice's mean, and the logit of being voiced.
func (m *Acoustic) PitchOf(t *grad.Tape, a *grad.Var, mask []float32) *grad.Var {
	x := masked(t, m.PitchStem.Forward(t, a), mask)
	for _, b := range m.Pitch {
		x = b.forward(t, x, mask, m.Drop)
	}
	return m.PitchOut.Forward(t, m.PitchNorm.Forward(t, x))
}

// Mel returns the normalised log mel spectrum of frames, [80, B, S], for aligned features and their pitch [2, B, S]:
// ln F0 in deviations from the mean, and 1, where voiced, zeros elsewhere.
func (m *Acoustic) Mel(t *grad.Tape, a, pitch *grad.Var, mask []float32) *grad.Var {
	x := masked(t, grad.Add(t, m.Stem.Forward(t, a), m.FromF0.Forward(t, pitch)), mask)
	for _, b := range m.Layers {
		x = b.forward(t, x, mask, m.Drop)
	}
	return m.Out.Forward(t, m.OutNorm.Forward(t, x))
}

// reach returns how many frames on each side of a frame its pitch and its spectrum depend on.
func (m *Acoustic) reach() int { return 3 + 3*max(len(m.Layers), len(m.Pitch)) }
