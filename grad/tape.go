// Package grad is the tape: values, operations with their gradients, and gradient
// checking.
//
// A tape is recorded anew in every step by calling operations, and recycled by
// [Tape.Reset]: records, variables and buffers are found again by their place in the
// order of calls, so a steady training loop allocates nothing.
package grad

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/seed073b5613/filigree/tensor"
)

// Var is a value on a tape.
type Var struct {
	Value *tensor.Tensor
	Grad  *tensor.Tensor // set by Backward where a gradient is wanted; nil before

	wanted bool // an operation below needs the gradient
	leaf   bool // made by Input or Leaf: its gradient outlives Backward
	grad   tensor.Tensor
	value  tensor.Tensor // the tape's own buffer
	view   tensor.Tensor // or a view of another
}

// Tape records operations. A nil tape is inference with fresh buffers. A Tape is
// not safe for concurrent use.
type Tape struct {
	NoGrad bool // inference with recycled buffers: nothing is recorded

	vars    []*Var
	varsN   int
	ops     []op
	opsN    int
	scratch [][]float32
	scrN    int
	free    map[int][][]float32 // gradient buffers by capacity class
}

// op is one recorded operation. back reads the gradients of its outputs and adds
// to those of its inputs.
type op interface {
	back(t *Tape)
	outs() *Var
}

// Training reports whether gradients are recorded.
func (t *Tape) Training() bool { return t != nil && !t.NoGrad }

// Reset forgets what was recorded and keeps the buffers for the next step. Values
// and gradients of variables from before are no longer valid.
func (t *Tape) Reset() {
	for _, v := range t.vars[:t.varsN] {
		t.release(v)
		v.wanted = false
	}
	t.varsN, t.opsN, t.scrN = 0, 0, 0
}

// New returns a variable of the given shape whose values are not set.
func (t *Tape) New(shape ...int) *Var {
	if t == nil {
		return &Var{Value: tensor.New(shape...)}
	}
	v := t.slot()
	n := tensor.Size(shape)
	if cap(v.value.Data) < n {
		v.value.Data = tensor.Alloc(n)
	}
	v.value.Data = v.value.Data[:n]
	v.value.Shape = append(v.value.Shape[:0], shape...)
	v.Value = &v.value
	return v
}

// newLike returns a variable with rows rows and the other axes of x.
func (t *Tape) newLike(rows int, x *Var) *Var {
	shape := x.Value.Shape
	if t == nil {
		v := &Var{Value: tensor.New(append([]int{rows}, shape[1:]...)...)}
		return v
	}
	v := t.New(shape...)
	n := rows * x.Value.Cols()
	if cap(v.value.Data) < n {
		v.value.Data = tensor.Alloc(n)
	}
	v.value.Data = v.value.Data[:n]
	v.value.Shape[0] = rows
	return v
}

// Input returns a variable for a value from outside, without gradient.
func (t *Tape) Input(x *tensor.Tensor) *Var {
	if t == nil {
		return &Var{Value: x}
	}
	v := t.slot()
	v.Value, v.leaf = x, true
	return v
}

// Leaf returns a variable for a value from outside whose gradient is wanted. Its
// Grad is valid from Backward to Reset.
func (t *Tape) Leaf(x *tensor.Tensor) *Var {
	v := t.Input(x)
	v.wanted = t.Training()
	return v
}

func (t *Tape) slot() *Var {
	if t.varsN == len(t.vars) {
		t.vars = append(t.vars, &Var{})
	}
	v := t.vars[t.varsN]
	t.varsN++
	v.Grad, v.leaf, v.wanted = nil, false, false
	return v
}

// Mark is a place on a tape: see [Tape.Keep].
type Mark struct{ vars, scratch int }

// Mark returns the place the tape is at. Each is to be given back to [Tape.Keep].
func (t *Tape) Mark() Mark {
	if t == nil || !t.NoGrad {
		return Mark{}
	}
	m := Mark{t.varsN, t.scrN}
	t.slot() // for what is kept
	return m
}

// Keep returns x, made since the mark. On a tape for inference all else that was made since is given up and
// its buffers are used again, so that a network of many like blocks needs the memory of one.
func (t *Tape) Keep(m Mark, x *Var) *Var {
	if t == nil || !t.NoGrad {
		return x
	}
	kept := t.vars[m.vars]
	if cap(kept.value.Data) < len(x.Value.Data) {
		kept.value.Data = tensor.Alloc(len(x.Value.Data))
	}
	kept.value.Data = kept.value.Data[:len(x.Value.Data)]
	copy(kept.value.Data, x.Value.Data)
	kept.value.Shape = append(kept.value.Shape[:0], x.Value.Shape...)
	kept.Value = &kept.value
	t.varsN, t.scrN = m.vars+1, m.scratch
	return kept
}

