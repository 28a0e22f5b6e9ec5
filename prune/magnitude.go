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
//
// With the zero Schedule all is pruned at once, at step 0.
type Magnitude struct {
	Sparsity     float64
	Distribution Distribution // of the final sparsity; nil: Uniform
	Structure    Structure
	Schedule     Cubic
	Global       bool // rank the entries of all layers together; Distribution only says which stay dense

	First map[string]*sparse.Mask // what there is to prune, by name of the weight; without one, all of it
}

// Begin sets the targets; all weights still exist.
func (m Magnitude) Begin(ws []Weight, _ *rand.Rand) error {
	return m.gradual().begin("magnitude", ws)
}

// WantsDense returns false: weights only go.
func (Magnitude) WantsDense(int) bool { return false }

// Cost returns the cost of training in the convention of the RigL paper.
func (m Magnitude) Cost(sparse, dense float64, steps int) float64 {
	return PruningCost(sparse, dense, m.Schedule, steps, SparseBackward)
}

// Step drops the smallest weights if an update is due.
func (m Magnitude) Step(step int, ws []Weight) []Change {
	return m.gradual().step(step, ws, magnitude)
}

func (m Magnitude) gradual() gradual {
	return gradual(m)
}

// RandomPruning prunes by the schedule of [Magnitude], but what goes is drawn at random:
// the control of arXiv:1902.09574.
type RandomPruning struct {
	Sparsity     float64
	Distribution Distribution // of the final sparsity; nil: Uniform
	Structure    Structure
	Schedule     Cubic

	First map[string]*sparse.Mask // as of [Magnitude]

	random *rand.PCG
}

// Begin sets the targets; all weights still exist.
func (r *RandomPruning) Begin(ws []Weight, rng *rand.Rand) error {
	r.random = rand.NewPCG(rng.Uint64(), rng.Uint64())
	return r.gradual().begin("random pruning", ws)
}

// WantsDense returns false.
func (r *RandomPruning) WantsDense(int) bool { return false }

// Cost returns the cost of training in the convention of the RigL paper.
func (r *RandomPruning) Cost(sparse, dense float64, steps int) float64 {
	return PruningCost(sparse, dense, r.Schedule, steps, SparseBackward)
}

// Step drops weights if an update is due.
func (r *RandomPruning) Step(step int, ws []Weight) []Change {
	rng := rand.New(r.random)
	return r.gradual().step(step, ws, func([]float32) float32 { return 1 - rng.Float32() })
}

// MarshalBinary returns the state of the random numbers.
func (r *RandomPruning) MarshalBinary() ([]byte, error) { return r.random.MarshalBinary() }

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (r *RandomPruning) UnmarshalBinary(b []byte) error {
	if err := r.random.UnmarshalBinary(b); err != nil {
		return fmt.Errorf("prune: state of random pruning: %w", err)
	}
	return nil
}

func (r *RandomPruning) gradual() gradual {
	return gradual{r.Sparsity, r.Distribution, r.Structure, r.Schedule, false, r.First}
}

// gradual drops the entries of lowest score by a schedule.
type gradual struct {
	Sparsity     float64
	Distribution Distribution
	Structure    Structure
	Schedule     Cubic
	Global       bool
	First        map[string]*sparse.Mask
}

func (m gradual) begin(name string, ws []Weight) error {
	if s := m.Schedule; s.From < 0 || s.Until < s.From || s.Every < 0 {
		return fmt.Errorf("prune: %s: updates from step %d until %d every %d steps", name, s.From, s.Until, s.Every)
	}
	d := m.Distribution
	if d == nil {
		d = Uniform
	}
	if err := assign(ws, d, m.Sparsity, m.Structure); err != nil || m.First == nil {
		return err
	}
	return m.start(name, ws)
}

