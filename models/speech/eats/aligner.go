// Package eats is EATS (Donahue et al. 2021, "End-to-End Adversarial Text-to-Speech",
// arXiv:2006.03575): an aligner places phonemes in time by lengths it predicts, a decoder turns
// what it placed into a waveform, and both learn from discriminators of waveforms and of spectra
// and from a spectral loss that forgives differences of timing.
package eats

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// AlignerSpec says how an aligner is built.
type AlignerSpec struct {
	Symbols   int     `json:"symbols"`            // phonemes and silences
	Channels  int     `json:"channels"`           // of tokens
	Blocks    int     `json:"blocks"`             // of six convolutions
	Condition int     `json:"condition"`          // values the batch norms are told: noise and speaker
	FrameRate float64 `json:"frame_rate"`         // aligned frames a second
	First     float64 `json:"first,omitempty"`    // frames a token lasts before training; 0 for 65 ms
	Spectral  bool    `json:"spectral,omitempty"` // spectral normalisation of the convolutions
}

// KernelWidth returns sigma², the width of the interpolation's kernel in frames²: 10 at the
// paper's 200 frames a second, always the same time.
func (s AlignerSpec) KernelWidth() float32 {
	r := s.FrameRate / 200
	return float32(10 * r * r)
}

func (s AlignerSpec) check() error {
	for name, n := range map[string]int{"symbols": s.Symbols, "channels": s.Channels, "blocks": s.Blocks, "condition": s.Condition} {
		if n < 1 || n > 1<<12 {
			return fmt.Errorf("%d %s: must be from 1 to %d", n, name, 1<<12)
		}
	}
	if !(s.FrameRate >= 1 && s.FrameRate <= 1e4) || !(s.First >= 0 && s.First <= 1e4) {
		return fmt.Errorf("%g frames a second, %g a token: out of range", s.FrameRate, s.First)
	}
	return nil
}

// dilations of a block's convolutions; each two are a residual.
var dilations = []int{1, 2, 4, 8, 16, 32}

// Aligner turns tokens into features and lengths (section 2.1 and appendix; figure 1): blocks of dilated
// convolutions, with conditional batch norms before them whose statistics leave padding out.
type Aligner struct {
	Spec AlignerSpec `json:"-"`

	Symbol *nn.Embedding
	Blocks []*block
	Head   []*nn.CondBatchNorm // two, before the convolutions below
	Hidden *nn.Conv1D          // 1×1
	Length *nn.Conv1D          // 1×1, to one row
}

type block struct {
	Norms []*nn.CondBatchNorm
	Convs []*nn.Conv1D
}

func conv(C, M, size, dilation int, rng *rand.Rand) *nn.Conv1D {
	l := nn.NewConv1D(C, M, size, 1, size/2*dilation, dilation, rng)
	l.Bias = nn.NewParam(M)
	l.Bias.NoDecay = true
	return l
}

// NewAligner returns an aligner with first weights from rng.
func NewAligner(s AlignerSpec, rng *rand.Rand) (*Aligner, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("eats: aligner: %w", err)
	}
	C, Z := s.Channels, s.Condition
	a := &Aligner{Spec: s, Symbol: nn.NewEmbedding(s.Symbols, C, rng), Hidden: conv(C, C, 1, 1, rng), Length: conv(C, 1, 1, 1, rng)}
	for range s.Blocks {
		b := &block{}
		for i, d := range dilations {
			c := conv(C, C, 3, d, rng)
			if i%2 == 1 { // residuals start small, for there are many
				nn.Normal(c.Weight, 0.3*math.Sqrt(2/float64(3*C)), rng)
			}
			b.Norms, b.Convs = append(b.Norms, nn.NewCondBatchNorm(C, Z, true)), append(b.Convs, c)
			if s.Spectral {
				nn.SpectralNorm(rng, c.Weight)
			}
		}
		a.Blocks = append(a.Blocks, b)
	}
	for range 2 {
		a.Head = append(a.Head, nn.NewCondBatchNorm(C, Z, true))
	}
	// A head at zero would be dead under its ReLU.
	nn.Normal(a.Length.Weight, 0.1/math.Sqrt(float64(C)), rng)
	a.Length.Weight.Prunable = false
	first := s.First
	if first == 0 {
		first = 0.065 * s.FrameRate
	}
	a.Length.Bias.Dense.Data[0] = float32(first)
	return a, nil
}

// Forward returns the features [C, B, N] of tokens, ids of symbols [B, N], and their lengths in
// frames, [1, B, N], at least 0. z are the conditions [Z, B]; mask, nil for none, is 0 at padding,
// whose length is 0.
func (a *Aligner) Forward(t *grad.Tape, ids *tensor.Tensor, z *grad.Var, mask []float32) (h, lengths *grad.Var) {
	x := a.Symbol.Forward(t, t.Input(ids))
	for _, b := range a.Blocks {
		for i := 0; i < len(b.Convs); i += 2 {
			y := x
			for j := i; j < i+2; j++ {
				y = b.Convs[j].Forward(t, b.Norms[j].Forward(t, y, z, mask))
			}
			x = grad.Add(t, x, y)
		}
	}
	u := a.Hidden.Forward(t, a.Head[0].Forward(t, x, z, mask))
	l := grad.ReLU(t, a.Length.Forward(t, a.Head[1].Forward(t, u, z, mask)))
	if mask != nil {
		l = grad.MaskColumns(t, l, mask)
	}
	return x, l
}

// Align places features at S frames from offsets[b] on, [C, B, S]; nil offsets are zeros.
func (a *Aligner) Align(t *grad.Tape, h, lengths *grad.Var, offsets []int, S int) *grad.Var {
	if offsets == nil {
		return grad.Interpolate(t, h, lengths, a.Spec.KernelWidth(), 0, S)
	}
	return grad.InterpolateFrom(t, h, lengths, a.Spec.KernelWidth(), offsets, S)
}

// Cost returns the parameters of the aligner's convolutions and of its conditional norms, and the
// multiply-adds for each token.
func (a *Aligner) Cost() (convs, norms, macs int) {
	add := func(c *nn.Conv1D) { convs, macs = convs+c.Weight.Size()+c.Bias.Size(), macs+c.Weight.NNZ() }
	condition := func(n *nn.CondBatchNorm) {
		for _, p := range nn.Params(n) {
			norms += p.Size()
		}
	}
	for _, b := range a.Blocks {
		for i, c := range b.Convs {
			add(c)
			condition(b.Norms[i])
		}
	}
	add(a.Hidden)
	add(a.Length)
	for _, n := range a.Head {
		condition(n)
	}
	return convs, norms, macs
}
