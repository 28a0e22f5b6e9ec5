package gantts

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/tensor"
)

// plan is a pair of discriminators of windows of the same length.
type plan struct {
	fold     int
	free     [2]int // factors of the unconditional one, of its second and third block
	factors  []int  // of the conditional one, before the block with the conditioning
	channels []int
	merge    int
}

// published are the paper's windows at 24 kHz and 200 frames a second: 10, 20, 40, 80, 150 ms.
var published = []plan{
	{1, [2]int{5, 3}, []int{5, 3, 2, 2}, []int{128, 128, 256, 256}, 2},
	{2, [2]int{5, 3}, []int{5, 3, 2}, []int{128, 256, 256}, 2},
	{4, [2]int{5, 3}, []int{5, 3}, []int{128, 256}, 2},
	{8, [2]int{5, 3}, []int{5}, []int{256}, 3},
	{15, [2]int{2, 2}, []int{2, 2}, []int{128, 256}, 2},
}

// laptop are the same at 16 kHz and 100 frames a second: 10, 20, 40, 80, 160 ms, since the
// longest must fold into whole frames.
var laptop = []plan{
	{1, [2]int{5, 2}, []int{5, 4, 2, 2}, []int{128, 128, 256, 256}, 2},
	{2, [2]int{5, 2}, []int{5, 4, 2}, []int{128, 256, 256}, 2},
	{4, [2]int{5, 2}, []int{5, 4}, []int{128, 256}, 2},
	{8, [2]int{5, 2}, []int{5}, []int{256}, 4},
	{16, [2]int{2, 2}, []int{5}, []int{256}, 2},
}

// windows returns the unconditional discriminators of plans, then the conditional ones; unit is
// the steps a window is folded into, and channels are divided by divisor.
func windows(plans []plan, unit, features, divisor int) (specs []WindowSpec) {
	narrow := func(cs ...int) []int {
		out := make([]int, len(cs))
		for i, c := range cs {
			out[i] = max(c/divisor, 4)
		}
		return out
	}
	for _, p := range plans {
		specs = append(specs, WindowSpec{Window: unit * p.fold, Fold: p.fold, First: narrow(64)[0],
			Channels: narrow(128, 256, 256, 256), Factors: []int{p.free[0], p.free[1], 1, 1}})
	}
	for _, p := range plans {
		specs = append(specs, WindowSpec{Window: unit * p.fold, Fold: p.fold, First: narrow(64)[0],
			Channels: narrow(p.channels...), Factors: p.factors, Features: features, Merge: p.merge})
	}
	return specs
}

// PublishedWindows returns the ten discriminators of the paper (section 3.2): windows of 240,
// 480, 960, 1920 and 3600 samples, without and with the conditioning.
func PublishedWindows(features int) []WindowSpec { return windows(published, 240, features, 1) }

// LaptopWindows returns the ten at 16 kHz and 100 frames a second, windows of 160, 320, 640, 1280
// and 2560 samples, with channels divided by divisor.
func LaptopWindows(features, divisor int) []WindowSpec {
	return windows(laptop, 160, features, divisor)
}

// WholeClip returns one conditional discriminator that sees clips as a whole, for ablations.
func WholeClip(features, divisor int) []WindowSpec {
	s := LaptopWindows(features, divisor)[2*len(laptop)-1]
	s.Window = 0
	return []WindowSpec{s}
}

// Ensemble is discriminators that judge together, each by windows of its own.
type Ensemble struct {
	Windows []*Discriminator

	hop int
}

// NewEnsemble returns discriminators for frames of hop samples with first weights from rng.
func NewEnsemble(specs []WindowSpec, hop int, rng *rand.Rand) (*Ensemble, error) {
	e := &Ensemble{hop: hop}
	for _, s := range specs {
		if err := s.Check(hop); err != nil {
			return nil, err
		}
		e.Windows = append(e.Windows, NewDiscriminator(s, rng))
	}
	return e, nil
}

