package kernel

import "sync"

// Depth-wise convolution in time (one row an image, stride 1) meets short rows: some tens
// of frames of each of a batch. Rows are therefore laid end to end, with their padding
// between them, so that each tap is one long operation; what it computes across the ends
// is left out. rowSpan is about how many values are done together.
const rowSpan = 2048

var rowScratch = sync.Pool{New: func() any { b := make([]float32, 2*rowSpan); return &b }}

// inRows tells whether a task is of that kind.
func (t *depthTask) inRows() bool {
	return t.KH == 1 && t.H == 1 && t.PadH == 0 && t.StrideW == 1
}

// rows does one channel: x is its inputs [B, W], y its outputs [B, OW].
func (t *depthTask) rows(filter, x, y []float32) {
	step := t.W + 2*t.PadW
	group := max(1, rowSpan/step)
	buf := rowScratch.Get().(*[]float32)
	if len(*buf) < 2*group*step {
		*buf = make([]float32, 2*group*step)
	}
	for b := 0; b < t.B; b += group {
		n := min(group, t.B-b)
		t.rowGroup(filter, x[b*t.W:(b+n)*t.W], y[b*t.ow:(b+n)*t.ow], (*buf)[:n*step], (*buf)[n*step:2*n*step])
	}
	rowScratch.Put(buf)
}

func (t *depthTask) rowGroup(filter, x, y, in, out []float32) {
	step := t.W + 2*t.PadW
	n := len(in) - t.DilationW*(t.KW-1) // outputs that reach nothing behind the last row
	if t.op == depthGradX {
		clear(in)
	} else {
		layRows(in, x, step, t.PadW, t.W)
	}
	if t.op != depthForward {
		layRows(out, y, step, 0, t.ow)
	}
	for k := range filter {
		w, a := &filter[k], &in[k*t.DilationW]
		switch {
		case t.op == depthGradX:
			vec.scaleAdd(a, &out[0], a, n, *w)
		case t.op == depthGradW:
			_, dot := vec.normGrads(&out[0], a, n, 0)
			*w += dot
		case k == 0:
			vec.scale(&out[0], a, n, *w)
		default:
			vec.scaleAdd(&out[0], a, &out[0], n, *w)
		}
	}
	switch t.op {
	case depthForward:
		for b := 0; b*t.ow < len(y); b++ {
			copy(y[b*t.ow:(b+1)*t.ow], out[b*step:])
		}
	case depthGradX:
		for b := 0; b*t.W < len(x); b++ {
			dst, src := x[b*t.W:(b+1)*t.W], in[b*step+t.PadW:]
			if t.acc {
				vec.add(&dst[0], &dst[0], &src[0], len(dst))
			} else {
				copy(dst, src)
			}
		}
	}
}

// layRows copies rows of width values of src to dst, where they are step values apart and
// begin after pad zeros; zeros fill the rest.
func layRows(dst, src []float32, step, pad, width int) {
	for len(src) > 0 {
		clear(dst[:pad])
		copy(dst[pad:pad+width], src)
		clear(dst[pad+width : step])
		dst, src = dst[step:], src[width:]
	}
}
