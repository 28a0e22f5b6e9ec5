package grad

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

type embedding struct {
	ids, out *Var
	w        *Weight
}

// Embedding returns the rows of w [V,C] named by ids, whole numbers from 0 to V-1 in an
// array of any shape [...]: the result is [C, ...], a row of w to a column. The gradient of
// a row is the sum over its uses, in the order of the columns.
func Embedding(t *Tape, ids *Var, w *Weight) *Var {
	for i, id := range ids.Value.Data {
		if !(id >= 0 && id < float32(w.M)) {
			panic(fmt.Sprintf("grad: Embedding: id %v at %d of %v, weight is [%d, %d]", id, i, ids.Value.Shape, w.M, w.K))
		}
	}
	out := t.newUnder(w.K, ids)
	table := w.Dense
	if w.Sparse != nil {
		table = t.buffer(w.M * w.K)
		clear(table)
		w.Sparse.Scatter(w.Sparse.Values, table)
	}
	kernel.GatherColumns(w.K, table, ids.Value.Data, out.Value.Data)
	if t.Training() && w.Grad != nil {
		out.wanted = true
		*next[embedding](t) = embedding{ids, out, w}
	}
	return out
}

func (o *embedding) outs() *Var { return o.out }

func (o *embedding) back(t *Tape) {
	w, ids, dy := o.w, o.ids.Value.Data, o.out.Grad.Data
	if w.Sparse == nil && w.Mask == nil && w.Scan == nil {
		kernel.ScatterColumns(w.K, dy, ids, w.Grad)
		return
	}
	all := t.grab(w.M * w.K)
	clear(all)
	kernel.ScatterColumns(w.K, dy, ids, all)
	for row := 0; w.Scan != nil && row < w.M; row += scanRows {
		end := min(row+scanRows, w.M)
		w.Scan(row, all[row*w.K:end*w.K])
	}
	switch {
	case w.Sparse != nil:
		w.Sparse.Gather(all, w.Grad)
	case w.Mask != nil:
		w.Mask.Apply(all)
		kernel.AddTo(w.Grad, all)
	default:
		kernel.AddTo(w.Grad, all)
	}
	t.give(all)
}

// newUnder returns a variable with a new first axis of rows above those of x.
func (t *Tape) newUnder(rows int, x *Var) *Var {
	var room [8]int
	return t.New(append(append(room[:0], rows), x.Value.Shape...)...)
}
