package prune

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Shape describes one prunable weight to a [Distribution].
type Shape struct {
	Name     string
	Dims     []int   // as stored: [out, in] or [out, in, KH, KW]
	Pinned   bool    // Sparsity was set from outside: the layer neither borrows nor lends budget
	Sparsity float64 // of a pinned layer
}

// Size returns the number of weights of a dense layer of this shape.
func (s Shape) Size() int {
	n := 1
	for _, d := range s.Dims {
		n *= d
	}
	return n
}

// A Distribution spreads an overall sparsity over layers: it returns the sparsity
// of each shape. Pinned shapes keep theirs and stand outside the budget, so that
// the realised sparsity can differ from the one asked for; [Realised] computes it.
type Distribution func(shapes []Shape, sparsity float64) ([]float64, error)

// Nonzeros returns how many of n weights remain at a sparsity: the number of
// zeros is rounded down, as in the authors' code of RigL.
func Nonzeros(n int, sparsity float64) int { return n - int(math.Floor(sparsity*float64(n))) }

// Realised returns the sparsity over all shapes that the sparsities of the layers
// amount to, with whole weights.
func Realised(shapes []Shape, sparsities []float64) float64 {
	all, left := 0, 0
	for i, s := range shapes {
		all += s.Size()
		left += Nonzeros(s.Size(), sparsities[i])
	}
	if all == 0 {
		return 0
	}
	return 1 - float64(left)/float64(all)
}

// Uniform gives every layer the same sparsity but keeps the first one dense, as
// RigL (arXiv:1911.11134, section 3(1)) does: it holds few weights and matters
// most. The first layer is not made up for by the others.
func Uniform(shapes []Shape, sparsity float64) ([]float64, error) {
	return FirstDense(Even)(shapes, sparsity)
}

// Even gives every layer the same sparsity, the first one included: what rankings
// over all layers start from.
func Even(shapes []Shape, sparsity float64) ([]float64, error) {
	if err := checkShapes(shapes, sparsity); err != nil {
		return nil, fmt.Errorf("prune: uniform distribution: %w", err)
	}
	out := make([]float64, len(shapes))
	for i, s := range shapes {
		out[i] = sparsity
		if s.Pinned {
			out[i] = s.Sparsity
		}
	}
	return out, nil
}

// ER is the Erdős–Rényi distribution (Mocanu et al. 2018, as used in
// arXiv:1911.11134, section 3(1)): the density of a layer is proportional to
// (in + out)/(in·out), for convolutions by channels alone. Layers that would be
// denser than dense are capped and their excess is spread over the rest.
func ER(shapes []Shape, sparsity float64) ([]float64, error) {
	out, _, err := erdosRenyi(shapes, sparsity, channelRatio, 1)
	if err != nil {
		return nil, fmt.Errorf("prune: ER distribution: %w", err)
	}
	return out, nil
}

// ERK is Erdős–Rényi with kernel dimensions (arXiv:1911.11134, section 3(1)): the
// density of a layer is proportional to the sum of its dimensions over their
// product.
func ERK(shapes []Shape, sparsity float64) ([]float64, error) {
	return ERKPower(1)(shapes, sparsity)
}

// ERKPower is [ERK] with the ratios raised to power, from 0 (the same density
// everywhere) to 1 (ERK).
func ERKPower(power float64) Distribution {
	return func(shapes []Shape, sparsity float64) ([]float64, error) {
		out, _, err := erdosRenyi(shapes, sparsity, kernelRatio, power)
		if err != nil {
			return nil, fmt.Errorf("prune: ERK distribution: %w", err)
		}
		return out, nil
	}
}

// Pin holds layers at a sparsity of their own: match returns it for the layers it
// knows by name. What is left of the shapes goes to d.
func Pin(d Distribution, match func(name string) (sparsity float64, ok bool)) Distribution {
	return func(shapes []Shape, sparsity float64) ([]float64, error) {
		shapes = slices.Clone(shapes)
		for i, s := range shapes {
			if v, ok := match(s.Name); ok {
				shapes[i].Pinned, shapes[i].Sparsity = true, v
			}
		}
		return d(shapes, sparsity)
	}
}

