package prune

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
)

// A Reparameterizer trains with weights that are random about those that are stored, and
// trains by how much.
type Reparameterizer interface {
	// Sample draws the weights of the step that follows.
	Sample(step int, ws []Weight)
	// Gather runs after the backward pass: it turns the gradients into those of the
	// stored weights, adds those of the penalty, and puts the stored weights back.
	Gather(step int, ws []Weight)
	Shower
}

// A Shower trains with other weights than those the network will have once training ends.
type Shower interface {
	// Show puts the latter in place and returns a function that puts the stored ones back.
	Show(ws []Weight) (hide func())
}

// A Finisher decides on the topology when training is over.
type Finisher interface{ Finish(ws []Weight) []Change }

// Penalty is the part of the loss that makes weights go, and what else variational dropout
// and L0 have in common: the penalty rises from nothing at step From to its full size at
// step Until, and at the end the least certain weights go.
type Penalty struct {
	Lambda      float64 // of one weight; 1/N for N training samples is usual
	From, Until int
	Cubic       bool    // rise as 1-(1-x)³ rather than linearly
	Steer       bool    // L0: adjust Lambda, from the value given, so that as many weights are due to go as Sparsity asks for
	Rate        float64 // learning rate of the distributions' own parameters, by Adam; 0: 0.01, or what takes a gate of L0 from open to closed in a third of the schedule
	Structure   Structure

	// Sparsity, if above 0, is the share of weights to take away at the end, over all
	// layers; if it is 0, a threshold of the method decides.
	Sparsity float64

	lambda float64 // at present, where it is steered
	ahead  bool    // of the schedule: the penalty rests
	random *rand.PCG
	gates  []*nn.Param // what is trained: one number a weight or block, by weight
	stored [][]float32 // the stored weights while samples are in their place
	adam   optim.Adam
}

// begin makes a gate for each entry of each weight (each weight, where perWeight is set).
func (p *Penalty) begin(name string, ws []Weight, rng *rand.Rand, perWeight bool, first func(rng *rand.Rand) float32) error {
	if p.Lambda < 0 || p.From < 0 || p.Until < p.From || !(p.Sparsity >= 0 && p.Sparsity < 1) {
		return fmt.Errorf("prune: %s: penalty %v from step %d until %d, sparsity %v", name, p.Lambda, p.From, p.Until, p.Sparsity)
	}
	if p.Rate == 0 {
		p.Rate = 0.01
	}
	if p.Steer && !(p.Sparsity > 0 && p.Lambda > 0) {
		return fmt.Errorf("prune: %s: to steer the penalty takes a sparsity above 0 and a first value above 0, they are %v and %v", name, p.Sparsity, p.Lambda)
	}
	p.lambda, p.ahead = p.Lambda, false
	if err := assign(ws, Even, p.Sparsity, p.Structure); err != nil {
		return err
	}
	p.random = rand.NewPCG(rng.Uint64(), rng.Uint64())
	p.adam = optim.Adam{}
	p.gates, p.stored = nil, make([][]float32, len(ws))
	for _, w := range ws {
		M := w.M()
		if !perWeight {
			M = sparse.NewMask(w.M(), w.K(), p.Structure.rows()).Groups()
		}
		g := nn.NewParam(M, w.K())
		g.Name, g.NoDecay = w.Name, true
		g.NeedGrad()
		for i := range g.Dense.Data {
			g.Dense.Data[i] = first(rng)
		}
		p.gates = append(p.gates, g)
	}
	return nil
}

// Steering: how often the penalty is adjusted, and by how much at least. In a training so
// short that this is too slow it can rise steerReach times in half of its schedule.
const (
	steerEvery = 10
	steerBy    = 1.1
	steerReach = 1000
)

// steer adjusts the penalty. due returns the share of the weights that would go as things
// are; it is to follow the cubic schedule of gradual pruning.
func (p *Penalty) steer(step int, due func() float64) {
	if !p.Steer || step < p.From || step%steerEvery != 0 {
		return
	}
	share, _ := Cubic{p.From, p.Until, steerEvery}.At(step)
	by := max(steerBy, math.Pow(steerReach, 2*steerEvery/float64(max(p.Until-p.From, 1))))
	if p.ahead = due() >= share*p.Sparsity; !p.ahead {
		p.lambda *= by
	} else {
		p.lambda /= by * by // gates that closed hardly open again
	}
}

// below returns the share of gates below a limit.
func (p *Penalty) below(limit float32) float64 {
	n, all := 0, 0
	for _, g := range p.gates {
		all += len(g.Dense.Data)
		for _, v := range g.Dense.Data {
			if v <= limit {
				n++
			}
		}
	}
	return float64(n) / float64(max(all, 1))
}

// weight returns the penalty of a weight at a step.
func (p *Penalty) weight(step int) float32 {
	if p.Steer {
		if step < p.From || p.ahead {
			return 0
		}
		return float32(p.lambda)
	}
	x := progress(step, p.From, p.Until)
	if p.Cubic {
		x = 1 - (1-x)*(1-x)*(1-x)
	}
	return float32(p.Lambda * x)
}

