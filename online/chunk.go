package online

import (
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// chunk is a run of T steps: the gates and states that the forward pass leaves in blocks
// [rows,B], one a step, and the derivatives made of them.
//
// The derivative of the state h of unit u by a weight of gate g and input v is
// rec[g,u]·v, that of the memory c of an LSTM mem[g,u]·v. For the input weights of a GRU's
// candidate, cand stands in the place of rec. Past the gates, h (GRU) or c (LSTM) depends on
// itself one step before by leak, and h on the memory before by pass.
type chunk struct {
	T, B, H, G int

	h, c, tanh []float32 // [T+1][H,B], those before the first step first; tanh [T][H,B]
	rec        []float32 // [T][G·H,B], the gates before coefficients are made
	cand       []float32 // [T][H,B], GRU
	mem        []float32 // [T][G·H,B], LSTM
	leak, pass []float32 // [T][H,B]

	u, in, ones []float32
	rows, cols  []float32 // room for operands of products
	cell        kernel.Cell
}

func (c *chunk) size() int {
	return len(c.h) + len(c.c) + len(c.tanh) + len(c.rec) + len(c.cand) + len(c.mem) + len(c.leak) + len(c.pass) +
		len(c.u) + len(c.in) + len(c.ones) + len(c.rows) + len(c.cols)
}

// fit returns a slice of n values, s if it has room.
func fit(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// multiply computes Y = W·X or adds it.
func multiply(p *nn.Param, N int, X []float32, acc bool, Y []float32) {
	if p.Sparse != nil {
		kernel.SpMM(&p.Sparse.CSR, N, X, N, acc, Y, N)
		return
	}
	beta := float32(0)
	if acc {
		beta = 1
	}
	kernel.GEMM(false, false, p.M(), N, p.K(), 1, p.Dense.Data, p.K(), X, N, beta, Y, N)
}

// forward computes the gates and states and sets the learner's state to the last.
func (c *chunk) forward(l *Learner, x []float32, T int) {
	B, H, G := l.B, l.H, l.G
	size := H * B
	c.T, c.B, c.H, c.G = T, B, H, G
	c.h, c.rec = fit(c.h, (T+1)*size), fit(c.rec, T*G*size)
	c.in = fit(c.in, T*G*size)
	switch l.kind {
	case gru:
		c.cand, c.u, c.leak = fit(c.cand, T*size), fit(c.u, G*size), fit(c.leak, T*size)
	case lstm:
		c.c, c.tanh = fit(c.c, (T+1)*size), fit(c.tanh, T*size)
		copy(c.c, l.state[size:])
	}
	copy(c.h[:size], l.state)
	multiply(l.r.Input, T*B, x, false, c.in)
	kernel.SwapAxes(G*H, T, B, c.in, T*B, B, c.rec, G*size, B)
	for s := range T {
		k := &c.cell
		*k = kernel.Cell{H: H, B: B, Bias: l.r.Bias.Values(), A: c.rec[s*G*size : (s+1)*G*size],
			HP: c.h[s*size : (s+1)*size], HN: c.h[(s+1)*size : (s+2)*size]}
		switch l.kind {
		case vanilla:
			multiply(l.r.Recurrent, B, k.HP, true, k.A)
			k.RNN()
		case gru:
			multiply(l.r.Recurrent, B, k.HP, false, c.u)
			k.U, k.N, k.NBias = c.u, c.cand[s*size:(s+1)*size], l.nbias.Values()
			k.GRU()
		case lstm:
			multiply(l.r.Recurrent, B, k.HP, true, k.A)
			k.CP, k.CN, k.TC = c.c[s*size:(s+1)*size], c.c[(s+1)*size:(s+2)*size], c.tanh[s*size:(s+1)*size]
			k.LSTM()
		}
	}
	copy(l.state, c.h[T*size:])
	if l.kind == lstm {
		copy(l.state[size:], c.c[T*size:])
	}
}

// coefficients puts the derivatives in the place of the gates.
func (c *chunk) coefficients(l *Learner) {
	size, G := c.H*c.B, c.G
	if l.kind == lstm {
		c.lstmCoefficients()
		return
	}
	if len(c.ones) < size {
		c.ones = make([]float32, size)
		for i := range c.ones {
			c.ones[i] = 1
		}
	}
	c.leak = fit(c.leak, c.T*size)
	clear(c.leak)
	for s := range c.T {
		k := &c.cell
		*k = kernel.Cell{H: c.H, B: c.B, A: c.rec[s*G*size : (s+1)*G*size], HP: c.h[s*size : (s+1)*size], HN: c.h[(s+1)*size : (s+2)*size],
			DY: c.ones, LDY: c.B, DH: c.leak[s*size : (s+1)*size]}
		if l.kind == vanilla {
			k.RNNGrad()
			continue
		}
		k.N = c.cand[s*size : (s+1)*size]
		k.GRUGrad()
	}
}

func (c *chunk) lstmCoefficients() {
	size := c.H * c.B
	c.mem, c.leak, c.pass = fit(c.mem, len(c.rec)), fit(c.leak, c.T*size), fit(c.pass, c.T*size)
	for s := range c.T {
		a, m := c.rec[s*4*size:(s+1)*4*size], c.mem[s*4*size:(s+1)*4*size]
		for j := range size {
			i, f, g, o := a[j], a[size+j], a[2*size+j], a[3*size+j]
			tc, cp := c.tanh[s*size+j], c.c[s*size+j]
			d := o * (1 - tc*tc)
			m[j], m[size+j], m[2*size+j], m[3*size+j] = g*i*(1-i), cp*f*(1-f), i*(1-g*g), 0
			a[j], a[size+j], a[2*size+j], a[3*size+j] = d*m[j], d*m[size+j], d*m[2*size+j], tc*o*(1-o)
			c.leak[s*size+j], c.pass[s*size+j] = f, d*f
		}
	}
}

// inputGrad computes the gradient of x through the steps by themselves.
func (l *Learner) inputGrad(g chunkGrad, acc bool, dx []float32) {
	c, N, size := g.chunk, g.T*g.B, g.H*g.B
	c.in = fit(c.in, g.G*g.H*N)
	for gate := range g.G {
		for u := range g.H {
			out := c.in[(gate*g.H+u)*N:][:N]
			for s := range g.T {
				coef := c.rec[s*g.G*size+(gate*g.H+u)*g.B:][:g.B]
				if l.kind == gru && gate == 2 {
					coef = c.cand[s*size+u*g.B:][:g.B]
				}
				for b, v := range coef {
					out[s*g.B+b] = v * g.d[u*N+s*g.B+b]
				}
			}
		}
	}
	p := l.r.Input
	if p.Sparse != nil {
		kernel.SpMMT(&p.Sparse.CSR, p.Sparse.Twin(), N, c.in, N, acc, dx, N)
		return
	}
	beta := float32(0)
	if acc {
		beta = 1
	}
	kernel.GEMM(true, false, l.C, N, l.G*l.H, 1, p.Dense.Data, l.C, c.in, N, beta, dx, N)
}
