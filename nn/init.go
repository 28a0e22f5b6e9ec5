package nn

import (
	"math"
	"math/rand/v2"
)

// HeNormal fills p with normal values of variance 2/K, K being its inputs (He et al.
// 2015, eq. 10): the variance of activations is kept through layers with ReLU.
func HeNormal(p *Param, rng *rand.Rand) {
	scale := math.Sqrt(2 / float64(p.K()))
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32(rng.NormFloat64() * scale)
	}
}

// HeUniform fills p with values from [-a, a], a = √(6/K): the variance of [HeNormal].
func HeUniform(p *Param, rng *rand.Rand) { uniform(p, math.Sqrt(6/float64(p.K())), rng) }

// GlorotUniform fills p with values from [-a, a], a = √(6/(K + M·area)), where area is the
// number of taps of a filter (Glorot and Bengio 2010, eq. 16).
func GlorotUniform(p *Param, rng *rand.Rand) {
	area := 1
	for _, n := range p.Shape[min(2, len(p.Shape)):] {
		area *= n
	}
	uniform(p, math.Sqrt(6/float64(p.K()+p.M()*area)), rng)
}

func uniform(p *Param, a float64, rng *rand.Rand) {
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32((2*rng.Float64() - 1) * a)
	}
}
