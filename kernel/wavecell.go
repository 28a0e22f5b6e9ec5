package kernel

import (
	"fmt"
	"math"
	"unsafe"
)

// WaveCell is one step of a recurrent net of H gated units with three scalar inputs, at
// batch 1, after its recurrent product (Kalchbrenner et al. 2018, section 2). Slices of
// 3·H values hold the gates u, r and e of the first [GateRows] units one after the other, then
// those of the next: [ByGate] puts them so.
type WaveCell struct {
	H       int
	Product []float32    // [3·H], recurrent product
	Frame   []float32    // [3·H], biases and conditioning
	Input   [3][]float32 // [3·H] each, weights of the scalars
	State   []float32    // [H], before
	Next    []float32    // [H], after; not State

	task gateTask
}

// gateTask is what the assembly reads; its fields are known by their offsets.
type gateTask struct {
	g, c, i0, i1, i2, h, y unsafe.Pointer
	n                      int
	s0, s1, s2             float32
}

// GateRows is how many units' gates stand together.
const GateRows = 16

// ByGate returns rows of K values of three gates of H units, all of a gate together, in another order: the
// gates of the first so many units one after the other, then those of the next. With [GateRows] units that is
// the order of a [WaveCell], where order says where its gates u, r and e stand in x. It panics unless units divides H.
func ByGate(x []float32, H, K, units int, order [3]int) []float32 {
	if H%units != 0 || len(x) != 3*H*K {
		panic(fmt.Sprintf("kernel: ByGate: %d values for 3·%d rows of %d, by %d", len(x), H, K, units))
	}
	y := make([]float32, 0, len(x))
	for at := 0; at < H; at += units {
		for _, g := range order {
			y = append(y, x[(g*H+at)*K:(g*H+at+units)*K]...)
		}
	}
	return y
}

var waveGates func(c *WaveCell, lo, hi int, x [3]float32)

func init() { bind(Portable, func() { waveGates = waveGatesPortable }) }

// Gates computes units lo to hi of the state after a step with inputs x:
//
//	u = σ(Pu + Fu + Iu·x)   r = σ(Pr + Fr + Ir·x)
//	e = tanh(r·Pe + Fe + Ie·x)   Next = e + u·(State - e)
//
// It panics unless 0 ≤ lo ≤ hi ≤ H are multiples of [GateRows] and the slices fit.
func (c *WaveCell) Gates(lo, hi int, x [3]float32) {
	ok := lo >= 0 && lo <= hi && hi <= c.H && lo%GateRows == 0 && hi%GateRows == 0 && c.H%GateRows == 0 && len(c.State) >= c.H && len(c.Next) >= c.H
	for _, s := range [][]float32{c.Product, c.Frame, c.Input[0], c.Input[1], c.Input[2]} {
		ok = ok && len(s) >= 3*c.H
	}
	if !ok {
		panic(fmt.Sprintf("kernel: Gates: units %d to %d of %d, %d products, %d conditions, states of %d and %d", lo, hi, c.H, len(c.Product), len(c.Frame), len(c.State), len(c.Next)))
	}
	if lo < hi {
		waveGates(c, lo, hi, x)
	}
}

func waveGatesPortable(c *WaveCell, lo, hi int, x [3]float32) {
	outside := func(i int) float32 {
		return c.Frame[i] + c.Input[0][i]*x[0] + c.Input[1][i]*x[1] + c.Input[2][i]*x[2]
	}
	for i := lo; i < hi; i++ {
		iu := 3*i - 2*(i%GateRows)
		ir, ie := iu+GateRows, iu+2*GateRows
		u := 0.5 + 0.5*rationalTanh(0.5*(c.Product[iu]+outside(iu)))
		r := 0.5 + 0.5*rationalTanh(0.5*(c.Product[ir]+outside(ir)))
		e := rationalTanh(r*c.Product[ie] + outside(ie))
		c.Next[i] = e + u*(c.State[i]-e)
	}
}

// The coefficients of Eigen's quotient for tanh; they stand in kernel/_asm/matvec.go too.
const tanhLimit = 7.90531110763549805

var (
	tanhAbove = [...]float32{-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03}
	tanhBelow = [...]float32{1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03}
)

// rationalTanh is within 5e-7 of tanh x.
func rationalTanh(x float32) float32 {
	x = max(-tanhLimit, min(tanhLimit, x))
	sq := x * x
	var p, q float32
	for _, c := range tanhAbove {
		p = p*sq + c
	}
	for _, c := range tanhBelow {
		q = q*sq + c
	}
	return x * p / q
}

// Draw is a categorical distribution in the making. The zero value is ready.
type Draw struct {
	sums [512]float32 // e^logit, and their sums over classes equal modulo 128, 64, 32 and 16
}

// Classes is the number of classes of a [Draw].
const Classes = 256

// Softmax prepares the distribution softmax(logits / temperature). It panics unless there
// are [Classes] logits and the temperature is above 0.
func (d *Draw) Softmax(logits []float32, temperature float32) {
	if len(logits) != Classes || !(temperature > 0) {
		panic(fmt.Sprintf("kernel: Softmax: %d logits at temperature %v", len(logits), temperature))
	}
	e, top := d.sums[:], d.sums[256:]
	vec.max(&top[0], &logits[0], &logits[128], 128)
	for n := 64; n >= 16; n /= 2 {
		vec.max(&top[0], &top[0], &top[n], n)
	}
	m := top[0]
	for _, v := range top[1:16] {
		m = max(m, v)
	}
	vec.affine(&e[0], &logits[0], Classes, 1/temperature, -m/temperature)
	vec.exp(&e[0], &e[0], Classes)
	at := 0
	for n := 128; n >= 16; n /= 2 {
		vec.add(&e[at+2*n], &e[at], &e[at+n], n)
		at += 2 * n
	}
}

// Class returns the class for a number from [0, 1): each class for a share of them that is
// its probability. The classes stand in the order of their bits: the lowest four first.
func (d *Draw) Class(uniform float32) int {
	leaves := d.sums[480:496]
	var total float32
	for _, v := range leaves {
		total += v
	}
	left := uniform * total
	class := 0
	for class < 15 && left >= leaves[class] {
		left -= leaves[class]
		class++
	}
	for class > 0 && leaves[class] == 0 { // rounding
		class--
	}
	for n, at := 16, 448; n <= 128; n *= 2 {
		first, second := d.sums[at+class], d.sums[at+class+n]
		if left >= first && second > 0 {
			left -= first
			class += n
		}
		at -= 4 * n
	}
	return class
}

// LogProbability returns the logarithm of the probability of a class.
func (d *Draw) LogProbability(class int) float64 {
	var total float64
	for _, v := range d.sums[480:496] {
		total += float64(v)
	}
	return math.Log(float64(d.sums[class]) / total)
}
