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

// update is the exchange of entries in one layer, while the gradient streams by.
type update struct {
	kept *sparse.Mask // entries that stay for sure
	drop []uint32
	grow best
	rows int // rows of the gradient seen
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

// Prepare decides what is dropped and lets the parameters hand over the dense
// gradient of the backward pass that follows.
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
		k := int(math.Floor(fraction * float64(n)))
		u := &r.updates[i]
		u.grow.k = k
		u.drop = lowest(w.Param, magnitude, k)
		u.kept = maskOf(w.Param)
		for _, key := range u.drop {
			u.kept.Bits[key/64] &^= 1 << (key % 64)
		}
		w.Scan = u.scan
	}
}

// scan takes rows of the dense gradient, in whole blocks.
func (u *update) scan(row int, g []float32) {
	m := u.kept
	rows := len(g) / max(m.K, 1)
	if row%m.R != 0 || rows%m.R != 0 && row+rows != m.M {
		panic(fmt.Sprintf("prune: RigL: rows %d to %d of the gradient cut blocks of %d rows", row, row+rows, m.R))
	}
	u.rows += rows
	if u.grow.k == 0 {
		return
	}
	sums := make([]float32, 0, m.K)
	for lo := 0; lo < rows; lo += m.R {
		line := g[lo*m.K : (lo+1)*m.K]
		if m.R > 1 {
			sums = append(sums[:0], line...)
			for j, v := range sums {
				sums[j] = abs(v)
			}
			for next := lo + 1; next < min(lo+m.R, rows); next++ {
				for j, v := range g[next*m.K : (next+1)*m.K] {
					sums[j] += abs(v)
				}
			}
			line = sums
		}
		u.offer(uint32((row+lo)/m.R*m.K), line)
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
			changes = append(changes, r.updates[i].finish(w.Param))
		}
	}
	r.updates = nil
	r.cadence.Done(step)
	return changes
}

func (u *update) finish(p *nn.Param) Change {
	p.Scan = nil
	if u.rows != u.kept.M {
		panic(fmt.Sprintf("prune: RigL: %s: %d rows of the dense gradient were seen, it has %d; a weight must be used once a step", p.Name, u.rows, u.kept.M))
	}
	before, _ := entries(p)
	drop, grow := without(u.drop, u.grow.keys())
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
