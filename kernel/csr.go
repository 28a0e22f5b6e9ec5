package kernel

import (
	"fmt"
	"slices"
)

// CSR is a sparse M×K matrix of R×1 blocks in K-blocked compressed rows. Make one
// with [NewCSR].
//
// Rows are grouped in blocks of R (the last group may be short: its missing rows
// exist as stored zeros, are never written to outputs and are never trained).
// Columns are cut into K-blocks of KB columns, so that the part of X one K-block
// reads stays in the nearest caches. Entries are ordered by K-block, then by the
// place of their row group in that K-block, then by column. The places follow the
// order in which kernels visit row groups, so that entries are read in sequence.
type CSR struct {
	M, K    int
	R       int       // rows of a block: 1, 2, 4 or 16
	KB      int       // columns of a K-block, at most 65536
	Offsets []int32   // first entry of each (K-block, place); Groups()*KBlocks()+1 long
	Columns []uint16  // column of each entry inside its K-block
	Values  []float32 // R values an entry, entry after entry

	plan plan
}

// NewCSR returns an M×K matrix of R×1 blocks with entries of value zero at the
// given keys, group*K + column, which ascend. The entries of one K-block and row
// group are neighbours, by ascending column: those from first to end, which are
// indexed by K-block·Groups() + row group. It takes linear time.
func NewCSR(M, K, R int, keys []int64) (w *CSR, first, end []int32) {
	w = &CSR{M: M, K: K, R: R}
	groups := w.Groups()
	w.KB = blockColumns(K, groups, len(keys), R)
	first = make([]int32, groups*w.KBlocks())
	for _, key := range keys {
		g, col := int(key/int64(K)), int(key%int64(K))
		first[col/w.KB*groups+g]++
	}
	w.Offsets = w.plan.build(first, groups, w.KBlocks())
	w.Columns = make([]uint16, len(keys))
	w.Values = make([]float32, len(keys)*R)
	for _, key := range keys {
		g, col := int(key/int64(K)), int(key%int64(K))
		at := &first[col/w.KB*groups+g]
		w.Columns[*at] = uint16(col % w.KB)
		*at++
	}
	end = slices.Clone(first)
	w.plan.rewind(first, w.Offsets, groups)
	return w, first, end
}

// Groups returns the number of row groups.
func (w *CSR) Groups() int { return (w.M + w.R - 1) / w.R }

// KBlocks returns the number of K-blocks.
func (w *CSR) KBlocks() int { return (w.K + w.KB - 1) / w.KB }

// Bytes returns the memory held by w.
func (w *CSR) Bytes() int {
	return 4*len(w.Offsets) + 2*len(w.Columns) + 4*len(w.Values) + w.plan.bytes()
}

// rowsOf returns how many rows of group g exist.
func (w *CSR) rowsOf(g int) int { return min(w.R, w.M-g*w.R) }

// check panics unless the parts of w fit together and w is prepared.
func (w *CSR) check(op string) {
	blocks := w.Groups() * w.KBlocks()
	if len(w.Offsets) != blocks+1 || len(w.Values) != len(w.Columns)*w.R || int(w.Offsets[blocks]) != len(w.Columns) {
		panic(fmt.Sprintf("kernel: %s: %d offsets, %d columns and %d values do not make a %dx%d matrix of %dx1 blocks in K-blocks of %d",
			op, len(w.Offsets), len(w.Columns), len(w.Values), w.M, w.K, w.R, w.KB))
	}
	if len(w.plan.order) != blocks {
		panic("kernel: " + op + ": matrix was not made by NewCSR")
	}
}

// Twin is what the input gradient needs beside the matrix. For blocks of one row
// it is the transpose: row k of the twin lists the rows of W that have an entry in
// column k, and Perm says where the entry stands in W. It is K-blocked too, along
// the rows of W, and its values are copied from W by the kernels that use it.
// Larger blocks are multiplied from W itself (see SpMMT); their twin is empty.
type Twin struct {
	K, M    int      // rows of the twin, and its columns
	R       int      // rows of a block of W
	GB      int      // rows of W in one block of the twin, at most 65536
	Offsets []int32  // first entry of each (block, row k)
	Columns []uint16 // row of W inside its block
	Perm    []int32  // entry in W of each entry of the twin
	Values  []float32

	w    *CSR // the matrix of the last refresh
	plan plan
}

