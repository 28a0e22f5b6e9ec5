package gantts

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// WindowSpec says how a discriminator is built. Its window is folded so that runs of Fold
// samples become channels; a first block follows, then one for each factor of Factors, which
// shortens the time by it. A conditional discriminator (Features above 0) adds the conditioning
// inside one more block, which shortens by Merge to one step a frame and doubles the channels,
// and two blocks follow.
type WindowSpec struct {
	Window   int   `json:"window"` // samples; 0 for the whole clip
	Fold     int   `json:"fold"`
	First    int   `json:"first"` // channels of the first block
	Channels []int `json:"channels"`
	Factors  []int `json:"factors"`
	Features int   `json:"features,omitempty"`
	Merge    int   `json:"merge,omitempty"`
}

// DBlock is a block of a discriminator, x [C, B, T] to [M, B, T/Factor] (figure 1b, c):
//
//	Conv(ReLU(Conv(ReLU(Downsample(x))) + FromFrames(frames))) + Downsample(Skip(x))
//
// with kernels of 3 and dilations of 1 and 2, and of 1×1 where it says so. The first block of a
// discriminator has no first ReLU; conditional blocks alone have FromFrames.
type DBlock struct {
	Convs      []*nn.Conv1D
	Skip       *nn.Conv1D
	FromFrames *nn.Conv1D

	factor int
	first  bool
}

func newDBlock(C, M, factor, features int, first bool, rng *rand.Rand) *DBlock {
	b := &DBlock{factor: factor, first: first, Skip: conv(C, M, 1, 1, rng),
		Convs: []*nn.Conv1D{conv(C, M, 3, 1, rng), conv(M, M, 3, 2, rng)}}
	if features > 0 {
		b.FromFrames = conv(features, M, 1, 1, rng)
	}
	return b
}

func (b *DBlock) forward(t *grad.Tape, x, frames *grad.Var) *grad.Var {
	if b.factor > 1 {
		x = grad.Downsample(t, x, b.factor)
	}
	y := x
	if !b.first {
		y = grad.ReLU(t, x)
	}
	y = b.Convs[0].Forward(t, y)
	if b.FromFrames != nil {
		y = grad.Add(t, y, b.FromFrames.Forward(t, frames))
	}
	y = b.Convs[1].Forward(t, grad.ReLU(t, y))
	return grad.Add(t, y, b.Skip.Forward(t, x)) // means commute with 1×1 convolutions
}

// Discriminator tells recordings from generated speech by windows.
type Discriminator struct {
	Spec WindowSpec `json:"-"`

	Blocks []*DBlock
	Out    *nn.Linear
}

// NewDiscriminator returns a discriminator with first weights from rng, orthogonal and with
// spectral normalisation.
func NewDiscriminator(s WindowSpec, rng *rand.Rand) *Discriminator {
	d := &Discriminator{Spec: s, Blocks: []*DBlock{newDBlock(s.Fold, s.First, 1, 0, true, rng)}}
	in := s.First
	for i, M := range s.Channels {
		d.Blocks = append(d.Blocks, newDBlock(in, M, s.Factors[i], 0, false, rng))
		in = M
	}
	if s.Features > 0 {
		d.Blocks = append(d.Blocks, newDBlock(in, 2*in, s.Merge, s.Features, false, rng))
		in *= 2
		for range 2 {
			d.Blocks = append(d.Blocks, newDBlock(in, in, 1, 0, false, rng))
		}
	}
	d.Out = nn.NewLinear(in, 1, nil)
	nn.Orthogonal(d.Out.Weight, rng)
	nn.SpectralNorm(rng, d.Out.Weight)
	for _, p := range nn.Params(d) {
		p.Prunable = false // windows are short: there is little to save
	}
	return d
}

// Forward returns the logits [1, B] of windows x [1, B, Window] under their conditioning
// frames [Features, B, T], nil for an unconditional discriminator.
func (d *Discriminator) Forward(t *grad.Tape, x, frames *grad.Var) *grad.Var {
	y := grad.SpaceToDepth(t, x, d.Spec.Fold)
	for _, b := range d.Blocks {
		y = b.forward(t, y, frames)
	}
	return d.Out.Forward(t, grad.TimeMean(t, y))
}

// Cost returns the weights of the discriminator's convolutions and the multiply-adds for one
// window of so many samples, where all windows are downsampled after the 1×1 convolutions, as
// the paper draws it.
func (d *Discriminator) Cost(window int) (weights, macs int) {
	steps := window / d.Spec.Fold
	add := func(p *nn.Param, steps int) { weights, macs = weights+p.Size(), macs+p.Size()*steps }
	for _, b := range d.Blocks {
		add(b.Skip.Weight, steps)
		steps /= b.factor
		for _, c := range b.Convs {
			add(c.Weight, steps)
		}
		if b.FromFrames != nil {
			add(b.FromFrames.Weight, steps)
		}
	}
	add(d.Out.Weight, 1)
	return weights, macs
}

// Check says what does not fit a hop of so many samples a frame.
func (s WindowSpec) Check(hop int) error {
	if len(s.Factors) != len(s.Channels) {
		return fmt.Errorf("gantts: a window of %d factors and %d widths", len(s.Factors), len(s.Channels))
	}
	down := s.Fold
	for _, f := range s.Factors {
		down *= f
	}
	switch {
	case s.Features > 0 && (down*s.Merge != hop || s.Window%hop != 0):
		return fmt.Errorf("gantts: a window of %d samples, %d of them a step, factors %v and %d, does not become one step a frame of %d", s.Window, s.Fold, s.Factors, s.Merge, hop)
	case down < 1 || s.Window%down != 0:
		return fmt.Errorf("gantts: a window of %d samples cannot be shortened by %d", s.Window, down)
	}
	return nil
}
