package nn

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
)

// The functions of this file leave p as it is where rng is nil: weights that are about to be
// read from a file need no random ones before.

// HeNormal fills p with normal values of variance 2/K, K being its inputs (He et al.
// 2015, eq. 10): the variance of activations is kept through layers with ReLU.
func HeNormal(p *Param, rng *rand.Rand) {
	Normal(p, math.Sqrt(2/float64(p.K())), rng)
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
	if rng == nil {
		return
	}
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32((2*rng.Float64() - 1) * a)
	}
}

// Normal fills p with normal values of a deviation.
func Normal(p *Param, deviation float64, rng *rand.Rand) {
	if rng == nil {
		return
	}
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32(rng.NormFloat64() * deviation)
	}
}

// orthogonalRows is how many rows are made orthogonal to those above at a time.
const orthogonalRows = 32

// Orthogonal fills each block of K rows of p [M,K], the last may be short, with rows of
// length 1 at right angles to each other (Saxe et al. 2014): for recurrent weights, one
// orthogonal matrix a gate. Normal values go through a Gram-Schmidt process: groups of rows
// lose their share in all rows above by products, twice against rounding, and then rows in
// those of their group.
func Orthogonal(p *Param, rng *rand.Rand) {
	if rng == nil {
		return
	}
	Normal(p, 1, rng)
	M, K := p.M(), p.K()
	share := make([]float32, orthogonalRows*min(M, K))
	for gate := 0; gate < M; gate += K {
		Q := p.Dense.Data[gate*K : min(gate+K, M)*K]
		for first := 0; first*K < len(Q); first += orthogonalRows {
			group := Q[first*K : min((first+orthogonalRows)*K, len(Q))]
			n := len(group) / K
			for range 2 {
				kernel.GEMM(false, true, n, first, K, 1, group, K, Q, K, 0, share, max(first, 1))
				kernel.GEMM(false, false, n, K, first, -1, share, max(first, 1), Q, K, 1, group, K)
				orthonormal(group, K)
			}
		}
	}
}

// orthonormal makes the rows of x [n,K] orthogonal to each other and of length 1.
func orthonormal(x []float32, K int) {
	for i := 0; i < len(x); i += K {
		row := x[i : i+K]
		for j := 0; j < i; j += K {
			above := x[j : j+K]
			kernel.Axpy(float32(-dot(row, above)), above, row)
		}
		kernel.Scale(float32(1/math.Sqrt(dot(row, row))), row, row)
	}
}

func dot(a, b []float32) float64 {
	s := 0.0
	for i, v := range a {
		s += float64(v) * float64(b[i])
	}
	return s
}
