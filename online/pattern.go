package online

import (
	"math/bits"
	"slices"

	"github.com/seed073b5613/filigree/nn"
)

// column is a weight that exists: the row of its coefficient, in that of c.rec or, from G·H on,
// in c.cand; the input it meets, in (x, h, 1); the array its gradient is in and its place there.
type column struct {
	coef, src int32
	param     int8 // input, recurrent, bias, nbias
	at        int32
	key       int64 // tells weights apart whatever the topology
}

// columnsOf lists the weights that exist by the row of their coefficient.
func (l *Learner) columnsOf() [][]column {
	rows := make([][]column, l.G*l.H)
	base := [4]int{0, l.C, l.C + l.H, l.C + l.H}
	l.weights(func(param int8, row, col, at int) {
		coef := int32(row)
		if l.kind == gru && row >= 2*l.H && (param == 0 || param == 2) {
			coef += int32(l.H)
		}
		key := (int64(param)<<56 | int64(row)<<28) + int64(col)
		rows[row] = append(rows[row], column{coef, int32(base[param] + col), param, int32(at), key})
	})
	for _, r := range rows { // one run of columns for each coefficient
		slices.SortStableFunc(r, func(a, b column) int { return int(a.coef - b.coef) })
	}
	return rows
}

// weights calls f with each weight that exists: the number of its array (input, recurrent, bias,
// nbias), its row and column, and its place in the array.
func (l *Learner) weights(f func(param int8, row, col, at int)) {
	for param, p := range []*nn.Param{l.r.Input, l.r.Recurrent} {
		if p.Sparse != nil {
			for e := range p.Sparse.Entries {
				for r := range min(p.Sparse.R, p.M()-e.Group*p.Sparse.R) {
					f(int8(param), e.Group*p.Sparse.R+r, e.Col, e.Pos*p.Sparse.R+r)
				}
			}
			continue
		}
		for i := range p.M() {
			for j := range p.K() {
				if p.Mask == nil || p.Mask.Get(i/p.Mask.R, j) {
					f(int8(param), i, j, i*p.K()+j)
				}
			}
		}
	}
	for i := range l.G * l.H {
		f(2, i, 0, i)
	}
	if l.nbias != nil {
		for u := range l.H {
			f(3, 2*l.H+u, 0, u)
		}
	}
}

// Least returns how many values the influence of one sequence has at least. [Learner.Entries] is
// exact, but looks at all paths first, which takes long and much memory where units are many.
func (l *Learner) Least() int64 {
	if l.rule == nil {
		return 0
	}
	_, paths := l.rule.(*panels)
	least, own, next := int64(0), make([]int64, l.H), make([]set, l.H)
	for u := range next {
		next[u] = make(set, (l.H+63)/64)
		next[u].add(int32(u))
	}
	l.weights(func(param int8, row, col, at int) {
		own[row%l.H]++
		if param == 1 && paths {
			next[col].add(int32(row % l.H))
		}
	})
	for u, n := range own {
		reached := 0 // by its state, in one step
		for _, word := range next[u] {
			reached += bits.OnesCount64(word)
		}
		least += n * int64(reached)
	}
	return least
}

// gradients returns the arrays that columns point into.
func (l *Learner) gradients() [4][]float32 {
	g := [4][]float32{l.r.Input.Grad.Data, l.r.Recurrent.Grad.Data, l.r.Bias.Grad.Data}
	if l.nbias != nil {
		g[3] = l.nbias.Grad.Data
	}
	return g
}

// dynamics is D on its structural pattern: the union of the gates' recurrent weights, and the
// diagonals that gates make. State u·W + W-1 is h of unit u; with W = 2 the one before is its
// memory.
type dynamics struct {
	l    *Learner
	W    int
	unit struct { // pattern of the units, with the weights of all gates
		offsets, cols []int32
		w             []float32 // [entries][G]
	}
	at            []int32 // where a gate's weight stands in the parameter's values, or -1; like unit.w
	offsets, cols []int32 // of the states
	val           []float32
	diag          []int32 // entry of each unit's leak on the state it leaks from
	pass          []int32 // LSTM: entry of the memory's influence on h
}

