package prune

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// The blocks at the bottom of a matrix whose rows are no multiple of a block's are not at a
// disadvantage for having fewer weights.
func TestPartialBlocks(t *testing.T) {
	const M, K = 20, 400 // a row of whole blocks, and one of four rows each
	structure := Structure{Rows: 16}
	rewiring := Rewiring{Sparsity: 0.5, Distribution: Even, Structure: structure, Until: 10, Every: 1, DropFraction: 0.5, Drop: ConstantDrop(0.5)}
	for name, m := range map[string]Method{
		"magnitude": Magnitude{Sparsity: 0.5, Distribution: Even, Structure: structure, Schedule: Cubic{Until: 1, Every: 1}},
		"SNIP":      &SNIP{Sparsity: 0.5, Distribution: Even, Structure: structure},
		"RigL":      &RigL{Rewiring: rewiring},
	} {
		rng := newRand(7)
		ws := Weights([]*nn.Param{param("a", rng, M, K)})
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		ws[0].NeedGrad()
		for step := range 4 {
			if p, ok := m.(Preparer); ok && m.WantsDense(step) {
				p.Prepare(step, ws)
			}
			gradient(ws[0].Param, noise(rng, M*K))
			m.Step(step, ws)
		}
		partial := 0
		for key := range maskOf(ws[0].Param).Keys {
			if int(key) >= K {
				partial++
			}
		}
		if partial < K/4 || partial > 3*K/4 {
			t.Errorf("%s: %d of %d small blocks exist, half of them are to", name, partial, K)
		}
	}
}

// Pruning further goes on by the schedule from where the first topology is, at once.
func TestFurtherPruningIsGradual(t *testing.T) {
	for _, global := range []bool{false, true} {
		rng := newRand(5)
		dense := Weights([]*nn.Param{param("a", rng, 40, 50)})
		if err := (Static{Sparsity: 0.9, Distribution: Even}).Begin(dense, rng); err != nil {
			t.Fatal(err)
		}
		first := map[string]*sparse.Mask{"a": maskOf(dense[0].Param)}
		ws := Weights([]*nn.Param{param("a", rng, 40, 50)})
		m := Magnitude{Sparsity: 0.96, Distribution: Even, Schedule: Cubic{Until: 10, Every: 1}, Global: global, First: first}
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		for step := range 11 {
			m.Step(step, ws)
			left := 1 - float64(step)/10
			if want := int(math.Round(2000 * (1 - 0.96 + 0.06*left*left*left))); ws[0].NNZ() < want-1 || ws[0].NNZ() > want+1 {
				t.Errorf("global %v, step %d: %d weights, want %d", global, step, ws[0].NNZ(), want)
			}
		}
	}
}
