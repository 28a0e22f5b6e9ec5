package prune

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
)

// Sampling is how masks are drawn from the scores φ of a layer's entries.
type Sampling int

// The ways to draw a mask, all for single weights or blocks.
const (
	Gaussian  Sampling = iota // the K highest φ + s, s normal
	Bernoulli                 // each with probability 1/(1 + e^-φ), K on average
	Gumbel                    // K without replacement: the highest φ + g, g Gumbel noise
)

var noiseKinds = [...]*optim.Levels{Gaussian: optim.NormalNoise, Bernoulli: optim.LogisticNoise, Gumbel: optim.GumbelNoise}

// Evolution trains weights by gradients and finds by an evolution strategy which of them
// exist (the hybrid of Lenc, Elsen, Schaul and Simonyan 2019, arXiv:1906.03139): at each
// step every member of a population is the network under a mask of its own; the weights
// follow the mean of the members' gradients, the scores the masks are drawn from
//
//	φ += rate · Σ u·s      (Gaussian)
//	φ += rate · Σ u·m      (Bernoulli, Gumbel: m = 1 where the mask is; Σ u = 0)
//
// with utilities u by the rank of the losses. All members see the same batch. Which weights
// exist in the end, and when the network is scored, is the mode: the K highest φ. It is
// settled at step Until, after which the network trains under it.
//
// How the paper draws masks could not be verified; scores start normally distributed with
// the deviation 1/Spread, so that noise exchanges a share of the entries near the border.
// The rate falls along half a cosine, and masks may stay for several steps, so that members
// are judged on several batches.
type Evolution struct {
	Sparsity     float64
	Distribution Distribution // nil: ERK
	Structure    Structure
	Sampling     Sampling
	Population   int     // members: even
	Spread       float64 // deviation of the noise beside that of the first scores; 0: 0.1
	Rate         float64 // of the scores; 0: 1
	Every        int     // steps of a generation; 0: 1
	Until        int     // step at which the topology is settled
	Separable    bool    // Gaussian: a deviation of its own for the noise of each entry, which adapts
	Independent  bool    // members do not come in mirrored pairs

	seed   uint64
	layers []evolving // of the weights that are made sparse; nil once the topology is settled
	losses []float64  // of the members in this generation so far
}

// evolving is the distribution of the masks of one weight.
type evolving struct {
	index  int // in the weights
	scores []float32
	sigma  []float32 // Separable
	keep   int
	K      int
	border *atomic.Uint32 // bits of about where the lowest score of a mask lies: a hint
	masks  []*sparse.Mask // of the members in this generation; nil for those of other processes
}

// Begin draws first scores; all weights still exist.
func (e *Evolution) Begin(ws []Weight, rng *rand.Rand) error {
	if err := checkPopulation("evolution", e.Population); err != nil {
		return err
	}
	for _, x := range []struct {
		to        *float64
		otherwise float64
	}{{&e.Spread, 0.1}, {&e.Rate, 1}} {
		if *x.to == 0 {
			*x.to = x.otherwise
		}
	}
	e.Every = max(e.Every, 1)
	if e.Until < 1 || !(e.Spread > 0) || !(e.Rate > 0) || e.Sampling < Gaussian || e.Sampling > Gumbel || e.Separable && e.Sampling != Gaussian {
		return fmt.Errorf("prune: evolution: until step %d, spread %v, rate %v, sampling %d: must be positive, and only normal noise can be separable", e.Until, e.Spread, e.Rate, e.Sampling)
	}
	d := e.Distribution
	if d == nil {
		d = ERK
	}
	if err := assign(ws, d, e.Sparsity, e.Structure); err != nil {
		return err
	}
	e.seed = rng.Uint64()
	e.layers, e.losses = nil, make([]float64, e.Population)
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		n := e.mask(w.Param).Blocks()
		l := evolving{index: i, scores: make([]float32, n), keep: kept(n, w.Target), K: w.K(), border: new(atomic.Uint32)}
		l.masks = make([]*sparse.Mask, e.Population)
		for j := range l.scores {
			l.scores[j] = float32(rng.NormFloat64() / e.Spread)
		}
		if e.Separable {
			l.sigma = make([]float32, n)
			for j := range l.sigma {
				l.sigma[j] = 1
			}
		}
		if e.Sampling == Bernoulli {
			centre(l.scores, l.keep)
		}
		l.border.Store(math.Float32bits(float32(math.Inf(-1))))
		e.layers = append(e.layers, l)
	}
	return nil
}

// mask returns an empty mask of a parameter.
func (e *Evolution) mask(p *nn.Param) *sparse.Mask {
	return sparse.NewMask(p.M(), p.K(), e.Structure.rows())
}

// Members returns the population until the topology is settled.
func (e *Evolution) Members(int) int {
	if e.layers == nil {
		return 0
	}
	return e.Population
}

