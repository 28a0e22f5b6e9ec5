package vision

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// resNet50 is the residual network of 50 layers (He et al. 2016, arXiv:1512.03385, table 1),
// with the stride in the 3×3 convolution of a block, as all of the sparsity literature
// trains it: 25.5 million weights, 4.1 billion multiply-adds at 224×224.
//
//	7×7/2, 64; max pool 3×3/2; stages of 3, 4, 6, 3 blocks; mean over space; linear
//	block: 1×1, n — 3×3(/2), n — 1×1, 4n, plus the input or its 1×1(/2)
type resNet50 struct {
	Conv1  *nn.Conv2D
	Norm1  *nn.BatchNorm
	Pool   nn.MaxPool2D
	Stages [][]*bottleneck
	Head   *nn.Linear
}

func newResNet50(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if err := s.isImage(); err != nil {
		return nil, err
	}
	in := s.channels(64)
	n := &resNet50{
		Conv1: nn.NewConv2D(s.Input[0], in, 7, 2, 3, rng), Norm1: nn.NewBatchNorm(in, true),
		Pool: nn.MaxPool2D{Size: 3, Stride: 2, Pad: 1},
	}
	for stage, repeat := range []int{3, 4, 6, 3} {
		mid, out, stride := s.channels(64<<stage), s.channels(256<<stage), min(stage+1, 2)
		var blocks []*bottleneck
		for range repeat {
			blocks = append(blocks, newBottleneck(in, mid, out, stride, rng))
			in, stride = out, 1
		}
		n.Stages = append(n.Stages, blocks)
	}
	n.Head = nn.NewLinear(in, s.Classes, rng)
	return n, nil
}

// Forward returns the logits [classes, B] of images [C, B, H, W].
func (n *resNet50) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	x = n.Pool.Forward(t, n.Norm1.Forward(t, n.Conv1.Forward(t, x)))
	for _, stage := range n.Stages {
		for _, b := range stage {
			x = b.Forward(t, x)
		}
	}
	return n.Head.Forward(t, grad.GlobalAvgPool(t, x))
}

// bottleneck is a block of a deep residual network.
type bottleneck struct {
	Conv1    *nn.Conv2D
	Norm1    *nn.BatchNorm
	Conv2    *nn.Conv2D
	Norm2    *nn.BatchNorm
	Conv3    *nn.Conv2D
	Norm3    *nn.BatchNorm
	Shortcut nn.Sequential // empty where x has the shape of the result
}

func newBottleneck(in, mid, out, stride int, rng *rand.Rand) *bottleneck {
	b := &bottleneck{
		Conv1: nn.NewConv2D(in, mid, 1, 1, 0, rng), Norm1: nn.NewBatchNorm(mid, true),
		Conv2: nn.NewConv2D(mid, mid, 3, stride, 1, rng), Norm2: nn.NewBatchNorm(mid, true),
		Conv3: nn.NewConv2D(mid, out, 1, 1, 0, rng), Norm3: nn.NewBatchNorm(out, false),
	}
	if in != out || stride != 1 {
		b.Shortcut = nn.Sequential{nn.NewConv2D(in, out, 1, stride, 0, rng), nn.NewBatchNorm(out, false)}
	}
	return b
}

// Forward maps [C, B, H, W] to [4·mid, B, H/stride, W/stride].
func (b *bottleneck) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	y := b.Norm1.Forward(t, b.Conv1.Forward(t, x))
	y = b.Norm2.Forward(t, b.Conv2.Forward(t, y))
	y = b.Norm3.Forward(t, b.Conv3.Forward(t, y))
	return grad.ReLU(t, grad.Add(t, y, b.Shortcut.Forward(t, x)))
}
