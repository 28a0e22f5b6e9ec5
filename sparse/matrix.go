// Package sparse holds sparse weight matrices, masks, and edits to a topology.
//
// A matrix is M×K in blocks of R×1: each entry covers one column of a group of R
// rows and has R values. Entries have positions, 0 to Len()-1, in an order that
// suits the kernels and is otherwise of no meaning; everything stored beside the
// values of a matrix (gradients, optimizer state) is laid out by position, R
// values each. Entries are named from outside by their flat key group*K + column.
package sparse

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/kernel"
)

// Matrix is a sparse matrix. Make one with [New], [FromDense], [FromMask] or
// [FromParts]; the zero value is not usable. Values may be changed in place, the
// topology by [Matrix.Edit] only.
type Matrix struct {
	kernel.CSR

	first, end []int32 // positions of the entries of each (K-block, row group)
	twin       *kernel.Twin
}

// Entry is one block of a matrix: its row group, its column, and its position.
type Entry struct{ Group, Col, Pos int }

// New returns an M×K matrix of R×1 blocks without entries.
func New(M, K, R int) *Matrix { return FromMask(NewMask(M, K, R)) }

// FromDense returns the entries of a dense [M,K] array: those of the mask, or all
// blocks with a value that is not zero where mask is nil. It panics on a shape
// that differs.
func FromDense(dense []float32, M, K int, mask *Mask, R int) *Matrix {
	if len(dense) != M*K {
		panic(fmt.Sprintf("sparse: FromDense: %d values for [%d,%d]", len(dense), M, K))
	}
	if mask == nil {
		mask = NewMask(M, K, R)
		for i, v := range dense {
			if v != 0 {
				mask.Set(i/K/R, i%K, true)
			}
		}
	} else if mask.M != M || mask.K != K || mask.R != R {
		panic(fmt.Sprintf("sparse: FromDense: mask [%d,%d] of %dx1 blocks, matrix [%d,%d] of %dx1", mask.M, mask.K, mask.R, M, K, R))
	}
	m := FromMask(mask)
	for e := range m.Entries {
		for r := range m.rows(e.Group) {
			m.Values[e.Pos*R+r] = dense[(e.Group*R+r)*K+e.Col]
		}
	}
	return m
}

// FromMask returns a matrix with the entries of mask, all zero.
func FromMask(mask *Mask) *Matrix {
	keys := make([]int64, 0, mask.Count())
	for key := range mask.Keys {
		keys = append(keys, key)
	}
	return fromKeys(mask.M, mask.K, mask.R, keys)
}

// fromKeys makes a matrix with entries of value zero at ascending keys.
func fromKeys(M, K, R int, keys []int64) *Matrix {
	checkBlock(R)
	w, first, end := kernel.NewCSR(M, K, R, keys)
	return &Matrix{CSR: *w, first: first, end: end}
}

// span returns the positions of the entries of a K-block and row group.
func (m *Matrix) span(block, group int) (lo, hi int) {
	i := block*m.Groups() + group
	return int(m.first[i]), int(m.end[i])
}

func checkBlock(R int) {
	if !validBlock(R) {
		panic(fmt.Sprintf("sparse: blocks of %d rows, can be 1, 2, 4 or 16", R))
	}
}

func validBlock(R int) bool { return R == 1 || R == 2 || R == 4 || R == 16 }

// rows returns how many rows of group g exist.
func (m *Matrix) rows(g int) int { return min(m.R, m.M-g*m.R) }

// Len returns the number of entries.
func (m *Matrix) Len() int { return len(m.Columns) }

// NNZ returns the number of live weights: R an entry, less in a short last group.
func (m *Matrix) NNZ() int {
	n := len(m.Values)
	if groups := m.Groups(); m.M%m.R != 0 {
		for b := range m.KBlocks() {
			lo, hi := m.span(b, groups-1)
			n -= (hi - lo) * (m.R - m.M%m.R)
		}
	}
	return n
}

