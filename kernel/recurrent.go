package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// One time step of a recurrent net between its products: H units, B columns. A block
// [G·H,B] holds the G gates of a step one below the other, rows next to each other, so
// that it stays in the second-level cache from one product to the next. Backward, the
// gradient of the gates goes to a wide array of all steps, ldd from row to row, so that
// the weight gradients are one product each.

// cellChunk is about how many elements of a state a worker takes at a time.
const cellChunk = 1 << 12

// Cell is one step of a recurrent net. Which fields are used, and for what, the
// functions say.
type Cell struct {
	H, B int

	A  []float32 // [G·H,B], gates
	U  []float32 // [3·H,B], GRU: recurrent product
	N  []float32 // [H,B], GRU: recurrent product of the candidate, kept for backward
	HP []float32 // [H,B], state before
	HN []float32 // [H,B], state after
	CP []float32 // [H,B], LSTM: memory before
	CN []float32 // [H,B], LSTM: memory after
	TC []float32 // [H,B], LSTM: tanh of it

	DY  []float32 // gradient of the states from above, rows LDY apart
	LDY int
	DH  []float32 // [H,B], gradient of the state from the step after
	DC  []float32 // [H,B], LSTM: of the memory; becomes that of the memory before
	DA  []float32 // gradient of the gates, rows LDD apart
	DN  []float32 // GRU: of the candidate's input part, rows LDD apart
	LDD int
}

type cellTask struct {
	*Cell
	f func(c *Cell, lo, hi int)
}

var cellTasks = sync.Pool{New: func() any { return new(cellTask) }}

func (t *cellTask) rows() int { return max(1, cellChunk/t.B) }

// Run does one chunk of rows.
func (t *cellTask) Run(i int) {
	lo := i * t.rows()
	t.f(t.Cell, lo, min(lo+t.rows(), t.H))
}

func (c *Cell) run(op string, f func(c *Cell, lo, hi int), blocks ...int) {
	for i := 0; i < len(blocks); i += 2 {
		if blocks[i] < blocks[i+1]*c.H*c.B {
			panic(fmt.Sprintf("kernel: %s: a block of %d values for %d times [%d,%d]", op, blocks[i], blocks[i+1], c.H, c.B))
		}
	}
	if c.H == 0 || c.B == 0 {
		return
	}
	t := cellTasks.Get().(*cellTask)
	t.Cell, t.f = c, f
	parallel.Do((c.H+t.rows()-1)/t.rows(), t)
	*t = cellTask{}
	cellTasks.Put(t)
}

// gate is rows lo to hi of gate g of a block.
func (c *Cell) gate(block []float32, g, lo, hi int) []float32 {
	return block[(g*c.H+lo)*c.B : (g*c.H+hi)*c.B]
}

// row is row i of gate g of a block, wide of one of an array of rows ld apart.
func (c *Cell) row(block []float32, g, i int) []float32  { return block[(g*c.H+i)*c.B:][:c.B] }
func (c *Cell) wide(x []float32, ld, g, i int) []float32 { return x[(g*c.H+i)*ld:][:c.B] }

// RNN computes HN = tanh A, for A = W·x + U·HP + b.
func (c *Cell) RNN() {
	c.run("RNN", func(c *Cell, lo, hi int) {
		vec.tanh(&c.HN[lo*c.B], &c.A[lo*c.B], (hi-lo)*c.B)
	}, len(c.A), 1, len(c.HN), 1)
}

// RNNGrad computes DA = (DY + DH)·(1 - HN²). DH is read only.
func (c *Cell) RNNGrad() {
	c.run("RNNGrad", func(c *Cell, lo, hi int) {
		for i := lo; i < hi; i++ {
			dy, dh := c.wide(c.DY, c.LDY, 0, i), c.row(c.DH, 0, i)
			y, da := c.row(c.HN, 0, i), c.wide(c.DA, c.LDD, 0, i)
			dh, y, da = dh[:len(dy)], y[:len(dy)], da[:len(dy)]
			for j, d := range dy {
				d += dh[j]
				da[j] = d * (1 - y[j]*y[j])
			}
		}
	}, len(c.HN), 1, len(c.DH), 1)
}

