//go:build amd64 && !portable

package kernel

import (
	"runtime"
	"sync"
	"unsafe"
)

// tile is what the assembly of the sparse products is told: one tile of columns of
// one K-block of a matrix. The assembly reads the fields by their order; strides
// and places of the last vector are in bytes.
type tile struct {
	x       unsafe.Pointer // column 0 of the K-block, first column of the tile
	y       unsafe.Pointer // row group `first`
	order   unsafe.Pointer // rows (row groups) to visit
	n       int            // how many
	offsets unsafe.Pointer // first entry of each of them
	columns unsafe.Pointer
	values  unsafe.Pointer
	ldx     int // from one row of X to the next
	ldy     int // from one row of Y to the next
	group   int // from one row group of Y to the next
	first   int
	lastx   int
	lasty   int
	vstride int // from the values of an entry to those of the next
	acc     int // 0: start from zero
	i       int // rows visited
	// Scratch.
	end int
	out [4]int
}

func (t *tile) bytes() *byte { return (*byte)(unsafe.Pointer(t)) }

// vectorUnit is the set of sparse kernels of one level, by vectors of columns.
type vectorUnit struct {
	lanes   int
	rows1   []func(*byte)
	rows2   []func(*byte)
	rows4   []func(*byte)
	dots    [5]func(*byte)   // by rows of a block: 1, 2, 4
	scatter [5][]func(*byte) // by rows of a block: 1, 2, 4
	pack    func(dst, src *float32, rows, vectors, lddst, ldsrc, lastdst, lastsrc int, mask *int32)
}

// rowsFor returns the product's kernels for blocks of r rows and how many rows
// they do at once.
func (u *vectorUnit) rowsFor(r int) ([]func(*byte), int) {
	switch r {
	case 1:
		return u.rows1, 1
	case 2:
		return u.rows2, 2
	}
	return u.rows4, 4
}

func init() {
	for _, u := range []struct {
		level Level
		unit  *vectorUnit
	}{{AVX2, &unitAVX2}, {AVX512, &unitAVX512}} {
		unit := u.unit
		bind(u.level, func() {
			gather = gatherVector
			spmmRange = func(w *CSR, lo, hi, N int, X []float32, ldx int, acc bool, Y []float32, ldy int) {
				p := takeProduct(unit, N, X, ldx, Y, ldy)
				p.forward(w, lo, hi, acc)
				p.release()
			}
			spmmtRange = func(t *Twin, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
				p := takeProduct(unit, N, dY, ldy, dX, ldx)
				p.inputGrad(t, lo, hi, acc)
				p.release()
			}
			scatterRange = func(w *CSR, lo, hi, N int, dY []float32, ldy int, acc bool, dX []float32, ldx int) {
				p := takeProduct(unit, N, dX, ldx, dY, ldy)
				p.scatter(w, lo, hi, acc)
				p.release()
			}
			sddmmRange = func(w *CSR, lo, hi, N int, dY []float32, ldy int, X []float32, ldx int, dW []float32) {
				p := takeProduct(unit, N, X, ldx, dY, ldy)
				p.weightGrad(w, lo, hi, dW)
				p.release()
			}
		})
	}
}

// gatherVector trusts perm, which NewTwin made.
func gatherVector(dst, src []float32, perm []int32) {
	if len(perm) > 0 {
		gatherScalar(&dst[:len(perm)][0], &src[0], &perm[0], len(perm))
	}
}

// product is one sparse product on one goroutine: a loop over tiles of columns and,
// inside, over K-blocks.
type product struct {
	u        *vectorUnit
	n        int
	x, y     []float32
	ldx, ldy int

	t          tile
	xbuf, ybuf []float32 // packed tiles
	mask       [16]int32
}

var products = sync.Pool{New: func() any { return new(product) }}

func takeProduct(u *vectorUnit, n int, x []float32, ldx int, y []float32, ldy int) *product {
	p := products.Get().(*product)
	p.u, p.n, p.x, p.ldx, p.y, p.ldy = u, n, x, ldx, y, ldy
	return p
}

func (p *product) release() {
	runtime.KeepAlive(p.x)
	p.x, p.y, p.t = nil, nil, tile{}
	products.Put(p)
}

// view is a matrix or a twin as the tile loop sees it.
type view struct {
	rows, blocks int // rows or row groups, K-blocks
	kb           int // columns of a K-block
	xrows        int // rows of X
	r            int
	offsets      []int32
	columns      []uint16
	values       []float32
	plan         *plan
}

