package nn

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
)

// Spectral makes a layer compute as if its weight were divided by its largest singular value
// (Miyato et al. 2018, arXiv:1802.05957), of which a training step that does not leave the
// weight alone improves the estimate by one power iteration. U, the left singular vector, is
// saved with the network. [Linear], [Conv1D] and [Conv2D] know of it; the weight may be dense,
// masked or sparse.
type Spectral struct {
	U *Buffer // [M]
}

// SpectralNorm gives parameters spectral normalisation, with first vectors from rng, constant
// ones where it is nil.
func SpectralNorm(rng *rand.Rand, ps ...*Param) {
	for _, p := range ps {
		u := make([]float32, p.M())
		for i := range u {
			u[i] = 1
			if rng != nil {
				u[i] = float32(rng.NormFloat64())
			}
		}
		kernel.Scale(float32(1/math.Sqrt(kernel.SumSquares(u))), u, u)
		p.Spectral = &Spectral{&Buffer{Data: u}}
	}
}

// FoldSpectral divides the weights of a network by their singular values and takes the
// normalisation off: the network stays the same function and is cheaper to run.
func FoldSpectral(net any) {
	for _, p := range Params(net) {
		if p.Spectral == nil {
			continue
		}
		var none *grad.Tape
		sigma := p.bound(none).PowerStep(p.Spectral.U.Data, make([]float32, p.K()), true)
		kernel.Scale(1/sigma, p.Values(), p.Values())
		p.Spectral = nil
	}
}

// product returns y = w·x + bias for a layer that computes the product by f, with the weight
// normalised where it is to be.
func (p *Param) product(t *grad.Tape, bias *Param, f func(w *grad.Weight, bias, dbias []float32) *grad.Var) *grad.Var {
	w := p.bound(t)
	if p.Spectral == nil {
		return f(w, bias.values(), bias.gradFor(t))
	}
	return grad.Spectral(t, f(w, nil, nil), w, p.Spectral.U.Data, p.Frozen || !t.Training(), bias.values(), bias.gradFor(t))
}

// Freeze makes training leave parameters alone, or makes it train them again: while they are
// frozen they get no gradient, which saves computing it.
func Freeze(ps []*Param, frozen bool) {
	for _, p := range ps {
		p.Frozen = frozen
	}
}

// OrthogonalPenalty adds to the gradients of ps that of
//
//	beta·Σ ‖WWᵀ ⊙ (1 - I)‖²,
//
// 4·beta·(WWᵀ ⊙ (1 - I))·W at the weights that exist, and returns the penalty (Brock et al. 2019,
// arXiv:1809.11096, section 3.1). W is the weight as a matrix [M, K], without spectral normalisation.
func OrthogonalPenalty(beta float64, ps ...*Param) float64 {
	sum := 0.0
	for _, p := range ps {
		M, K := p.M(), p.K()
		w, gram, g := p.dense(), make([]float32, M*M), make([]float32, M*K)
		kernel.GEMM(false, true, M, M, K, 1, w, K, w, K, 0, gram, M)
		for i := range M {
			gram[i*M+i] = 0
		}
		sum += kernel.SumSquares(gram)
		if p.Grad == nil {
			continue
		}
		kernel.GEMM(false, false, M, K, M, float32(4*beta), gram, M, w, K, 0, g, K)
		switch {
		case p.Sparse != nil:
			R := p.Sparse.R
			for e := range p.Sparse.Entries {
				for r := range min(R, M-e.Group*R) {
					p.Grad.Data[e.Pos*R+r] += g[(e.Group*R+r)*K+e.Col]
				}
			}
		default:
			if p.Mask != nil {
				p.Mask.Apply(g)
			}
			kernel.AddTo(p.Grad.Data, g)
		}
	}
	return beta * sum
}
