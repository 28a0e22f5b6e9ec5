package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/tensor"
)

// Slot is a slice of values and the place their gradient is added to: a weight, say.
type Slot struct {
	Name        string
	Value, Grad []float32
}

// Check compares the gradients of f with central differences of step h. f builds a value
// from variables for the tensors in and may read the values of slots, adding to their
// gradients. The loss is a fixed weighted sum of the elements of f's value. The error is
// that of the first derivative that is off by more than tol times the larger of 1 and
// its size.
func Check(f func(t *Tape, in []*Var) *Var, in []*tensor.Tensor, slots []Slot, h float32, tol float64) error {
	for _, s := range slots {
		clear(s.Grad)
	}
	tape := &Tape{}
	vars := leaves(tape, in)
	out := f(tape, vars)
	seed, _ := tape.GradOf(out)
	for i := range seed {
		seed[i] = float32(checkWeight(i))
	}
	tape.backward()
	all := append([]Slot(nil), slots...)
	for i, v := range vars {
		if v.Grad == nil {
			return fmt.Errorf("grad: Check: input %d has no gradient", i)
		}
		all = append(all, Slot{fmt.Sprintf("input %d", i), in[i].Data, append([]float32(nil), v.Grad.Data...)})
	}
	for i := range slots {
		all[i].Grad = append([]float32(nil), slots[i].Grad...)
	}
	loss := func() float64 {
		t := &Tape{}
		sum := 0.0
		for i, v := range f(t, leaves(t, in)).Value.Data {
			sum += checkWeight(i) * float64(v)
		}
		return sum
	}
	for _, s := range all {
		for i, old := range s.Value {
			s.Value[i] = old + h
			up := loss()
			s.Value[i] = old - h
			down := loss()
			s.Value[i] = old
			want := (up - down) / (float64(old+h) - float64(old-h))
			if d := math.Abs(float64(s.Grad[i]) - want); !(d <= tol*max(1, math.Abs(want))) {
				return fmt.Errorf("grad: Check: derivative by %s[%d] is %g, differences say %g", s.Name, i, s.Grad[i], want)
			}
		}
	}
	return nil
}

func leaves(t *Tape, in []*tensor.Tensor) []*Var {
	vars := make([]*Var, len(in))
	for i, x := range in {
		vars[i] = t.Leaf(x)
	}
	return vars
}

func checkWeight(i int) float64 { return math.Sin(float64(3*i + 1)) }
