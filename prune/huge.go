package prune

import (
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// hugeSize is the number of places for weights above which [SET] does not look at all of
// them. Beyond 2³¹ no other method can, and the weight must be sparse from the start.
const hugeSize = 1 << 24

// huge reports whether a weight is such.
func huge(p *nn.Param) bool { return p.Sparse != nil && p.Size() > hugeSize }

// exchangeHuge drops the k smallest of a sparse parameter's weights and grows as many at
// random. Unlike elsewhere, what is dropped does not grow again at once: of millions of
// places, chance would hardly pick it.
func exchangeHuge(p *nn.Param, k int, rng *rand.Rand) Change {
	w := p.Sparse
	k = min(k, p.Size()-w.Len())
	gone := make([]bool, w.Len())
	pick := best{k: k}
	for at, v := range w.Values {
		pick.push(lowRank(abs(v), uint32(at)))
	}
	for _, at := range pick.keys() {
		gone[at] = true
	}
	present := make([]int64, 0, w.Len()) // ascending
	for e := range w.Entries {
		present = append(present, int64(e.Group)*int64(w.K)+int64(e.Col))
	}
	all := int64(w.M) * int64(w.K)
	grow := make([]int64, 0, k)
	for len(grow) < k {
		for range k - len(grow) {
			grow = append(grow, rng.Int64N(all))
		}
		slices.Sort(grow)
		grow = slices.Compact(grow)
		grow = slices.DeleteFunc(grow, func() func(int64) bool {
			next := 0
			return func(key int64) bool { // both lists ascend
				for next < len(present) && present[next] < key {
					next++
				}
				return next < len(present) && present[next] == key
			}
		}())
	}
	c := Change{Param: p, Moves: w.Edit(gone, grow), Dropped: k, Grown: k}
	if p.Grad != nil {
		v := c.Moves.Remap(p.Grad.Data, 1)
		p.Grad = tensor.Of(v, len(v))
	}
	return c
}
