package online

// carryLSTM is what carry does for a sequence of an LSTM, whose influence has a part on the
// memory and one on the state.
func (d *diagonal) carryLSTM(c chunkGrad, b int) {
	H, T, N, GH := c.H, c.T, c.T*c.B, c.G*c.H
	d.decayLSTM(c, b)
	e, m := d.hidden[b], d.memory[b]
	if !d.fresh {
		params := [][]float32{d.l.r.Input.Grad.Data, d.l.r.Recurrent.Grad.Data, d.l.r.Bias.Grad.Data}
		for i, eh := range [][]float32{e.input, e.recurrent, e.bias} {
			d.mix(params[i], [][]float32{m.input, m.recurrent, m.bias}[i], eh, d.rows(i), c, b)
		}
	}
	x := d.column(c.x, d.l.C, b, N, c)
	h := func() []float32 { return d.column(d.previous, H, b, N, c) }
	d.addSteps(e, d.tmpA, x, h, T)
	x = d.column(c.x, d.l.C, b, N, c)
	d.addSteps(m, d.gatherA[:GH*T], x, h, T)
}

// rows returns the row of each stored value of the input weights, the recurrent ones, or the
// biases.
func (d *diagonal) rows(i int) func(at int) int {
	if i == 2 {
		return func(at int) int { return at }
	}
	if r := d.rowOf[i]; r != nil {
		return func(at int) int { return int(r[at]) }
	}
	K := []int{d.l.C, d.l.H}[i]
	return func(at int) int { return at / K }
}

// mix adds what the influence before the chunk gives to the gradient, and brings it to the
// chunk's end.
func (d *diagonal) mix(g, ec, eh []float32, row func(int) int, c chunkGrad, b int) {
	size := c.H * c.B
	ah, ac, ao := d.transitions[:size], d.transitions[size:2*size], d.transitions[2*size:3*size]
	for at := range g {
		r := row(at)
		u := r%c.H*c.B + b
		p := d.phi[4*(r%c.H):]
		if r >= 3*c.H {
			g[at] += ao[u] * eh[at]
			eh[at] *= d.phi[4*c.H+r%c.H]
			continue
		}
		m, h := ec[at], eh[at]
		g[at] += ac[u]*m + ah[u]*h
		ec[at], eh[at] = p[0]*m+p[1]*h, p[2]*m+p[3]*h
	}
}

// decayLSTM fills tmpA with the coefficients of the steps on the state at the chunk's end, gatherA
// with those on the memory, and phi with what is left of the influence before: a 2×2 matrix a
// unit, then one number a unit for the output gates.
func (d *diagonal) decayLSTM(c chunkGrad, b int) {
	size, H, T := c.H*c.B, c.H, c.T
	for u := range H {
		cc, ch, hc, hh, oo := float32(1), float32(0), float32(0), float32(1), float32(1)
		for s := T - 1; s >= 0; s-- {
			at := s*size + u*c.B + b
			for g := range 3 {
				from := (s*4+g)*size + u*c.B + b
				m, h := c.mem[from], c.rec[from]
				d.tmpA[(g*H+u)*T+s] = hc*m + hh*h
				d.gatherA[(g*H+u)*T+s] = cc*m + ch*h
			}
			d.tmpA[(3*H+u)*T+s] = oo * c.rec[(s*4+3)*size+u*c.B+b]
			d.gatherA[(3*H+u)*T+s] = 0
			f, p, x, y := c.leak[at], c.pass[at], d.ch[at], d.hh[at]
			cc, ch = cc*f+ch*p, cc*x+ch*y
			hc, hh = hc*f+hh*p, hc*x+hh*y
			oo *= y
		}
		copy(d.phi[4*u:], []float32{cc, ch, hc, hh})
		d.phi[4*H+u] = oo
	}
}
