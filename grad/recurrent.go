package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

// A recurrent net over a whole sequence is one operation. Forward, each time step is a
// product with the input weights, one with the recurrent weights and the gates, in blocks
// [G·H,B] that stay in the cache. Backward, the gradients of the gates of all steps are
// put side by side, and the gradients of both weights and of the input are one product
// each over all T·B columns.

// Sequence is what a recurrent net of H units and G gates is made of besides its input.
// The gates are in PyTorch's order.
type Sequence struct {
	Input         *Weight   // [G·H,C]
	Recurrent     *Weight   // [G·H,H]
	Bias, DBias   []float32 // [G·H]; gradients are added to DBias where that is not nil
	NBias, DNBias []float32 // [H], GRU: bias of the candidate's recurrent product

	// Held, of shape [G·H,F,B] or nil, is added to the products of the input; each of its F values
	// of a row counts for T/F steps. It is the part of an input that changes at a lower rate,
	// multiplied at that rate.
	Held *Var

	Start []float32 // state before the first step, [H,B], for an LSTM over its memory [H,B]; nil for zero
	End   []float32 // where the state after the last step is put; may be Start; nil for nowhere
}

// cellKind tells the nets apart.
type cellKind struct {
	name     string
	gates    int
	forward  func(*kernel.Cell)
	backward func(*kernel.Cell)
	gated    bool // the candidate's recurrent product is gated by itself: GRU
	memory   bool // beside the state: LSTM
}

var (
	rnnKind  = cellKind{name: "RNN", gates: 1, forward: (*kernel.Cell).RNN, backward: (*kernel.Cell).RNNGrad}
	gruKind  = cellKind{name: "GRU", gates: 3, forward: (*kernel.Cell).GRU, backward: (*kernel.Cell).GRUGrad, gated: true}
	lstmKind = cellKind{name: "LSTM", gates: 4, forward: (*kernel.Cell).LSTM, backward: (*kernel.Cell).LSTMGrad, memory: true}
)

// RNN returns the states [H,T,B] of a vanilla recurrent net (Elman 1990) for x [C,T,B]:
//
//	h = tanh(W·x + U·h' + b)
func RNN(t *Tape, x *Var, s *Sequence) *Var { return rnnKind.apply(t, x, s) }

// GRU returns the states [H,T,B] of gated recurrent units (Cho et al. 2014) for x [C,T,B],
// in the form in which the reset gate acts after the product, as in cuDNN and PyTorch:
//
//	r = σ(Wr·x + Ur·h' + br)   n = tanh(Wn·x + bn + r∘(Un·h' + c))
//	z = σ(Wz·x + Uz·h' + bz)   h = (1 - z)∘n + z∘h'
//
// with W = (Wr, Wz, Wn), U and b likewise, and c = NBias.
func GRU(t *Tape, x *Var, s *Sequence) *Var { return gruKind.apply(t, x, s) }

// LSTM returns the states [H,T,B] of a long short-term memory (Hochreiter and Schmidhuber
// 1997, with the forget gate of Gers et al. 2000) for x [C,T,B]:
//
//	i, f, o = σ(W·x + U·h' + b)   g = tanh(Wg·x + Ug·h' + bg)
//	c = f∘c' + i∘g                h = o∘tanh c
//
// with W = (Wi, Wf, Wg, Wo), U and b likewise.
func LSTM(t *Tape, x *Var, s *Sequence) *Var { return lstmKind.apply(t, x, s) }

type recurrent struct {
	x, out  *Var
	s       Sequence
	kind    *cellKind
	T, B, H int

	// Blocks of the steps; of the states and memories, those before the first step come
	// first. Where nothing is recorded there is room for one step only.
	a, n, h, c, tanh []float32
	u                []float32 // GRU: recurrent product of a step
	cell             kernel.Cell
}