// build finds the pattern.
func (d *dynamics) build(l *Learner) {
	*d = dynamics{l: l, W: l.states()}
	H := l.H
	rows := l.columnsOf()
	place := slices.Repeat([]int32{-1}, l.G*H) // of the weights of a unit
	d.unit.offsets = []int32{0}
	d.offsets = []int32{0}
	for u := range H {
		var cols []int32
		if l.kind == gru {
			cols = append(cols, int32(u))
		}
		for g := range l.G {
			for _, c := range rows[g*H+u] {
				if c.param == 1 {
					j := c.src - int32(l.C)
					place[int(j)*l.G+g] = c.at
					cols = append(cols, j)
				}
			}
		}
		slices.Sort(cols)
		cols = slices.Compact(cols)
		for _, j := range cols {
			at := place[int(j)*l.G : int(j+1)*l.G]
			d.unit.cols, d.at = append(d.unit.cols, j), append(d.at, at...)
			for g := range at {
				at[g] = -1
			}
		}
		d.unit.offsets = append(d.unit.offsets, int32(len(d.unit.cols)))
		d.addRows(u, cols)
	}
	d.unit.w = make([]float32, len(d.at))
	d.val = make([]float32, len(d.cols))
}

// addRows adds the rows of a unit's states, columns ascending.
func (d *dynamics) addRows(u int, cols []int32) {
	for w := range d.W {
		self := int32(u * d.W)
		placed := d.W == 1
		put := func() {
			if w == 0 {
				d.diag = append(d.diag, int32(len(d.cols)))
			} else {
				d.pass = append(d.pass, int32(len(d.cols)))
			}
			d.cols = append(d.cols, self)
			placed = true
		}
		for _, j := range cols {
			s := j*int32(d.W) + int32(d.W-1)
			if !placed && self < s {
				put()
			}
			if d.W == 1 && d.l.kind == gru && j == int32(u) {
				d.diag = append(d.diag, int32(len(d.cols)))
			}
			d.cols = append(d.cols, s)
		}
		if !placed {
			put()
		}
		d.offsets = append(d.offsets, int32(len(d.cols)))
	}
}

// load reads the weights.
func (d *dynamics) load() {
	v := d.l.r.Recurrent.Values()
	for i, at := range d.at {
		if d.unit.w[i] = 0; at >= 0 {
			d.unit.w[i] = v[at]
		}
	}
}

// set computes the values for step s of sequence b.
func (d *dynamics) set(c chunkGrad, s, b int) {
	size, G := c.H*c.B, c.G
	for u := range c.H {
		lo, hi := d.unit.offsets[u], d.unit.offsets[u+1]
		for w := range d.W {
			coef := c.rec
			if d.W == 2 && w == 0 {
				coef = c.mem
			}
			row := d.val[d.offsets[u*d.W+w]:d.offsets[u*d.W+w+1]]
			skip := -1
			if d.W == 2 {
				skip = int([][]int32{d.diag, d.pass}[w][u] - d.offsets[u*d.W+w])
			}
			var a [4]float32
			for g := range G {
				a[g] = coef[(s*G+g)*size+u*c.B+b]
			}
			k := 0
			for e := lo; e < hi; e++ {
				if k == skip {
					k++
				}
				sum := float32(0)
				for g, w := range d.unit.w[int(e)*G : (int(e)+1)*G] {
					sum += a[g&3] * w
				}
				row[k] = sum
				k++
			}
		}
		i := s*size + u*c.B + b
		switch {
		case d.W == 2:
			d.val[d.diag[u]], d.val[d.pass[u]] = c.leak[i], c.pass[i]
		case len(d.diag) > 0:
			d.val[d.diag[u]] += c.leak[i]
		}
	}
}

// set is a set of states, a bit each.
type set []uint64

func (s set) add(i int32) { s[i/64] |= 1 << (i % 64) }

// each calls f with each member, ascending.
func (s set) each(f func(i int32)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			f(int32(64*w + bits.TrailingZeros64(word)))
		}
	}
}

// reach returns the states that those of start reach within steps steps of D, and start. next
// holds for each state those it influences.
func reach(start []int32, steps int, next []set) set {
	seen := make(set, (len(next)+63)/64)
	for _, s := range start {
		seen.add(s)
	}
	front := slices.Clone(seen)
	for range steps {
		more, found := make(set, len(seen)), false
		front.each(func(i int32) {
			for w, word := range next[i] {
				more[w] |= word
			}
		})
		for w := range more {
			more[w] &^= seen[w]
			seen[w] |= more[w]
			found = found || more[w] != 0
		}
		if front = more; !found {
			break
		}
	}
	return seen
}

// influenced returns for each state those whose next values depend on it.
func (d *dynamics) influenced() []set {
	next := make([]set, d.l.H*d.W)
	for i := range next {
		next[i] = make(set, (len(next)+63)/64)
	}
	for i := range next {
		for _, j := range d.cols[d.offsets[i]:d.offsets[i+1]] {
			next[j].add(int32(i))
		}
	}
	return next
}
