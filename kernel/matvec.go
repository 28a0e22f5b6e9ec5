package kernel

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

//go:generate sh -c "cd _asm && go run . -op matvec -out ../matvec_amd64.s -stubs ../z_matvec_amd64.go -pkg kernel"

// Precision is how the weights of a [Compact] matrix are stored.
type Precision int

// The precisions. Sums are float32, of Int8 exact integers.
const (
	F32  Precision = iota
	BF16           // the upper 16 bits of a float32, rounded to nearest even
	Int8           // a scale for each row; activations are rounded to bytes as well
	numPrecisions
)

var precisionNames = [numPrecisions]string{"f32", "bf16", "int8"}

// String returns f32, bf16 or int8.
func (p Precision) String() string { return precisionNames[p] }

// ParsePrecision is the inverse of String.
func ParsePrecision(s string) (Precision, error) {
	for i, name := range precisionNames {
		if s == name {
			return Precision(i), nil
		}
	}
	return 0, fmt.Errorf("kernel: precision %q: want f32, bf16 or int8", s)
}

// Compact is a matrix laid out for products with one vector, which are bound by the
// bytes of the weights: blocks of R rows and C columns of which one has a weight that is
// not zero, by row groups, without the rest. Make one with [NewCompact].
type Compact struct {
	M, K, R, C int
	Precision  Precision
	Order      []int32   // row groups as they are stored: those of most blocks first, so that the machine foresees how long they are
	Offsets    []int32   // first entry of each
	Columns    []uint16  // first column of each block
	F32        []float32 // 16x1 and 1x1: block after block; 4x4: rows of a block one after the other
	BF16       []uint16  // 16x1: two blocks at a time, their rows interleaved; a weight of the second is 32 bits, of which the lower are the first's
	Int8       []int8    // 16x1: four blocks at a time, their rows interleaved
	Scale      []float32 // Int8: of each row
	Bias       []float32 // of each row, added to the product

	wide  bool     // Int8, 16x1: the four columns of every entry are neighbours
	bytes []int8   // Int8: the activations
	pairs []uint32 // Int8, 16x1: each raised by 128, as it is and times 256
	sums  []int32  // Int8, of each row: -128 times the sum of its weights, which undoes that
	task  matVec   // of the assembly
}

// matVec is what the assembly reads; its fields are known by their offsets.
type matVec struct {
	y, bias, x, columns, offsets, values, scale unsafe.Pointer
	groups                                      int
	xs                                          float32
	sums, order                                 unsafe.Pointer
}

// matVecs are the products by block (16x1, 4x4, 1x1) and precision, and the one of four
// neighbouring columns.
var matVecs struct {
	by   [3][numPrecisions]func(w *Compact, y, x []float32, q []int8, xs float32)
	wide func(w *Compact, y, x []float32, q []int8, xs float32)
}

func init() {
	bind(Portable, func() {
		for b := range matVecs.by {
			matVecs.by[b] = [numPrecisions]func(w *Compact, y, x []float32, q []int8, xs float32){matVecPortable, matVecPortable, matVecInt8Portable}
		}
		matVecs.wide = matVecInt8Portable
		quantize, maxAbs = quantizePortable, maxAbsPortable
	})
}

// entryBlocks returns how many blocks one entry of the offsets stands for.
func (w *Compact) entryBlocks() int {
	if w.R != 16 {
		return 1
	}
	return [numPrecisions]int{1, 2, 4}[w.Precision]
}

