package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

type concat struct{ a, b, out *Var }

// Concat returns the rows of a [C, N...] and below them those of b [D, N...]: [C + D, N...].
func Concat(t *Tape, a, b *Var) *Var {
	n := a.Value.Cols()
	if b.Value.Cols() != n || len(a.Value.Shape) != len(b.Value.Shape) {
		panic(fmt.Sprintf("grad: Concat: a is %v, b is %v", a.Value.Shape, b.Value.Shape))
	}
	out := t.newLike(a.Value.Rows()+b.Value.Rows(), a)
	copy(out.Value.Data[copy(out.Value.Data, a.Value.Data):], b.Value.Data)
	if t.wants(a, b) {
		out.wanted = true
		*next[concat](t) = concat{a, b, out}
	}
	return out
}

func (o *concat) outs() *Var { return o.out }

func (o *concat) back(t *Tape) {
	dy := o.out.Grad.Data
	for _, v := range [...]*Var{o.a, o.b} {
		part := dy[:len(v.Value.Data)]
		dy = dy[len(part):]
		switch d, acc := t.GradOf(v); {
		case d == nil:
		case acc:
			kernel.AddTo(d, part)
		default:
			copy(d, part)
		}
	}
}
