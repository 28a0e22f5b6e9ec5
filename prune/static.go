package prune

import "math/rand/v2"

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
		if w.Target > 0 {
			setTopology(w.Param, randomMask(w.Param, w.Target, s.Structure.rows(), rng))
		}
	}
	return nil
}

// WantsDense returns false.
func (Static) WantsDense(int) bool { return false }

// Step changes nothing.
func (Static) Step(int, []Weight) []Change { return nil }

// Cost returns three forward passes of the sparse net.
func (Static) Cost(sparse, _ float64, _ int) float64 { return StaticCost(sparse) }
