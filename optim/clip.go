package optim

import (
	"math"

	"github.com/seed073b5613/filigree/nn"
)

// ClipNorm scales the gradients of ps down so that their common Euclidean norm is
// at most limit, and returns the norm before.
func ClipNorm(ps []*nn.Param, limit float64) float64 {
	sum := 0.0
	for _, p := range ps {
		if p.Grad != nil {
			for _, g := range p.Grad.Data {
				sum += float64(g) * float64(g)
			}
		}
	}
	norm := math.Sqrt(sum)
	if !(norm > limit) {
		return norm
	}
	scale := float32(limit / norm)
	for _, p := range ps {
		if p.Grad != nil {
			for i := range p.Grad.Data {
				p.Grad.Data[i] *= scale
			}
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