// NewCompact lays out the dense [M,K] array in blocks of R×C: 16x1, 4x4 or 1x1. Blocks of
// zeros are left out. bias has M values or is nil. It panics on other blocks or lengths,
// on more than 65536 columns, and on a K that 4x4 blocks do not divide.
func NewCompact(dense []float32, M, K, R, C int, p Precision, bias []float32) *Compact {
	block := [2]int{R, C}
	if len(dense) != M*K || bias != nil && len(bias) != M || K > 1<<16 || K%C != 0 ||
		block != [2]int{16, 1} && block != [2]int{4, 4} && block != [2]int{1, 1} {
		panic(fmt.Sprintf("kernel: NewCompact: %d values and %d biases for [%d,%d] in %dx%d blocks", len(dense), len(bias), M, K, R, C))
	}
	w := &Compact{M: M, K: K, R: R, C: C, Precision: p, Bias: make([]float32, (M+R-1)/R*R), Offsets: []int32{0}}
	copy(w.Bias, bias)
	if p == Int8 {
		w.Scale = make([]float32, len(w.Bias))
		for i := range M {
			w.Scale[i] = maxAbs(dense[i*K:(i+1)*K]) / 127
		}
		w.bytes, w.pairs, w.sums = make([]int8, K), make([]uint32, 2*K+4), make([]int32, len(w.Bias))
	}
	per := w.entryBlocks()
	w.wide = per == 4
	columns := make([][]int, len(w.Bias)/R)
	for g := range columns {
		for k := 0; k < K; k += C {
			if w.lives(dense, g*R, k) {
				columns[g] = append(columns[g], k)
			}
		}
		w.Order = append(w.Order, int32(g))
	}
	slices.SortStableFunc(w.Order, func(a, b int32) int { return len(columns[b]) - len(columns[a]) })
	for _, g := range w.Order {
		for cols := range slices.Chunk(columns[g], per) {
			w.wide = w.wide && len(cols) == 4 && cols[3] == cols[0]+3
			w.add(dense, int(g)*R, cols, per)
		}
		w.Offsets = append(w.Offsets, int32(len(w.Columns)/per))
	}
	if w.wide {
		for i := range len(w.Columns) / 4 {
			w.Columns[i] = w.Columns[4*i]
		}
		w.Columns = w.Columns[:len(w.Columns)/4]
	}
	return w
}

func (w *Compact) lives(dense []float32, g, k int) bool {
	for i := g; i < min(g+w.R, w.M); i++ {
		for _, v := range dense[i*w.K+k:][:w.C] {
			if v != 0 {
				return true
			}
		}
	}
	return false
}

// add appends an entry of blocks of the group that begins with row g; missing ones are zero.
func (w *Compact) add(dense []float32, g int, cols []int, per int) {
	for i := range per {
		c := 0
		if i < len(cols) {
			c = cols[i]
		}
		w.Columns = append(w.Columns, uint16(c))
	}
	for i := g; i < g+w.R; i++ {
		for b := range per {
			for c := range w.C {
				v := float32(0)
				if b < len(cols) && i < w.M {
					v = dense[i*w.K+cols[b]+c]
				}
				w.store(v, i)
			}
		}
	}
}

func (w *Compact) store(v float32, row int) {
	switch w.Precision {
	case F32:
		w.F32 = append(w.F32, v)
	case BF16:
		low := uint16(0)
		if n := len(w.BF16); w.R == 16 && n%2 == 1 {
			low = w.BF16[n-1]
		}
		w.BF16 = append(w.BF16, roundBF16(v, low))
	case Int8:
		q := 0.0
		if s := w.Scale[row]; s > 0 {
			q = math.RoundToEven(float64(v / s))
		}
		w.Int8 = append(w.Int8, int8(max(-127, min(127, q))))
		w.sums[row] -= 128 * int32(w.Int8[len(w.Int8)-1])
	}
}

// roundBF16 returns the upper half of the float32 nearest to v among those whose lower half is low,
// of two the even one.
func roundBF16(v float32, low uint16) uint16 {
	b := math.Float32bits(v)
	sign, magnitude := b&(1<<31), b&^(1<<31)
	magnitude -= min(magnitude, uint32(low))
	return uint16((sign | magnitude + 0x7fff + magnitude>>16&1) >> 16)
}

// maxAbs returns the largest magnitude of x, 0 for nothing.
var maxAbs func(x []float32) float32

func maxAbsPortable(x []float32) float32 {
	var m float32
	for _, v := range x {
		m = max(m, v, -v)
	}
	return m
}

// Rows returns how many values a product writes: M rounded up to whole blocks.
func (w *Compact) Rows() int { return len(w.Bias) }

