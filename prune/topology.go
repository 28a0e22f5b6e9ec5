package prune

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// matrixShape returns a weight's shape as a matrix [M, K].
func matrixShape(p *nn.Param) (M, K int) {
	M, K = p.Shape[0], 1
	for _, d := range p.Shape[1:] {
		K *= d
	}
	return M, K
}

// randomMask draws the entries of a matrix at a sparsity, each choice of their
// number as likely as any other (Knuth, The Art of Computer Programming, vol. 2,
// algorithm 3.4.2 S).
func randomMask(M, K int, sparsity float64, R int, rng *rand.Rand) *sparse.Mask {
	mask := sparse.NewMask(M, K, R)
	left := mask.Blocks()
	need := kept(left, sparsity)
	for key := 0; need > 0; key++ {
		if rng.IntN(left) < need {
			mask.Bits[key/64] |= 1 << (key % 64)
			need--
		}
		left--
	}
	return mask
}

// setTopology makes the weights of a dense parameter outside mask vanish. What is
// left is stored sparse if its products are faster that way, and dense under the
// mask if not. The gradient is dropped.
func setTopology(p *nn.Param, mask *sparse.Mask) {
	p.Grad = nil
	if runsDense(mask) {
		mask.Apply(p.Dense.Data)
		p.Mask = mask
		return
	}
	p.Sparse = sparse.FromDense(p.Dense.Data, mask.M, mask.K, mask, mask.R)
	p.Dense, p.Mask = nil, nil
}

// runsDense reports whether a topology is dense enough for dense products to be
// the faster ones.
func runsDense(mask *sparse.Mask) bool {
	return float64(mask.NNZ()) > kernel.BreakEven(mask.R)*float64(mask.M)*float64(mask.K)
}

// entries returns how many entries of a pruned parameter exist, and their rows R.
func entries(p *nn.Param) (n, R int) {
	if p.Sparse != nil {
		return p.Sparse.Len(), p.Sparse.R
	}
	return p.Mask.Count(), p.Mask.R
}

// maskOf returns the topology of a pruned parameter, as a copy.
func maskOf(p *nn.Param) *sparse.Mask {
	if p.Sparse != nil {
		return p.Sparse.Mask()
	}
	m := *p.Mask
	m.Bits = append([]uint64(nil), p.Mask.Bits...)
	return &m
}

// score rates the weights of a block, of which the lowest of a matrix may have fewer; more is
// better.
type score func(values []float32) float32

// magnitude is the mean of absolute values.
func magnitude(values []float32) float32 {
	sum := float32(0)
	for _, v := range values {
		sum += abs(v)
	}
	return sum / float32(len(values))
}

// fair makes sums over the rows of a block that has fewer than R of them comparable with
// those of whole blocks.
func fair(sums []float32, rows, R int) {
	if rows < R {
		kernel.Scale(float32(R)/float32(rows), sums, sums)
	}
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// eachEntry calls f with the flat key and the score of every entry that exists, by
// ascending key.
func eachEntry(p *nn.Param, rate score, f func(key uint32, s float32)) {
	if w := p.Sparse; w != nil {
		for e := range w.Entries {
			rows := min(w.R, w.M-e.Group*w.R)
			f(uint32(e.Group*w.K+e.Col), rate(w.Values[e.Pos*w.R:][:rows]))
		}
		return
	}
	m, block := p.Mask, make([]float32, 0, p.Mask.R)
	for key := range m.Keys {
		g, col := int(key)/m.K, int(key)%m.K
		block = block[:0]
		for row := g * m.R; row < min((g+1)*m.R, m.M); row++ {
			block = append(block, p.Dense.Data[row*m.K+col])
		}
		f(uint32(key), rate(block))
	}
}

// lowest returns the keys of the n entries of the lowest score, ascending; of
// equals, those of the lower keys.
func lowest(p *nn.Param, rate score, n int) []uint32 {
	pick := best{k: n}
	eachEntry(p, rate, func(key uint32, s float32) { pick.push(lowRank(s, key)) })
	return pick.keys()
}

// exchange removes the entries of one list of ascending keys and adds those of
// another, with weights of zero. The gradient follows.
func exchange(p *nn.Param, drop, grow []uint32) Change {
	c := Change{Param: p, Dropped: len(drop), Grown: len(grow)}
	before, R := entries(p)
	if p.Sparse != nil {
		c.Moves = exchangeSparse(p, drop, grow)
	} else {
		for _, key := range drop {
			p.Mask.Bits[key/64] &^= 1 << (key % 64)
		}
		for _, key := range grow {
			p.Mask.Bits[key/64] |= 1 << (key % 64)
		}
		p.Mask.Apply(p.Dense.Data)
		if p.Grad != nil {
			p.Mask.Apply(p.Grad.Data)
		}
	}
	if after, _ := entries(p); after != before-len(drop)+len(grow) {
		panic(fmt.Sprintf("prune: %s: %d entries of %d rows, less %d dropped, plus %d grown, became %d", p.Name, before, R, len(drop), len(grow), after))
	}
	return c
}

func exchangeSparse(p *nn.Param, drop, grow []uint32) sparse.Moves {
	w := p.Sparse
	gone := make([]bool, w.Len())
	for _, key := range drop {
		gone[w.Find(int(key)/w.K, int(key)%w.K)] = true
	}
	keys := make([]int64, len(grow))
	for i, key := range grow {
		keys[i] = int64(key)
	}
	moves := w.Edit(gone, keys)
	if p.Grad != nil {
		v := moves.Remap(p.Grad.Data, w.R)
		p.Grad = tensor.Of(v, len(v))
	}
	return moves
}

// settle stores a parameter under a mask, and its gradient, sparse once that is
// the faster way.
func settle(p *nn.Param) {
	if p.Mask == nil || runsDense(p.Mask) {
		return
	}
	mask, grad := p.Mask, p.Grad
	setTopology(p, mask)
	if grad != nil {
		v := sparse.FromDense(grad.Data, mask.M, mask.K, mask, mask.R).Values
		p.Grad = tensor.Of(v, len(v))
	}
}
