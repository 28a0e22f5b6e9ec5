package nn

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
)

// Recurrent is what the recurrent layers have in common: for x [C,T,B] they return the
// states [H,T,B]. The weights of the gates stand one below the other, in PyTorch's order.
type Recurrent struct {
	Input     *Param // [G·H, C]
	Recurrent *Param // [G·H, H]
	Bias      *Param // [G·H]

	carry      bool
	start, end []float32
	seq        grad.Sequence
}

// newRecurrent returns weights of G gates: of the input uniform after Glorot and Bengio, gate by
// gate; of the states orthogonal, gate by gate; biases of zero.
func newRecurrent(C, H, G int, rng *rand.Rand) Recurrent {
	l := Recurrent{Input: NewParam(G*H, C), Recurrent: NewParam(G*H, H), Bias: NewParam(G * H)}
	l.Input.Prunable, l.Recurrent.Prunable, l.Bias.NoDecay = true, true, true
	uniform(l.Input, math.Sqrt(6/float64(C+H)), rng)
	Orthogonal(l.Recurrent, rng)
	return l
}

// Units returns the number of units H.
func (l *Recurrent) Units() int { return l.Recurrent.K() }

// Carry makes the layer begin each sequence with the state the one before ended with, for as
// long as the batch keeps its size, and begin from zero now. Gradients end where a sequence
// begins (truncated backpropagation through time). Without it, each sequence begins from zero.
func (l *Recurrent) Carry(on bool) { l.carry, l.start = on, nil }

// bind prepares a pass over x with so many values of state a column.
func (l *Recurrent) bind(t *grad.Tape, x *grad.Var, states int) *grad.Sequence {
	s := &l.seq
	*s = grad.Sequence{Input: l.Input.bound(t), Recurrent: l.Recurrent.bound(t), Bias: l.Bias.values(), DBias: l.Bias.gradFor(t)}
	if len(x.Value.Shape) != 3 {
		return s // its operation says what is wrong
	}
	l.Input.Uses, l.Recurrent.Uses = x.Value.Shape[1], x.Value.Shape[1]
	if n := states * l.Units() * x.Value.Shape[2]; l.carry {
		if len(l.end) != n {
			l.end, l.start = make([]float32, n), nil
		}
		s.Start, s.End = l.start, l.end
		l.start = l.end
	}
	return s
}

// RNN is a vanilla recurrent layer (Elman 1990): see [grad.RNN].
type RNN struct{ Recurrent }

// NewRNN returns a layer of C inputs and H units.
func NewRNN(C, H int, rng *rand.Rand) *RNN { return &RNN{newRecurrent(C, H, 1, rng)} }

// Forward returns the states. It panics unless x is [C, T, B].
func (l *RNN) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.RNN(t, x, l.bind(t, x, 1)) }

// LSTM is a long short-term memory (Hochreiter and Schmidhuber 1997): see [grad.LSTM].
type LSTM struct{ Recurrent }

// NewLSTM returns a layer of C inputs and H units whose forget gates have a bias of 1
// (Jozefowicz et al. 2015).
func NewLSTM(C, H int, rng *rand.Rand) *LSTM {
	l := &LSTM{newRecurrent(C, H, 4, rng)}
	for i := H; i < 2*H; i++ {
		l.Bias.Dense.Data[i] = 1
	}
	return l
}

// Forward returns the states. It panics unless x is [C, T, B].
func (l *LSTM) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return grad.LSTM(t, x, l.bind(t, x, 2)) }

// GRU is a layer of gated recurrent units (Cho et al. 2014), in the form whose reset gate
// acts after the product: see [grad.GRU].
type GRU struct {
	Recurrent
	NBias *Param // [H], of the candidate's recurrent product
}

// NewGRU returns a layer of C inputs and H units.
func NewGRU(C, H int, rng *rand.Rand) *GRU {
	l := &GRU{Recurrent: newRecurrent(C, H, 3, rng), NBias: NewParam(H)}
	l.NBias.NoDecay = true
	return l
}

// Forward returns the states. It panics unless x is [C, T, B].
func (l *GRU) Forward(t *grad.Tape, x *grad.Var) *grad.Var { return l.ForwardHeld(t, x, nil) }

// ForwardHeld is Forward with held [3·H, F, B] added to the products of the input, each of its F
// values of a row for T/F steps: an input at a lower rate, multiplied by its weights already.
func (l *GRU) ForwardHeld(t *grad.Tape, x, held *grad.Var) *grad.Var {
	s := l.bind(t, x, 1)
	s.Held = held
	s.NBias, s.DNBias = l.NBias.values(), l.NBias.gradFor(t)
	return grad.GRU(t, x, s)
}

// Embedding turns ids, whole numbers [T, B] from 0 to V-1, into columns [C, T, B].
type Embedding struct {
	Weight *Param // [V, C]; not prunable unless told
}

// NewEmbedding returns an embedding of V symbols in C dimensions with normal values of variance
// 1/C, so that a column has length 1 on average.
func NewEmbedding(V, C int, rng *rand.Rand) *Embedding {
	l := &Embedding{Weight: NewParam(V, C)}
	Normal(l.Weight, 1/math.Sqrt(float64(C)), rng)
	return l
}

// Forward returns a column for each id. It panics on an id outside 0 to V-1.
func (l *Embedding) Forward(t *grad.Tape, ids *grad.Var) *grad.Var {
	return grad.Embedding(t, ids, l.Weight.bound(t))
}
