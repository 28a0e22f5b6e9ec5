package online

import (
	"fmt"
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
)

// sparseBelow is the density of a panel's part of D under which it is multiplied as a sparse
// matrix.
const sparseBelow = 0.2

// panels is SnAp-n for n above 1, and RTRL: the influence in panels of states by weights.
type panels struct {
	l      *Learner
	d      dynamics
	panels []*panel
	values [][]float32 // by sequence: the panels one after the other
	size   int
	inputs []float32 // (x, h, 1) of the step
	coefs  []float32 // coefficients of the step
	memory []float32
	dy     []float32 // gradient of the states of the step
}

// panel is the influence of the weights that reach the same states.
type panel struct {
	states []int32 // rows
	cols   []column
	runs   []run // of cols with the same coefficient
	first  int   // of its values
	grad   []float32

	// Its part of D: sparse, with the place of each entry in D, or dense.
	offsets, local, from []int32
	sparse, whole        bool
	part, dense          []float32
	dy                   []float32
	seen                 []int32
}

// run is a range of columns that have their coefficient and so their unit in common: the rows
// their immediate influence is on, -1 for none.
type run struct{ lo, hi, coef, rowH, rowC int }

// follow finds the pattern and keeps the influence of weights that stay.
func (p *panels) follow() {
	old := *p
	l := p.l
	p.d.build(l)
	p.panels, p.size = nil, 0
	next := p.d.influenced()
	order := l.H * p.d.W // RTRL: as far as there are paths
	if l.method.Rule == SnAp {
		order = l.method.Order - 1
	}
	bySet, byStart := map[string]*panel{}, map[string]*panel{}
	W := p.d.W
	for row, cols := range l.columnsOf() {
		u := row % l.H
		start := []int32{int32(u*W + W - 1)}
		if W == 2 && row/l.H != 3 {
			start = []int32{int32(u * W), int32(u*W + 1)}
		}
		q := byStart[fmt.Sprint(start)]
		if q == nil {
			states := reach(start, order, next)
			name := fmt.Sprint(states)
			if q = bySet[name]; q == nil {
				q = &panel{}
				states.each(func(i int32) { q.states = append(q.states, i) })
				bySet[name] = q
				p.panels = append(p.panels, q)
			}
			byStart[fmt.Sprint(start)] = q
		}
		q.add(cols, u, W, row/l.H == 3)
	}
	for _, q := range p.panels {
		q.prepare(&p.d)
		q.first = p.size
		p.size += len(q.states) * len(q.cols)
	}
	if l.B > 0 {
		p.move(&old)
	}
}

// add appends the columns of a row of weights.
func (q *panel) add(cols []column, u, W int, output bool) {
	h, _ := slices.BinarySearch(q.states, int32(u*W+W-1))
	c := -1
	if W == 2 && !output {
		c = h - 1 // the memory stands before the state
	}
	for _, k := range cols {
		n := len(q.runs)
		if n == 0 || q.runs[n-1].coef != int(k.coef) {
			q.runs = append(q.runs, run{len(q.cols), len(q.cols), int(k.coef), h, c})
			n++
		}
		q.cols = append(q.cols, k)
		q.runs[n-1].hi++
	}
}

// prepare cuts the panel's part out of D.
func (q *panel) prepare(d *dynamics) {
	n := len(q.states)
	at := map[int32]int32{}
	for i, s := range q.states {
		at[s] = int32(i)
	}
	q.whole = n == len(d.offsets)-1
	q.offsets = []int32{0}
	for _, s := range q.states {
		for e := d.offsets[s]; e < d.offsets[s+1]; e++ {
			if j, ok := at[d.cols[e]]; ok {
				q.local, q.from = append(q.local, j), append(q.from, e)
			}
		}
		q.offsets = append(q.offsets, int32(len(q.local)))
	}
	q.part = make([]float32, len(q.local))
	q.sparse = n < 8 || float64(len(q.local)) < sparseBelow*float64(n*n)
	if !q.sparse {
		q.dense = make([]float32, n*n)
	}
	q.grad, q.dy = make([]float32, len(q.cols)), make([]float32, n)
	q.seen = make([]int32, n)
	for i := range q.seen {
		q.seen[i] = int32(i)
	}
}

// move fetches values from the layout before.
func (p *panels) move(old *panels) {
	type place struct{ first, stride, col int }
	at := map[int64]place{}
	rows := map[int64][]int32{}
	for _, q := range old.panels {
		for j, c := range q.cols {
			at[c.key], rows[c.key] = place{q.first, len(q.cols), j}, q.states
		}
	}
	for b := range p.values {
		from := p.values[b]
		to := make([]float32, p.size)
		for _, q := range p.panels {
			for j, c := range q.cols {
				w, ok := at[c.key]
				if !ok {
					continue
				}
				for i, s := range q.states {
					if k, ok := slices.BinarySearch(rows[c.key], s); ok {
						to[q.first+i*len(q.cols)+j] = from[w.first+k*w.stride+w.col]
					}
				}
			}
		}
		p.values[b] = to
	}
}

func (p *panels) resize() {
	p.values = nil
	for range p.l.B {
		p.values = append(p.values, make([]float32, p.size))
	}
}

func (p *panels) reset() {
	for _, v := range p.values {
		clear(v)
	}
}

func (p *panels) arrays() [][]float32 { return p.values }
func (p *panels) entries() int        { return p.size }

