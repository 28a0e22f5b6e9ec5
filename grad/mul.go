package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

type mul struct{ a, b, out *Var }

// Mul returns the products of the elements of a and b, of the same shape.
func Mul(t *Tape, a, b *Var) *Var {
	if !tensor.SameShape(a.Value, b.Value) {
		panic(fmt.Sprintf("grad: Mul: a is %v, b is %v", a.Value.Shape, b.Value.Shape))
	}
	out := t.newLike(a.Value.Rows(), a)
	kernel.Mul(out.Value.Data, a.Value.Data, b.Value.Data)
	if t.wants(a, b) {
		out.wanted = true
		*next[mul](t) = mul{a, b, out}
	}
	return out
}

func (o *mul) outs() *Var { return o.out }

func (o *mul) back(t *Tape) {
	for _, v := range [...][2]*Var{{o.a, o.b}, {o.b, o.a}} {
		switch d, acc := t.GradOf(v[0]); {
		case d == nil:
		case acc:
			kernel.MulAdd(d, o.out.Grad.Data, v[1].Value.Data)
		default:
			kernel.Mul(d, o.out.Grad.Data, v[1].Value.Data)
		}
	}
}
