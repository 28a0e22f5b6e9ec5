package prune

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
)

// RigL trains a network that is sparse from the first step to the last (Evci et
// al., "Rigging the Lottery", arXiv:1911.11134): [Rewiring], where those weights grow
// whose gradient on one batch is largest,
//
//	grow = k weights of largest |∂L/∂θ| among all that are not kept
//
// The update takes the place of the optimizer's step. The dense gradient is looked at
// while it streams by: no more than 2k candidates a layer are kept. Where the authors'
// code adds noise to scores, ties go by index here.
type RigL struct {
	Rewiring
	Init     GrowInit // values of new weights; nil: zero
	AlsoStep bool     // let the optimizer take its step on the batch of an update, too

	// GradientStep, if not 0, starts new weights with a step of this size against the
	// gradient they were chosen by, -GradientStep·∂L/∂θ. Init must be nil then.
	GradientStep float64

	updates []update // under way, one a weight, from Prepare to Step
}

// GrowInit sets the values of the new weights of a parameter, given by their entries'
// keys (group of rows · K + column), where they are not to start at zero
// (arXiv:1911.11134, section 3(4); none was found better than zero).
type GrowInit func(p *nn.Param, entries []uint32, rng *rand.Rand)

// GrowNormal draws new weights from a normal distribution with the standard deviation of
// the parameter's weights.
func GrowNormal(p *nn.Param, entries []uint32, rng *rand.Rand) {
	sd := deviation(p)
	setEntries(p, entries, func() float32 { return float32(sd * rng.NormFloat64()) })
}

// GrowUniform is [GrowNormal] with a uniform distribution.
func GrowUniform(p *nn.Param, entries []uint32, rng *rand.Rand) {
	limit := math.Sqrt(3) * deviation(p)
	setEntries(p, entries, func() float32 { return float32(limit * (2*rng.Float64() - 1)) })
}

// GrowShuffled gives new weights the values of others of the parameter, drawn at random.
func GrowShuffled(p *nn.Param, entries []uint32, rng *rand.Rand) {
	var live []float32
	eachEntry(p, func(values []float32) float32 {
		live = append(live, values...)
		return 0
	}, func(uint32, float32) {})
	setEntries(p, entries, func() float32 { return live[rng.IntN(len(live))] })
}

// deviation returns the root mean square of the weights that exist.
func deviation(p *nn.Param) float64 {
	sum := 0.0
	for _, v := range p.Values() {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(p.NNZ(), 1)))
}

// setEntries sets the weights of the entries of some keys.
func setEntries(p *nn.Param, keys []uint32, value func() float32) {
	M, K := matrixShape(p)
	_, R := entries(p)
	for _, key := range keys {
		group, col := int(key)/K, int(key)%K
		pos := 0
		if p.Sparse != nil {
			pos = p.Sparse.Find(group, col)
		}
		for row := range min(R, M-group*R) {
			if v := value(); p.Sparse != nil {
				p.Sparse.Values[pos*R+row] = v
			} else {
				p.Dense.Data[(group*R+row)*K+col] = v
			}
		}
	}
}

// Begin draws a random topology.
func (r *RigL) Begin(ws []Weight, rng *rand.Rand) error {
	if r.Init != nil && r.GradientStep != 0 {
		return fmt.Errorf("prune: RigL: new weights start by Init or by a gradient step of %v, not by both", r.GradientStep)
	}
	return r.begin("RigL", ws, rng)
}

// WantsDense reports whether the topology is updated at this step.
func (r *RigL) WantsDense(step int) bool { return r.cadence.Due(step) }

// ReplacesStep reports whether updates take the place of the optimizer's steps.
func (r *RigL) ReplacesStep() bool { return !r.AlsoStep }

// Prepare lets the parameters hand over the dense gradient of the backward pass
// that follows.
func (r *RigL) Prepare(step int, ws []Weight) {
	r.updates = make([]update, len(ws))
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		n, _ := entries(w.Param)
		r.updates[i] = update{p: w.Param, k: r.exchanged(n, step)}
		if r.GradientStep != 0 {
			r.updates[i].slopes = map[uint32][]float32{}
		}
		w.Scan = r.updates[i].scan
	}
}

// scan takes rows of the dense gradient, in whole blocks.
func (u *update) scan(row int, g []float32) {
	if u.rows == 0 {
		u.start(u.k)
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
		u.offer(row, R, K, g)
		u.remember(row, R, K, g)
	}
	if u.rows == M {
		u.close()
	}
}

// remember keeps the gradients of the present candidates among rows just offered, where
// new weights are to start by them.
func (u *update) remember(row, R, K int, g []float32) {
	if u.slopes == nil {
		return
	}
	for _, rank := range u.grow.ranks {
		key := ^uint32(rank)
		first := int(key) / K * R // of its rows
		if first < row || first >= row+len(g)/K {
			continue
		}
		var slope []float32
		for i := first; i < min(first+R, row+len(g)/K); i++ {
			slope = append(slope, g[(i-row)*K+int(key)%K])
		}
		u.slopes[key] = slope
	}
}

// descend starts new entries with a step against their gradients.
func (u *update) descend(entries []uint32, step float32) {
	for _, key := range entries {
		slope := u.slopes[key]
		setEntries(u.p, []uint32{key}, func() float32 {
			v := -step * slope[0]
			slope = slope[1:]
			return v
		})
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
		if w.Target == 0 {
			continue
		}
		w.Scan = nil
		u := &r.updates[i]
		if M, _ := matrixShape(w.Param); u.rows != M {
			panic(fmt.Sprintf("prune: RigL: %s: %d rows of the dense gradient were seen, it has %d", w.Name, u.rows, M))
		}
		c, grown := u.finish()
		switch {
		case r.Init != nil:
			r.Init(w.Param, grown, rand.New(r.random))
		case r.GradientStep != 0:
			u.descend(grown, float32(r.GradientStep))
		}
		changes = append(changes, c)
	}
	r.updates = nil
	r.note(ws, step)
	return changes
}

// Cost returns the cost of training as the paper counts it.
func (r *RigL) Cost(sparse, dense float64, _ int) float64 {
	every := r.Every
	if every == 0 {
		every = 100
	}
	return RigLCost(sparse, dense, every)
}
