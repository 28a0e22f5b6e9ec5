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