// learn takes a step of the gates.
func (p *Penalty) learn() {
	p.adam.Step(p.gates, p.Rate)
	nn.ZeroGrads(p.gates)
}

// finish stores the weights of the masks only.
func (p *Penalty) finish(ws []Weight, masks []*sparse.Mask) []Change {
	var changes []Change
	for i, w := range ws {
		c := Change{Param: w.Param, Dropped: masks[i].Blocks() - masks[i].Count()}
		setTopology(w.Param, masks[i])
		changes = append(changes, c)
	}
	p.gates = nil
	return changes
}

// masks keeps the entries whose score, the higher the better, is above least, and if a
// Sparsity is set no more than that leaves. Each weight keeps an entry.
func (p *Penalty) masks(ws []Weight, least float32, scoreOf func(i, group, col int) float32) []*sparse.Mask {
	R, all := p.Structure.rows(), 0
	masks := make([]*sparse.Mask, len(ws))
	for i, w := range ws {
		masks[i] = sparse.NewMask(w.M(), w.K(), R)
		all += masks[i].Blocks()
	}
	if p.Sparsity > 0 {
		least = max(least, p.cut(masks, kept(all, p.Sparsity), scoreOf))
	}
	for i, m := range masks {
		top, at := float32(math.Inf(-1)), 0
		for key := range m.Blocks() {
			s := scoreOf(i, key/m.K, key%m.K)
			if s > least {
				m.Set(key/m.K, key%m.K, true)
			}
			if s > top {
				top, at = s, key
			}
		}
		if m.Blocks() > 0 {
			m.Set(at/m.K, at%m.K, true)
		}
	}
	return masks
}

// cut returns the score above which n entries lie, fewer where scores are equal.
func (p *Penalty) cut(masks []*sparse.Mask, n int, scoreOf func(i, group, col int) float32) float32 {
	var ranks []uint64
	for i, m := range masks {
		for key := range m.Blocks() {
			ranks = append(ranks, uint64(ordered(scoreOf(i, key/m.K, key%m.K))))
		}
	}
	if n >= len(ranks) {
		return float32(math.Inf(-1))
	}
	highestFirst(ranks, n+1)
	least := ranks[0]
	for _, r := range ranks[:n+1] {
		least = min(least, r)
	}
	return disordered(uint32(least))
}

// ordered maps a number to one whose order as an integer is the number's.
func ordered(f float32) uint32 {
	b := math.Float32bits(f)
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

func disordered(b uint32) float32 {
	if b>>31 != 0 {
		return math.Float32frombits(b &^ (1 << 31))
	}
	return math.Float32frombits(^b)
}

// penaltyState is what a resumed run must know. Arrays are little-endian float32.
type penaltyState struct {
	Random []byte              `json:"random"`
	Gates  [][]byte            `json:"gates"` // none once training is over
	Adam   map[string][][]byte `json:"adam"`
	Lambda float64             `json:"lambda"`
	Ahead  bool                `json:"ahead"`
}

// MarshalBinary returns the state between two steps.
func (p *Penalty) MarshalBinary() ([]byte, error) {
	random, err := p.random.MarshalBinary()
	if err != nil {
		return nil, err
	}
	s := penaltyState{Random: random, Adam: map[string][][]byte{}, Lambda: p.lambda, Ahead: p.ahead}
	for _, g := range p.gates {
		s.Gates = append(s.Gates, bytesOf(g.Dense.Data))
	}
	for name, slots := range p.adam.State() {
		for _, v := range slots {
			s.Adam[name] = append(s.Adam[name], bytesOf(v))
		}
	}
	return json.Marshal(s)
}

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (p *Penalty) UnmarshalBinary(b []byte) error {
	var s penaltyState
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("prune: state of the gates: %w", err)
	}
	if err := p.random.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("prune: state of the gates: %w", err)
	}
	p.lambda, p.ahead = s.Lambda, s.Ahead
	if len(s.Gates) == 0 {
		p.gates = nil
		return nil
	}
	if len(s.Gates) != len(p.gates) {
		return fmt.Errorf("prune: state of the gates: it is of %d weights, there are %d", len(s.Gates), len(p.gates))
	}
	for i, g := range p.gates {
		v := floatsOf(s.Gates[i])
		if len(v) != len(g.Dense.Data) {
			return fmt.Errorf("prune: state of the gates: %s has %d, want %d", g.Name, len(v), len(g.Dense.Data))
		}
		copy(g.Dense.Data, v)
	}
	state := map[string][][]float32{}
	for name, slots := range s.Adam {
		for _, v := range slots {
			state[name] = append(state[name], floatsOf(v))
		}
	}
	if err := p.adam.Load(p.gates, state); err != nil {
		return fmt.Errorf("prune: state of the gates: %w", err)
	}
	return nil
}

func bytesOf(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func floatsOf(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}