// GRU takes the input product with its bias in A and the recurrent one in U, the
// candidate's with its bias, and leaves the gates in A, r, z and n, and the state in HN:
//
//	r = σ(Ar + Ur)   z = σ(Az + Uz)   n = tanh(An + r·Un)   HN = n + z·(HP - n)
//
// Un is copied to N unless that is nil.
func (c *Cell) GRU() {
	c.run("GRU", func(c *Cell, lo, hi int) {
		n := (hi - lo) * c.B
		r, z, a := c.gate(c.A, 0, lo, hi), c.gate(c.A, 1, lo, hi), c.gate(c.A, 2, lo, hi)
		un := c.gate(c.U, 2, lo, hi)
		vec.add(&r[0], &r[0], &c.gate(c.U, 0, lo, hi)[0], n)
		vec.sigmoid(&r[0], &r[0], n)
		vec.add(&z[0], &z[0], &c.gate(c.U, 1, lo, hi)[0], n)
		vec.sigmoid(&z[0], &z[0], n)
		vec.mulAdd(&a[0], &r[0], &un[0], n)
		vec.tanh(&a[0], &a[0], n)
		if c.N != nil {
			copy(c.gate(c.N, 0, lo, hi), un)
		}
		hp, hn := c.gate(c.HP, 0, lo, hi), c.gate(c.HN, 0, lo, hi)
		for i, v := range a {
			hn[i] = v + z[i]*(hp[i]-v)
		}
	}, len(c.A), 3, len(c.U), 3, len(c.HP), 1, len(c.HN), 1)
}

// GRUGrad computes from d = DY + DH the gradients of the recurrent product, DA, of the
// candidate's input product, DN, and the part of d that reaches HP past the gates, DH:
//
//	dn = d·(1-z)·(1-n²)   DA = (dn·Un·r·(1-r), d·(HP-n)·z·(1-z), dn·r)   DN = dn   DH = d·z
func (c *Cell) GRUGrad() {
	c.run("GRUGrad", func(c *Cell, lo, hi int) {
		for i := lo; i < hi; i++ {
			dy, dh := c.wide(c.DY, c.LDY, 0, i), c.row(c.DH, 0, i)
			r, z, n := c.row(c.A, 0, i), c.row(c.A, 1, i), c.row(c.A, 2, i)
			un, hp := c.row(c.N, 0, i), c.row(c.HP, 0, i)
			dr, dz := c.wide(c.DA, c.LDD, 0, i), c.wide(c.DA, c.LDD, 1, i)
			du, dn := c.wide(c.DA, c.LDD, 2, i), c.wide(c.DN, c.LDD, 0, i)
			dh, r, z, n, un, hp = dh[:len(dy)], r[:len(dy)], z[:len(dy)], n[:len(dy)], un[:len(dy)], hp[:len(dy)]
			dr, dz, du, dn = dr[:len(dy)], dz[:len(dy)], du[:len(dy)], dn[:len(dy)] // for the compiler
			for j, d := range dy {
				d += dh[j]
				r, z, n := r[j], z[j], n[j]
				e := d * (1 - z) * (1 - n*n)
				dn[j] = e
				du[j] = e * r
				dr[j] = e * un[j] * r * (1 - r)
				dz[j] = d * (hp[j] - n) * z * (1 - z)
				dh[j] = d * z
			}
		}
	}, len(c.A), 3, len(c.N), 1, len(c.HP), 1, len(c.DH), 1)
}

// LSTM takes A = W·x + U·HP + b and leaves the gates i, f, g and o in it, the memory in
// CN, its tanh in TC and the state in HN:
//
//	i = σ(Ai)   f = σ(Af)   g = tanh(Ag)   o = σ(Ao)   CN = f·CP + i·g   HN = o·tanh CN
func (c *Cell) LSTM() {
	c.run("LSTM", func(c *Cell, lo, hi int) {
		n := (hi - lo) * c.B
		i, f := &c.gate(c.A, 0, lo, hi)[0], &c.gate(c.A, 1, lo, hi)[0]
		g, o := &c.gate(c.A, 2, lo, hi)[0], &c.gate(c.A, 3, lo, hi)[0]
		vec.sigmoid(i, i, n)
		vec.sigmoid(f, f, n)
		vec.tanh(g, g, n)
		vec.sigmoid(o, o, n)
		cn, tc := &c.CN[lo*c.B], &c.TC[lo*c.B]
		vec.mul(cn, f, &c.CP[lo*c.B], n)
		vec.mulAdd(cn, i, g, n)
		vec.tanh(tc, cn, n)
		vec.mul(&c.HN[lo*c.B], o, tc, n)
	}, len(c.A), 4, len(c.CP), 1, len(c.CN), 1, len(c.TC), 1, len(c.HN), 1)
}

