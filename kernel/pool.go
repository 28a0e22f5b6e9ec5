package kernel

import (
	"fmt"
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Pooling over windows of a Conv's shape, channel by channel (M = C). Channels are
// shared among the workers.

type poolOp int

const (
	poolMax poolOp = iota
	poolMaxGrad
	poolAvg
	poolAvgGrad
)

type poolTask struct {
	Conv
	op     poolOp
	x, y   []float32
	arg    []int32
	acc    bool
	oh, ow int
}

var poolTasks = sync.Pool{New: func() any { return new(poolTask) }}

func runPool(p poolTask, name string) {
	p.Conv = p.norm()
	p.M = p.C
	p.check(name, p.x, p.y)
	if p.arg != nil && len(p.arg) != len(p.y) {
		panic(fmt.Sprintf("kernel: %s: %d places for %d outputs", name, len(p.arg), len(p.y)))
	}
	p.oh, p.ow = p.OutH(), p.OutW()
	t := poolTasks.Get().(*poolTask)
	*t = p
	parallel.Do(p.C, t)
	*t = poolTask{}
	poolTasks.Put(t)
}

// MaxPool computes the maximum of each window of X [C, B, H, W] into Y [C, B, OH, OW] and
// the place of it in X's image into arg, -1 for a window that lies outside the image; arg
// may be nil. Of c, M is ignored. NaN wins.
func MaxPool(c Conv, X, Y []float32, arg []int32) {
	runPool(poolTask{Conv: c, op: poolMax, x: X, y: Y, arg: arg}, "MaxPool")
}

// MaxPoolGrad computes the gradient of X from that of Y and the places of the maxima, or
// adds it to dX where acc is true.
func MaxPoolGrad(c Conv, dY []float32, arg []int32, acc bool, dX []float32) {
	runPool(poolTask{Conv: c, op: poolMaxGrad, x: dX, y: dY, arg: arg, acc: acc}, "MaxPoolGrad")
}

// AvgPool computes the mean of each window of X [C, B, H, W] into Y [C, B, OH, OW];
// padding counts as zeros.
func AvgPool(c Conv, X, Y []float32) {
	runPool(poolTask{Conv: c, op: poolAvg, x: X, y: Y}, "AvgPool")
}

// AvgPoolGrad computes the gradient of X from that of Y, or adds it to dX where acc is
// true.
func AvgPoolGrad(c Conv, dY []float32, acc bool, dX []float32) {
	runPool(poolTask{Conv: c, op: poolAvgGrad, x: dX, y: dY, acc: acc}, "AvgPoolGrad")
}

// Run does one channel.
func (t *poolTask) Run(c int) {
	for b := range t.B {
		i := c*t.B + b
		x := t.x[i*t.H*t.W : (i+1)*t.H*t.W]
		y := t.y[i*t.oh*t.ow : (i+1)*t.oh*t.ow]
		var arg []int32
		if t.arg != nil {
			arg = t.arg[i*t.oh*t.ow : (i+1)*t.oh*t.ow]
		}
		t.image(x, y, arg)
	}
}

func (t *poolTask) image(x, y []float32, arg []int32) {
	if (t.op == poolMaxGrad || t.op == poolAvgGrad) && !t.acc {
		clear(x)
	}
	share := 1 / float32(t.KH*t.KW)
	for i := range t.oh {
		for j := range t.ow {
			at := i*t.ow + j
			switch t.op {
			case poolMax:
				top, place := t.maximum(x, i, j)
				y[at] = top
				if arg != nil {
					arg[at] = place
				}
			case poolMaxGrad:
				if arg[at] >= 0 {
					x[arg[at]] += y[at]
				}
			case poolAvg:
				sum := float32(0)
				t.window(i, j, func(p int) { sum += x[p] })
				y[at] = sum * share
			case poolAvgGrad:
				t.window(i, j, func(p int) { x[p] += y[at] * share })
			}
		}
	}
}

func (t *poolTask) maximum(x []float32, i, j int) (top float32, place int32) {
	top, place = float32(math.Inf(-1)), -1
	t.window(i, j, func(p int) {
		if v := x[p]; place < 0 || v > top || v != v {
			top, place = v, int32(p)
		}
	})
	return top, place
}

// window calls f for the places in the image of the window of output (i, j).
func (t *poolTask) window(i, j int, f func(p int)) {
	for kh := range t.KH {
		h := i*t.StrideH + kh*t.DilationH - t.PadH
		if h < 0 || h >= t.H {
			continue
		}
		for kw := range t.KW {
			w := j*t.StrideW + kw*t.DilationW - t.PadW
			if w >= 0 && w < t.W {
				f(h*t.W + w)
			}
		}
	}
}