// Blocks returns the number of blocks of rows of W.
func (t *Twin) Blocks() int { return (t.M + t.GB - 1) / t.GB }

// Bytes returns the memory held by t.
func (t *Twin) Bytes() int {
	return 4*len(t.Offsets) + 2*len(t.Columns) + 4*len(t.Perm) + 4*len(t.Values) + t.plan.bytes()
}

// NewTwin returns the twin of W. It takes time linear in the entries and in K
// times the number of blocks.
func NewTwin(w *CSR) *Twin {
	w.check("NewTwin")
	t := &Twin{K: w.K, M: w.M, R: w.R, GB: 1, w: w}
	if w.R > 1 {
		return t
	}
	t.GB = blockColumns(t.M, t.K, len(w.Columns), 1)
	t.Columns = make([]uint16, len(w.Columns))
	t.Perm = make([]int32, len(w.Columns))
	t.Values = make([]float32, len(w.Values))
	next := make([]int32, t.Blocks()*t.K)
	w.visit(func(g, k, _ int) { next[g/t.GB*t.K+k]++ })
	t.Offsets = t.plan.build(next, t.K, t.Blocks())
	w.visit(func(g, k, e int) {
		at := &next[g/t.GB*t.K+k]
		t.Columns[*at] = uint16(g % t.GB)
		t.Perm[*at] = int32(e)
		*at++
	})
	t.Refresh(w)
	return t
}

// visit calls f with group, column and position of every entry, by position.
func (w *CSR) visit(f func(g, k, e int)) {
	groups := w.Groups()
	for i, g := range w.plan.order {
		for e := w.Offsets[i]; e < w.Offsets[i+1]; e++ {
			f(int(g), i/groups*w.KB+int(w.Columns[e]), int(e))
		}
	}
}

// Refresh copies the values of W into the twin. It panics if W is not of its
// shape.
func (t *Twin) Refresh(w *CSR) {
	t.check("Twin.Refresh", w)
	t.w = w
	t.refresh(0, t.K)
}

func (t *Twin) check(op string, w *CSR) {
	if t.K != w.K || t.M != w.M || t.R != w.R || t.R == 1 && len(t.Perm) != len(w.Columns) {
		panic(fmt.Sprintf("kernel: %s: twin of a %dx%d matrix of %d entries in %dx1 blocks, matrix %dx%d of %d in %dx1",
			op, t.M, t.K, len(t.Perm), t.R, w.M, w.K, len(w.Columns), w.R))
	}
}

// refresh copies the values of rows k0 to k1 of the twin.
func (t *Twin) refresh(k0, k1 int) {
	if t.R > 1 {
		return
	}
	for b := range t.Blocks() {
		lo, hi := t.Offsets[b*t.K+k0], t.Offsets[b*t.K+k1]
		gather(t.Values[lo:hi], t.w.Values, t.Perm[lo:hi])
	}
}

// gather copies values: dst[i] is src[perm[i]], which is inside src.
var gather func(dst, src []float32, perm []int32)

func init() { bind(Portable, func() { gather = gatherPortable }) }

func gatherPortable(dst, src []float32, perm []int32) {
	dst = dst[:len(perm)]
	for i, p := range perm {
		dst[i] = src[p]
	}
}

// What suits was measured on the layers of BenchmarkBreakEven at 70 to 98 % sparsity.
const (
	leastColumns, mostColumns = 64, 512
	// Entries to a row (row group) of a K-block, whose output is read and written
	// once for all. Several rows read X less often for the work they do, so a
	// K-block too long for the first-level cache costs them less: 40 in place of
	// 24 made the product of 4×1 blocks 5 to 8 % faster at 90 %, that of single
	// rows up to 10 % slower.
	rowTerms, groupTerms = 24, 40
)

