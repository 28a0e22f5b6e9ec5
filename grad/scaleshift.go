package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

type scaleShift struct {
	x, out *Var
	scale  float32
}

// ScaleShift returns scale·x + shift for x [..., B], with one shift for each row of B
// elements: positions are added to embeddings with it. shift has no gradient.
func ScaleShift(t *Tape, x *Var, scale float32, shift []float32) *Var {
	s := x.Value.Shape
	B := s[len(s)-1]
	if len(shift)*B != len(x.Value.Data) {
		panic(fmt.Sprintf("grad: ScaleShift: x is %v, %d shifts", s, len(shift)))
	}
	out := t.newLike(x.Value.Rows(), x)
	scales := t.buffer(len(shift))
	for i := range scales {
		scales[i] = scale
	}
	kernel.BatchNormForward(len(shift), B, x.Value.Data, scales, shift, false, out.Value.Data)
	if t.wants(x) {
		out.wanted = true
		*next[scaleShift](t) = scaleShift{x, out, scale}
	}
	return out
}

func (o *scaleShift) outs() *Var { return o.out }

func (o *scaleShift) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if acc {
		kernel.Axpy(o.scale, o.out.Grad.Data, dx)
		return
	}
	kernel.Scale(o.scale, dx, o.out.Grad.Data)
}
