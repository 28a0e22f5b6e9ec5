package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

type attention struct {
	q, k, v, out *Var
	shape        kernel.AttentionShape
	p            []float32
}

// Attention returns scaled dot-product attention with so many heads (Vaswani et al. 2017,
// sections 3.2.1 and 3.2.2): queries q [C, T, B] over keys k and values v [C, S, B], each
// head on C/heads rows, give [C, T, B]. With causal, query t sees keys up to S-T+t only.
// lengths, where not nil, is how many keys each batch element has, 1 to S: those after
// them are not seen. It must stay as it is until Backward is done.
func Attention(t *Tape, q, k, v *Var, heads int, causal bool, lengths []int32) *Var {
	qs, ks, vs := q.Value.Shape, k.Value.Shape, v.Value.Shape
	if len(qs) != 3 || len(ks) != 3 || len(vs) != 3 || heads < 1 || qs[0]%heads != 0 || qs[0] != ks[0] || qs[0] != vs[0] ||
		qs[2] != ks[2] || ks[1] != vs[1] || ks[2] != vs[2] {
		panic(fmt.Sprintf("grad: Attention: q is %v, k is %v, v is %v, %d heads", qs, ks, vs, heads))
	}
	out := t.newLike(qs[0], q)
	shape := kernel.AttentionShape{H: heads, D: qs[0] / heads, T: qs[1], S: ks[1], B: qs[2], Causal: causal, Lengths: lengths}
	var p []float32
	if t.wants(q, k, v) {
		p = t.buffer(shape.Weights())
		out.wanted = true
		*next[attention](t) = attention{q, k, v, out, shape, p}
	}
	kernel.Attention(shape, q.Value.Data, k.Value.Data, v.Value.Data, p, out.Value.Data)
	return out
}

func (o *attention) outs() *Var { return o.out }

func (o *attention) back(t *Tape) {
	dq, addQ := t.GradOf(o.q) // where one variable is several inputs, later gradients are added to the first
	dk, addK := t.GradOf(o.k)
	dv, addV := t.GradOf(o.v)
	kernel.AttentionGrad(o.shape, o.q.Value.Data, o.k.Value.Data, o.v.Value.Data, o.p, o.out.Grad.Data, addQ, dq, addK, dk, addV, dv)
}
