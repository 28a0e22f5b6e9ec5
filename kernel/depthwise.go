package kernel

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Depth-wise convolution: one KH×KW filter a channel, M = C. It does 2·KH·KW operations
// a value and is bound by memory, so it goes tap by tap along rows: with stride 1 the
// inputs one tap meets along a row of outputs are contiguous and the work is that of
// vectors; other strides walk element by element.

type depthOp int

const (
	depthForward depthOp = iota
	depthGradX
	depthGradW
)

type depthTask struct {
	Conv
	op      depthOp
	w, x, y []float32
	acc     bool
	oh, ow  int
}

var depthTasks = sync.Pool{New: func() any { return new(depthTask) }}

func runDepthwise(d depthTask, name string) {
	d.Conv = d.norm()
	d.M = d.C
	d.check(name, d.x, d.y)
	if len(d.w) != d.C*d.KH*d.KW {
		panic(fmt.Sprintf("kernel: %s: %d weights for [%d,%d,%d]", name, len(d.w), d.C, d.KH, d.KW))
	}
	d.oh, d.ow = d.OutH(), d.OutW()
	t := depthTasks.Get().(*depthTask)
	*t = d
	parallel.Do(d.C, t)
	*t = depthTask{}
	depthTasks.Put(t)
}

// Depthwise computes the convolution of each channel of X [C, B, H, W] with its own filter
// of W [C, KH, KW] into Y [C, B, OH, OW]. Of c, M is ignored.
func Depthwise(c Conv, W, X, Y []float32) {
	runDepthwise(depthTask{Conv: c, op: depthForward, w: W, x: X, y: Y}, "Depthwise")
}

// DepthwiseGradX computes the gradient of X from that of Y, or adds it to dX where acc is
// true.
func DepthwiseGradX(c Conv, W, dY []float32, acc bool, dX []float32) {
	runDepthwise(depthTask{Conv: c, op: depthGradX, w: W, x: dX, y: dY, acc: acc}, "DepthwiseGradX")
}

// DepthwiseGradW adds the gradient of the filters to dW [C, KH, KW].
func DepthwiseGradW(c Conv, X, dY, dW []float32) {
	runDepthwise(depthTask{Conv: c, op: depthGradW, w: dW, x: X, y: dY}, "DepthwiseGradW")
}

// Run does one channel.
func (t *depthTask) Run(c int) {
	filter := t.w[c*t.KH*t.KW : (c+1)*t.KH*t.KW]
	x := t.x[c*t.B*t.H*t.W : (c+1)*t.B*t.H*t.W]
	y := t.y[c*t.B*t.oh*t.ow : (c+1)*t.B*t.oh*t.ow]
	if t.inRows() {
		if len(y) > 0 {
			t.rows(filter, x, y)
		}
		return
	}
	switch {
	case t.op == depthForward:
		clear(y)
	case t.op == depthGradX && !t.acc:
		clear(x)
	}
	for b := range t.B {
		for i := range t.oh {
			row := y[(b*t.oh+i)*t.ow:][:t.ow]
			for kh := range t.KH {
				h := i*t.StrideH + kh*t.DilationH - t.PadH
				if h < 0 || h >= t.H {
					continue
				}
				in := x[(b*t.H+h)*t.W:][:t.W]
				for kw := range t.KW {
					t.tap(&filter[kh*t.KW+kw], kw, in, row)
				}
			}
		}
	}
}

// tap does what one weight has to do with one row of inputs and one of outputs.
func (t *depthTask) tap(w *float32, kw int, in, out []float32) {
	shift := kw*t.DilationW - t.PadW // input column of output column 0
	j0 := 0
	if shift < 0 {
		j0 = (-shift + t.StrideW - 1) / t.StrideW
	}
	j1 := min(len(out), (t.W-shift+t.StrideW-1)/t.StrideW)
	if j0 >= j1 {
		return
	}
	if n := j1 - j0; t.StrideW == 1 {
		a, b := &in[j0+shift], &out[j0]
		switch t.op {
		case depthForward:
			vec.scaleAdd(b, a, b, n, *w)
		case depthGradX:
			vec.scaleAdd(a, b, a, n, *w)
		default:
			_, dot := vec.normGrads(b, a, n, 0)
			*w += dot
		}
		return
	}
	for j := j0; j < j1; j++ {
		at := j*t.StrideW + shift
		switch t.op {
		case depthForward:
			out[j] += *w * in[at]
		case depthGradX:
			in[at] += *w * out[j]
		default:
			*w += in[at] * out[j]
		}
	}
}
