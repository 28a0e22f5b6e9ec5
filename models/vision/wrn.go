package vision

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// wideResNet is a wide residual network for small images (Zagoruyko and Komodakis,
// arXiv:1605.07146), in the form the RigL paper trains on CIFAR-10: norm and ReLU come
// before each convolution, and where the number of channels changes, a 1×1 convolution
// of the activated input is the shortcut.
type wideResNet struct {
	Conv1  *nn.Conv2D
	Stages [][]*block
	Norm   *nn.BatchNorm
	Head   *nn.Linear
}

// newWideResNet returns a network of 6n+4 convolutions on the longest way through, with
// 16, 16w, 32w and 64w channels.
func newWideResNet(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if s.Depth < 10 || (s.Depth-4)%6 != 0 || s.Depth > 1000 {
		return nil, fmt.Errorf("depth %d: must be 6n+4: 10, 16, 22 and so on", s.Depth)
	}
	if err := s.isImage(); err != nil {
		return nil, err
	}
	n := &wideResNet{Conv1: nn.NewConv2D(s.Input[0], 16, 3, 1, 1, rng)}
	in := 16
	for stage := range 3 {
		out, stride := s.channels(16<<stage), min(stage+1, 2)
		var blocks []*block
		for range (s.Depth - 4) / 6 {
			blocks = append(blocks, newBlock(in, out, stride, rng))
			in, stride = out, 1
		}
		n.Stages = append(n.Stages, blocks)
	}
	n.Norm, n.Head = nn.NewBatchNorm(in, true), nn.NewLinear(in, s.Classes, rng)
	return n, nil
}

// Forward returns the logits [classes, B] of images [C, B, H, W].
func (n *wideResNet) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	x = n.Conv1.Forward(t, x)
	for _, stage := range n.Stages {
		for _, b := range stage {
			x = b.Forward(t, x)
		}
	}
	return n.Head.Forward(t, grad.GlobalAvgPool(t, n.Norm.Forward(t, x)))
}

// block adds two convolutions of x to x.
type block struct {
	Norm1    *nn.BatchNorm
	Conv1    *nn.Conv2D
	Norm2    *nn.BatchNorm
	Conv2    *nn.Conv2D
	Shortcut *nn.Conv2D // nil where x has the shape of the result
}

func newBlock(in, out, stride int, rng *rand.Rand) *block {
	b := &block{
		Norm1: nn.NewBatchNorm(in, true), Conv1: nn.NewConv2D(in, out, 3, stride, 1, rng),
		Norm2: nn.NewBatchNorm(out, true), Conv2: nn.NewConv2D(out, out, 3, 1, 1, rng),
	}
	if in != out || stride != 1 {
		b.Shortcut = nn.NewConv2D(in, out, 1, stride, 0, rng)
	}
	return b
}

// Forward maps [C, B, H, W] to [M, B, H/stride, W/stride], rounded up.
func (b *block) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	a := b.Norm1.Forward(t, x)
	if b.Shortcut != nil {
		x = b.Shortcut.Forward(t, a)
	}
	y := b.Conv2.Forward(t, b.Norm2.Forward(t, b.Conv1.Forward(t, a)))
	return grad.Add(t, y, x)
}
