// Package gantts is GAN-TTS (Binkowski et al. 2020, "High Fidelity Speech Synthesis with
// Adversarial Networks", arXiv:1909.11646): a feed-forward generator from linguistic features
// and pitch to a waveform, and discriminators that look at random windows of it.
package gantts

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// BlockSpec says how a block of a generator is built.
type BlockSpec struct {
	Channels int `json:"channels"`
	Upsample int `json:"upsample"` // output steps for each input step
}

// Spec says how a generator is built.
type Spec struct {
	Features int         `json:"features"` // values of a conditioning frame
	Latent   int         `json:"latent"`   // values of z, one vector a clip
	Stem     int         `json:"stem"`     // channels of the first convolution
	Blocks   []BlockSpec `json:"blocks"`
	Mu       float64     `json:"mu"` // of the mu law by which waveforms are companded
}

// Published is the generator of the paper (table 1 and figure 1): from 567 features, 200 frames
// a second, to 24 kHz. Its mu is that of the authors' next paper.
var Published = Spec{Features: 567, Latent: 128, Stem: 768, Mu: 65535,
	Blocks: []BlockSpec{{768, 1}, {768, 1}, {384, 2}, {384, 2}, {384, 2}, {192, 3}, {96, 5}}}

// Laptop is a generator that two cores can train, a sixth as wide: from 100 frames a second to
// 16 kHz. Its mu keeps the slope of the companding small enough to learn a spectrum through.
func Laptop(features int) Spec {
	return Spec{Features: features, Latent: 16, Stem: 128, Mu: 255,
		Blocks: []BlockSpec{{128, 1}, {128, 1}, {64, 2}, {64, 2}, {64, 2}, {32, 4}, {16, 5}}}
}

// Check says what is out of range.
func (s Spec) Check() error {
	if s.Features < 1 || s.Features > 1<<14 || s.Latent < 1 || s.Latent > 1<<14 || s.Stem < 1 || s.Stem > 1<<14 {
		return fmt.Errorf("gantts: %d features, %d latent values, %d channels: out of range", s.Features, s.Latent, s.Stem)
	}
	if len(s.Blocks) < 1 || len(s.Blocks) > 32 || !(s.Mu > 0 && s.Mu < 1e9) {
		return fmt.Errorf("gantts: %d blocks, mu %g: out of range", len(s.Blocks), s.Mu)
	}
	hop := 1
	for i, b := range s.Blocks {
		if hop *= b.Upsample; b.Channels < 1 || b.Channels > 1<<14 || b.Upsample < 1 || b.Upsample > 64 || hop > 1<<14 {
			return fmt.Errorf("gantts: block %d of %d channels, %d samples a frame: out of range", i, b.Channels, hop)
		}
	}
	return nil
}

// Hop returns the samples of a frame.
func (s Spec) Hop() int {
	hop := 1
	for _, b := range s.Blocks {
		hop *= b.Upsample
	}
	return hop
}

// Reach returns how many frames on each side of a frame its samples depend on.
func (s Spec) Reach() int {
	r := 1 // the last convolution's
	for i := len(s.Blocks) - 1; i >= 0; i-- {
		r += blockReach
		r = (r + s.Blocks[i].Upsample - 1) / s.Blocks[i].Upsample
	}
	return r + 1
}

// Cost returns the weights of the generator's convolutions and the multiply-adds of a second at
// so many frames a second.
func (s Spec) Cost(rate int) (weights, macs int) {
	add := func(n, rate int) { weights, macs = weights+n, macs+n*rate }
	add(3*s.Features*s.Stem, rate)
	in := s.Stem
	for _, b := range s.Blocks {
		rate *= b.Upsample
		C := b.Channels
		add(3*in*C+9*C*C, rate)
		if b.Upsample > 1 || in != C {
			add(in*C, rate)
		}
		in = C
	}
	add(3*in, rate)
	return weights, macs
}

// blockReach is how many steps on each side of one of a block's it depends on: those of kernels
// of 3 with the dilations below.
const blockReach = 1 + 2 + 4 + 8

var dilations = [4]int{1, 2, 4, 8}

// GBlock is a block of the generator, x [C, B, T] to [M, B, T·Upsample] (figure 1a): two pairs of
// dilated convolutions, each a residual, a conditional batch norm and a ReLU before each. The
// first pair upsamples, by repetition.
type GBlock struct {
	Norms []*nn.CondBatchNorm
	Convs []*nn.Conv1D
	Skip  *nn.Conv1D // 1×1; nil where shapes do not change

	up int
}

// NewGBlock returns a block of C to M channels for conditions of Z values, with orthogonal
// weights and spectral normalisation.
func NewGBlock(C, M, up, Z int, rng *rand.Rand) *GBlock {
	b := &GBlock{up: up}
	in := C
	for _, d := range dilations {
		b.Norms = append(b.Norms, nn.NewCondBatchNorm(in, Z, true))
		b.Convs = append(b.Convs, conv(in, M, 3, d, rng))
		in = M
	}
	if up > 1 || C != M {
		b.Skip = conv(C, M, 1, 1, rng)
	}
	return b
}

