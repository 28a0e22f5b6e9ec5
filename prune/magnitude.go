package prune

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/sparse"
)

// Magnitude prunes a dense network gradually (Zhu and Gupta, arXiv:1710.01878; the
// settings of arXiv:1902.09574): at each update of its schedule, in each layer on
// its own, all but the entries of largest |θ| go. What is gone does not come back,
// where the mask-based original could revive a weight it still stores. A layer is
// stored sparse from the update on that makes it so sparse that this is faster.
type Magnitude struct {
	Sparsity     float64
	Distribution Distribution // of the final sparsity; nil: Uniform
	Structure    Structure
	Schedule     Cubic
}

// Begin sets the targets; all weights still exist.
func (m Magnitude) Begin(ws []Weight, _ *rand.Rand) error {
	if s := m.Schedule; s.From < 0 || s.Until < s.From || s.Every < 0 {
		return fmt.Errorf("prune: magnitude: updates from step %d until %d every %d steps", s.From, s.Until, s.Every)
	}
	d := m.Distribution
	if d == nil {
		d = Uniform
	}
	return assign(ws, d, m.Sparsity, m.Structure)
}

// WantsDense returns false: weights only go.
func (Magnitude) WantsDense(int) bool { return false }

// Cost returns the cost of training in the convention of the RigL paper.
func (m Magnitude) Cost(sparse, dense float64, steps int) float64 {
	return PruningCost(sparse, dense, m.Schedule, steps, SparseBackward)
}

// Step drops the smallest weights if an update is due.
func (m Magnitude) Step(step int, ws []Weight) []Change {
	share, due := m.Schedule.At(step)
	if !due {
		return nil
	}
	var changes []Change
	for _, w := range ws {
		if w.Target == 0 {
			continue
		}
		M, K := matrixShape(w.Param)
		all := sparse.NewMask(M, K, m.Structure.rows())
		n := all.Blocks()
		if w.Sparse != nil || w.Mask != nil {
			n, _ = entries(w.Param)
		}
		excess := n - kept(all.Blocks(), share*w.Target)
		if excess <= 0 {
			continue
		}
		if w.Dense != nil && w.Mask == nil {
			all.Fill()
			w.Mask = all
		}
		c := exchange(w.Param, lowest(w.Param, magnitude, excess), nil)
		settle(w.Param)
		changes = append(changes, c)
	}
	return changes
}