// start takes away what does not exist to begin with.
func (m gradual) start(name string, ws []Weight) error {
	have, want, all, n := 0, 0, 0, 0
	for _, w := range ws {
		mask := m.First[w.Name]
		if mask != nil && (mask.M != w.M() || mask.K != w.K()) {
			return fmt.Errorf("prune: %s: weight %q is [%d, %d], its topology is for [%d, %d]", name, w.Name, w.M(), w.K(), mask.M, mask.K)
		}
		if w.Target > 0 {
			var err error
			if mask, err = inBlocks(w, mask, m.Structure.rows()); err != nil {
				return fmt.Errorf("prune: %s: %w", name, err)
			}
			have, want, all, n = have+mask.Count(), want+kept(mask.Blocks(), w.Target), all+mask.Blocks(), n+1
		}
		if mask != nil && mask.Count() < mask.Blocks() {
			setTopology(w.Param, mask)
		}
	}
	if m.Global {
		want = kept(all, m.Sparsity)
	}
	if want > have+n { // each layer is rounded
		return fmt.Errorf("prune: %s: a sparsity of %.4g leaves %d of the %d weights, or blocks, that it prunes, and only %d exist: what does not exist cannot come back",
			name, m.Sparsity, want, all, have)
	}
	return nil
}

// due returns the sparsity that weights are to have together when a share of the way from
// the first topology to a target is done.
func (m gradual) due(target, share float64, ws ...Weight) float64 {
	gone, all := 0, 0
	for _, w := range ws {
		all += w.Size()
		if mask := m.First[w.Name]; mask != nil {
			gone += w.Size() - mask.NNZ()
		}
	}
	first := float64(gone) / float64(max(all, 1))
	return first + share*max(0, target-first)
}

// inBlocks returns a topology, all of the weight where it is nil, in blocks of R rows.
func inBlocks(w Weight, mask *sparse.Mask, R int) (*sparse.Mask, error) {
	out := sparse.NewMask(w.M(), w.K(), R)
	if mask == nil {
		out.Fill()
		return out, nil
	}
	for key := range out.Blocks() {
		group, col, n := key/out.K, key%out.K, 0
		rows := min(R, out.M-group*R)
		for row := group * R; row < group*R+rows; row++ {
			if mask.Get(row/mask.R, col) {
				n++
			}
		}
		if n > 0 && n < rows {
			return nil, fmt.Errorf("weight %q has blocks of %d rows of which a part does not exist: prune it in blocks of %d", w.Name, R, mask.R)
		}
		out.Set(group, col, n > 0)
	}
	return out, nil
}

func (m gradual) step(step int, ws []Weight, rate score) []Change {
	share, due := m.Schedule.At(step)
	if !due {
		return nil
	}
	pruned := targets(ws)
	drop := make([][]uint32, len(pruned))
	if m.Global {
		drop = lowestOfAll(pruned, rate, m.due(m.Sparsity, share, pruned...), m.Structure.rows())
	} else {
		for i, w := range pruned {
			if w.Parts > 1 || m.Structure.Cols > 1 {
				drop[i] = lowestByPart(w, rate, m.due(w.Target, share, w), m.Structure)
			} else if excess := m.excess(w, m.due(w.Target, share, w)); excess > 0 {
				drop[i] = lowest(masked(w.Param, m.Structure.rows()), rate, excess)
			}
		}
	}
	var changes []Change
	for i, w := range pruned {
		if len(drop[i]) > 0 {
			c := exchange(masked(w.Param, m.Structure.rows()), drop[i], nil)
			settle(w.Param)
			changes = append(changes, c)
		}
	}
	return changes
}

// excess returns how many entries more than at a sparsity a weight has.
func (m gradual) excess(w Weight, sparsity float64) int {
	all := sparse.NewMask(w.M(), w.K(), m.Structure.rows()).Blocks()
	n := all
	if w.Sparse != nil || w.Mask != nil {
		n, _ = entries(w.Param)
	}
	return n - kept(all, sparsity)
}

// targets returns the weights that are to lose entries.
func targets(ws []Weight) []Weight {
	var out []Weight
	for _, w := range ws {
		if w.Target > 0 {
			out = append(out, w)
		}
	}
	return out
}
