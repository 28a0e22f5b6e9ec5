package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

// measure is a distance of one number from another, and its slope by the first.
type measure func(x, y float32) (loss, slope float32)

func absolute(x, y float32) (float32, float32) {
	switch {
	case x > y:
		return x - y, 1
	case x < y:
		return y - x, -1
	}
	return 0, 0
}

func squared(x, y float32) (float32, float32) { return (x - y) * (x - y), 2 * (x - y) }

// logistic is the cross entropy of a probability y and the one whose logit is x.
func logistic(x, y float32) (float32, float32) {
	e := math.Exp(-math.Abs(float64(x)))
	p := 1 / (1 + e)
	if x < 0 {
		p = e / (1 + e)
	}
	return max(x, 0) - x*y + float32(math.Log1p(e)), float32(p) - y
}

// hinge is what x lacks of 1 on the side y says, 1 or -1.
func hinge(x, y float32) (float32, float32) {
	if m := 1 - y*x; m > 0 {
		return m, -y
	}
	return 0, 0
}

func times(x, y float32) (float32, float32) { return x * y, y }

type distance struct {
	x, out *Var
	slopes []float32
}

// L1 returns the mean of |x - target| over the elements of x [C, N...]. weight, one number
// at least 0 a column, makes it a weighted mean: columns of padding have weight 0. nil
// weighs all the same. The mean is 0 where all weights are.
func L1(t *Tape, x *Var, target, weight []float32) *Var {
	return mean(t, "L1", absolute, x, target, weight)
}

// L2 is [L1] with (x - target)².
func L2(t *Tape, x *Var, target, weight []float32) *Var {
	return mean(t, "L2", squared, x, target, weight)
}

// Logistic is [L1] with the cross entropy, in nats, of the target, a probability, and
// the logistic function of x.
func Logistic(t *Tape, x *Var, target, weight []float32) *Var {
	return mean(t, "Logistic", logistic, x, target, weight)
}

// Hinge is [L1] with max(0, 1 - target·x): the target is 1 for what a discriminator is to
// score above 1, -1 for what it is to score below -1 (Lim and Ye 2017, arXiv:1705.02894).
func Hinge(t *Tape, x *Var, target, weight []float32) *Var {
	return mean(t, "Hinge", hinge, x, target, weight)
}

// MeanProduct is [L1] with target·x: targets of -1 make a high score a low loss.
func MeanProduct(t *Tape, x *Var, target, weight []float32) *Var {
	return mean(t, "MeanProduct", times, x, target, weight)
}

func mean(t *Tape, op string, f measure, x *Var, target, weight []float32) *Var {
	c, n := x.Value.Rows(), x.Value.Cols()
	if len(target) != c*n || weight != nil && len(weight) != n {
		panic(fmt.Sprintf("grad: %s: x is %v, %d targets, %d weights", op, x.Value.Shape, len(target), len(weight)))
	}
	total := float64(n)
	if weight != nil {
		total = 0
		for _, w := range weight {
			total += float64(w)
		}
	}
	out := t.New(1)
	out.Value.Data[0] = 0
	slopes := t.buffer(c * n)
	clear(slopes)
	if wanted := t.wants(x); wanted {
		out.wanted = true
		*next[distance](t) = distance{x, out, slopes}
	}
	if total == 0 {
		return out
	}
	sum, share := 0.0, 1/(total*float64(c))
	for i := range c {
		for j, v := range x.Value.Data[i*n : (i+1)*n] {
			w := share
			if weight != nil {
				w *= float64(weight[j])
			}
			if w != 0 { // padding may hold anything
				loss, slope := f(v, target[i*n+j])
				sum += w * float64(loss)
				slopes[i*n+j] = float32(w) * slope
			}
		}
	}
	out.Value.Data[0] = float32(sum)
	return out
}

func (o *distance) outs() *Var { return o.out }

func (o *distance) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if acc {
		kernel.Axpy(o.out.Grad.Data[0], o.slopes, dx)
	} else {
		kernel.Scale(o.out.Grad.Data[0], dx, o.slopes)
	}
}