// blockColumns returns the number of columns KB of a K-block that suits a matrix
// of K columns with so many entries in so many groups of R rows.
func blockColumns(K, groups, entries, R int) int {
	if K <= leastColumns {
		return max(K, 1)
	}
	kb := mostColumns
	terms := float64(rowTerms)
	if R > 1 {
		terms = groupTerms
	}
	if entries > 0 {
		kb = int(terms * float64(K) * float64(groups) / float64(entries))
	}
	kb = min(max(kb, leastColumns), mostColumns)
	// A nearly empty matrix must not be all offsets.
	for kb < 1<<16 && (K+kb-1)/kb*groups > 4*entries+1024 {
		kb *= 2
	}
	blocks := (K + kb - 1) / kb
	return min((K+blocks-1)/blocks, 1<<16)
}

// plan says in which order the rows of a K-blocked matrix are visited. Rows are
// cut into panels of about equal work, the unit a worker owns; within each
// (block, panel), rows come by ascending number of entries, so that the lengths
// of the inner loops repeat and their ends are predicted.
type plan struct {
	cuts  []int32 // panel p is rows cuts[p] to cuts[p+1]
	order []int32 // for each block, the rows of panel 0, of panel 1, ...
}

// orderPad is how far kernels look ahead in the order of rows.
const orderPad = 8

func (p *plan) bytes() int { return 4*len(p.cuts) + 4*len(p.order) }

// build lays out a matrix from the number of entries of each (block, row). It
// returns the first entry of each (block, place) and replaces the numbers by the
// first entry of each (block, row).
func (p *plan) build(counts []int32, rows, blocks int) (offsets []int32) {
	p.cut(counts, rows)
	p.order = make([]int32, rows*blocks, rows*blocks+orderPad)
	var scratch []int32
	for b := range blocks {
		for i := range len(p.cuts) - 1 {
			lo, hi := int(p.cuts[i]), int(p.cuts[i+1])
			scratch = sortRows(p.order[b*rows+lo:b*rows+hi], counts[b*rows+lo:b*rows+hi], int32(lo), scratch)
		}
	}
	offsets = make([]int32, rows*blocks+1)
	for i, row := range p.order {
		offsets[i+1] = offsets[i] + counts[i/rows*rows+int(row)]
	}
	p.rewind(counts, offsets, rows)
	return offsets
}

// rewind sets first to the first entry of each (block, row).
func (p *plan) rewind(first, offsets []int32, rows int) {
	for i, row := range p.order {
		first[i/rows*rows+int(row)] = offsets[i]
	}
}

// cut chooses the panels.
func (p *plan) cut(counts []int32, rows int) {
	const mostPanels, leastRows = 16, 64
	panels := 1
	for panels < mostPanels && rows/(2*panels) >= leastRows {
		panels *= 2
	}
	total := rows // one for a row's share of the overhead
	for _, n := range counts {
		total += int(n)
	}
	p.cuts = append(p.cuts[:0], 0)
	sum := 0
	for row := range rows {
		sum++
		for i := row; i < len(counts); i += rows {
			sum += int(counts[i])
		}
		for len(p.cuts) < panels && sum*panels >= total*len(p.cuts) {
			p.cuts = append(p.cuts, int32(row+1))
		}
	}
	for len(p.cuts) <= panels {
		p.cuts = append(p.cuts, int32(rows))
	}
}

// sortRows fills order with first, first+1, ... sorted by ascending count, stably,
// in linear time.
func sortRows(order, counts []int32, first int32, scratch []int32) []int32 {
	most := int32(0)
	for _, n := range counts {
		most = max(most, n)
	}
	at := slices.Grow(scratch[:0], int(most)+2)[:most+2]
	clear(at)
	for _, n := range counts {
		at[n+1]++
	}
	for i := range most {
		at[i+1] += at[i]
	}
	for i, n := range counts {
		order[at[n]] = first + int32(i)
		at[n]++
	}
	return at
}