// next returns the record of type T at the tape's present place, recycled where the
// step before had one of the same type there.
func next[T any, P interface {
	*T
	op
}](t *Tape) P {
	if t.opsN < len(t.ops) {
		if p, ok := t.ops[t.opsN].(P); ok {
			t.opsN++
			return p
		}
		t.ops[t.opsN] = P(new(T))
	} else {
		t.ops = append(t.ops, P(new(T)))
	}
	t.opsN++
	return t.ops[t.opsN-1].(P)
}

// wants reports whether an operation on these inputs is to be recorded.
func (t *Tape) wants(in ...*Var) bool {
	return t.Training() && slices.ContainsFunc(in, func(v *Var) bool { return v.wanted })
}

// custom is an operation given by a function.
type custom struct {
	out *Var
	f   func()
}

func (c *custom) back(*Tape) { c.f() }
func (c *custom) outs() *Var { return c.out }

// Record adds an operation with a hand-written gradient. back is called during
// Backward when out.Grad is complete; it hands each input's gradient on through
// [Tape.GradOf]. Record returns out.
func (t *Tape) Record(out *Var, back func(), in ...*Var) *Var {
	if t.wants(in...) {
		out.wanted = true
		c := next[custom](t)
		c.out, c.f = out, back
	}
	return out
}

// GradOf returns the gradient of v to write to, and whether it holds something
// already that must be added to. It returns nil where no gradient is wanted.
func (t *Tape) GradOf(v *Var) (g []float32, acc bool) {
	if !v.wanted {
		return nil, false
	}
	if v.Grad != nil {
		return v.Grad.Data, true
	}
	v.grad.Data = t.grab(len(v.Value.Data))
	v.grad.Shape = append(v.grad.Shape[:0], v.Value.Shape...)
	v.Grad = &v.grad
	return v.Grad.Data, false
}

// Backward computes the gradient of a scalar loss with respect to every variable
// and parameter that wants one. It panics unless loss has one element.
func (t *Tape) Backward(loss *Var) {
	if len(loss.Value.Data) != 1 {
		panic(fmt.Sprintf("grad: Backward: loss has shape %v, want one element", loss.Value.Shape))
	}
	if !t.Training() || !loss.wanted {
		return
	}
	g, _ := t.GradOf(loss)
	g[0] = 1
	t.backward()
}

// backward goes back over the records from the gradients that are set.
func (t *Tape) backward() {
	for i := t.opsN - 1; i >= 0; i-- {
		o := t.ops[i]
		out := o.outs()
		if out.Grad == nil {
			continue // nothing after it reached the loss
		}
		o.back(t)
		if !out.leaf {
			t.release(out)
		}
	}
}

// class returns the capacity of buffers that serve n elements: there are eight sizes from
// one power of two to the next, so that batches of many lengths share buffers.
func class(n int) int {
	if n <= 16 {
		return 16
	}
	step := 1 << max(bits.Len(uint(n-1))-4, 0)
	return (n + step - 1) / step * step
}

// grab returns a gradient buffer of n elements with any content.
func (t *Tape) grab(n int) []float32 {
	c := class(n)
	if list := t.free[c]; len(list) > 0 {
		b := list[len(list)-1]
		t.free[c] = list[:len(list)-1]
		return b[:n]
	}
	return tensor.Alloc(c)[:n]
}

// give hands a buffer from grab back.
func (t *Tape) give(b []float32) {
	if t.free == nil {
		t.free = map[int][][]float32{}
	}
	t.free[cap(b)] = append(t.free[cap(b)], b)
}

// release gives the gradient buffer of v back.
func (t *Tape) release(v *Var) {
	if v.Grad != nil {
		t.give(v.Grad.Data)
		v.Grad = nil
	}
}

// buffer returns n elements with any content that live until Reset; they are
// recycled by place like variables.
func (t *Tape) buffer(n int) []float32 {
	if t == nil {
		return tensor.Alloc(n)
	}
	if t.scrN == len(t.scratch) {
		t.scratch = append(t.scratch, nil)
	}
	if cap(t.scratch[t.scrN]) < n {
		t.scratch[t.scrN] = tensor.Alloc(n)
	}
	t.scrN++
	return t.scratch[t.scrN-1][:n]
}
