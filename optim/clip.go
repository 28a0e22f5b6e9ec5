package optim

import (
	"math"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// ClipNorm scales the gradients of ps down so that their common Euclidean norm is
// at most limit, and returns the norm before. Gradients whose norm is not a number
// or infinite are left as they are, for the caller to find.
func ClipNorm(ps []*nn.Param, limit float64) float64 {
	sum := 0.0
	for _, p := range ps {
		if p.Grad != nil {
			sum += kernel.SumSquares(p.Grad.Data)
		}
	}
	norm := math.Sqrt(sum)
	if !(norm > limit) || math.IsInf(norm, 0) {
		return norm
	}
	for _, p := range ps {
		if p.Grad != nil {
			kernel.Scale(float32(limit/norm), p.Grad.Data, p.Grad.Data)
		}
	}
	return norm
}

// ClipValue limits each derivative of ps to [-limit, limit].
func ClipValue(ps []*nn.Param, limit float64) {
	l := float32(limit)
	for _, p := range ps {
		if p.Grad == nil {
			continue
		}
		for i, g := range p.Grad.Data {
			p.Grad.Data[i] = min(max(g, -l), l)
		}
	}
}