// LSTMGrad computes from d = DY + DH and e = DC + d·o·(1 - TC²) the gradient of the
// gates, DA, and that of the memory before, DC = e·f:
//
//	DA = (e·g·i·(1-i), e·CP·f·(1-f), e·i·(1-g²), d·TC·o·(1-o))
func (c *Cell) LSTMGrad() {
	c.run("LSTMGrad", func(c *Cell, lo, hi int) {
		for row := lo; row < hi; row++ {
			dy, dh := c.wide(c.DY, c.LDY, 0, row), c.row(c.DH, 0, row)
			i, f, g, o := c.row(c.A, 0, row), c.row(c.A, 1, row), c.row(c.A, 2, row), c.row(c.A, 3, row)
			cp, tc, dc := c.row(c.CP, 0, row), c.row(c.TC, 0, row), c.row(c.DC, 0, row)
			di, df := c.wide(c.DA, c.LDD, 0, row), c.wide(c.DA, c.LDD, 1, row)
			dg, do := c.wide(c.DA, c.LDD, 2, row), c.wide(c.DA, c.LDD, 3, row)
			dh, i, f, g, o = dh[:len(dy)], i[:len(dy)], f[:len(dy)], g[:len(dy)], o[:len(dy)]
			cp, tc, dc, di, df, dg, do = cp[:len(dy)], tc[:len(dy)], dc[:len(dy)], di[:len(dy)], df[:len(dy)], dg[:len(dy)], do[:len(dy)]
			for j, d := range dy {
				d += dh[j]
				i, f, g, o, t := i[j], f[j], g[j], o[j], tc[j]
				e := dc[j] + d*o*(1-t*t)
				di[j] = e * g * i * (1 - i)
				df[j] = e * cp[j] * f * (1 - f)
				dg[j] = e * i * (1 - g*g)
				do[j] = d * t * o * (1 - o)
				dc[j] = e * f
			}
		}
	}, len(c.A), 4, len(c.CP), 1, len(c.TC), 1, len(c.DH), 1, len(c.DC), 1)
}

// SwapAxes copies X [P][Q][B], planes P apart by ldp and rows Q by ldq, to Y [Q][P][B], with
// Q apart by ldyq and P by ldyp: blocks of time steps to rows over time and back.
func SwapAxes(P, Q, B int, X []float32, ldp, ldq int, Y []float32, ldyq, ldyp int) {
	if P == 0 || Q == 0 || B == 0 {
		return
	}
	if len(X) < (P-1)*ldp+(Q-1)*ldq+B || len(Y) < (Q-1)*ldyq+(P-1)*ldyp+B {
		panic(fmt.Sprintf("kernel: SwapAxes: %d values with strides %d and %d, %d with %d and %d, for [%d,%d,%d]",
			len(X), ldp, ldq, len(Y), ldyp, ldyq, P, Q, B))
	}
	t := swapTasks.Get().(*swapTask)
	*t = swapTask{P, Q, B, X, Y, ldp, ldq, ldyq, ldyp}
	parallel.Do((Q+swapRows-1)/swapRows, t)
	*t = swapTask{}
	swapTasks.Put(t)
}

// swapRows is how many rows are turned around together: so many are read one after the
// other before the next plane is begun.
const swapRows = 16

type swapTask struct {
	P, Q, B              int
	X, Y                 []float32
	ldp, ldq, ldyq, ldyp int
}

var swapTasks = sync.Pool{New: func() any { return new(swapTask) }}

// Run does one group of rows.
func (t *swapTask) Run(i int) {
	for p := range t.P {
		for q := i * swapRows; q < min((i+1)*swapRows, t.Q); q++ {
			copy(t.Y[q*t.ldyq+p*t.ldyp:][:t.B], t.X[p*t.ldp+q*t.ldq:][:t.B])
		}
	}
}