// Density returns the share of the M×K weights that are live, 0 for no weights.
func (m *Matrix) Density() float64 {
	if m.M == 0 || m.K == 0 {
		return 0
	}
	return float64(m.NNZ()) / (float64(m.M) * float64(m.K))
}

// Entries yields the entries by ascending group, then column:
//
//	for e := range m.Entries { ... }
func (m *Matrix) Entries(yield func(Entry) bool) {
	blocks := m.KBlocks()
	for g := range m.Groups() {
		for b := range blocks {
			lo, hi := m.span(b, g)
			for p := lo; p < hi; p++ {
				if !yield(Entry{g, b*m.KB + int(m.Columns[p]), p}) {
					return
				}
			}
		}
	}
}

// Keys returns the flat key, group*K + column, of each entry by position.
func (m *Matrix) Keys() []int64 {
	keys := make([]int64, m.Len())
	for e := range m.Entries {
		keys[e.Pos] = int64(e.Group)*int64(m.K) + int64(e.Col)
	}
	return keys
}

// Find returns the position of the entry at a group and column, or -1.
func (m *Matrix) Find(group, col int) int {
	lo, hi := m.span(col/m.KB, group)
	at, ok := slices.BinarySearch(m.Columns[lo:hi], uint16(col%m.KB))
	if !ok {
		return -1
	}
	return lo + at
}

// At returns the weight of row i and column j, 0 where there is none.
func (m *Matrix) At(i, j int) float32 {
	if i < 0 || i >= m.M || j < 0 || j >= m.K {
		panic(fmt.Sprintf("sparse: At: (%d,%d) of [%d,%d]", i, j, m.M, m.K))
	}
	pos := m.Find(i/m.R, j)
	if pos < 0 {
		return 0
	}
	return m.Values[pos*m.R+i%m.R]
}

// ToDense returns the matrix as a dense [M,K] array.
func (m *Matrix) ToDense() []float32 {
	dense := make([]float32, m.M*m.K)
	m.Scatter(m.Values, dense)
	return dense
}

// Scatter writes values laid out like those of m (a gradient, say) to their
// places in a dense [M,K] array.
func (m *Matrix) Scatter(values, dense []float32) {
	if len(values) != len(m.Values) || len(dense) != m.M*m.K {
		panic(fmt.Sprintf("sparse: Scatter: %d values to %d, matrix has %d of [%d,%d]", len(values), len(dense), len(m.Values), m.M, m.K))
	}
	for e := range m.Entries {
		for r := range m.rows(e.Group) {
			dense[(e.Group*m.R+r)*m.K+e.Col] = values[e.Pos*m.R+r]
		}
	}
}

// Mask returns the topology of m.
func (m *Matrix) Mask() *Mask {
	mask := NewMask(m.M, m.K, m.R)
	for e := range m.Entries {
		mask.Set(e.Group, e.Col, true)
	}
	return mask
}

// Twin returns the transpose of m for the input gradient. It is built on first
// use and again after an edit; its values are those of its last refresh.
func (m *Matrix) Twin() *kernel.Twin {
	if m.twin == nil {
		m.twin = kernel.NewTwin(&m.CSR)
	}
	return m.twin
}

// Bytes returns the memory held by the matrix and its twin, where it has one.
func (m *Matrix) Bytes() int {
	n := m.CSR.Bytes() + 4*len(m.first) + 4*len(m.end)
	if m.twin != nil {
		n += m.twin.Bytes()
	}
	return n
}

// Clone returns a copy that shares nothing with m.
func (m *Matrix) Clone() *Matrix {
	keys := make([]int64, 0, m.Len())
	values := make([]float32, 0, len(m.Values))
	for e := range m.Entries {
		keys = append(keys, int64(e.Group)*int64(m.K)+int64(e.Col))
		values = append(values, m.Values[e.Pos*m.R:(e.Pos+1)*m.R]...)
	}
	c := fromKeys(m.M, m.K, m.R, keys)
	c.fill(values)
	return c
}

