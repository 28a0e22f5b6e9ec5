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

// Normal fills p with normal values of a deviation.
func Normal(p *Param, deviation float64, rng *rand.Rand) {
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32(rng.NormFloat64() * deviation)
	}
}

// Orthogonal fills each block of K rows of p [M,K], the last may be short, with rows of
// length 1 at right angles to each other (Saxe et al. 2014): for recurrent weights, one
// orthogonal matrix a gate.
func Orthogonal(p *Param, rng *rand.Rand) {
	M, K := p.M(), p.K()
	rows := make([][]float64, min(M, K))
	for first := 0; first < M; first += K {
		n := min(K, M-first)
		for i := range n {
			rows[i] = orthogonalTo(rows[:i], K, rng)
			for j, v := range rows[i] {
				p.Dense.Data[(first+i)*K+j] = float32(v)
			}
		}
	}
}

// orthogonalTo returns a random row of length 1 at right angles to those given: the modified
// Gram-Schmidt process, twice, against rounding.
func orthogonalTo(rows [][]float64, n int, rng *rand.Rand) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	for range 2 {
		for _, r := range rows {
			d := dot(x, r)
			for i := range x {
				x[i] -= d * r[i]
			}
		}
		length := math.Sqrt(dot(x, x))
		for i := range x {
			x[i] /= length
		}
	}
	return x
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i, v := range a {
		s += v * b[i]
	}
	return s
}
