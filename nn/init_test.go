package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/nn"
)

// Initialisers have mean 0 and the variance their papers give.
func TestInitialisers(t *testing.T) {
	for _, c := range []struct {
		name     string
		fill     func(p *nn.Param, rng *rand.Rand)
		variance float64
	}{
		{"he normal", nn.HeNormal, 2.0 / 90},
		{"he uniform", nn.HeUniform, 2.0 / 90},
		{"glorot uniform", nn.GlorotUniform, 2.0 / (90 + 200*9)},
	} {
		p := nn.NewParam(200, 10, 3, 3)
		c.fill(p, rand.New(rand.NewPCG(3, 1)))
		sum, squares, n := 0.0, 0.0, float64(p.Size())
		for _, v := range p.Values() {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		if mean, v := sum/n, squares/n; math.Abs(mean) > 4*math.Sqrt(c.variance/n) || math.Abs(v/c.variance-1) > 0.05 {
			t.Errorf("%s: mean %g, variance %g, want 0 and %g", c.name, mean, v, c.variance)
		}
	}
}