// Draw picks a window for each discriminator and each of B clips of so many frames: first
// samples, for a conditional discriminator those of frames. It panics on clips shorter than a
// window.
func (e *Ensemble) Draw(B, frames int, rng *rand.Rand) [][]int {
	starts := make([][]int, len(e.Windows))
	for i, d := range e.Windows {
		starts[i] = make([]int, B)
		room, step := frames*e.hop-d.Spec.Window, 1
		if room < 0 {
			panic(fmt.Sprintf("gantts: Draw: a window of %d samples in clips of %d", d.Spec.Window, frames*e.hop))
		}
		if d.Spec.Features > 0 {
			step = e.hop
		}
		for b := range starts[i] {
			if d.Spec.Window > 0 {
				starts[i][b] = step * rng.IntN(room/step+1)
			}
		}
	}
	return starts
}

// cut returns the frames [F, n·B, T] of windows, n times over; nil for an unconditional
// discriminator.
func (e *Ensemble) cut(t *grad.Tape, d *Discriminator, features *tensor.Tensor, starts []int, n int) *grad.Var {
	if d.Spec.Features == 0 {
		return nil
	}
	F, B, T := features.Shape[0], features.Shape[1], features.Shape[2]
	frames := T
	if d.Spec.Window > 0 {
		frames = d.Spec.Window / e.hop
	}
	out := t.New(F, n*B, frames)
	for f := range F {
		for i := range n * B {
			at := (f*B+i%B)*T + starts[i%B]/e.hop
			copy(out.Value.Data[(f*n*B+i)*frames:], features.Data[at:at+frames])
		}
	}
	return out
}

// window returns the samples of a window in a clip of L.
func (d *Discriminator) window(L int) int {
	if d.Spec.Window == 0 {
		return L
	}
	return d.Spec.Window
}

// CriticLoss returns the hinge loss of the discriminators, the mean over them, on companded
// recordings and generated waveforms [1, B, L] at the windows that starts says, the same for
// both, under the same features [F, B, T] (section 3.3):
//
//	E max(0, 1 - D(real)) + E max(0, 1 + D(fake))
func (e *Ensemble) CriticLoss(t *grad.Tape, real, fake, features *tensor.Tensor, starts [][]int) *grad.Var {
	B, L := real.Shape[1], real.Shape[2]
	targets := make([]float32, 2*B)
	for b := range B {
		targets[b], targets[B+b] = 1, -1
	}
	var losses []*grad.Var
	for i, d := range e.Windows {
		W := d.window(L)
		x := t.New(1, 2*B, W)
		for b, at := range starts[i] {
			copy(x.Value.Data[b*W:(b+1)*W], real.Data[b*L+at:])
			copy(x.Value.Data[(B+b)*W:(B+b+1)*W], fake.Data[b*L+at:])
		}
		losses = append(losses, grad.Hinge(t, d.Forward(t, x, e.cut(t, d, features, starts[i], 2)), targets, nil))
	}
	return total(t, losses, 2/float32(len(losses)))
}

// GeneratorLoss returns -E D(fake), the mean over the discriminators, for companded waveforms fake
// [1, B, L].
func (e *Ensemble) GeneratorLoss(t *grad.Tape, fake *grad.Var, features *tensor.Tensor, starts [][]int) *grad.Var {
	s := fake.Value.Shape
	minus := make([]float32, s[1])
	for b := range minus {
		minus[b] = -1
	}
	var losses []*grad.Var
	for i, d := range e.Windows {
		x := grad.Slice(t, fake, starts[i], d.window(s[2]))
		losses = append(losses, grad.MeanProduct(t, d.Forward(t, x, e.cut(t, d, features, starts[i], 1)), minus, nil))
	}
	return total(t, losses, 1/float32(len(losses)))
}

// total returns scale times the sum of scalars.
func total(t *grad.Tape, parts []*grad.Var, scale float32) *grad.Var {
	sum := parts[0]
	for _, p := range parts[1:] {
		sum = grad.Add(t, sum, p)
	}
	return grad.ScaleShift(t, sum, scale, []float32{0})
}
