package online

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// Learner is a recurrent layer that learns by a method of its own. With a tape that records,
// [Learner.Forward] goes on with the sequences where the last chunk ended, and Backward adds
// to the gradients of the weights. Otherwise it is the layer it wraps.
//
// Gradients of weights are those of the method. What flows back to the input is that of
// the steps by themselves, without what it does to later steps: an embedding below learns from the
// step at hand, except with BPTT.
type Learner struct {
	nn.Layer // *nn.RNN, *nn.GRU or *nn.LSTM

	method Method
	r      *nn.Recurrent
	nbias  *nn.Param // GRU
	kind   kind
	G, H   int
	C      int
	B      int // sequences side by side; 0 before the first chunk

	state []float32 // [H,B] after the last chunk, for an LSTM over the memory [H,B]
	rule  rule      // nil for BPTT
	stale bool      // the topology may have changed since the rule saw it
	pcg   *rand.PCG
	chunk chunk
}

// rule carries the past along.
type rule interface {
	resize()             // the batch has changed: make room and forget
	reset()              // forget
	learn(t chunkGrad)   // use a chunk
	follow()             // the topology has changed
	arrays() [][]float32 // the state, to be saved
	entries() int        // values kept of the influence of a sequence
	work() int64         // multiplications a step for a sequence
}

type kind int

const (
	vanilla kind = iota
	gru
	lstm
)

// New returns a learner for a layer that is *nn.RNN, *nn.GRU or *nn.LSTM; it panics on
// another. seed is for UORO's signs.
func New(layer nn.Layer, m Method, seed uint64) *Learner {
	l := &Learner{Layer: layer, method: m, pcg: rand.NewPCG(seed, uint64(m.Rule))}
	switch c := layer.(type) {
	case *nn.RNN:
		l.r, l.kind, l.G = &c.Recurrent, vanilla, 1
	case *nn.GRU:
		l.r, l.kind, l.G, l.nbias = &c.Recurrent, gru, 3, c.NBias
	case *nn.LSTM:
		l.r, l.kind, l.G = &c.Recurrent, lstm, 4
	default:
		panic(fmt.Sprintf("online: New: a layer of type %T", layer))
	}
	l.H, l.C = l.r.Units(), l.r.Input.K()
	switch {
	case m.Rule == RFLO, m.Rule == SnAp && m.Order == 1:
		l.rule = &diagonal{l: l, leakOnly: m.Rule == RFLO}
	case m.Rule == UORO:
		l.rule = &uoro{l: l}
	case m.Rule != BPTT:
		l.rule = &panels{l: l}
	}
	l.Follow()
	return l
}

// Method returns how it learns.
func (l *Learner) Method() Method { return l.method }

// Carry tells the layer it wraps to carry its state where nothing is recorded.
func (l *Learner) Carry(on bool) { l.r.Carry(on) }

// Reset forgets state and influence: the next chunk begins new sequences.
func (l *Learner) Reset() {
	clear(l.state)
	if l.rule != nil && l.B > 0 {
		l.rule.reset()
	}
}

// Entries returns how many values the influence of one sequence has.
func (l *Learner) Entries() int {
	if l.ready() == nil {
		return 0
	}
	return l.rule.entries()
}

// Work returns how many multiplications it takes to carry the influence of one sequence over a
// step, besides those that BPTT does too.
func (l *Learner) Work() int64 {
	if l.ready() == nil {
		return 0
	}
	return l.rule.work()
}

// Bytes returns the memory held besides weights and their gradients: influence, state, and
// the chunk.
func (l *Learner) Bytes() int {
	n := len(l.state) + l.chunk.size()
	if l.rule != nil && l.B > 0 {
		for _, a := range l.rule.arrays() {
			n += len(a)
		}
	}
	return 4 * n
}

// Follow must be called after the topology of a weight has changed. Influence of weights that
// stay is kept.
func (l *Learner) Follow() { l.stale = true }

// ready returns the rule once it knows the topology, nil for BPTT.
func (l *Learner) ready() rule {
	if l.rule != nil && l.stale {
		l.rule.follow()
	}
	l.stale = false
	return l.rule
}

// states is the number of values of state a unit has.
func (l *Learner) states() int {
	if l.kind == lstm {
		return 2
	}
	return 1
}

// Forward returns the states [H, T, B] of a chunk x [C, T, B]. It panics on another shape.
func (l *Learner) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	if !t.Training() {
		return l.Layer.Forward(t, x)
	}
	s := x.Value.Shape
	if len(s) != 3 || s[0] != l.C {
		panic(fmt.Sprintf("online: Forward: x is %v, layer has %d inputs and %d units", s, l.C, l.H))
	}
	T, B := s[1], s[2]
	l.ready()
	if B != l.B {
		l.B = B
		l.state = make([]float32, l.states()*l.H*B)
		if l.rule != nil {
			l.rule.resize()
		}
	}
	if l.rule == nil {
		l.r.SetState(l.state)
		y := l.Layer.Forward(t, x)
		copy(l.state, l.r.State())
		l.r.Carry(false)
		return y
	}
	l.r.Input.Uses, l.r.Recurrent.Uses = T, T
	for _, p := range []*nn.Param{l.r.Input, l.r.Recurrent, l.r.Bias, l.nbias} {
		if p != nil {
			p.NeedGrad()
		}
	}
	out := t.New(l.H, T, B)
	l.chunk.forward(l, x.Value.Data, T)
	kernel.SwapAxes(T, l.H, B, l.chunk.h[l.H*B:], l.H*B, B, out.Value.Data, T*B, B)
	leaf := t.Leaf(x.Value) // the weights want a gradient even where x does not
	return t.Record(out, func() { l.back(t, x, out) }, x, leaf)
}

// chunkGrad is what a rule learns from: the chunk and the gradient of its states.
type chunkGrad struct {
	*chunk
	x []float32 // [C,T,B]
	d []float32 // [H,T,B]
}

func (l *Learner) back(t *grad.Tape, x, out *grad.Var) {
	c := &l.chunk
	c.coefficients(l)
	g := chunkGrad{c, x.Value.Data, out.Grad.Data}
	if dx, acc := t.GradOf(x); dx != nil {
		l.inputGrad(g, acc, dx)
	}
	l.rule.learn(g)
}
