package prune

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// RigL trains a network that is sparse from the first step to the last (Evci et
// al., "Rigging the Lottery", arXiv:1911.11134, algorithm 1). Every so many steps,
// in each layer on its own:
//
//	k    = floor(drop(t)·nnz)
//	keep = active weights less the k of smallest |θ|
//	grow = k weights of largest |∂L/∂θ| among all that are not kept
//
// A weight that was dropped and grown again keeps its value and its optimizer
// state; a new one starts at zero. The number of weights stays the same. Ties go
// by index, where the authors' code adds noise to scores; in blocks, scores add up
// over the block. The update takes the place of the optimizer's step.
//
// The dense gradient of an update is looked at while it streams by: no more than
// 2k candidates a layer are kept.
type RigL struct {
	Sparsity     float64
	Distribution Distribution // nil: ERK
	Structure    Structure

	From  int // first step at which an update may happen
	Until int // updates happen before this step; 0.75 of all steps is usual
	Every int // steps between updates; 0: 100

	DropFraction float64      // share of weights to exchange at first; 0: 0.3
	Drop         DropSchedule // nil: CosineDrop(DropFraction, Until)
	AlsoStep     bool         // let the optimizer take its step on the batch of an update, too

	cadence Cadence
	updates []update // under way, one a weight, from Prepare to Step
}

// update is the exchange of entries in one layer. Masks and candidates exist only
// while the layer's gradient streams by.
type update struct {
	p    *nn.Param
	k    int // entries to exchange
	rows int // rows of the gradient seen

	kept  *sparse.Mask // entries that stay for sure
	grow  best
	drop  []uint32
	grown []uint32 // once all rows were seen
}

// Begin draws a random topology.
func (r *RigL) Begin(ws []Weight, rng *rand.Rand) error {
	if r.Until <= 0 || r.From < 0 || r.Every < 0 {
		return fmt.Errorf("prune: RigL: updates from step %d until %d every %d steps: until must be positive (0.75 of the steps is usual), the others not negative", r.From, r.Until, r.Every)
	}
	if !(r.DropFraction >= 0 && r.DropFraction <= 1) {
		return fmt.Errorf("prune: RigL: share to drop %v is not in [0, 1]", r.DropFraction)
	}
	if r.Every == 0 {
		r.Every = 100
	}
	if r.Drop == nil {
		if r.DropFraction == 0 {
			r.DropFraction = 0.3
		}
		r.Drop = CosineDrop(r.DropFraction, r.Until)
	}
	r.cadence = Cadence{Begin: r.From, End: r.Until - 1, Every: r.Every}
	return Static{r.Sparsity, r.Distribution, r.Structure}.Begin(ws, rng)
}

// WantsDense reports whether the topology is updated at this step.
func (r *RigL) WantsDense(step int) bool { return r.cadence.Due(step) }

// ReplacesStep reports whether updates take the place of the optimizer's steps.
func (r *RigL) ReplacesStep() bool { return !r.AlsoStep }

// Prepare lets the parameters hand over the dense gradient of the backward pass
// that follows.
func (r *RigL) Prepare(step int, ws []Weight) {
	fraction := r.Drop(step)
	if !(fraction >= 0 && fraction <= 1) {
		panic(fmt.Sprintf("prune: RigL: share to drop is %v at step %d", fraction, step))
	}
	r.updates = make([]update, len(ws))
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		n, _ := entries(w.Param)
		r.updates[i] = update{p: w.Param, k: int(math.Floor(fraction * float64(n)))}
		w.Scan = r.updates[i].scan
	}
}

// start decides what is dropped, before the first row of the gradient.
func (u *update) start() {
	u.grow = best{k: u.k}
	u.drop = lowest(u.p, magnitude, u.k)
	u.kept = maskOf(u.p)
	for _, key := range u.drop {
		u.kept.Bits[key/64] &^= 1 << (key % 64)
	}
}