func viewOf(w *CSR, values []float32) view {
	return view{w.Groups(), w.KBlocks(), w.KB, w.K, w.R, w.Offsets, w.Columns, values, &w.plan}
}

// entries counts the entries of rows lo to hi.
func (v *view) entries(lo, hi int) int {
	n := 0
	for b := range v.blocks {
		n += int(v.offsets[b*v.rows+hi] - v.offsets[b*v.rows+lo])
	}
	return n
}

// How much of X one tile reads, at most. Measured on the layers of
// BenchmarkBreakEven on Zen 3 (caches of 32 and 512 KiB), in processor cycles.
//
// In the products, tiles of twice the first-level cache, with more columns or
// longer K-blocks, are as fast as tiles that fit or up to 20 % faster, as they
// begin and end rows less often: a row costs some 30 cycles beside its entries.
// Fetching X ahead of an entry made them 15 % slower; the ends of rows, sorted by
// length, are mispredicted once in six rows.
//
// A dot product of the weight gradient of blocks reads a row of X once for several
// multiply-adds and ends with a sum across lanes: it likes tiles wide enough
// to be few, of half the second-level cache (15 to 20 % faster at 90 and 95 % than
// 112 KiB). Single rows do not.
const (
	cacheBytes = 56 << 10
	blockBytes = 224 << 10
)

// packUses is how often each value of X is used, at least, where X is packed.
const packUses = 8

// tiles cuts the columns. Tiles are of about equal width; the wider ones come
// last, so that the last vector of ragged rows, which overlaps the one before,
// has one before it in its own tile.
type tiles struct{ vectors, count, most int }

func (p *product) tiles(v *view, most, cache int) tiles {
	lanes := p.u.lanes
	vectors := (p.n + lanes - 1) / lanes
	fit := cache / (v.kb * lanes * 4)
	most = min(most, max(fit, 2))
	return tiles{vectors, (vectors + most - 1) / most, most}
}

// at returns first vector and number of vectors of tile i.
func (s tiles) at(i int) (first, n int) {
	small, wide := s.vectors/s.count, s.vectors%s.count
	narrow := s.count - wide
	if i < narrow {
		return i * small, small
	}
	return i*small + i - narrow, small + 1
}

// span is one tile of columns.
type span struct {
	j       int // first column
	vectors int
	last    int // place of the last vector from the first column, in floats
	cols    int
}

func (p *product) span(first, vectors int) span {
	lanes := p.u.lanes
	s := span{j: first * lanes, vectors: vectors, cols: min(vectors*lanes, p.n-first*lanes)}
	s.last = s.cols - lanes // negative only where n < lanes, which is packed
	return s
}

// badStride reports whether rows lie so far apart that their starts share few sets
// of the first-level cache. Y is then summed up in a packed tile.
func badStride(ld int) bool { return ld%256 == 0 && ld > 0 }

// packsX decides whether X is packed: always where vectors would leave its rows;
// else where rows are used often enough to pay for it. Measured in operations a
// cycle, 512×512×196, 90 %, AVX2 on Zen 3, without packing and with it, for rows
// 208, 196 and 1024 floats apart (whole lines, ragged, 4 KiB): 12.5, 11.0 and 8.3
// against 15.9, 13.5 and 14.3 for single rows; for blocks of 4 only 4 KiB gained,
// 14.2 against 15.9.
func (p *product) packsX(v *view, lo, hi int) bool {
	if p.n < p.u.lanes {
		return true
	}
	if p.ldx == p.n && p.n%p.u.lanes == 0 && p.n <= 14*p.u.lanes && !badStride(p.ldx) {
		return false // packed already
	}
	uses := packUses
	if p.ldx >= 1024 { // a page or more from row to row: packing reads ahead
		uses /= 2
	}
	return v.entries(lo, hi)*v.r >= uses*v.blocks*v.kb
}

// grow returns s with n elements of any value, on a 64-byte boundary.
func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		buf := make([]float32, n+n/4+16)
		skip := int(-uintptr(unsafe.Pointer(&buf[0]))) & 63 / 4
		s = buf[skip : len(buf)-16+skip]
	}
	return s[:n]
}

