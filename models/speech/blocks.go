package speech

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
)

// frameBlock is a residual block of frames (ConvNeXt, Liu et al. 2022, in one dimension, as
// Siuzdak 2023 has it): x + Down(GELU(Up(LayerNorm(Depthwise(x))))), x [C, B, T]. Nearly
// all its work is in the two products, whose weights can be sparse.
type frameBlock struct {
	Depthwise *nn.DepthwiseConv1D
	Norm      *nn.LayerNorm
	Up, Down  *nn.Linear
}

// newFrameBlock returns a block of C channels with so many hidden ones. scale makes its
// first share in the sum smaller.
func newFrameBlock(C, hidden int, scale float64, rng *rand.Rand) *frameBlock {
	b := &frameBlock{nn.NewDepthwiseConv1D(C, 7, rng), nn.NewLayerNorm(C), nn.NewLinear(C, hidden, rng), nn.NewLinear(hidden, C, rng)}
	nn.Normal(b.Depthwise.Weight, 1/math.Sqrt(7), rng)
	nn.Normal(b.Up.Weight, 1/math.Sqrt(float64(C)), rng)
	nn.Normal(b.Down.Weight, scale/math.Sqrt(float64(hidden)), rng)
	return b
}

// forward applies the block. mask, nil for none, is 0 in columns of padding, which stay 0;
// what is added to x passes through drop.
func (b *frameBlock) forward(t *grad.Tape, x *grad.Var, mask []float32, drop nn.Dropout) *grad.Var {
	mark := t.Mark()
	y := b.Norm.Forward(t, b.Depthwise.Forward(t, x))
	y = b.Down.Forward(t, grad.GELU(t, b.Up.Forward(t, y)))
	return t.Keep(mark, masked(t, grad.Add(t, x, drop.Forward(t, y)), mask))
}

func masked(t *grad.Tape, x *grad.Var, mask []float32) *grad.Var {
	if mask == nil {
		return x
	}
	return grad.MaskColumns(t, x, mask)
}

// tokenBlock is a block of EATS's aligner (arXiv:2006.03575, appendix; figure 1) with layer
// norms for its conditional batch norms: pairs of convolutions, kernel 3, whose dilations
// double, each pair a residual.
type tokenBlock struct {
	Norms []*nn.LayerNorm
	Convs []*nn.Conv1D
}

// newTokenBlock returns a block of C channels with a convolution for each dilation.
func newTokenBlock(C int, dilations []int, rng *rand.Rand) *tokenBlock {
	b := &tokenBlock{}
	for _, d := range dilations {
		conv := nn.NewConv1D(C, C, 3, 1, d, d, rng)
		conv.Bias = nn.NewParam(C)
		conv.Bias.NoDecay = true
		b.Norms, b.Convs = append(b.Norms, nn.NewLayerNorm(C)), append(b.Convs, conv)
	}
	for i := 1; i < len(b.Convs); i += 2 {
		nn.Normal(b.Convs[i].Weight, 0.3*math.Sqrt(2/float64(3*C)), rng)
	}
	return b
}

func (b *tokenBlock) forward(t *grad.Tape, x *grad.Var, mask []float32, drop nn.Dropout) *grad.Var {
	mark := t.Mark()
	for i := 0; i < len(b.Convs); i += 2 {
		y := x
		for j := i; j < min(i+2, len(b.Convs)); j++ {
			y = masked(t, grad.ReLU(t, b.Norms[j].Forward(t, y)), mask)
			y = b.Convs[j].Forward(t, y)
		}
		x = grad.Add(t, x, drop.Forward(t, y))
	}
	return t.Keep(mark, masked(t, x, mask))
}
