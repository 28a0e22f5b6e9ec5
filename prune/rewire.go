package prune

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Rewiring is what the methods that train a sparse network and move its weights about
// have in common (arXiv:1911.11134, algorithm 1): a random first topology; then, every so
// many steps and in each layer on its own,
//
//	k    = floor(drop(t)·nnz)
//	keep = active weights less the k of smallest |θ|
//	grow = k weights among all that are not kept
//
// A weight that was dropped and grown again keeps its value and its optimizer state. The
// number of weights stays the same. Ties go by index; in blocks, scores add up over the
// block. The methods differ in which weights grow.
type Rewiring struct {
	Sparsity     float64
	Distribution Distribution // nil: ERK
	Structure    Structure

	First map[string]*sparse.Mask // first topology, by name of the weight, instead of a random one; nil for that

	From  int // first step at which an update may happen
	Until int // updates happen before this step; 0.75 of all steps is usual
	Every int // steps between updates; 0: 100

	DropFraction float64      // share of weights to exchange at first; 0: 0.3
	Drop         DropSchedule // nil: CosineDrop(DropFraction, Until)

	cadence Cadence
	random  *rand.PCG
	found   [][]uint64 // by weight: bits of the entries that ever existed
}

// begin draws the first topology; name is the method's, for errors.
func (r *Rewiring) begin(name string, ws []Weight, rng *rand.Rand) error {
	var first Method = Static{Sparsity: r.Sparsity, Distribution: r.Distribution, Structure: r.Structure}
	if r.First != nil {
		for weight, mask := range r.First {
			if mask.R != r.Structure.rows() {
				return fmt.Errorf("prune: %s: the first topology of weight %q is in blocks of %d rows, not %d", name, weight, mask.R, r.Structure.rows())
			}
		}
		first = Ticket{r.First}
	}
	if err := first.Begin(ws, rng); err != nil {
		return err
	}
	return r.plan(name, ws, rng)
}

// plan checks the schedule and starts the record of what is explored.
func (r *Rewiring) plan(name string, ws []Weight, rng *rand.Rand) error {
	if r.Until <= 0 || r.From < 0 || r.Every < 0 {
		return fmt.Errorf("prune: %s: updates from step %d until %d every %d steps: until must be positive (0.75 of the steps is usual), the others not negative", name, r.From, r.Until, r.Every)
	}
	if !(r.DropFraction >= 0 && r.DropFraction <= 1) {
		return fmt.Errorf("prune: %s: share to drop %v is not in [0, 1]", name, r.DropFraction)
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
	r.random = rand.NewPCG(rng.Uint64(), rng.Uint64())
	r.found = make([][]uint64, len(ws))
	for i, w := range ws {
		if w.Target > 0 && !huge(w.Param) {
			r.found[i] = maskOf(w.Param).Bits
		}
	}
	return nil
}

// exchanged returns how many of n entries are exchanged at a step.
func (r *Rewiring) exchanged(n, step int) int {
	fraction := r.Drop(step)
	if !(fraction >= 0 && fraction <= 1) {
		panic(fmt.Sprintf("prune: share to drop is %v at step %d", fraction, step))
	}
	return int(math.Floor(fraction * float64(n)))
}

// note remembers which entries have existed.
func (r *Rewiring) note(ws []Weight, step int) {
	for i, w := range ws {
		if w.Target > 0 && !huge(w.Param) {
			for j, b := range maskOf(w.Param).Bits {
				r.found[i][j] |= b
			}
		}
	}
	r.cadence.Done(step)
}

// Explored returns the share of the weights with a target that have existed at some step
// (R_s of arXiv:2102.02887): what a topology that moves has seen of the dense network.
// Weights of billions of places are left out.
func (r *Rewiring) Explored(ws []Weight) float64 {
	ever, all := 0, 0
	for i, w := range ws {
		if w.Target > 0 && !huge(w.Param) {
			m := sparse.NewMask(w.M(), w.K(), r.Structure.rows())
			m.Bits = r.found[i]
			ever, all = ever+m.NNZ(), all+w.Size()
		}
	}
	if all == 0 {
		return 1
	}
	return float64(ever) / float64(all)
}

// update is the exchange of entries in one layer. Masks and candidates exist only
// while it is decided upon.
type update struct {
	p    *nn.Param
	k    int // entries to drop
	rows int // rows of the gradient seen

	kept  *sparse.Mask // entries that stay for sure
	grow  best
	drop  []uint32
	grown []uint32 // once all rows were seen

	slopes map[uint32][]float32 // gradients of candidates, where they are needed
}

// start decides what is dropped, to make way for so many others.
func (u *update) start(grow int) {
	u.grow = best{k: grow}
	u.drop = lowest(u.p, magnitude, u.k)
	u.kept = maskOf(u.p)
	for _, key := range u.drop {
		u.kept.Bits[key/64] &^= 1 << (key % 64)
	}
}

// offer puts forward the candidates among whole blocks of rows of scores, whose signs do
// not matter; row is the first.
func (u *update) offer(row, R, K int, g []float32) {
	if R == 1 {
		for ; len(g) > 0; g = g[K:] {
			u.offerLine(uint32(row*K), g[:K])
			row++
		}
		return
	}
	sums := make([]float32, K)
	for ; len(g) > 0; row += R {
		clear(sums)
		rows := min(R, len(g)/K)
		for range rows {
			for j, v := range g[:K] {
				sums[j] += abs(v)
			}
			g = g[K:]
		}
		fair(sums, rows, R)
		u.offerLine(uint32(row/R*K), sums)
	}
}

// offerLine puts the candidates of one row of blocks forward; base is the key of the
// first.
func (u *update) offerLine(base uint32, line []float32) {
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

// close settles on the highest of the candidates.
func (u *update) close() {
	u.grown = u.grow.keys()
	u.kept, u.grow = nil, best{}
}

// closeAtRandom grows n entries at random among those that are not kept.
func (u *update) closeAtRandom(n int, rng *rand.Rand) {
	left := u.kept.Blocks() - u.kept.Count()
	for key := 0; n > 0 && left > 0; key++ {
		if u.kept.Bits[key/64]>>(key%64)&1 != 0 {
			continue
		}
		if rng.IntN(left) < n {
			u.grown = append(u.grown, uint32(key))
			n--
		}
		left--
	}
	u.kept = nil
}

// finish exchanges the entries decided upon.
func (u *update) finish() (c Change, new []uint32) {
	drop, grow := without(u.drop, u.grown)
	return exchange(u.p, drop, grow), grow
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

// rewiringState is what a resumed run must know.
type rewiringState struct {
	Next   int        `json:"next"` // first step at which an update may happen again
	Random []byte     `json:"random"`
	Found  [][]uint64 `json:"found"`
}

// MarshalBinary returns the state between two steps.
func (r *Rewiring) MarshalBinary() ([]byte, error) {
	random, err := r.random.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(rewiringState{r.cadence.next, random, r.found})
}

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (r *Rewiring) UnmarshalBinary(b []byte) error {
	var s rewiringState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("prune: state of the topology's updates: %w", err)
	}
	if len(s.Found) != len(r.found) {
		return fmt.Errorf("prune: state of the topology's updates: it is of %d weights, there are %d", len(s.Found), len(r.found))
	}
	for i := range s.Found {
		if len(s.Found[i]) != len(r.found[i]) {
			return fmt.Errorf("prune: state of the topology's updates: weight %d has %d words, want %d", i, len(s.Found[i]), len(r.found[i]))
		}
	}
	if err := r.random.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("prune: state of the topology's updates: %w", err)
	}
	r.cadence.next, r.found = s.Next, s.Found
	return nil
}