func (k *cellKind) apply(t *Tape, x *Var, s *Sequence) *Var {
	shape, in, rec := x.Value.Shape, s.Input, s.Recurrent
	H := rec.K
	if len(shape) != 3 || shape[0] != in.K || in.M != k.gates*H || rec.M != in.M || len(s.Bias) != in.M || k.gated && len(s.NBias) != H {
		panic(fmt.Sprintf("grad: %s: x is %v, input weights are [%d, %d], recurrent weights [%d, %d], biases have %d and %d",
			k.name, shape, in.M, in.K, rec.M, rec.K, len(s.Bias), len(s.NBias)))
	}
	T, B := shape[1], shape[2]
	states := H * B
	if k.memory {
		states *= 2
	}
	if s.Start != nil && len(s.Start) != states || s.End != nil && len(s.End) != states {
		panic(fmt.Sprintf("grad: %s: x is %v, states of %d and %d values for %d", k.name, shape, len(s.Start), len(s.End), states))
	}
	if s.Held != nil {
		if h := s.Held.Value.Shape; len(h) != 3 || h[0] != in.M || h[1] < 1 || T%h[1] != 0 || h[2] != B {
			panic(fmt.Sprintf("grad: %s: x is %v, what is held for several steps %v", k.name, shape, h))
		}
	}
	out := t.newLike(H, x)
	var o *recurrent
	record := t.Training() && (x.wanted || s.Held != nil && s.Held.wanted || in.Grad != nil || rec.Grad != nil || s.DBias != nil)
	if record {
		out.wanted = true
		o = next[recurrent](t)
	} else {
		o = &recurrent{}
	}
	*o = recurrent{x: x, out: out, s: *s, kind: k, T: T, B: B, H: H}
	o.forward(t, record)
	return out
}

// forward computes all steps and keeps what backward needs where it is recorded.
func (o *recurrent) forward(t *Tape, record bool) {
	k, T, B, H, G := o.kind, o.T, o.B, o.H, o.kind.gates
	steps := 1
	if record {
		steps = T
	}
	size := H * B
	o.a, o.h = t.buffer(steps*G*size), t.buffer((steps+1)*size)
	if k.gated {
		o.u = t.buffer(3 * size)
		if record {
			o.n = t.buffer(steps * size)
		}
	}
	if k.memory {
		o.c, o.tanh = t.buffer((steps+1)*size), t.buffer(steps*size)
	}
	clear(o.h[:size])
	clear(o.c[:min(size, len(o.c))])
	if o.s.Start != nil {
		copy(o.h[:size], o.s.Start)
		copy(o.c[:min(size, len(o.c))], o.s.Start[len(o.s.Start)-size:])
	}
	x, y := o.x.Value.Data, o.out.Value.Data
	last := 0
	for i := range T {
		at, before, after := i, i, i+1
		if !record {
			at, before, after = 0, i&1, (i+1)&1
		}
		c := o.step(at, before, after)
		if held := o.s.Held; held != nil {
			n := held.Value.Cols()
			kernel.SwapAxes(1, G*H, B, held.Value.Data[i*n/(T*B)*B:], 0, n, c.A, B, 0)
		}
		o.s.Input.multiplyRows(B, x[i*B:], T*B, o.s.Held != nil, c.A, B)
		o.recur(c, i == 0 && o.s.Start == nil)
		k.forward(c)
		if !record {
			kernel.SwapAxes(1, H, B, c.HN, 0, B, y[i*B:], T*B, 0)
		}
		last = after
	}
	if record {
		kernel.SwapAxes(T, H, B, o.h[size:], size, B, y, T*B, B)
	}
	if o.s.End != nil {
		copy(o.s.End[:size], o.h[last*size:])
		if k.memory {
			copy(o.s.End[size:], o.c[last*size:])
		}
	}
}

// step returns the cell of a step whose gates are in block at, and whose states are in
// blocks before and after.
func (o *recurrent) step(at, before, after int) *kernel.Cell {
	size, c := o.H*o.B, &o.cell
	block := func(x []float32, i, n int) []float32 {
		if x == nil {
			return nil
		}
		return x[i*n : (i+1)*n]
	}
	*c = kernel.Cell{H: o.H, B: o.B, Bias: o.s.Bias, NBias: o.s.NBias, A: block(o.a, at, o.kind.gates*size), U: o.u, N: block(o.n, at, size),
		HP: block(o.h, before, size), HN: block(o.h, after, size),
		CP: block(o.c, before, size), CN: block(o.c, after, size), TC: block(o.tanh, at, size)}
	return c
}