// Forward returns the block's result for conditions z [Z, B]. mask, nil for none, is 0 at output
// columns [B, T] of padding; blocks that upsample have none.
func (b *GBlock) Forward(t *grad.Tape, x, z *grad.Var, mask []float32) *grad.Var {
	u := b.Norms[0].Forward(t, x, z, mask)
	skip := x
	if b.Skip != nil {
		skip = b.Skip.Forward(t, x) // commutes with repetition
	}
	if b.up > 1 {
		u, skip = grad.Upsample(t, u, b.up), grad.Upsample(t, skip, b.up)
	}
	u = b.Convs[0].Forward(t, u)
	u = b.Convs[1].Forward(t, b.Norms[1].Forward(t, u, z, mask))
	y := grad.Add(t, u, skip)
	v := b.Convs[2].Forward(t, b.Norms[2].Forward(t, y, z, mask))
	v = b.Convs[3].Forward(t, b.Norms[3].Forward(t, v, z, mask))
	return grad.Add(t, y, v)
}

// conv returns a convolution that keeps the length, with a bias, orthogonal and normalised.
func conv(C, M, size, dilation int, rng *rand.Rand) *nn.Conv1D {
	l := nn.NewConv1D(C, M, size, 1, dilation*(size-1)/2, dilation, nil)
	l.Bias = nn.NewParam(M)
	l.Bias.NoDecay = true
	nn.Orthogonal(l.Weight, rng)
	nn.SpectralNorm(rng, l.Weight)
	return l
}

// Generator turns features into a waveform.
type Generator struct {
	Spec Spec `json:"-"`

	Stem   *nn.Conv1D
	Blocks []*GBlock
	Out    *nn.Conv1D

	tape *grad.Tape
}

// NewGenerator returns a generator with first weights from rng, zeros where it is nil.
func NewGenerator(s Spec, rng *rand.Rand) (*Generator, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	g := &Generator{Spec: s, Stem: conv(s.Features, s.Stem, 3, 1, rng)}
	in := s.Stem
	for _, b := range s.Blocks {
		g.Blocks = append(g.Blocks, NewGBlock(in, b.Channels, b.Upsample, s.Latent, rng))
		in = b.Channels
	}
	g.Out = conv(in, 1, 3, 1, rng)
	g.Stem.Weight.Prunable, g.Out.Weight.Prunable = false, false
	return g, nil
}

// Forward returns companded waveforms [1, B, Hop·T] of features [Features, B, T] and latent
// vectors z [Latent, B].
func (g *Generator) Forward(t *grad.Tape, features, z *grad.Var) *grad.Var {
	x := g.Stem.Forward(t, features)
	for _, b := range g.Blocks {
		x = b.Forward(t, x, z, nil)
	}
	return grad.Tanh(t, g.Out.Forward(t, x))
}

// Convolutions returns the weights of the generator that are convolutions: those that the
// orthogonal penalty is about.
func (g *Generator) Convolutions() []*nn.Param {
	ps := []*nn.Param{g.Stem.Weight, g.Out.Weight}
	for _, b := range g.Blocks {
		for _, c := range b.Convs {
			ps = append(ps, c.Weight)
		}
		if b.Skip != nil {
			ps = append(ps, b.Skip.Weight)
		}
	}
	return ps
}

// Norms returns the conditional batch norms.
func (g *Generator) Norms() (ns []*nn.CondBatchNorm) {
	for _, b := range g.Blocks {
		ns = append(ns, b.Norms...)
	}
	return ns
}

// Settle sets the running statistics of the batch norms to means over batches of features with
// latent vectors from rng: "standing statistics", to be taken with the weights that are used.
func (g *Generator) Settle(batches []*tensor.Tensor, rng *rand.Rand) {
	tape := &grad.Tape{}
	momenta := make([]float32, len(g.Norms()))
	for i, n := range g.Norms() {
		momenta[i] = n.Momentum
	}
	frozen := make(map[*nn.Param]bool)
	for _, p := range nn.Params(g) {
		frozen[p], p.Frozen = p.Frozen, true // so that no vector of a spectral norm moves
	}
	for i, x := range batches {
		for _, n := range g.Norms() {
			n.Momentum = 1 / float32(i+1)
		}
		tape.Reset()
		g.Forward(tape, tape.Leaf(x), tape.Input(Latents(g.Spec.Latent, x.Shape[1], rng)))
	}
	for i, n := range g.Norms() {
		n.Momentum = momenta[i]
	}
	for p, was := range frozen {
		p.Frozen = was
	}
}

// Latents returns B latent vectors, [Z, B] normal values.
func Latents(Z, B int, rng *rand.Rand) *tensor.Tensor {
	z := tensor.New(Z, B)
	for i := range z.Data {
		z.Data[i] = float32(rng.NormFloat64())
	}
	return z
}
