package online

import (
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// diagonal is SnAp-1, and RFLO, which are SnAp-1 without what a unit's recurrent weights on
// itself do: of the influence, one value a weight, two for those of an LSTM's memory,
//
//	e_t = λ_t·e_{t-1} + I_t     g = Σ_t d_t·e_t
//
// with λ of the weight's unit, a 2×2 matrix for an LSTM. Taken literally, each step reads and
// writes all of e and g. But the sums over a chunk of T steps close: with
// μ_t = d_t + λ_{t+1}·μ_{t+1}, the chunk adds
//
//	g += λ_1·μ_1·e_0 + Σ_t μ_t·I_t      e_T = Π λ·e_0 + Σ_t (Π_{r>t} λ_r)·I_t
//
// and since I_t is a coefficient of the row times an input, both sums are products
// [G·H,T]·[T,C+H] at the speed of the multipliers: backpropagation through the diagonal alone within
// the chunk, and forward mode from chunk to chunk.
//
// By the strict definition (section 3.1), a weight of an LSTM's output gate keeps
// its influence on h alone.
type diagonal struct {
	l        *Learner
	leakOnly bool

	hidden, memory []slot // by sequence, then by parameter
	fresh          bool   // the influence is zero

	self        []float32  // [G·H], recurrent weights of units on themselves
	hh, ch      []float32  // [T][H,B]
	rowOf       [2][]int32 // of each stored value, where the weights are sparse
	colOf       [2][]int32 // -1 for those of rows that a short last block lacks
	coefH       []float32  // [G·H,T·B], and that of the candidate behind it
	alpha, phi  []float32
	alphaC      []float32
	tmpA, tmpX  []float32
	previous    []float32 // [H,T·B], states before the steps
	keys        [2][]int64
	gatherA     []float32
	transitions []float32
}

// slot is the influence on one component of the states, laid out like the values of the
// parameters.
type slot struct{ input, recurrent, bias, nbias []float32 }

func (d *diagonal) newSlot() slot {
	s := slot{make([]float32, len(d.l.r.Input.Values())), make([]float32, len(d.l.r.Recurrent.Values())), make([]float32, d.l.G*d.l.H), nil}
	if d.l.nbias != nil {
		s.nbias = make([]float32, d.l.H)
	}
	return s
}

func (s slot) all() [][]float32 {
	if s.nbias == nil {
		return [][]float32{s.input, s.recurrent, s.bias}
	}
	return [][]float32{s.input, s.recurrent, s.bias, s.nbias}
}

func (d *diagonal) resize() {
	d.hidden, d.memory, d.fresh = nil, nil, true
	for range d.l.B {
		d.hidden = append(d.hidden, d.newSlot())
		if d.l.kind == lstm {
			d.memory = append(d.memory, d.newSlot())
		}
	}
}

func (d *diagonal) slots() []slot { return append(d.hidden[:len(d.hidden):len(d.hidden)], d.memory...) }

func (d *diagonal) reset() {
	d.fresh = true
	for _, a := range d.arrays() {
		clear(a)
	}
}

func (d *diagonal) arrays() [][]float32 {
	var all [][]float32
	for _, s := range d.slots() {
		all = append(all, s.all()...)
	}
	return all
}

func (d *diagonal) entries() int {
	l := d.l
	n := l.r.Input.NNZ() + l.r.Recurrent.NNZ() + l.G*l.H
	if l.nbias != nil {
		n += l.H
	}
	if l.kind == lstm { // i, f and g on the memory too
		for g := range 3 {
			n += l.H
			for u := range l.H {
				n += rowCount(l.r.Input, g*l.H+u) + rowCount(l.r.Recurrent, g*l.H+u)
			}
		}
	}
	return n
}

func (d *diagonal) work() int64 { return 2 * int64(d.entries()) }

// rowCount returns the number of weights that exist in a row.
func rowCount(p *nn.Param, row int) int {
	t := p.Topology(1)
	n := 0
	for j := range p.K() {
		if t.Get(row/t.R, j) {
			n++
		}
	}
	return n
}

// terms fills in the derivative of each unit's states by its own a step before.
func (d *diagonal) terms(c chunkGrad) {
	size, H, B := c.H*c.B, c.H, c.B
	d.hh = fit(d.hh, c.T*size)
	clear(d.hh)
	if c.mem == nil {
		copy(d.hh, c.leak)
	} else {
		d.ch = fit(d.ch, c.T*size)
		clear(d.ch)
	}
	if d.leakOnly {
		return
	}
	d.self = fit(d.self, c.G*H)
	selfWeights(d.l.r.Recurrent, d.self)
	for s := range c.T {
		for row, w := range d.self {
			if w == 0 {
				continue
			}
			at := s*size + row%H*B
			rec := c.rec[(s*c.G*H+row)*B:][:B]
			for b, v := range rec {
				d.hh[at+b] += w * v
			}
			if c.mem != nil {
				for b, v := range c.mem[(s*c.G*H+row)*B:][:B] {
					d.ch[at+b] += w * v
				}
			}
		}
	}
}

// selfWeights sets w[g·H+u] to the weight of gate g on unit u itself.
func selfWeights(p *nn.Param, w []float32) {
	H := p.K()
	for row := range w {
		if p.Sparse != nil {
			w[row] = p.Sparse.At(row, row%H)
		} else {
			w[row] = p.Dense.Data[row*H+row%H]
		}
	}
}

// adjoin computes the coefficients of the gradient of a chunk.
func (d *diagonal) adjoin(c chunkGrad) {
	N := c.T * c.B
	d.terms(c)
	d.previous = fit(d.previous, c.H*N)
	kernel.SwapAxes(c.T, c.H, c.B, c.h, c.H*c.B, c.B, d.previous, N, c.B)
	n := (c.G + 1) * c.H
	d.coefH = fit(d.coefH, n*N)
	d.transitions = fit(d.transitions, 10*c.H*c.B)
	if c.mem != nil {
		d.adjointLSTM(c)
	} else {
		d.adjoint(c)
	}
}

// learn adds the gradient of a chunk and carries the influence over it.
func (d *diagonal) learn(c chunkGrad) {
	if d.stepwise(c) {
		d.step(c)
	} else {
		d.adjoin(c)
		d.gradient(c, d.coefH, c.T*c.B)
		d.carry(c)
	}
	d.fresh = false
}

// gradient adds the products of coefficients [(G+1)·H,N] with inputs and states; the candidate's
// coefficients of the input weights are the last H rows.
func (d *diagonal) gradient(c chunkGrad, coef []float32, N int) {
	l, GH := d.l, c.G*c.H
	addProduct(l.r.Recurrent, N, coef, d.previous, l.r.Recurrent.Grad.Data)
	scan(l.r.Recurrent, N, coef, d.previous)
	input := coef
	if l.kind == gru {
		kernel.RowSums(c.H, N, coef[2*c.H*N:], true, l.nbias.Grad.Data)
		copy(coef[2*c.H*N:GH*N], coef[GH*N:])
	}
	kernel.RowSums(GH, N, input, true, l.r.Bias.Grad.Data)
	addProduct(l.r.Input, N, input, c.x, l.r.Input.Grad.Data)
	scan(l.r.Input, N, input, c.x)
}

// addProduct adds to g, laid out like the values of p, the entries of A·Xᵀ.
func addProduct(p *nn.Param, N int, A, X, g []float32) {
	if p.Sparse != nil {
		kernel.SDDMM(&p.Sparse.CSR, N, A, N, X, N, g)
		return
	}
	kernel.GEMM(false, true, p.M(), p.K(), N, 1, A, N, X, N, 1, g, p.K())
	if p.Mask != nil {
		p.Mask.Apply(g)
	}
}

// scanRows is how many rows of a dense gradient are handed over at a time.
const scanRows = 64

// scan hands the gradient as if all weights existed to who wants it. Weights that are absent have
// no influence from before: theirs is that of the chunk alone.
func scan(p *nn.Param, N int, A, X []float32) {
	if p.Scan == nil {
		return
	}
	g := make([]float32, min(scanRows, p.M())*p.K())
	for row := 0; row < p.M(); row += scanRows {
		rows := min(scanRows, p.M()-row)
		kernel.GEMM(false, true, rows, p.K(), N, 1, A[row*N:], N, X, N, 0, g, p.K())
		p.Scan(row, g[:rows*p.K()])
	}
}

// put writes the coefficients of step s, mu times those of the gates, for rows of unit u.
func (c chunkGrad) put(coef []float32, s, u int, b int, muC, muH, muO float32) {
	N, size := c.T*c.B, c.H*c.B
	at := s*c.B + b
	for g := range c.G {
		from := (s*c.G+g)*size + u*c.B + b
		mu := muH
		if c.mem != nil && g == 3 {
			mu = muO
		}
		v := mu * c.rec[from]
		if c.mem != nil {
			v += muC * c.mem[from]
		}
		coef[(g*c.H+u)*N+at] = v
	}
	if c.cand != nil {
		coef[(c.G*c.H+u)*N+at] = muH * c.cand[s*size+u*c.B+b]
	}
}

// adjoint computes the coefficients of the gradient for one state a unit, and adds to the
// gradient what comes of the influence before the chunk.
func (d *diagonal) adjoint(c chunkGrad) {
	N, size := c.T*c.B, c.H*c.B
	alpha := d.transitions[:size]
	clear(alpha)
	for s := c.T - 1; s >= 0; s-- {
		for u := range c.H {
			for b := range c.B {
				i := u*c.B + b
				mu := c.d[u*N+s*c.B+b] + alpha[i]
				c.put(d.coefH, s, u, b, 0, mu, 0)
				alpha[i] = d.hh[s*size+i] * mu
			}
		}
	}
}

// adjointLSTM is adjoint for the two states of an LSTM's unit.
func (d *diagonal) adjointLSTM(c chunkGrad) {
	N, size := c.T*c.B, c.H*c.B
	ah, ac, ao := d.transitions[:size], d.transitions[size:2*size], d.transitions[2*size:3*size]
	clear(d.transitions[:3*size])
	for s := c.T - 1; s >= 0; s-- {
		for u := range c.H {
			for b := range c.B {
				i := u*c.B + b
				at := s*size + i
				dy := c.d[u*N+s*c.B+b]
				h, m, o := dy+ah[i], ac[i], dy+ao[i]
				c.put(d.coefH, s, u, b, m, h, o)
				ah[i] = d.ch[at]*m + d.hh[at]*h
				ac[i] = c.leak[at]*m + c.pass[at]*h
				ao[i] = d.hh[at] * o
			}
		}
	}
}

// carry adds what the influence before the chunk gives and brings it to the chunk's end.
func (d *diagonal) carry(c chunkGrad) {
	N, H, n := c.T*c.B, c.H, (c.G+1)*c.H
	d.tmpA, d.gatherA = fit(d.tmpA, n*c.T), fit(d.gatherA, n*c.T)
	if c.B > 1 {
		d.tmpX = fit(d.tmpX, max(d.l.C, H)*c.T)
	}
	d.alpha, d.alphaC, d.phi = fit(d.alpha, c.G*H), fit(d.alphaC, c.G*H), fit(d.phi, 4*c.G*H)
	for b := range c.B {
		if c.mem != nil {
			d.carryLSTM(c, b)
			continue
		}
		d.decay(c, b)
		if !d.fresh {
			for g := range c.G {
				for u := range H {
					d.alpha[g*H+u] = d.transitions[u*c.B+b]
				}
			}
			d.scaleRows(d.hidden[b])
		}
		d.addSteps(d.hidden[b], d.tmpA, d.column(c.x, d.l.C, b, N, c), func() []float32 { return d.column(d.previous, H, b, N, c) }, c.T)
	}
}

// column returns the steps of a sequence, [rows,T], of X [rows,T·B].
func (d *diagonal) column(X []float32, rows, b, N int, c chunkGrad) []float32 {
	if c.B == 1 {
		return X[:rows*N]
	}
	for i := range rows {
		for s := range c.T {
			d.tmpX[i*c.T+s] = X[i*N+s*c.B+b]
		}
	}
	return d.tmpX[:rows*c.T]
}

// decay fills tmpA with the coefficients of the steps of a sequence at the chunk's end, and phi
// with what is left of the influence before it.
func (d *diagonal) decay(c chunkGrad, b int) {
	size, T := c.H*c.B, c.T
	for u := range c.H {
		p := float32(1)
		for s := T - 1; s >= 0; s-- {
			at := s*size + u*c.B + b
			for g := range c.G {
				d.tmpA[(g*c.H+u)*T+s] = p * c.rec[(s*c.G+g)*size+u*c.B+b]
			}
			if c.cand != nil {
				d.tmpA[(c.G*c.H+u)*T+s] = p * c.cand[at]
			}
			p *= d.hh[at]
		}
		for g := range c.G {
			d.phi[g*c.H+u] = p
		}
	}
}

// addSteps adds the steps of a chunk to the influence of a sequence.
func (d *diagonal) addSteps(e slot, coef, x []float32, h func() []float32, T int) {
	l, GH := d.l, d.l.G*d.l.H
	addSteps := func(n int, a, out []float32) { kernel.RowSums(n, T, a, true, out) }
	if l.kind == gru { // the input's come last
		input := d.gatherA[:GH*T]
		copy(input, coef[:2*l.H*T])
		copy(input[2*l.H*T:], coef[GH*T:(GH+l.H)*T])
		addProduct(l.r.Input, T, input, x, e.input)
		addSteps(GH, input, e.bias)
		addSteps(l.H, coef[2*l.H*T:], e.nbias)
	} else {
		addProduct(l.r.Input, T, coef, x, e.input)
		addSteps(GH, coef, e.bias)
	}
	addProduct(l.r.Recurrent, T, coef, h(), e.recurrent)
}

// scaleRows adds alpha times the influence to the gradient and multiplies it by phi.
func (d *diagonal) scaleRows(e slot) {
	l, H := d.l, d.l.H
	for i, p := range []*nn.Param{l.r.Input, l.r.Recurrent} {
		v := [][]float32{e.input, e.recurrent}[i]
		if p.Sparse == nil {
			kernel.Influence(p.M(), p.K(), d.alpha, d.phi, v, p.Grad.Data)
			continue
		}
		g := p.Grad.Data
		for at, row := range d.rowOf[i] {
			g[at] += d.alpha[row] * v[at]
			v[at] *= d.phi[row]
		}
	}
	kernel.Influence(l.G*H, 1, d.alpha, d.phi, e.bias, l.r.Bias.Grad.Data)
	if l.nbias != nil {
		kernel.Influence(H, 1, d.alpha[2*H:], d.phi[2*H:], e.nbias, l.nbias.Grad.Data)
	}
}