// recur multiplies the state before by the recurrent weights. zero says that it is zero.
func (o *recurrent) recur(c *kernel.Cell, zero bool) {
	w := o.s.Recurrent
	switch {
	case o.kind.gated && zero:
		clear(c.U)
	case o.kind.gated:
		w.multiplyRows(o.B, c.HP, o.B, false, c.U, o.B)
	case !zero:
		w.multiplyRows(o.B, c.HP, o.B, true, c.A, o.B)
	}
}

func (o *recurrent) outs() *Var { return o.out }

func (o *recurrent) back(t *Tape) {
	k, T, B, H, G := o.kind, o.T, o.B, o.H, o.kind.gates
	N, size := T*B, H*B
	dh := t.grab(size)
	clear(dh)
	var dc []float32
	if k.memory {
		dc = t.grab(size)
		clear(dc)
	}
	var held []float32
	if o.s.Held != nil && o.s.Held.wanted {
		held = t.grab(len(o.s.Held.Value.Data))
		clear(held)
	}
	dy := o.out.Grad.Data
	for i := T - 1; i >= 0; i-- {
		c := o.step(i, i, i+1)
		c.DY, c.LDY, c.DH, c.DC = dy[i*B:], N, dh, dc
		k.backward(c)
		o.heldGrad(i, held)
		if i > 0 {
			o.s.Recurrent.inputGradRows(B, c.A, B, k.gated, dh, B)
		}
	}
	if held != nil {
		dh, acc := t.GradOf(o.s.Held)
		if !acc {
			clear(dh)
		}
		F := o.s.Held.Value.Shape[1]
		rows := t.grab(len(held))
		kernel.SwapAxes(F, G*H, B, held, G*size, B, rows, F*B, B)
		kernel.AddTo(dh, rows)
		t.give(rows)
		t.give(held)
	}
	d := t.grab(G * H * N)
	kernel.SwapAxes(T, G*H, B, o.a, G*size, B, d, N, B)
	o.recurrentGrad(t, d)
	if k.gated { // the candidate's part in the two products differs
		kernel.SwapAxes(T, H, B, o.n, size, B, d[2*H*N:], N, B)
	}
	if o.s.DBias != nil {
		kernel.RowSums(G*H, N, d, true, o.s.DBias)
	}
	o.s.Input.weightGrad(t, N, d, o.x.Value.Data)
	if dx, acc := t.GradOf(o.x); dx != nil {
		o.s.Input.inputGrad(N, d, acc, dx)
	}
	if k.memory {
		t.give(dc)
	}
	t.give(dh)
	t.give(d)
}

// heldGrad adds the gradients of a step's gates to those of what is held, in the order of blocks.
func (o *recurrent) heldGrad(i int, held []float32) {
	if held == nil {
		return
	}
	size, all := o.H*o.B, o.kind.gates*o.H*o.B
	sum, d := held[i*len(held)/all/o.T*all:][:all], o.a[i*all:(i+1)*all]
	if o.kind.gated {
		kernel.AddTo(sum[2*size:], o.n[i*size:(i+1)*size])
		sum, d = sum[:2*size], d[:2*size]
	}
	kernel.AddTo(sum, d)
}

// recurrentGrad adds the gradients of the recurrent weights and of the bias of their
// product. The state before a step is that after the one before it.
func (o *recurrent) recurrentGrad(t *Tape, d []float32) {
	H, B, N := o.H, o.B, o.T*o.B
	if o.kind.gated && o.s.DNBias != nil {
		kernel.RowSums(H, N, d[2*H*N:], true, o.s.DNBias)
	}
	if o.s.Start == nil {
		o.s.Recurrent.weightGradRows(t, N-B, d[min(B, len(d)):], N, o.out.Value.Data, N)
		return
	}
	if o.s.Recurrent.Grad == nil {
		return
	}
	before := t.grab(H * N)
	kernel.SwapAxes(o.T, H, B, o.h, H*B, B, before, N, B)
	o.s.Recurrent.weightGradRows(t, N, d, N, before, N)
	t.give(before)
}
