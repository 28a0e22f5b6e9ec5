package prune

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Weight is a prunable parameter and the share of it that is to go.
type Weight struct {
	*nn.Param
	Target float64 // final sparsity, set by Begin of a method; 0 for a layer that stays dense
}

// Weights returns the prunable ones of a network's parameters, in order.
func Weights(ps []*nn.Param) []Weight {
	var ws []Weight
	for _, p := range ps {
		if p.Prunable {
			ws = append(ws, Weight{Param: p})
		}
	}
	return ws
}

// A Method changes which weights exist.
type Method interface {
	// Begin sets the targets of the weights, all of them dense, and picks the first
	// topology.
	Begin(ws []Weight, rng *rand.Rand) error
	// WantsDense reports whether Step will need the gradients of absent weights at
	// this step. If so the method is a [Preparer].
	WantsDense(step int) bool
	// Step runs after the gradients of a step are ready and before the optimizer.
	// It returns the weights it looked at and what became of them; nothing if no
	// update was due.
	Step(step int, ws []Weight) []Change
}

// A Preparer has something to set up before the backward pass of a step for which
// WantsDense is true: it sets Scan of the parameters, so that the dense gradient
// streams past without being stored.
type Preparer interface{ Prepare(step int, ws []Weight) }

// A Replacer says whether an update of the topology takes the place of the
// optimizer's step on that batch.
type Replacer interface{ ReplacesStep() bool }

// A Coster knows what training with it costs: the mean FLOPs of one sample over so
// many steps, in the unit of its arguments, the forward cost of the sparse net at
// its target and of the dense one.
type Coster interface {
	Cost(sparse, dense float64, steps int) float64
}

// Change says what a method did to a parameter. The optimizer's state has to
// follow: by Moves, if Moves.From is set; else the parameter is still dense, and
// the state of absent weights becomes zero, or it was dense until now and is
// sparse, and the state is gathered from the dense layout.
type Change struct {
	Param          *nn.Param
	Moves          sparse.Moves
	Dropped, Grown int // entries: blocks of Rows×1 weights
}

// Structure is the shape of the blocks in which weights exist or not. The zero
// value is unstructured.
type Structure struct {
	Rows int // of a block: 0 and 1 for single weights, 2, 4 or 16 for Rows×1
	Cols int // gradual pruning: of a block; 0 for 1. Weights are stored as Rows×1 nevertheless
}

func (s Structure) rows() int { return max(s.Rows, 1) }

func (s Structure) check() error {
	switch s.rows() {
	case 1, 2, 4, 16:
		return nil
	}
	return fmt.Errorf("blocks of %d rows, can be 1, 2, 4 or 16", s.Rows)
}

// assign sets the targets of ws by a distribution and checks that the weights can
// be pruned at all.
func assign(ws []Weight, d Distribution, sparsity float64, structure Structure) error {
	if err := structure.check(); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	shapes := make([]Shape, len(ws))
	for i, w := range ws {
		if w.Dense == nil || w.Mask != nil {
			return fmt.Errorf("prune: weight %q is sparse already", w.Name)
		}
		shapes[i] = Shape{Name: w.Name, Dims: w.Shape}
		if shapes[i].Size() > math.MaxInt32 {
			return fmt.Errorf("prune: weight %q: shape %v has more than %d weights", w.Name, w.Shape, math.MaxInt32)
		}
	}
	sparsities, err := d(shapes, sparsity)
	if err != nil {
		return err
	}
	for i := range ws {
		ws[i].Target = sparsities[i]
	}
	return nil
}

// kept returns how many entries of a layer remain at a sparsity: at least one.
func kept(blocks int, sparsity float64) int { return max(Nonzeros(blocks, sparsity), min(blocks, 1)) }
