//go:build amd64 && !portable

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func init() {
	bind(AVX2, func() {
		matVecs.by = [3][numPrecisions]func(w *Compact, y, x []float32, q []int8, xs float32){
			{matVecBy(matVec16x1F32AVX2), matVecBy(matVec16x1BF16), matVecBy(matVec16x1Int8)},
			{matVecBy(matVec4x4F32), matVecBy(matVec4x4BF16), matVecBy(matVec4x4Int8)},
			{matVecBy(matVec1x1F32), matVecBy(matVec1x1BF16), matVecBy(matVec1x1Int8)},
		}
		matVecs.wide = matVecBy(matVec16x4Int8)
		maxAbs = func(x []float32) float32 {
			n := len(x) &^ 31
			m := maxAbsPortable(x[n:])
			if n > 0 {
				m = max(m, maxAbsAVX2(&x[0], n))
			}
			return m
		}
		quantize = func(q []int8, x []float32, inverse float32) {
			n := len(x) &^ 31
			if n > 0 {
				quantizeAVX2(&q[0], &x[0], n, inverse)
			}
			quantizePortable(q[n:], x[n:], inverse)
		}
		waveGates = gatesBy(gatesAVX2)
	})
	bind(AVX512, func() {
		matVecs.by[0][F32] = matVecBy(matVec16x1F32AVX512)
		if cpu.X86.HasAVX512VNNI {
			matVecs.by[0][Int8] = func(w *Compact, y, x []float32, q []int8, xs float32) {
				w.spread(q)
				t := w.prepare(y, nil, q, xs)
				t.x = unsafe.Pointer(&w.pairs[0])
				matVec16x1Int8VNNI((*byte)(unsafe.Pointer(t)))
			}
			matVecs.wide = matVecBy(matVec16x4Int8VNNI)
		}
		waveGates = gatesBy(gatesAVX512)
	})
}

func gatesBy(f func(t *byte)) func(c *WaveCell, lo, hi int, x [3]float32) {
	return func(c *WaveCell, lo, hi int, x [3]float32) {
		c.task = gateTask{
			g: unsafe.Pointer(&c.Product[3*lo]), c: unsafe.Pointer(&c.Frame[3*lo]),
			i0: unsafe.Pointer(&c.Input[0][3*lo]), i1: unsafe.Pointer(&c.Input[1][3*lo]), i2: unsafe.Pointer(&c.Input[2][3*lo]),
			h: unsafe.Pointer(&c.State[lo]), y: unsafe.Pointer(&c.Next[lo]),
			n: hi - lo, s0: x[0], s1: x[1], s2: x[2],
		}
		f((*byte)(unsafe.Pointer(&c.task)))
	}
}

// spread makes the pairs of activations.
func (w *Compact) spread(q []int8) {
	n := len(q) &^ 15
	if n > 0 {
		spreadVNNI(&w.pairs[0], &q[0], n)
	}
	for i, v := range q[n:] {
		u := uint32(int32(v) + 128)
		w.pairs[2*(n+i)], w.pairs[2*(n+i)+1] = u, u<<8
	}
}

func matVecBy(f func(t *byte)) func(w *Compact, y, x []float32, q []int8, xs float32) {
	return func(w *Compact, y, x []float32, q []int8, xs float32) {
		f((*byte)(unsafe.Pointer(w.prepare(y, x, q, xs))))
	}
}

// prepare tells the assembly where everything is.
func (w *Compact) prepare(y, x []float32, q []int8, xs float32) *matVec {
	t := &w.task
	t.y, t.bias = unsafe.Pointer(&y[0]), unsafe.Pointer(&w.Bias[0])
	t.x = unsafe.Pointer(unsafe.SliceData(x))
	t.columns, t.offsets, t.order = unsafe.Pointer(unsafe.SliceData(w.Columns)), unsafe.Pointer(&w.Offsets[0]), unsafe.Pointer(&w.Order[0])
	switch w.Precision {
	case F32:
		t.values = unsafe.Pointer(unsafe.SliceData(w.F32))
	case BF16:
		t.values = unsafe.Pointer(unsafe.SliceData(w.BF16))
	case Int8:
		t.values, t.x = unsafe.Pointer(unsafe.SliceData(w.Int8)), unsafe.Pointer(unsafe.SliceData(q))
		t.scale, t.sums = unsafe.Pointer(&w.Scale[0]), unsafe.Pointer(&w.sums[0])
	}
	t.groups, t.xs = len(w.Offsets)-1, xs
	return t
}
