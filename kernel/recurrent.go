package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// One time step of a recurrent net between its products: H units, B columns. A block
// [G·H,B] holds the G gates of a step one below the other, rows next to each other, so
// that it stays in the second-level cache from one product to the next, and so that a step
// touches few pages of memory: with the rows of all steps side by side, each row of a step
// lies on a page of its own. Backward, the gradients of the gates take the gates' place.

// cellChunk is about how many elements of a state a worker takes at a time.
const cellChunk = 1 << 12

// Cell is one step of a recurrent net. Which fields are used, and for what, the
// functions say.
type Cell struct {
	H, B int

	Bias  []float32 // [G·H]
	NBias []float32 // [H], GRU: of the candidate's recurrent product

	A  []float32 // [G·H,B], gates; backward becomes their gradient
	U  []float32 // [3·H,B], GRU: recurrent product
	N  []float32 // [H,B], GRU: the candidate's; backward becomes the gradient of its input product
	HP []float32 // [H,B], state before
	HN []float32 // [H,B], state after
	CP []float32 // [H,B], LSTM: memory before
	CN []float32 // [H,B], LSTM: memory after
	TC []float32 // [H,B], LSTM: tanh of it

	DY  []float32 // gradient of the states from above, rows LDY apart
	LDY int
	DH  []float32 // [H,B], gradient of the state from the step after
	DC  []float32 // [H,B], LSTM: of the memory; becomes that of the memory before
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

// row is row i of gate g of a block, above the gradient of row i of the state from above.
func (c *Cell) row(block []float32, g, i int) []float32 { return block[(g*c.H+i)*c.B:][:c.B] }
func (c *Cell) above(i int) []float32                   { return c.DY[i*c.LDY:][:c.B] }

// addBias adds to rows lo to hi of gate g of a block their biases.
func (c *Cell) addBias(block []float32, g, lo, hi int, bias []float32) {
	for i, b := range bias[lo:hi] {
		row := &block[(g*c.H+lo+i)*c.B]
		vec.affine(row, row, c.B, 1, b)
	}
}

// RNN computes HN = tanh(A + Bias), for A = W·x + U·HP.
func (c *Cell) RNN() {
	c.run("RNN", func(c *Cell, lo, hi int) {
		c.addBias(c.A, 0, lo, hi, c.Bias)
		vec.tanh(&c.HN[lo*c.B], &c.A[lo*c.B], (hi-lo)*c.B)
	}, len(c.A), 1, len(c.HN), 1)
}

// RNNGrad computes A = (DY + DH)·(1 - HN²), the gradient of the sum. DH is read only.
func (c *Cell) RNNGrad() {
	c.run("RNNGrad", func(c *Cell, lo, hi int) {
		for i := lo; i < hi; i++ {
			dy, dh := c.above(i), c.row(c.DH, 0, i)
			y, da := c.row(c.HN, 0, i), c.row(c.A, 0, i)
			dh, y, da = dh[:len(dy)], y[:len(dy)], da[:len(dy)]
			for j, d := range dy {
				d += dh[j]
				da[j] = d * (1 - y[j]*y[j])
			}
		}
	}, len(c.HN), 1, len(c.DH), 1)
}

// GRU takes the input product in A and the recurrent one in U, and leaves the gates r, z and
// n in A and the state in HN:
//
//	r = σ(Ar + Ur + Biasr)   n = tanh(An + Biasn + r·(Un + NBias))
//	z = σ(Az + Uz + Biasz)   HN = n + z·(HP - n)
//
// Un + NBias is copied to N unless that is nil.
func (c *Cell) GRU() {
	c.run("GRU", func(c *Cell, lo, hi int) {
		n := (hi - lo) * c.B
		r, z, a := c.gate(c.A, 0, lo, hi), c.gate(c.A, 1, lo, hi), c.gate(c.A, 2, lo, hi)
		un := c.gate(c.U, 2, lo, hi)
		for g := range 3 {
			c.addBias(c.A, g, lo, hi, c.Bias[g*c.H:])
		}
		c.addBias(c.U, 2, lo, hi, c.NBias)
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

// GRUGrad computes from d = DY + DH the gradients of the recurrent product, A, of the
// candidate's input product, N, and the part of d that reaches HP past the gates, DH:
//
//	e = d·(1-z)·(1-n²)   A = (e·N·r·(1-r), d·(HP-n)·z·(1-z), e·r)   N = e   DH = d·z
func (c *Cell) GRUGrad() {
	c.run("GRUGrad", func(c *Cell, lo, hi int) {
		for i := lo; i < hi; i++ {
			dy, dh := c.above(i), c.row(c.DH, 0, i)
			ar, az, an := c.row(c.A, 0, i), c.row(c.A, 1, i), c.row(c.A, 2, i)
			un, hp := c.row(c.N, 0, i), c.row(c.HP, 0, i)
			vec.gruGrad(&dh[0], &ar[0], &az[0], &an[0], &un[0], &dy[0], &hp[0], c.B)
		}
	}, len(c.A), 3, len(c.N), 1, len(c.HP), 1, len(c.DH), 1)
}

// LSTM takes A = W·x + U·HP and leaves the gates i, f, g and o in it, the memory in CN, its
// tanh in TC and the state in HN. With the biases added,
//
//	i = σ(Ai)   f = σ(Af)   g = tanh(Ag)   o = σ(Ao)   CN = f·CP + i·g   HN = o·tanh CN
func (c *Cell) LSTM() {
	c.run("LSTM", func(c *Cell, lo, hi int) {
		n := (hi - lo) * c.B
		i, f := &c.gate(c.A, 0, lo, hi)[0], &c.gate(c.A, 1, lo, hi)[0]
		g, o := &c.gate(c.A, 2, lo, hi)[0], &c.gate(c.A, 3, lo, hi)[0]
		for gate := range 4 {
			c.addBias(c.A, gate, lo, hi, c.Bias[gate*c.H:])
		}
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
// gates, A, and that of the memory before, DC = e·f:
//
//	A = (e·g·i·(1-i), e·CP·f·(1-f), e·i·(1-g²), d·TC·o·(1-o))
func (c *Cell) LSTMGrad() {
	c.run("LSTMGrad", func(c *Cell, lo, hi int) {
		for row := lo; row < hi; row++ {
			dy, dh := c.above(row), c.row(c.DH, 0, row)
			ai, af, ag, ao := c.row(c.A, 0, row), c.row(c.A, 1, row), c.row(c.A, 2, row), c.row(c.A, 3, row)
			cp, tc, dc := c.row(c.CP, 0, row), c.row(c.TC, 0, row), c.row(c.DC, 0, row)
			dh, ai, af, ag, ao = dh[:len(dy)], ai[:len(dy)], af[:len(dy)], ag[:len(dy)], ao[:len(dy)]
			cp, tc, dc = cp[:len(dy)], tc[:len(dy)], dc[:len(dy)]
			for j, d := range dy {
				d += dh[j]
				i, f, g, o, t := ai[j], af[j], ag[j], ao[j], tc[j]
				e := dc[j] + d*o*(1-t*t)
				ai[j] = e * g * i * (1 - i)
				af[j] = e * cp[j] * f * (1 - f)
				ag[j] = e * i * (1 - g*g)
				ao[j] = d * t * o * (1 - o)
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
