package prune

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/sparse"
)

// Dense leaves all weights as they are.
type Dense struct{}

// Begin does nothing.
func (Dense) Begin([]Weight, *rand.Rand) error { return nil }

// WantsDense returns false.
func (Dense) WantsDense(int) bool { return false }

// Step changes nothing.
func (Dense) Step(int, []Weight) []Change { return nil }

// Cost returns three forward passes of the dense net.
func (Dense) Cost(_, dense float64, _ int) float64 { return DenseCost(dense) }

// Static draws a random topology at the start and keeps it.
type Static struct {
	Sparsity     float64
	Distribution Distribution // nil: ERK
	Structure    Structure

	// SharedParts gives the gates of a recurrent cell, the equal parts of its rows, the same
	// topology: a matrix [G·H, K] is drawn as [H, K], where H is the number of units.
	SharedParts bool
}

// Begin draws the topology: in each layer, the entries that exist are a uniformly
// random choice of their number.
func (s Static) Begin(ws []Weight, rng *rand.Rand) error {
	d := s.Distribution
	if d == nil {
		d = ERK
	}
	if err := assign(ws, d, s.Sparsity, s.Structure); err != nil {
		return err
	}
	for _, w := range ws {
		if w.Target == 0 {
			continue
		}
		parts := 1
		if s.SharedParts {
			parts = max(w.Parts, 1)
		}
		M, K := matrixShape(w.Param)
		if M%parts != 0 || M/parts%s.Structure.rows() != 0 && parts > 1 {
			return fmt.Errorf("prune: %s: %d rows do not come out even in %d gates of blocks of %d rows", w.Name, M, parts, s.Structure.rows())
		}
		setTopology(w.Param, repeated(randomMask(M/parts, K, w.Target, s.Structure.rows(), rng), parts))
	}
	return nil
}

// repeated returns a mask so many times, one below the other.
func repeated(m *sparse.Mask, parts int) *sparse.Mask {
	if parts == 1 {
		return m
	}
	out := sparse.NewMask(m.M*parts, m.K, m.R)
	for key := range m.Keys {
		for part := range parts {
			out.Set(part*m.Groups()+int(key)/m.K, int(key)%m.K, true)
		}
	}
	return out
}

// WantsDense returns false.
func (Static) WantsDense(int) bool { return false }

// Step changes nothing.
func (Static) Step(int, []Weight) []Change { return nil }

// Cost returns three forward passes of the sparse net.
func (Static) Cost(sparse, _ float64, _ int) float64 { return StaticCost(sparse) }
