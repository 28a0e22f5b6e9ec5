package vision

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// newMobileNetV1 returns MobileNet (Howard et al. 2017, arXiv:1704.04861, table 1): a 3×3/2
// convolution, thirteen pairs of a depth-wise 3×3 and a 1×1 convolution, each with norm and
// ReLU, and a linear layer on the mean over space. 4.2 million parameters, 569 million
// multiply-adds at 224×224.
func newMobileNetV1(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if err := s.isImage(); err != nil {
		return nil, err
	}
	in := s.channels(32)
	net := nn.Sequential{nn.NewConv2D(s.Input[0], in, 3, 2, 1, rng), nn.NewBatchNorm(in, true)}
	for _, b := range []struct{ out, stride int }{
		{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {512, 2}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1},
	} {
		out := s.channels(b.out)
		net = append(net,
			nn.NewDepthwiseConv2D(in, 3, b.stride, 1, rng), nn.NewBatchNorm(in, true),
			nn.NewConv2D(in, out, 1, 1, 0, rng), nn.NewBatchNorm(out, true))
		in = out
	}
	return append(net, nn.GlobalAvgPool{}, nn.NewLinear(in, s.Classes, rng)), nil
}

// mobileNetV2 is MobileNet v2 (Sandler et al. 2018, arXiv:1801.04381, table 2): inverted
// residual blocks t times as wide inside as outside. 3.5 million parameters, 300 million
// multiply-adds at 224×224.
type mobileNetV2 struct {
	Stem   nn.Sequential
	Blocks []*invertedResidual
	Last   nn.Sequential
	Head   *nn.Linear
}

func newMobileNetV2(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if err := s.isImage(); err != nil {
		return nil, err
	}
	in := s.eighths(32)
	n := &mobileNetV2{Stem: convNorm6(s.Input[0], in, 3, 2, rng)}
	for _, b := range []struct{ expand, out, repeat, stride int }{
		{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
	} {
		out, stride := s.eighths(b.out), b.stride
		for range b.repeat {
			n.Blocks = append(n.Blocks, newInvertedResidual(in, out, b.expand, stride, rng))
			in, stride = out, 1
		}
	}
	last := 1280 // wider nets have a wider last layer, narrower ones do not lose it
	if s.Width > 1 {
		last = s.eighths(last)
	}
	n.Last, n.Head = convNorm6(in, last, 1, 1, rng), nn.NewLinear(last, s.Classes, rng)
	return n, nil
}

// Forward returns the logits [classes, B] of images [C, B, H, W].
func (n *mobileNetV2) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	x = n.Stem.Forward(t, x)
	for _, b := range n.Blocks {
		x = b.Forward(t, x)
	}
	return n.Head.Forward(t, grad.GlobalAvgPool(t, n.Last.Forward(t, x)))
}

func convNorm6(in, out, size, stride int, rng *rand.Rand) nn.Sequential {
	return nn.Sequential{nn.NewConv2D(in, out, size, stride, size/2, rng), nn.NewBatchNorm(out, false), nn.ReLU6{}}
}

// invertedResidual is a block of MobileNet v2: 1×1 to the wide inside, depth-wise 3×3, 1×1
// back without an activation, plus x where the shapes agree.
type invertedResidual struct {
	Body nn.Sequential
	same bool
}

func newInvertedResidual(in, out, expand, stride int, rng *rand.Rand) *invertedResidual {
	b := &invertedResidual{same: in == out && stride == 1}
	mid := expand * in
	if expand > 1 {
		b.Body = convNorm6(in, mid, 1, 1, rng)
	}
	b.Body = append(b.Body, nn.NewDepthwiseConv2D(mid, 3, stride, 1, rng), nn.NewBatchNorm(mid, false), nn.ReLU6{},
		nn.NewConv2D(mid, out, 1, 1, 0, rng), nn.NewBatchNorm(out, false))
	return b
}

// Forward maps [C, B, H, W] to [M, B, H/stride, W/stride].
func (b *invertedResidual) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	y := b.Body.Forward(t, x)
	if b.same {
		y = grad.Add(t, y, x)
	}
	return y
}

// eighths is [Spec.channels] rounded to a multiple of 8, up where it would lose more than a
// tenth: the released code's rule.
func (s Spec) eighths(n int) int {
	width := s.Width
	if width == 0 {
		width = 1
	}
	want := width * float64(n)
	c := max(8, int(want+4)/8*8)
	if float64(c) < 0.9*want {
		c += 8
	}
	return c
}