// Gradients returns true.
func (e *Evolution) Gradients() bool { return true }

// WantsDense returns false: gradients exist where some member has a weight.
func (*Evolution) WantsDense(int) bool { return false }

// Place gives a member its weights.
func (e *Evolution) Place(step, member int, from, to []*nn.Param) {
	next := 0
	for i, p := range from {
		if next == len(e.layers) || !p.Prunable {
			copy(to[i].Values(), p.Values())
			continue
		}
		if l := &e.layers[next]; l.index == prunableIndex(from, i) {
			next++
			if m := l.masks[member]; m == nil || to[i].Sparse == nil && to[i].Mask != m {
				l.masks[member] = e.draw(l, next, step/e.Every, member, p)
				place(to[i], p.Dense.Data, l.masks[member])
				continue
			}
			refresh(to[i], p.Dense.Data)
			continue
		}
		copy(to[i].Values(), p.Values())
	}
}

// prunableIndex returns how many of the parameters before i are prunable.
func prunableIndex(ps []*nn.Param, i int) (n int) {
	for _, p := range ps[:i] {
		if p.Prunable {
			n++
		}
	}
	return n
}

var scoreRooms = sync.Pool{New: func() any { return new([]float32) }}

// draw makes the mask of a member.
func (e *Evolution) draw(l *evolving, layer, generation, member int, p *nn.Param) *sparse.Mask {
	room := scoreRooms.Get().(*[]float32)
	defer scoreRooms.Put(room)
	if cap(*room) < len(l.scores) {
		*room = make([]float32, len(l.scores))
	}
	s := (*room)[:len(l.scores)]
	optim.NewNoise(noiseKinds[e.Sampling], e.seed, generation, member, layer, !e.Independent).Fill(s, 0)
	if l.sigma != nil {
		kernel.Mul(s, s, l.sigma)
	}
	kernel.AddTo(s, l.scores)
	mask := e.mask(p)
	if e.Sampling == Bernoulli {
		top := 0
		for key, v := range s {
			if v > 0 {
				mask.Bits[key/64] |= 1 << (key % 64)
			}
			if v > s[top] {
				top = key
			}
		}
		mask.Bits[top/64] |= 1 << (top % 64) // a layer is never empty
		return mask
	}
	hint := math.Float32frombits(l.border.Load())
	l.border.Store(math.Float32bits(highest(s, l.keep, hint, mask)))
	return mask
}

// highest sets the bits of the k highest scores; of equals, those of the lower keys. It
// returns where their border is, which makes the next search for one like it faster: only
// scores near or above the hint are ranked.
func highest(s []float32, k int, hint float32, mask *sparse.Mask) (border float32) {
	ranks := make([]uint64, 0, k+k/4+64)
	hint -= 0.05 + abs(hint)/64
	for {
		for key, v := range s {
			if v >= hint {
				ranks = append(ranks, uint64(ordered(v))<<32|uint64(^uint32(key)))
			}
		}
		if len(ranks) >= k || math.IsInf(float64(hint), -1) {
			break
		}
		ranks, hint = ranks[:0], float32(math.Inf(-1))
	}
	highestFirst(ranks, k)
	least := uint64(math.MaxUint64)
	for _, r := range ranks[:k] {
		key := ^uint32(r)
		mask.Bits[key/64] |= 1 << (key % 64)
		least = min(least, r)
	}
	return disordered(uint32(least >> 32))
}

// Judge moves the scores once a generation is over.
func (e *Evolution) Judge(step int, _ []*nn.Param, losses []float64, lo, hi int, sum func([]float32)) {
	for k, l := range losses {
		e.losses[k] += l
	}
	if (step+1)%e.Every != 0 && step+1 < e.Until {
		return
	}
	u := optim.Utilities(e.losses)
	clear(e.losses)
	rate := float32(e.Rate / 2 * (1 + math.Cos(math.Pi*progress(step, 0, e.Until))))
	for i := range e.layers {
		l := &e.layers[i]
		if e.Sampling == Gaussian {
			mean, squares := optim.SearchGradient(e.Population, lo, hi, len(l.scores), u, !e.Independent, e.Separable, func(member int) optim.Noise {
				return optim.NewNoise(optim.NormalNoise, e.seed, step/e.Every, member, i+1, !e.Independent)
			}, sum)
			if e.Separable {
				kernel.Mul(mean, mean, l.sigma)
				optim.Adapt(l.sigma, squares)
			}
			kernel.Axpy(rate, mean, l.scores)
		} else {
			kernel.Axpy(rate, e.presence(l, u, lo, hi, sum), l.scores)
		}
		if e.Sampling == Bernoulli {
			centre(l.scores, l.keep)
		}
		clear(l.masks)
	}
}

