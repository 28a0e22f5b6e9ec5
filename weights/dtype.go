package weights

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// DType is the element type of a tensor as safetensors spells it.
type DType string

// The element types whose values can be read. Files may hold others of a known
// size (8-bit floats); those can be listed and copied as bytes only.
const (
	Bool DType = "BOOL"
	U8   DType = "U8"
	I8   DType = "I8"
	U16  DType = "U16"
	I16  DType = "I16"
	F16  DType = "F16"
	BF16 DType = "BF16"
	U32  DType = "U32"
	I32  DType = "I32"
	F32  DType = "F32"
	U64  DType = "U64"
	I64  DType = "I64"
	F64  DType = "F64"
)

// Size returns the bytes of one element, 0 for a type that is not known.
func (d DType) Size() int {
	switch d {
	case Bool, U8, I8, "F8_E4M3", "F8_E5M2", "F8_E8M0":
		return 1
	case U16, I16, F16, BF16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64:
		return 8
	}
	return 0
}

// convert fills dst with the elements of b as float32 and reports whether the
// type has a meaning as numbers.
func (d DType) convert(dst []float32, b []byte) bool {
	if d == F32 {
		copy(dst, viewOf[float32](b))
		return true
	}
	le := binary.LittleEndian
	var at func(i int) float32
	switch d {
	case Bool, U8:
		at = func(i int) float32 { return float32(b[i]) }
	case I8:
		at = func(i int) float32 { return float32(int8(b[i])) }
	case U16:
		at = func(i int) float32 { return float32(le.Uint16(b[2*i:])) }
	case I16:
		at = func(i int) float32 { return float32(int16(le.Uint16(b[2*i:]))) }
	case F16:
		at = func(i int) float32 { return fromHalf(le.Uint16(b[2*i:])) }
	case BF16:
		at = func(i int) float32 { return math.Float32frombits(uint32(le.Uint16(b[2*i:])) << 16) }
	case U32:
		at = func(i int) float32 { return float32(le.Uint32(b[4*i:])) }
	case I32:
		at = func(i int) float32 { return float32(int32(le.Uint32(b[4*i:]))) }
	case U64:
		at = func(i int) float32 { return float32(le.Uint64(b[8*i:])) }
	case I64:
		at = func(i int) float32 { return float32(int64(le.Uint64(b[8*i:]))) }
	case F64:
		at = func(i int) float32 { return float32(math.Float64frombits(le.Uint64(b[8*i:]))) }
	default:
		return false
	}
	for i := range dst {
		dst[i] = at(i)
	}
	return true
}

// fromHalf converts an IEEE binary16 number.
func fromHalf(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0: // zero or subnormal: frac · 2⁻²⁴
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

type element interface {
	~uint8 | ~uint16 | ~uint32 | ~int64 | ~float32
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// bytesOf returns v as little-endian bytes: a view where the machine is little-endian.
func bytesOf[T element](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
	if !littleEndian {
		b = append([]byte(nil), b...)
		swap(b, int(unsafe.Sizeof(v[0])))
	}
	return b
}

// viewOf returns little-endian bytes as n elements: a view where the machine is
// little-endian and the bytes are aligned, a copy elsewhere.
func viewOf[T element](b []byte) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	n := len(b) / size
	if n == 0 {
		return nil
	}
	if p := unsafe.Pointer(unsafe.SliceData(b)); littleEndian && uintptr(p)%uintptr(size) == 0 {
		return unsafe.Slice((*T)(p), n)
	}
	v := make([]T, n)
	to := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), n*size)
	copy(to, b)
	if !littleEndian {
		swap(to, size)
	}
	return v
}

// swap reverses the bytes of each element of the given size.
func swap(b []byte, size int) {
	for ; len(b) >= size; b = b[size:] {
		for i, j := 0, size-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
