package vision

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
)

// newLeNet300100 returns a perceptron with hidden layers of 300 and 100 units (LeCun
// et al. 1998; 784-300-100-10 in the pruning literature). Input [features].
func newLeNet300100(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if len(s.Input) != 1 {
		return nil, fmt.Errorf("input %v is not a vector of features", s.Input)
	}
	m1, m2 := s.channels(300), s.channels(100)
	return nn.Sequential{
		nn.NewLinear(s.Input[0], m1, rng), nn.ReLU{},
		nn.NewLinear(m1, m2, rng), nn.ReLU{},
		nn.NewLinear(m2, s.Classes, rng),
	}, nil
}

// newLeNet5 returns the LeNet-5 of the pruning literature (Caffe's): 5×5 convolutions of 20
// and 50 channels without padding, each before a 2×2 maximum, and a hidden layer of 500
// units. On 28×28 it has 431,080 parameters.
func newLeNet5(s Spec, rng *rand.Rand) (nn.Layer, error) {
	if err := s.isImage(); err != nil {
		return nil, err
	}
	if err := s.atLeast(16); err != nil {
		return nil, err
	}
	c1, c2, hidden := s.channels(20), s.channels(50), s.channels(500)
	left := func(n int) int { return ((n-4)/2 - 4) / 2 } // of a side, after both groups
	conv := func(in, out int) *nn.Conv2D {
		l := nn.NewConv2D(in, out, 5, 1, 0, rng)
		l.Bias = nn.NewParam(out)
		l.Bias.NoDecay = true
		return l
	}
	return nn.Sequential{
		conv(s.Input[0], c1), nn.MaxPool2D{Size: 2, Stride: 2},
		conv(c1, c2), nn.MaxPool2D{Size: 2, Stride: 2},
		nn.Flatten{}, nn.NewLinear(c2*left(s.Input[1])*left(s.Input[2]), hidden, rng), nn.ReLU{},
		nn.NewLinear(hidden, s.Classes, rng),
	}, nil
}