// presence returns Σ u·m.
func (e *Evolution) presence(l *evolving, u []float64, lo, hi int, sum func([]float32)) []float32 {
	g := make([]float32, len(l.scores))
	optim.SumMembers(g, e.Population, lo, hi, func(dst []float32, lo, hi int) {
		for k := lo; k < hi; k++ {
			for key := range l.masks[k].Keys {
				dst[key] += float32(u[k])
			}
		}
	})
	if sum != nil {
		sum(g)
	}
	return g
}

// centre shifts logits so that their probabilities add up to k, by Newton's method within
// a bracket.
func centre(logits []float32, k int) {
	if k >= len(logits) {
		return
	}
	p := make([]float32, len(logits))
	lo, hi, shift := -200.0, 200.0, 0.0
	for range 60 {
		for i, v := range logits {
			p[i] = v + float32(shift)
		}
		kernel.Sigmoid(p, p)
		total, squares := 0.0, 0.0
		for _, v := range p {
			total += float64(v)
			squares += float64(v) * float64(v)
		}
		excess := total - float64(k)
		if math.Abs(excess) <= 1e-4*float64(k) {
			break
		}
		if excess > 0 {
			hi = shift
		} else {
			lo = shift
		}
		if shift -= excess / max(total-squares, 1e-9); !(shift > lo && shift < hi) {
			shift = (lo + hi) / 2
		}
	}
	for i := range logits {
		logits[i] += float32(shift)
	}
}

// Step settles the topology when the time has come.
func (e *Evolution) Step(step int, ws []Weight) []Change {
	if step+1 < e.Until {
		return nil
	}
	return e.Finish(ws)
}

// Finish settles the topology if that has not happened.
func (e *Evolution) Finish(ws []Weight) []Change {
	var changes []Change
	for i := range e.layers {
		l := &e.layers[i]
		w, mask := ws[l.index], e.mode(l, ws[l.index].Param)
		setTopology(w.Param, mask)
		changes = append(changes, Change{Param: w.Param, Dropped: mask.Blocks() - mask.Count()})
	}
	e.layers = nil
	return changes
}

// mode returns the mask of the highest scores.
func (e *Evolution) mode(l *evolving, p *nn.Param) *sparse.Mask {
	mask := e.mask(p)
	highest(l.scores, l.keep, float32(math.Inf(-1)), mask)
	return mask
}

// Show puts the mode in the place of the stored weights.
func (e *Evolution) Show(ws []Weight) (hide func()) {
	stored := make([]nn.Param, len(e.layers))
	for i := range e.layers {
		p := ws[e.layers[i].index].Param
		stored[i] = *p
		p.Dense = nn.NewParam(p.Shape...).Dense
		copy(p.Dense.Data, stored[i].Dense.Data)
		setTopology(p, e.mode(&e.layers[i], p))
	}
	return func() {
		for i := range stored {
			p, s := ws[e.layers[i].index].Param, &stored[i]
			p.Dense, p.Sparse, p.Mask, p.Grad = s.Dense, nil, nil, s.Grad
		}
	}
}

// Cost returns that of training all members until the topology is settled.
func (e *Evolution) Cost(sparse, _ float64, steps int) float64 {
	share := progress(e.Until, 0, steps)
	return StaticCost(sparse) * (share*float64(e.Population) + 1 - share)
}

// MarshalBinary returns the scores and what else a resumed run must know.
func (e *Evolution) MarshalBinary() ([]byte, error) {
	s := searchState{Seed: e.seed, Losses: e.losses}
	for _, l := range e.layers {
		s.Scores = append(s.Scores, bytesOf(l.scores))
		if l.sigma != nil {
			s.Sigma = append(s.Sigma, bytesOf(l.sigma))
		}
	}
	return marshalSearch(s)
}

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (e *Evolution) UnmarshalBinary(b []byte) error {
	s, err := unmarshalSearch(b)
	if err != nil {
		return err
	}
	e.seed = s.Seed
	if len(s.Scores) == 0 {
		e.layers = nil
		return nil
	}
	if len(s.Scores) != len(e.layers) || len(s.Losses) != e.Population || e.Separable && len(s.Sigma) != len(e.layers) {
		return fmt.Errorf("prune: state of the evolution: it is of %d weights and %d members, there are %d and %d", len(s.Scores), len(s.Losses), len(e.layers), e.Population)
	}
	e.losses = s.Losses
	for i := range e.layers {
		l := &e.layers[i]
		for to, from := range map[*[]float32][][]byte{&l.scores: s.Scores, &l.sigma: s.Sigma} {
			if *to == nil {
				continue
			}
			v := floatsOf(from[i])
			if len(v) != len(*to) {
				return fmt.Errorf("prune: state of the evolution: weight %d has %d scores, want %d", i, len(v), len(*to))
			}
			*to = v
		}
	}
	return nil
}