// Bytes returns the memory of what a product reads of the matrix.
func (w *Compact) Bytes() int {
	return 4*(len(w.Order)+len(w.Offsets)) + 2*len(w.Columns) + 4*len(w.F32) + 2*len(w.BF16) + len(w.Int8) + 4*len(w.Scale) + 4*len(w.Bias)
}

// Multiply computes y = W·x + Bias, where x has K values and y Rows(). A matrix of Int8
// rounds x to bytes first, with one scale for all: it keeps room for them, so that it
// must not be used by two goroutines at once.
func (w *Compact) Multiply(y, x []float32) {
	if len(x) != w.K || len(y) < w.Rows() {
		panic(fmt.Sprintf("kernel: Multiply: matrix [%d,%d], x has %d values, y %d", w.Rows(), w.K, len(x), len(y)))
	}
	if w.Precision != Int8 {
		matVecs.by[w.shape()][w.Precision](w, y, x, nil, 0)
		return
	}
	xs := Quantize(w.bytes, x)
	if w.wide {
		matVecs.wide(w, y, x, w.bytes, xs)
		return
	}
	matVecs.by[w.shape()][Int8](w, y, x, w.bytes, xs)
}

// shape returns the place of the block's kernels in the table.
func (w *Compact) shape() int {
	switch w.R {
	case 16:
		return 0
	case 4:
		return 1
	}
	return 2
}

// at returns stored weight number i as it is.
func (w *Compact) at(i int) float32 {
	if w.Precision == BF16 {
		b := uint32(w.BF16[i]) << 16
		if w.R == 16 && i%2 == 1 {
			b |= uint32(w.BF16[i-1])
		}
		return math.Float32frombits(b)
	}
	return w.F32[i]
}

func matVecPortable(w *Compact, y, x []float32, _ []int8, _ float32) {
	per, n := w.entryBlocks(), 0
	for i, g := range w.Order {
		rows := int(g) * w.R
		out := y[rows : rows+w.R]
		copy(out, w.Bias[rows:])
		for e := int(w.Offsets[i]); e < int(w.Offsets[i+1]); e++ {
			cols := w.Columns[e*per : (e+1)*per]
			for i := range out {
				for _, c := range cols {
					for j := range w.C {
						out[i] += w.at(n) * x[int(c)+j]
						n++
					}
				}
			}
		}
	}
}

func matVecInt8Portable(w *Compact, y, _ []float32, q []int8, xs float32) {
	per, n := w.entryBlocks(), 0
	for at, g := range w.Order {
		var sums [16]int32
		for e := int(w.Offsets[at]); e < int(w.Offsets[at+1]); e++ {
			for i := range w.R {
				for b := range max(per, w.C) {
					c := 0
					switch {
					case w.wide:
						c = int(w.Columns[e]) + b
					case per == 4:
						c = int(w.Columns[e*per+b])
					default:
						c = int(w.Columns[e]) + b
					}
					sums[i] += int32(w.Int8[n]) * int32(q[c])
					n++
				}
			}
		}
		for i := range w.R {
			row := int(g)*w.R + i
			y[row] = float32(float32(sums[i])*xs)*w.Scale[row] + w.Bias[row]
		}
	}
}

// Quantize rounds x to whole multiples of the scale it returns, from -127 to 127; the
// scale is the largest magnitude by 127, and 0 where all of x is.
func Quantize(q []int8, x []float32) (scale float32) {
	if len(q) != len(x) {
		panic(fmt.Sprintf("kernel: Quantize: %d bytes for %d values", len(q), len(x)))
	}
	m := maxAbs(x)
	if m < math.SmallestNonzeroFloat32*(1<<40) { // its inverse would overflow
		clear(q)
		return 0
	}
	quantize(q, x, 127/m)
	return m / 127
}

var quantize func(q []int8, x []float32, inverse float32)

func quantizePortable(q []int8, x []float32, inverse float32) {
	for i, v := range x {
		q[i] = int8(max(-127, min(127, math.RoundToEven(float64(v*inverse)))))
	}
}