// packX copies K-block b of X, columns s, to xbuf: rows of whole vectors. Rows
// that do not exist and columns beyond the last are zero; with disjoint, so are
// the lanes of the last vector that the one before holds already.
func (p *product) packX(v *view, b int, s span, disjoint bool) {
	lanes := p.u.lanes
	width := s.vectors * lanes
	r0 := b * v.kb
	rows := min(v.kb, v.xrows-r0)
	p.xbuf = grow(p.xbuf, rows*width)
	p.copyRows(p.xbuf, width, (s.vectors-1)*lanes, p.x[r0*p.ldx+s.j:], p.ldx, s.last, rows, s, disjoint)
}

// copyRows copies rows of one tile between packed and plain storage.
func (p *product) copyRows(dst []float32, lddst, lastdst int, src []float32, ldsrc, lastsrc, rows int, s span, disjoint bool) {
	lanes := p.u.lanes
	if s.cols < lanes {
		for i := range rows {
			row := dst[i*lddst:]
			if n := copy(row[:s.cols], src[i*ldsrc:i*ldsrc+s.cols]); lastdst >= 0 { // packed rows, not plain ones
				clear(row[n:lanes])
			}
		}
		return
	}
	overlap := 0
	if disjoint {
		overlap = s.vectors*lanes - s.cols
	}
	for i := range lanes {
		p.mask[i] = -1
		if i < overlap {
			p.mask[i] = 0
		}
	}
	p.u.pack(&dst[0], &src[0], rows, s.vectors, lddst*4, ldsrc*4, lastdst*4, lastsrc*4, &p.mask[0])
}

func (p *product) forward(w *CSR, lo, hi int, acc bool) {
	v := viewOf(w, w.Values)
	fns, step := p.u.rowsFor(w.R)
	p.multiply(&v, lo, hi, fns, step, acc, hi == v.rows && w.M%w.R != 0, min(w.M, hi*w.R)-lo*w.R)
}

func (p *product) inputGrad(t *Twin, lo, hi int, acc bool) {
	v := view{t.K, t.Blocks(), t.GB, t.M, 1, t.Offsets, t.Columns, t.Values, &t.plan}
	p.multiply(&v, lo, hi, p.u.rows1, 1, acc, false, hi-lo)
}

// multiply is the product, with step rows of Y done at once. yrows counts the rows of Y from lo; where short,
// those of the last group do not all exist.
func (p *product) multiply(v *view, lo, hi int, fns []func(*byte), step int, acc, short bool, yrows int) {
	if v.blocks == 0 {
		if !acc {
			for i := range yrows {
				row := (lo*v.r + i) * p.ldy
				clear(p.y[row : row+p.n])
			}
		}
		return
	}
	lanes := p.u.lanes
	packX := p.packsX(v, lo, hi)
	packY := p.n < lanes || short || v.blocks > 1 && badStride(p.ldy)
	cut := p.tiles(v, len(fns)-1, cacheBytes)
	t := &p.t
	*t = tile{ldx: p.ldx * 4, ldy: p.ldy * 4, first: lo, vstride: v.r * 4,
		columns: unsafe.Pointer(unsafe.SliceData(v.columns))}
	for i := range cut.count {
		first, vectors := cut.at(i)
		s := p.span(first, vectors)
		width := vectors * lanes
		t.lastx, t.lasty = s.last*4, s.last*4
		plainY := p.y[lo*v.r*p.ldy+s.j:]
		y := unsafe.Pointer(&plainY[0])
		if packY {
			p.ybuf = grow(p.ybuf, (hi-lo)*v.r*width)
			t.ldy, t.lasty = width*4, (vectors-1)*lanes*4
			y = unsafe.Pointer(&p.ybuf[0])
			if acc {
				p.copyRows(p.ybuf, width, (vectors-1)*lanes, plainY, p.ldy, s.last, yrows, s, false)
			}
		}
		t.group = t.ldy * v.r
		for b := range v.blocks {
			if packX {
				p.packX(v, b, s, false)
				t.x, t.ldx, t.lastx = unsafe.Pointer(&p.xbuf[0]), width*4, (vectors-1)*lanes*4
			} else {
				t.x = unsafe.Pointer(&p.x[b*v.kb*p.ldx+s.j])
			}
			t.offsets = unsafe.Pointer(&v.offsets[b*v.rows+lo])
			t.acc = 0
			if acc || b > 0 {
				t.acc = 1
			}
			for q := range v.r / step { // quarters of a 16-row block
				t.order, t.n, t.i = unsafe.Pointer(&v.plan.order[b*v.rows+lo]), hi-lo, 0
				t.y = unsafe.Add(y, q*4*t.ldy)
				t.values = unsafe.Pointer(unsafe.SliceData(v.values))
				if len(v.values) > 0 {
					t.values = unsafe.Pointer(&v.values[q*4])
				}
				fns[vectors](t.bytes())
			}
		}
		if packY {
			p.copyRows(plainY, p.ldy, s.last, p.ybuf, width, (vectors-1)*lanes, yrows, s, false)
		}
	}
}