type maskColumns struct {
	x, out *Var
	mask   []float32
}

// MaskColumns returns x [C, N...] with column j multiplied by mask[j]: padding is set to
// zero with it. The mask has no gradient and must stay as it is until Backward is done.
func MaskColumns(t *Tape, x *Var, mask []float32) *Var {
	c, n := x.Value.Rows(), x.Value.Cols()
	if len(mask) != n {
		panic(fmt.Sprintf("grad: MaskColumns: x is %v, mask has %d", x.Value.Shape, len(mask)))
	}
	out := t.newLike(c, x)
	for i := range c {
		kernel.Mul(out.Value.Data[i*n:(i+1)*n], x.Value.Data[i*n:(i+1)*n], mask)
	}
	if t.wants(x) {
		out.wanted = true
		*next[maskColumns](t) = maskColumns{x, out, mask}
	}
	return out
}

func (o *maskColumns) outs() *Var { return o.out }

func (o *maskColumns) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	n := len(o.mask)
	for i := range o.x.Value.Rows() {
		d, dy := dx[i*n:(i+1)*n], o.out.Grad.Data[i*n:(i+1)*n]
		if acc {
			kernel.MulAdd(d, dy, o.mask)
		} else {
			kernel.Mul(d, dy, o.mask)
		}
	}
}

type rows struct {
	x, out *Var
	from   int
}

// Rows returns rows from up to to of x [C, N...]: a view.
func Rows(t *Tape, x *Var, from, to int) *Var {
	c, n := x.Value.Rows(), x.Value.Cols()
	if from < 0 || to < from || to > c {
		panic(fmt.Sprintf("grad: Rows: rows %d to %d of %v", from, to, x.Value.Shape))
	}
	part := x.Value.Data[from*n : to*n]
	if t == nil {
		return &Var{Value: tensor.Of(part, append([]int{to - from}, x.Value.Shape[1:]...)...)}
	}
	out := t.slot()
	out.view.Data, out.view.Shape = part, append(append(out.view.Shape[:0], to-from), x.Value.Shape[1:]...)
	out.Value = &out.view
	if t.wants(x) {
		out.wanted = true
		*next[rows](t) = rows{x, out, from}
	}
	return out
}

func (o *rows) outs() *Var { return o.out }

func (o *rows) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if !acc {
		clear(dx)
	}
	dy := o.out.Grad.Data
	at := o.from * o.x.Value.Cols()
	kernel.AddTo(dx[at:at+len(dy)], dy)
}

type slice struct {
	x, out *Var
	starts []int
}

// Slice returns n elements of the last axis of x [C, B, T] from starts[b] on for each b: a
// window in time, [C, B, n].
func Slice(t *Tape, x *Var, starts []int, n int) *Var {
	s := x.Value.Shape
	if len(s) != 3 || len(starts) != s[1] {
		panic(fmt.Sprintf("grad: Slice: x is %v, %d starts", s, len(starts)))
	}
	for b, at := range starts {
		if at < 0 || n < 0 || at+n > s[2] {
			panic(fmt.Sprintf("grad: Slice: %d from %d on of element %d, x is %v", n, at, b, s))
		}
	}
	out := t.New(s[0], s[1], n)
	for row := range s[0] * s[1] {
		copy(out.Value.Data[row*n:(row+1)*n], x.Value.Data[row*s[2]+starts[row%s[1]]:])
	}
	if t.wants(x) {
		out.wanted = true
		*next[slice](t) = slice{x, out, starts}
	}
	return out
}

func (o *slice) outs() *Var { return o.out }

func (o *slice) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if !acc {
		clear(dx)
	}
	s, n := o.x.Value.Shape, o.out.Value.Shape[2]
	for row := range s[0] * s[1] {
		at := row*s[2] + o.starts[row%s[1]]
		for i, v := range o.out.Grad.Data[row*n : (row+1)*n] {
			dx[at+i] += v
		}
	}
}
