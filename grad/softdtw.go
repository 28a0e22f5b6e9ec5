package grad

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/tensor"
)

// softDTW holds the tables of soft dynamic time warping: for each batch element, a row for
// each frame of x, a column for each of the target.
type softDTW struct {
	x, out    *Var
	target    *tensor.Tensor
	warp, tau float64

	cost    []float64 // [B, T, U] distance of two frames; then that of the best way to here; then its gradient
	weights []float64 // [B, T, U, 3] share of each way into a cell: along both, along x, along the target
	dx      []float32 // nil while the loss is computed
}

// SoftDTW returns how far sequences x [F, B, T] are from target [F, B, U], timing forgiven:
// soft dynamic time warping (Cuturi and Blondel 2017; EATS, arXiv:2006.03575, section 2.4),
// averaged over the batch. A path goes from the first frames of both to the last; in each of
// its places it pays the mean over F of |x - target|, and warp for each step along one
// sequence only. The minimum over paths is taken by steps
//
//	R[i,j] = cost[i,j] + min_tau(R[i-1,j-1], R[i-1,j] + warp, R[i,j-1] + warp),
//
// min_tau(v) = -tau·ln Σ exp(-v/tau), the hard minimum where tau is 0. The gradient, which goes to x alone, is
// exact. target must stay as it is until Backward is done.
func SoftDTW(t *Tape, x *Var, target *tensor.Tensor, warp, tau float64) *Var {
	s, u := x.Value.Shape, target.Shape
	if len(s) != 3 || len(u) != 3 || s[0] != u[0] || s[1] != u[1] || s[0]*s[1]*s[2]*u[2] == 0 || !(tau >= 0) {
		panic(fmt.Sprintf("grad: SoftDTW: x is %v, target is %v, tau %v", s, u, tau))
	}
	out := t.New(1)
	var o *softDTW
	if t.wants(x) {
		out.wanted = true
		o = next[softDTW](t)
	} else {
		o = new(softDTW)
	}
	o.x, o.out, o.target, o.warp, o.tau, o.dx = x, out, target, warp, tau, nil
	cells := s[1] * s[2] * u[2]
	if cap(o.cost) < cells {
		o.cost, o.weights = make([]float64, cells), make([]float64, 3*cells)
	}
	o.cost, o.weights = o.cost[:cells], o.weights[:3*cells]
	parallel.Do(s[1], o)
	sum := 0.0
	for b := range s[1] {
		sum += o.cost[(b+1)*s[2]*u[2]-1]
	}
	out.Value.Data[0] = float32(sum / float64(s[1]))
	return out
}

// Run does one element of the batch.
func (o *softDTW) Run(b int) {
	T, U := o.x.Value.Shape[2], o.target.Shape[2]
	cost, weights := o.cost[b*T*U:(b+1)*T*U], o.weights[3*b*T*U:3*(b+1)*T*U]
	if o.dx != nil {
		o.paths(cost, weights, T, U)
		o.slopes(b, cost, T, U)
		return
	}
	o.distances(b, cost, T, U)
	for i := range T {
		for j := range U {
			at := i*U + j
			ways := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
			if i > 0 && j > 0 {
				ways[0] = cost[at-U-1]
			}
			if i > 0 {
				ways[1] = cost[at-U] + o.warp
			}
			if j > 0 {
				ways[2] = cost[at-1] + o.warp
			}
			if at > 0 {
				cost[at] += softMin(&ways, o.tau)
			}
			copy(weights[3*at:], ways[:])
		}
	}
}

// softMin returns min_tau of values, of which one at least is finite, and puts its derivatives in
// their place: their shares, which sum to 1.
func softMin(v *[3]float64, tau float64) float64 {
	least := min(v[0], v[1], v[2])
	if tau == 0 {
		taken := false
		for i, x := range v {
			v[i] = 0
			if x == least && !taken {
				v[i], taken = 1, true
			}
		}
		return least
	}
	sum := 0.0
	for i, x := range v {
		v[i] = math.Exp((least - x) / tau) // 0 for an infinite one
		sum += v[i]
	}
	for i := range v {
		v[i] /= sum
	}
	return least - tau*math.Log(sum)
}

// distances fills in the distances of frames.
func (o *softDTW) distances(b int, cost []float64, T, U int) {
	clear(cost)
	F, B := o.x.Value.Shape[0], o.x.Value.Shape[1]
	for f := range F {
		x, y := o.x.Value.Data[(f*B+b)*T:][:T], o.target.Data[(f*B+b)*U:][:U]
		for i, v := range x {
			row := cost[i*U : (i+1)*U]
			for j, w := range y {
				row[j] += math.Abs(float64(v - w))
			}
		}
	}
	for i := range cost {
		cost[i] /= float64(F)
	}
}

// paths replaces distances by the derivatives of the result by them: the share of paths that
// come through a cell.
func (o *softDTW) paths(cost, weights []float64, T, U int) {
	clear(cost)
	cost[T*U-1] = 1
	for i := T - 1; i >= 0; i-- {
		for j := U - 1; j >= 0; j-- {
			at := i*U + j
			e, w := cost[at], weights[3*at:3*at+3]
			if i > 0 && j > 0 {
				cost[at-U-1] += e * w[0]
			}
			if i > 0 {
				cost[at-U] += e * w[1]
			}
			if j > 0 {
				cost[at-1] += e * w[2]
			}
		}
	}
}

// slopes adds to the gradient of x.
func (o *softDTW) slopes(b int, share []float64, T, U int) {
	F, B := o.x.Value.Shape[0], o.x.Value.Shape[1]
	scale := float64(o.out.Grad.Data[0]) / float64(F*B)
	for f := range F {
		at := (f*B + b) * T
		x, y := o.x.Value.Data[at:at+T], o.target.Data[(f*B+b)*U:][:U]
		for i, v := range x {
			sum := 0.0
			for j, e := range share[i*U : (i+1)*U] {
				if d := v - y[j]; d != 0 { // which is greater is anybody's guess: no branch on it
					sum += math.Copysign(e, float64(d))
				}
			}
			o.dx[at+i] += float32(scale * sum)
		}
	}
}

func (o *softDTW) outs() *Var { return o.out }

func (o *softDTW) back(t *Tape) {
	dx, acc := t.GradOf(o.x)
	if !acc {
		clear(dx)
	}
	o.dx = dx
	parallel.Do(o.x.Value.Shape[1], o)
}