// Parts returns the matrix as plain compressed rows, for files: offsets has
// Groups()+1 elements, columns ascend in each row group, and values holds R of
// each entry in that order.
func (m *Matrix) Parts() (offsets []int64, columns []uint32, values []float32) {
	offsets = make([]int64, m.Groups()+1)
	columns = make([]uint32, 0, m.Len())
	values = make([]float32, 0, len(m.Values))
	for e := range m.Entries {
		columns = append(columns, uint32(e.Col))
		values = append(values, m.Values[e.Pos*m.R:(e.Pos+1)*m.R]...)
		offsets[e.Group+1] = int64(len(columns))
	}
	for g := range m.Groups() { // groups without entries
		offsets[g+1] = max(offsets[g+1], offsets[g])
	}
	return offsets, columns, values
}

// FromParts returns the matrix that [Matrix.Parts] describes. The data may come
// from outside: whatever is wrong with it is an error that names the place.
func FromParts(M, K, R int, offsets []int64, columns []uint32, values []float32) (*Matrix, error) {
	if err := checkParts(M, K, R, offsets, columns, values); err != nil {
		return nil, fmt.Errorf("sparse: %w", err)
	}
	keys := make([]int64, len(columns))
	for g := range len(offsets) - 1 {
		for i := offsets[g]; i < offsets[g+1]; i++ {
			keys[i] = int64(g)*int64(K) + int64(columns[i])
		}
	}
	m := fromKeys(M, K, R, keys)
	m.fill(values)
	return m, nil
}

// fill sets the values from those of the entries in the order of Entries.
func (m *Matrix) fill(values []float32) {
	i := 0
	for e := range m.Entries {
		copy(m.Values[e.Pos*m.R:(e.Pos+1)*m.R], values[i:])
		i += m.R
	}
}

// largest bounds M·K, so that sizes from a file can neither overflow nor ask for
// far more memory than the file has bytes.
const largest = 1 << 38

func checkParts(M, K, R int, offsets []int64, columns []uint32, values []float32) error {
	if M < 0 || K < 0 || M > math.MaxInt32 || K > math.MaxInt32 || int64(M)*int64(K) > largest {
		return fmt.Errorf("shape [%d,%d] is out of range", M, K)
	}
	if !validBlock(R) {
		return fmt.Errorf("blocks of %d rows, can be 1, 2, 4 or 16", R)
	}
	groups := (M + R - 1) / R
	if len(offsets) != groups+1 {
		return fmt.Errorf("%d offsets for %d row groups, want %d", len(offsets), groups, groups+1)
	}
	if len(values) != len(columns)*R || len(values) > math.MaxInt32 {
		return fmt.Errorf("%d values for %d entries of %d", len(values), len(columns), R)
	}
	if offsets[0] != 0 || offsets[groups] != int64(len(columns)) {
		return fmt.Errorf("offsets run from %d to %d, want 0 to %d", offsets[0], offsets[groups], len(columns))
	}
	for g := range groups {
		lo, hi := offsets[g], offsets[g+1]
		if lo > hi || hi > int64(len(columns)) {
			return fmt.Errorf("offset %d of row group %d lies outside %d to %d", hi, g, lo, len(columns))
		}
		for i := lo; i < hi; i++ {
			if int64(columns[i]) >= int64(K) || i > lo && columns[i] <= columns[i-1] {
				return fmt.Errorf("column %d (entry %d of row group %d) is out of order or not below %d", columns[i], i-lo, g, K)
			}
			for r := M - g*R; r < R; r++ {
				if values[i*int64(R)+int64(r)] != 0 {
					return fmt.Errorf("entry %d of row group %d has a value in row %d of %d", i-lo, g, g*R+r, M)
				}
			}
		}
	}
	return nil
}
