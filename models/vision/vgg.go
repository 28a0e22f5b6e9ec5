package vision

import (
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
)

// newVGG returns the form of VGG-16 that is trained on small images (Simonyan and Zisserman
// 2015, arXiv:1409.1556, configuration D, with batch norm and one hidden linear layer of 512
// units): thirteen 3×3 convolutions in five groups, a 2×2 maximum after each. Images must
// be 32×32 at least. 15.0 million parameters.
func newVGG(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if err := s.isImage(); err != nil {
		return nil, err
	}
	if err := s.atLeast(32); err != nil {
		return nil, err
	}
	var net nn.Sequential
	in := s.Input[0]
	for _, group := range [][]int{{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}} {
		for _, n := range group {
			out := s.channels(n)
			net = append(net, nn.NewConv2D(in, out, 3, 1, 1, rng), nn.NewBatchNorm(out, true))
			in = out
		}
		net = append(net, nn.MaxPool2D{Size: 2, Stride: 2})
	}
	hidden := s.channels(512)
	return append(net, nn.GlobalAvgPool{}, nn.NewLinear(in, hidden, rng), nn.NewBatchNorm(hidden, true), nn.NewLinear(hidden, s.Classes, rng)), nil
}