// scatter is the transposed product of the K-blocks from lo to hi, from the
// matrix itself: the rows of X of a K-block are summed up in a packed tile.
func (p *product) scatter(w *CSR, lo, hi int, acc bool) {
	if len(w.Values) == 0 {
		if !acc {
			for k := lo * w.KB; k < min(w.K, hi*w.KB); k++ {
				clear(p.x[k*p.ldx : k*p.ldx+p.n])
			}
		}
		return
	}
	v := viewOf(w, w.Values)
	lanes := p.u.lanes
	step := min(w.R, 4)
	fns := p.u.scatter[step]
	packY := p.n < lanes || w.M%w.R != 0
	cut := p.tiles(&v, len(fns)-1, cacheBytes)
	t := &p.t
	*t = tile{vstride: w.R * 4, columns: unsafe.Pointer(unsafe.SliceData(v.columns))}
	for i := range cut.count {
		first, vectors := cut.at(i)
		s := p.span(first, vectors)
		width := vectors * lanes
		y := p.tileY(t, s, 0, w.M, v.rows*w.R, packY)
		t.group = t.ldy * w.R
		for b := lo; b < hi; b++ {
			rows := min(v.kb, w.K-b*v.kb)
			p.xbuf = grow(p.xbuf, rows*width)
			plainX := p.x[b*v.kb*p.ldx+s.j:]
			if acc {
				p.copyRows(p.xbuf, width, (vectors-1)*lanes, plainX, p.ldx, s.last, rows, s, false)
			} else {
				clear(p.xbuf)
			}
			t.x, t.ldx = unsafe.Pointer(&p.xbuf[0]), width*4
			t.offsets = unsafe.Pointer(&v.offsets[b*v.rows])
			for q := range w.R / step {
				t.order, t.n, t.i = unsafe.Pointer(&v.plan.order[b*v.rows]), v.rows, 0
				t.y = unsafe.Add(y, q*4*t.ldy)
				t.values = unsafe.Pointer(&v.values[q*4])
				fns[vectors](t.bytes())
			}
			p.copyRows(plainX, p.ldx, s.last, p.xbuf, width, (vectors-1)*lanes, rows, s, false)
		}
	}
}

// tileY sets the tile's places in the rows of Y from row first on, rows of which
// exist, and returns their address; where packed, they are copied and rows up to
// whole are zero.
func (p *product) tileY(t *tile, s span, first, rows, whole int, packed bool) unsafe.Pointer {
	plain := p.y[first*p.ldy+s.j:]
	t.ldy, t.lasty = p.ldy*4, s.last*4
	if !packed {
		return unsafe.Pointer(&plain[0])
	}
	lanes := p.u.lanes
	width := s.vectors * lanes
	p.ybuf = grow(p.ybuf, whole*width)
	clear(p.ybuf[rows*width:])
	p.copyRows(p.ybuf, width, (s.vectors-1)*lanes, plain, p.ldy, s.last, rows, s, false)
	t.ldy, t.lasty = width*4, (s.vectors-1)*lanes*4
	return unsafe.Pointer(&p.ybuf[0])
}

