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
