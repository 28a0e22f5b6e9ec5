package prune

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/sparse"
)

// Ticket trains with the topology another training ended with: with the first weights of
// that training, a lottery ticket (Frankle and Carbin 2019, arXiv:1803.03635); with new
// ones, the scratch runs of arXiv:1902.09574.
type Ticket struct {
	Masks map[string]*sparse.Mask // by name of the weight; without one it stays dense
}

// Begin sets the topology.
func (k Ticket) Begin(ws []Weight, _ *rand.Rand) error {
	left := len(k.Masks)
	for i, w := range ws {
		mask := k.Masks[w.Name]
		if mask == nil {
			continue
		}
		if mask.M != w.M() || mask.K != w.K() {
			return fmt.Errorf("prune: weight %q is [%d, %d], its topology is for [%d, %d]", w.Name, w.M(), w.K(), mask.M, mask.K)
		}
		left--
		ws[i].Target = 1 - float64(mask.NNZ())/float64(w.Size())
		copied := *mask
		copied.Bits = append([]uint64(nil), mask.Bits...)
		setTopology(w.Param, &copied)
	}
	if left > 0 {
		return fmt.Errorf("prune: %d of %d topologies are for weights that the network does not have", left, len(k.Masks))
	}
	return nil
}

// WantsDense returns false.
func (Ticket) WantsDense(int) bool { return false }

// Step changes nothing.
func (Ticket) Step(int, []Weight) []Change { return nil }

// Cost returns three forward passes of the sparse net; finding the topology is not counted.
func (Ticket) Cost(sparse, _ float64, _ int) float64 { return StaticCost(sparse) }
