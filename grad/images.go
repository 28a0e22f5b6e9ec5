package grad

import "github.com/seed073b5613/filigree/kernel"

type images struct{ x, out *Var }

// Images returns sequences x [C, B, T], spectra say, as images of one channel, [1, B, C, T].
func Images(t *Tape, x *Var) *Var {
	C, B, T := timed("Images", x)
	out := t.New(1, B, C, T)
	o := images{x, out}
	o.rows(func(from, to int) { copy(out.Value.Data[to:to+T], x.Value.Data[from:]) })
	if t.wants(x) {
		out.wanted = true
		*next[images](t) = o
	}
	return out
}

// rows calls f with the places of each row of T elements in both.
func (o *images) rows(f func(from, to int)) {
	s := o.x.Value.Shape
	for c := range s[0] {
		for b := range s[1] {
			f((c*s[1]+b)*s[2], (b*s[0]+c)*s[2])
		}
	}
}

func (o *images) outs() *Var { return o.out }

func (o *images) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	T := o.x.Value.Shape[2]
	o.rows(func(from, to int) {
		if acc {
			kernel.AddTo(dx[from:from+T], o.out.Grad.Data[to:to+T])
		} else {
			copy(dx[from:from+T], o.out.Grad.Data[to:to+T])
		}
	})
}
