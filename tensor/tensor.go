// Package tensor holds dense float32 arrays with a shape. There are no general
// strides: slices along the first axis are views, anything else copies and says
// so in its name. The first axis is features; batch, time and space follow.
package tensor

import (
	"fmt"
	"slices"
	"unsafe"
)

// Tensor is a dense row-major array of float32.
type Tensor struct {
	Data  []float32
	Shape []int
}

// New returns a tensor of zeros whose data starts on 64 bytes.
func New(shape ...int) *Tensor {
	return &Tensor{Data: Alloc(Size(shape)), Shape: slices.Clone(shape)}
}

// Of wraps data in a shape. It panics if the sizes differ.
func Of(data []float32, shape ...int) *Tensor {
	if len(data) != Size(shape) {
		panic(fmt.Sprintf("tensor: Of: %d values do not fill shape %v", len(data), shape))
	}
	return &Tensor{Data: data, Shape: slices.Clone(shape)}
}

// Alloc returns n zeros that start on 64 bytes.
func Alloc(n int) []float32 {
	const align = 16
	s := make([]float32, n+align-1)
	skip := 0
	if n > 0 {
		if r := uintptr(unsafe.Pointer(unsafe.SliceData(s))) % 64; r != 0 {
			skip = int(64-r) / 4
		}
	}
	return s[skip : skip+n : skip+n]
}

// Size returns the number of elements of a shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Rows returns the length of the first axis, or 1 for a scalar.
func (t *Tensor) Rows() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[0]
}

// Cols returns the number of elements of one row: the product of all axes but
// the first.
func (t *Tensor) Cols() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return Size(t.Shape[1:])
}

// Row returns row i as a view.
func (t *Tensor) Row(i int) []float32 {
	n := t.Cols()
	return t.Data[i*n : (i+1)*n : (i+1)*n]
}

// Slice returns rows lo to hi-1 as a view.
func (t *Tensor) Slice(lo, hi int) *Tensor {
	n := t.Cols()
	shape := slices.Clone(t.Shape)
	shape[0] = hi - lo
	return &Tensor{Data: t.Data[lo*n : hi*n : hi*n], Shape: shape}
}

// Reshape returns a view with another shape of the same size.
func (t *Tensor) Reshape(shape ...int) *Tensor { return Of(t.Data, shape...) }

// Clone returns a copy.
func (t *Tensor) Clone() *Tensor {
	c := New(t.Shape...)
	copy(c.Data, t.Data)
	return c
}

// SameShape reports whether two tensors have the same shape.
func SameShape(a, b *Tensor) bool { return slices.Equal(a.Shape, b.Shape) }