// scan takes rows of the dense gradient, in whole blocks.
func (u *update) scan(row int, g []float32) {
	if u.rows == 0 {
		u.start()
	}
	M, K := matrixShape(u.p)
	rows := len(g) / max(K, 1)
	_, R := entries(u.p)
	if row%R != 0 || rows%R != 0 && row+rows != M {
		panic(fmt.Sprintf("prune: RigL: %s: rows %d to %d of the gradient cut blocks of %d rows", u.p.Name, row, row+rows, R))
	}
	if u.rows += rows; u.rows > M {
		panic(fmt.Sprintf("prune: RigL: %s: %d rows of the dense gradient were seen, it has %d; a weight must be used once a step", u.p.Name, u.rows, M))
	}
	if u.k > 0 {
		u.offerBlocks(row, R, K, g)
	}
	if u.rows == M {
		u.grown = u.grow.keys()
		u.kept, u.grow = nil, best{}
	}
}

// offerBlocks puts the candidates among rows of blocks forward; row is the first.
func (u *update) offerBlocks(row, R, K int, g []float32) {
	if R == 1 {
		for ; len(g) > 0; g = g[K:] {
			u.offer(uint32(row*K), g[:K])
			row++
		}
		return
	}
	sums := make([]float32, K)
	for ; len(g) > 0; row += R {
		clear(sums)
		for range min(R, len(g)/K) {
			for j, v := range g[:K] {
				sums[j] += abs(v)
			}
			g = g[K:]
		}
		u.offer(uint32(row/R*K), sums)
	}
}

// offer puts the candidates of one row of blocks forward; base is the key of the
// first.
func (u *update) offer(base uint32, line []float32) {
	bits := u.kept.Bits
	least := uint32(u.grow.floor >> 32)
	for j, v := range line {
		size := math.Float32bits(v) &^ (1 << 31) // orders as |v| does
		if size < least {
			continue // most of them
		}
		if key := base + uint32(j); bits[key/64]>>(key%64)&1 == 0 {
			u.grow.push(highRank(math.Float32frombits(size), key))
			least = uint32(u.grow.floor >> 32)
		}
	}
}

// Step exchanges the entries decided upon.
func (r *RigL) Step(step int, ws []Weight) []Change {
	if !r.WantsDense(step) {
		return nil
	}
	if len(r.updates) != len(ws) {
		panic(fmt.Sprintf("prune: RigL: step %d on %d weights was prepared for %d", step, len(ws), len(r.updates)))
	}
	var changes []Change
	for i, w := range ws {
		if w.Target > 0 {
			changes = append(changes, r.updates[i].finish())
		}
	}
	r.updates = nil
	r.cadence.Done(step)
	return changes
}

func (u *update) finish() Change {
	p := u.p
	p.Scan = nil
	if M, _ := matrixShape(p); u.rows != M {
		panic(fmt.Sprintf("prune: RigL: %s: %d rows of the dense gradient were seen, it has %d", p.Name, u.rows, M))
	}
	before, _ := entries(p)
	drop, grow := without(u.drop, u.grown)
	c := exchange(p, drop, grow)
	if after, _ := entries(p); after != before {
		panic(fmt.Sprintf("prune: RigL: %s: %d entries became %d", p.Name, before, after))
	}
	return c
}

// without removes what two ascending lists have in common from both.
func without(a, b []uint32) (onlyA, onlyB []uint32) {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			i, j = i+1, j+1
		case a[i] < b[j]:
			onlyA = append(onlyA, a[i])
			i++
		default:
			onlyB = append(onlyB, b[j])
			j++
		}
	}
	return append(onlyA, a[i:]...), append(onlyB, b[j:]...)
}

// Cost returns the cost of training as the paper counts it.
func (r *RigL) Cost(sparse, dense float64, _ int) float64 {
	every := r.Every
	if every == 0 {
		every = 100
	}
	return RigLCost(sparse, dense, every)
}

// rigLState is what a resumed run must know.
type rigLState struct {
	Next int `json:"next"` // first step at which an update may happen again
}

// MarshalBinary returns the state between two steps.
func (r *RigL) MarshalBinary() ([]byte, error) { return json.Marshal(rigLState{r.cadence.next}) }

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (r *RigL) UnmarshalBinary(b []byte) error {
	var s rigLState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("prune: state of RigL: %w", err)
	}
	r.cadence.next = s.Next
	return nil
}