func (p *panels) work() int64 {
	n := int64(0)
	for _, q := range p.panels {
		each := len(q.states) * len(q.states)
		if q.sparse {
			each = len(q.local)
		}
		n += int64(each+len(q.states)) * int64(len(q.cols))
	}
	return n
}

// learn carries the influence over each step of a chunk and adds the gradient.
func (p *panels) learn(c chunkGrad) {
	p.d.load()
	for _, q := range p.panels {
		clear(q.grad)
	}
	for b := range c.B {
		for s := range c.T {
			p.d.set(c, s, b)
			p.read(c, s, b)
			job := &panelJob{p: p, values: p.values[b]}
			if len(p.panels) == 1 {
				job.Run(0)
				continue
			}
			parallel.Do((len(p.panels)+panelsAtOnce-1)/panelsAtOnce, job)
		}
	}
	g := p.l.gradients()
	for _, q := range p.panels {
		for j, k := range q.cols {
			g[k.param][k.at] += q.grad[j]
		}
	}
	p.l.scanChunk(c)
}

// read puts what a step of a sequence has to say side by side.
func (p *panels) read(c chunkGrad, s, b int) {
	l := p.l
	N, size, GH := c.T*c.B, c.H*c.B, c.G*c.H
	p.inputs, p.coefs, p.dy = fit(p.inputs, l.C+c.H+1), fit(p.coefs, GH+c.H), fit(p.dy, c.H*p.d.W)
	for i := range l.C {
		p.inputs[i] = c.x[i*N+s*c.B+b]
	}
	for u := range c.H {
		i := u*c.B + b
		p.inputs[l.C+u] = c.h[s*size+i]
		p.dy[u*p.d.W+p.d.W-1] = c.d[u*N+s*c.B+b]
		if c.cand != nil {
			p.coefs[GH+u] = c.cand[s*size+i]
		}
	}
	p.inputs[l.C+c.H] = 1
	for i := range GH {
		p.coefs[i] = c.rec[(s*GH+i)*c.B+b]
	}
	if c.mem != nil {
		p.memory = fit(p.memory, GH)
		for i := range GH {
			p.memory[i] = c.mem[(s*GH+i)*c.B+b]
		}
	}
}

// panelsAtOnce is how many panels a worker takes at a time.
const panelsAtOnce = 8

type panelJob struct {
	p      *panels
	values []float32
}

// panelColumns is how many columns of a panel are worked on at a time: few enough for the
// result to stay in the cache until it is copied back.
const panelColumns = 256

var panelRooms = sync.Pool{New: func() any { return new([]float32) }}

// Run does one chunk of panels.
func (j *panelJob) Run(i int) {
	room := panelRooms.Get().(*[]float32)
	all := j.p.panels
	for _, q := range all[i*panelsAtOnce : min((i+1)*panelsAtOnce, len(all))] {
		q.step(j.p, j.values[q.first:q.first+len(q.states)*len(q.cols)], room)
	}
	panelRooms.Put(room)
}

// step carries a panel over a step.
func (q *panel) step(p *panels, values []float32, room *[]float32) {
	n, N := len(q.states), len(q.cols)
	q.cut(p.d.val)
	for i, s := range q.states {
		q.dy[i] = p.dy[s]
	}
	for lo := 0; lo < N; lo += panelColumns {
		w := min(panelColumns, N-lo)
		*room = fit(*room, n*w)
		to := *room
		if q.sparse {
			kernel.MixRows(q.offsets, q.local, q.part, w, values[lo:], N, to, w)
		} else {
			kernel.GEMM(false, false, n, w, n, 1, q.dense, n, values[lo:], N, 0, to, w)
		}
		for i := range n {
			copy(values[i*N+lo:i*N+lo+w], to[i*w:(i+1)*w])
		}
	}
	q.immediate(p, values)
	kernel.WeighRows(q.seen, q.dy, N, values, N, q.grad)
}

// cut fetches the panel's part of D.
func (q *panel) cut(val []float32) {
	if q.sparse {
		for i, e := range q.from {
			q.part[i] = val[e]
		}
		return
	}
	n := len(q.states)
	clear(q.dense)
	for i := range n {
		for e := q.offsets[i]; e < q.offsets[i+1]; e++ {
			q.dense[i*n+int(q.local[e])] = val[q.from[e]]
		}
	}
}

// immediate adds the influence of the step itself.
func (q *panel) immediate(p *panels, values []float32) {
	N := len(q.cols)
	for _, r := range q.runs {
		row := values[r.rowH*N:][:N]
		a := p.coefs[r.coef]
		for j := r.lo; j < r.hi; j++ {
			row[j] += a * p.inputs[q.cols[j].src]
		}
		if r.rowC >= 0 {
			row, a := values[r.rowC*N:][:N], p.memory[r.coef]
			for j := r.lo; j < r.hi; j++ {
				row[j] += a * p.inputs[q.cols[j].src]
			}
		}
	}
}

// scanChunk hands the gradient of the chunk by itself, through the diagonal, to who wants that of
// weights that are absent.
func (l *Learner) scanChunk(c chunkGrad) {
	if l.r.Input.Scan == nil && l.r.Recurrent.Scan == nil {
		return
	}
	d := &diagonal{l: l}
	d.adjoin(c)
	N := c.T * c.B
	scan(l.r.Recurrent, N, d.coefH, d.previous)
	if c.cand != nil {
		copy(d.coefH[2*c.H*N:3*c.H*N], d.coefH[3*c.H*N:])
	}
	scan(l.r.Input, N, d.coefH, c.x)
}
