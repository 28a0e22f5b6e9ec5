//go:build amd64 && !portable

package kernel

import "unsafe"

func init() {
	bind(AVX2, func() {
		matVecs.by = [3][numPrecisions]func(w *Compact, y, x []float32, q []int8, xs float32){
			{matVecBy(matVec16x1F32), matVecBy(matVec16x1BF16), matVecBy(matVec16x1Int8)},
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
		waveGates = func(c *WaveCell, lo, hi int, x [3]float32) {
			c.task = gateTask{
				g: unsafe.Pointer(&c.Product[lo]), c: unsafe.Pointer(&c.Frame[lo]),
				i0: unsafe.Pointer(&c.Input[0][lo]), i1: unsafe.Pointer(&c.Input[1][lo]), i2: unsafe.Pointer(&c.Input[2][lo]),
				h: unsafe.Pointer(&c.State[lo]), y: unsafe.Pointer(&c.Next[lo]),
				n: hi - lo, stride: 4 * c.H, s0: x[0], s1: x[1], s2: x[2],
			}
			gatesAVX2((*byte)(unsafe.Pointer(&c.task)))
		}
	})
}

func matVecBy(f func(t *byte)) func(w *Compact, y, x []float32, q []int8, xs float32) {
	return func(w *Compact, y, x []float32, q []int8, xs float32) {
		t := &w.task
		t.y, t.bias = unsafe.Pointer(&y[0]), unsafe.Pointer(&w.Bias[0])
		t.x = unsafe.Pointer(unsafe.SliceData(x))
		t.columns, t.offsets = unsafe.Pointer(unsafe.SliceData(w.Columns)), unsafe.Pointer(&w.Offsets[0])
		switch w.Precision {
		case F32:
			t.values = unsafe.Pointer(unsafe.SliceData(w.F32))
		case BF16:
			t.values = unsafe.Pointer(unsafe.SliceData(w.BF16))
		case Int8:
			t.values, t.x = unsafe.Pointer(unsafe.SliceData(w.Int8)), unsafe.Pointer(unsafe.SliceData(q))
			t.scale = unsafe.Pointer(&w.Scale[0])
		}
		t.groups, t.xs = len(w.Offsets)-1, xs
		f((*byte)(unsafe.Pointer(t)))
	}
}
