package eats

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Spec says how a generator is built. It has one of two decoders.
type Spec struct {
	Symbols    int     `json:"symbols"`
	Speakers   int     `json:"speakers,omitempty"` // 0 for one
	Identity   int     `json:"identity,omitempty"` // values of a speaker's embedding
	Latent     int     `json:"latent"`             // values of z, one vector an utterance
	Channels   int     `json:"channels"`           // of tokens and of aligned frames
	Blocks     int     `json:"blocks"`             // of the aligner
	FrameRate  float64 `json:"frame_rate"`         // aligned frames a second
	SampleRate int     `json:"sample_rate"`
	Mu         float64 `json:"mu"` // of the mu law by which discriminators hear waveforms

	Samples *gantts.Spec        `json:"samples,omitempty"` // the paper's: a generator of GAN-TTS
	Frames  *speech.DecoderSpec `json:"frames,omitempty"`  // all layers at the rate of frames, samples by a Fourier transform
}

// Published is the paper's generator, for a number of symbols and its 69 speakers.
func Published(symbols int) Spec {
	d := gantts.Published
	d.Features, d.Latent = 256, 256
	return Spec{Symbols: symbols, Speakers: 69, Identity: 128, Latent: 128, Channels: 256, Blocks: 10, FrameRate: 200, SampleRate: 24000, Mu: d.Mu, Samples: &d}
}

// Size is a generator that two cores can train.
type Size string

// Sizes, for speech at 16 kHz of one speaker.
const (
	Tiny   Size = "tiny"   // frames of 128 channels, 4 layers
	Small  Size = "small"  // frames of 256 channels, 6 layers
	Shaped Size = "shaped" // the paper's shape, its decoder a sixth as wide
)

// Laptop returns the spec of a size.
func Laptop(size Size) (Spec, error) {
	s := Spec{Symbols: len(speech.Symbols()), Latent: 16, Channels: 128, Blocks: 4, FrameRate: 100, SampleRate: speech.SampleRate, Mu: 255}
	switch size {
	case Tiny:
		s.Channels, s.Blocks, s.Frames = 96, 3, &speech.DecoderSpec{Channels: 128, Hidden: 384, Layers: 4}
	case Small:
		s.Frames = &speech.DecoderSpec{Channels: 256, Hidden: 768, Layers: 6}
	case Shaped:
		d := gantts.Laptop(s.Channels)
		s.Samples, s.Mu = &d, d.Mu
	default:
		return s, fmt.Errorf("eats: size %q is none of %s, %s, %s", size, Tiny, Small, Shaped)
	}
	return s, nil
}

func (s Spec) condition() int {
	if s.Speakers > 1 {
		return s.Latent + s.Identity
	}
	return s.Latent
}

// Hop returns the samples of a frame.
func (s Spec) Hop() int { return int(float64(s.SampleRate)/s.FrameRate + 0.5) }

func (s Spec) check() error {
	switch {
	case (s.Samples == nil) == (s.Frames == nil):
		return errors.New("it must have one decoder, of samples or of frames")
	case s.SampleRate < 1000 || s.SampleRate > 1<<18 || !(s.Mu > 0 && s.Mu < 1e9):
		return fmt.Errorf("%d samples a second, mu %g: out of range", s.SampleRate, s.Mu)
	case s.Speakers < 0 || s.Speakers > 1<<16 || s.Latent < 1 || s.Latent > 1<<12 || s.Speakers > 1 && (s.Identity < 1 || s.Identity > 1<<12):
		return fmt.Errorf("%d speakers of %d values, %d latent ones: out of range", s.Speakers, s.Identity, s.Latent)
	case s.Frames != nil && (s.SampleRate != speech.SampleRate || s.Hop() != speech.Hop):
		return fmt.Errorf("a decoder of frames makes %d samples a second and %d a frame, not %d and %d", speech.SampleRate, speech.Hop, s.SampleRate, s.Hop())
	case s.Samples != nil && (s.Samples.Features != s.Channels || s.Samples.Latent != s.condition() || s.Samples.Hop() != s.Hop() || s.Samples.Mu != s.Mu):
		return errors.New("its decoder does not fit its aligner")
	}
	return nil
}

// Generator turns tokens into a waveform (section 2).
type Generator struct {
	Spec Spec `json:"-"`

	Speakers *nn.Embedding // nil for one
	Aligner  *Aligner
	Before   *nn.CondBatchNorm // of aligned frames, before Samples
	Samples  *gantts.Generator
	Frames   *speech.FrameDecoder
}

// NewGenerator returns a generator with first weights from rng, zeros where it is nil.
func NewGenerator(s Spec, rng *rand.Rand) (*Generator, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("eats: generator: %w", err)
	}
	a, err := NewAligner(AlignerSpec{Symbols: s.Symbols, Channels: s.Channels, Blocks: s.Blocks, Condition: s.condition(), FrameRate: s.FrameRate}, rng)
	if err != nil {
		return nil, err
	}
	g := &Generator{Spec: s, Aligner: a}
	if s.Speakers > 1 {
		g.Speakers = nn.NewEmbedding(s.Speakers, s.Identity, rng)
	}
	if s.Frames != nil {
		g.Frames, err = speech.NewFrameDecoder(s.Channels, *s.Frames, rng)
		return g, err
	}
	g.Before = nn.NewCondBatchNorm(s.Channels, s.condition(), true)
	g.Samples, err = gantts.NewGenerator(*s.Samples, rng)
	return g, err
}

// Condition returns what the batch norms are told, for latent vectors z [Latent, B] and ids of
// speakers [1, B], nil for one.
func (g *Generator) Condition(t *grad.Tape, z, speakers *tensor.Tensor) *grad.Var {
	c := t.Input(z)
	if g.Speakers == nil {
		return c
	}
	e := g.Speakers.Forward(t, t.Input(speakers))
	return grad.Concat(t, c, grad.Reshape(t, e, g.Spec.Identity, z.Shape[1]))
}

// Sound is a waveform in two forms, both [1, B, L].
type Sound struct {
	Wave      *grad.Var // for spectra
	Companded *grad.Var // by the mu law, as discriminators of waveforms hear it
}

// Decode turns aligned frames [C, B, S] into sound under the condition c. A decoder of frames is
// told the pitch besides, [2, B, S] rows of [speech.Stats.Pitch] and the excitation at it.
func (g *Generator) Decode(t *grad.Tape, a, c *grad.Var, pitch *tensor.Tensor, e speech.Excitation) Sound {
	if g.Frames != nil {
		wave := g.Frames.Wave(t, a, pitch, e)
		return Sound{wave, grad.MuLaw(t, wave, g.Spec.Mu)}
	}
	y := g.Samples.Forward(t, g.Before.Forward(t, a, c, nil), c)
	return Sound{grad.FromMuLaw(t, y, g.Spec.Mu), y}
}

// Norms returns the conditional batch norms.
func (g *Generator) Norms() []*nn.CondBatchNorm {
	ns := append([]*nn.CondBatchNorm(nil), g.Aligner.Head...)
	for _, b := range g.Aligner.Blocks {
		ns = append(ns, b.Norms...)
	}
	if g.Samples != nil {
		ns = append(append(ns, g.Before), g.Samples.Norms()...)
	}
	return ns
}