// FirstDense keeps the first layer dense, outside the budget, and gives the rest to d.
func FirstDense(d Distribution) Distribution {
	return func(shapes []Shape, sparsity float64) ([]float64, error) {
		shapes = slices.Clone(shapes)
		if len(shapes) > 0 && !shapes[0].Pinned {
			shapes[0].Pinned, shapes[0].Sparsity = true, 0
		}
		return d(shapes, sparsity)
	}
}

// channelRatio is the ER ratio of a layer: convolutions count channels alone.
func channelRatio(s Shape) float64 {
	out, in := float64(s.Dims[0]), float64(s.Dims[1])
	return (in + out) / (in * out)
}

// kernelRatio is the ERK ratio of a layer: sum of dimensions over their product.
func kernelRatio(s Shape) float64 {
	sum := 0
	for _, d := range s.Dims {
		sum += d
	}
	return float64(sum) / float64(s.Size())
}

// erdosRenyi returns the sparsities 1 - eps·ratio^power, with eps such that the
// layers that are not pinned keep N - floor(S·N) weights together, and eps. In each
// round the layers of the largest ratio become dense while any would pass density 1.
func erdosRenyi(shapes []Shape, sparsity float64, ratio func(Shape) float64, power float64) ([]float64, float64, error) {
	if err := checkShapes(shapes, sparsity); err != nil {
		return nil, 0, err
	}
	if !(power >= 0 && power <= 1) {
		return nil, 0, fmt.Errorf("power %v is not in [0, 1]", power)
	}
	ratios := make([]float64, len(shapes))
	dense := make([]bool, len(shapes))
	for i, s := range shapes {
		ratios[i] = math.Pow(ratio(s), power)
	}
	eps, err := 0.0, error(nil)
	for sparsity > 0 {
		var capped bool
		if eps, capped, err = solveRound(shapes, sparsity, ratios, dense); err != nil {
			return nil, 0, err
		}
		if !capped {
			break
		}
	}
	out := make([]float64, len(shapes))
	for i, s := range shapes {
		switch {
		case s.Pinned:
			out[i] = s.Sparsity
		case !dense[i] && sparsity > 0:
			out[i] = max(0, 1-eps*ratios[i])
		}
	}
	return out, eps, nil
}

// solveRound solves for eps with the layers marked dense held at density 1. Where
// some layer would be denser than that, it marks those of the largest ratio.
func solveRound(shapes []Shape, sparsity float64, ratios []float64, dense []bool) (eps float64, capped bool, err error) {
	budget, weight, most := 0.0, 0.0, 0.0
	for i, s := range shapes {
		if s.Pinned {
			continue
		}
		n := float64(s.Size())
		zeros := math.Floor(sparsity * n)
		if dense[i] {
			budget -= zeros
			continue
		}
		budget += n - zeros
		weight += ratios[i] * n
		most = max(most, ratios[i])
	}
	if weight == 0 || budget < 0 {
		return 0, false, fmt.Errorf("sparsity %v cannot be reached with the layers that are neither pinned nor capped at dense", sparsity)
	}
	eps = budget / weight
	if eps*most <= 1+1e-12 {
		return eps, false, nil
	}
	for i := range shapes {
		if !shapes[i].Pinned && ratios[i] == most {
			dense[i] = true
		}
	}
	return eps, true, nil
}

// checkShapes reports what makes a distribution over shapes impossible.
func checkShapes(shapes []Shape, sparsity float64) error {
	if !(sparsity >= 0 && sparsity < 1) {
		return fmt.Errorf("sparsity %v is not in [0, 1)", sparsity)
	}
	free, names := 0, []string{}
	for _, s := range shapes {
		if len(s.Dims) < 2 || s.Size() <= 0 {
			return fmt.Errorf("weight %q: shape %v needs an output and an input dimension, all positive", s.Name, s.Dims)
		}
		if s.Pinned && !(s.Sparsity >= 0 && s.Sparsity < 1) {
			return fmt.Errorf("weight %q: pinned sparsity %v is not in [0, 1)", s.Name, s.Sparsity)
		}
		if !s.Pinned {
			free++
		}
		names = append(names, s.Name)
	}
	if free == 0 && sparsity > 0 {
		return fmt.Errorf("sparsity %v with every layer pinned or kept dense (%s): nothing is left to prune", sparsity, strings.Join(names, ", "))
	}
	return nil
}