// weightGrad adds the gradient of row groups lo to hi.
func (p *product) weightGrad(w *CSR, lo, hi int, dW []float32) {
	v := viewOf(w, dW)
	if v.blocks == 0 || len(dW) == 0 {
		return
	}
	lanes := p.u.lanes
	step := min(w.R, 4)
	dots := p.u.dots[step]
	packX := p.packsX(&v, lo, hi)
	short := hi == v.rows && w.M%w.R != 0
	packY := p.n < lanes || short
	yrows := min(w.M, hi*w.R) - lo*w.R
	cache := cacheBytes
	if step > 1 {
		cache = blockBytes
	}
	cut := p.tiles(&v, sddmmTile/lanes, cache)
	t := &p.t
	*t = tile{first: lo, vstride: w.R * 4, columns: unsafe.Pointer(unsafe.SliceData(v.columns))}
	for i := range cut.count {
		first, vectors := cut.at(i)
		s := p.span(first, vectors)
		width := vectors * lanes
		y := p.tileY(t, s, lo*w.R, yrows, (hi-lo)*w.R, packY)
		t.group = t.ldy * w.R
		for b := range v.blocks {
			t.lastx = (vectors - 1) * lanes * 4
			if packX || s.cols < width {
				p.packX(&v, b, s, true)
				t.x, t.ldx = unsafe.Pointer(&p.xbuf[0]), width*4
			} else {
				t.x, t.ldx = unsafe.Pointer(&p.x[b*v.kb*p.ldx+s.j]), p.ldx*4
			}
			t.offsets = unsafe.Pointer(&v.offsets[b*v.rows+lo])
			for q := range w.R / step {
				t.order, t.n, t.i = unsafe.Pointer(&v.plan.order[b*v.rows+lo]), hi-lo, 0
				t.y = unsafe.Add(y, q*4*t.ldy)
				t.values = unsafe.Pointer(&dW[q*4])
				dots(t.bytes())
			}
		}
	}
}

var unitAVX2 = vectorUnit{
	lanes: 8,
	rows1: []func(*byte){nil, spmm1x1AVX2, spmm1x2AVX2, spmm1x3AVX2, spmm1x4AVX2, spmm1x5AVX2, spmm1x6AVX2, spmm1x7AVX2,
		spmm1x8AVX2, spmm1x9AVX2, spmm1x10AVX2, spmm1x11AVX2, spmm1x12AVX2, spmm1x13AVX2, spmm1x14AVX2},
	rows2: []func(*byte){nil, spmm2x1AVX2, spmm2x2AVX2, spmm2x3AVX2, spmm2x4AVX2, spmm2x5AVX2, spmm2x6AVX2},
	rows4: []func(*byte){nil, spmm4x1AVX2, spmm4x2AVX2, spmm4x3AVX2},
	dots:  [5]func(*byte){1: sddmm1AVX2, 2: sddmm2AVX2, 4: sddmm4AVX2},
	scatter: [5][]func(*byte){
		1: {nil, scatter1x1AVX2, scatter1x2AVX2, scatter1x3AVX2, scatter1x4AVX2, scatter1x5AVX2, scatter1x6AVX2},
		2: {nil, scatter2x1AVX2, scatter2x2AVX2, scatter2x3AVX2, scatter2x4AVX2, scatter2x5AVX2, scatter2x6AVX2},
		4: {nil, scatter4x1AVX2, scatter4x2AVX2, scatter4x3AVX2},
	},
	pack: packRowsAVX2,
}

var unitAVX512 = vectorUnit{
	lanes: 16,
	rows1: []func(*byte){nil, spmm1x1AVX512, spmm1x2AVX512, spmm1x3AVX512, spmm1x4AVX512, spmm1x5AVX512, spmm1x6AVX512, spmm1x7AVX512,
		spmm1x8AVX512, spmm1x9AVX512, spmm1x10AVX512, spmm1x11AVX512, spmm1x12AVX512, spmm1x13AVX512, spmm1x14AVX512},
	rows2: []func(*byte){nil, spmm2x1AVX512, spmm2x2AVX512, spmm2x3AVX512, spmm2x4AVX512, spmm2x5AVX512, spmm2x6AVX512},
	rows4: []func(*byte){nil, spmm4x1AVX512, spmm4x2AVX512, spmm4x3AVX512, spmm4x4AVX512, spmm4x5AVX512, spmm4x6AVX512},
	dots:  [5]func(*byte){1: sddmm1AVX512, 2: sddmm2AVX512, 4: sddmm4AVX512},
	scatter: [5][]func(*byte){
		1: {nil, scatter1x1AVX512, scatter1x2AVX512, scatter1x3AVX512, scatter1x4AVX512, scatter1x5AVX512, scatter1x6AVX512},
		2: {nil, scatter2x1AVX512, scatter2x2AVX512, scatter2x3AVX512, scatter2x4AVX512, scatter2x5AVX512, scatter2x6AVX512},
		4: {nil, scatter4x1AVX512, scatter4x2AVX512, scatter4x3AVX512, scatter4x4AVX512, scatter4x5AVX512, scatter4x6AVX512},
	},
	pack: packRowsAVX512,
}
