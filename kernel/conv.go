package kernel

// Convolution as products of tiles. The images of a chunk are copied once into a
// zero-bordered scratch (for a stride s, with the s phases of each row apart), so that
// the inputs one weight meets along a row of outputs are contiguous. For every tile of
// output columns the rows of the implicit matrix col[K, T], K = C·KH·KW, are gathered
// from there; then a convolution is W·col, its input gradient is Wᵀ·dY added back
// through the same places, and its weight gradient is dY·colᵀ. Weights may be dense or
// sparse: only the product differs. Tiles are contiguous, because the planes of a batch
// lie a multiple of 4 KiB apart, which the caches do not bear.

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

//go:generate sh -c "cd _asm && go run . -op conv -out ../conv_amd64.s -stubs ../z_conv_amd64.go -pkg kernel"

// Conv is the shape of a convolution of X [C, B, H, W] with weights [M, C, KH, KW] to
// Y [M, B, OH, OW]. One dimension is H = KH = 1. Strides and dilations of 0 mean 1.
type Conv struct {
	B, C, H, W           int
	M, KH, KW            int
	StrideH, StrideW     int
	PadH, PadW           int
	DilationH, DilationW int
}

// norm returns c with strides and dilations of 0 set to 1.
func (c Conv) norm() Conv {
	c.StrideH, c.StrideW = max(c.StrideH, 1), max(c.StrideW, 1)
	c.DilationH, c.DilationW = max(c.DilationH, 1), max(c.DilationW, 1)
	return c
}

// K returns the inputs of one output, C·KH·KW.
func (c Conv) K() int { return c.C * c.KH * c.KW }

// OutH returns the height of the output, 0 where the kernel does not fit.
func (c Conv) OutH() int { return outSize(c.H, c.KH, c.StrideH, c.PadH, c.DilationH) }

// OutW returns the width of the output, 0 where the kernel does not fit.
func (c Conv) OutW() int { return outSize(c.W, c.KW, c.StrideW, c.PadW, c.DilationW) }

func outSize(n, k, stride, pad, dilation int) int {
	span := n + 2*pad - (k-1)*max(dilation, 1) - 1
	if span < 0 {
		return 0
	}
	return span/max(stride, 1) + 1
}

// N returns the columns of the output, B·OH·OW.
func (c Conv) N() int { return c.B * c.OutH() * c.OutW() }

// plain reports whether the convolution is a product of X itself.
func (c Conv) plain() bool {
	return c.KH == 1 && c.KW == 1 && c.StrideH == 1 && c.StrideW == 1 && c.PadH == 0 && c.PadW == 0
}

func (c Conv) check(op string, x, y []float32) {
	if len(x) != c.C*c.B*c.H*c.W || len(y) != c.M*c.N() {
		panic(fmt.Sprintf("kernel: %s: input of %d values for [%d,%d,%d,%d], output of %d for [%d,%d,%d,%d]",
			op, len(x), c.C, c.B, c.H, c.W, len(y), c.M, c.B, c.OutH(), c.OutW()))
	}
}

func (c Conv) checkWeights(op string, w int) {
	if w != c.M*c.K() {
		panic(fmt.Sprintf("kernel: %s: %d weights for [%d,%d,%d,%d]", op, w, c.M, c.C, c.KH, c.KW))
	}
}

func (c Conv) checkSparse(op string, w *CSR) {
	w.check(op)
	if w.M != c.M || w.K != c.K() {
		panic(fmt.Sprintf("kernel: %s: weights are [%d,%d], convolution has [%d,%d]", op, w.M, w.K, c.M, c.K()))
	}
}

// ConvDense computes Y = W * X for weights W [M, C, KH, KW].
func ConvDense(c Conv, W, X, Y []float32) {
	c = c.norm()
	c.check("ConvDense", X, Y)
	c.checkWeights("ConvDense", len(W))
	if c.plain() {
		GEMM(false, false, c.M, c.N(), c.C, 1, W, c.C, X, c.N(), 0, Y, c.N())
		return
	}
	t := takeConv(c, convForward, false, X, Y)
	t.packed = takePackedWeights(false, c.M, c.K(), W, c.K())
	t.do()
}

// ConvSparse computes Y = W * X for sparse weights [M, C·KH·KW].
func ConvSparse(c Conv, W *CSR, X, Y []float32) {
	c = c.norm()
	c.check("ConvSparse", X, Y)
	c.checkSparse("ConvSparse", W)
	if c.plain() {
		SpMM(W, c.N(), X, c.N(), false, Y, c.N())
		return
	}
	t := takeConv(c, convForward, true, X, Y)
	t.w = W
	t.do()
}

// ConvDenseGradX computes the gradient of X from that of Y, or adds it to dX where acc
// is true.
func ConvDenseGradX(c Conv, W, dY []float32, acc bool, dX []float32) {
	c = c.norm()
	c.check("ConvDenseGradX", dX, dY)
	c.checkWeights("ConvDenseGradX", len(W))
	if c.plain() {
		beta := float32(0)
		if acc {
			beta = 1
		}
		GEMM(true, false, c.C, c.N(), c.M, 1, W, c.C, dY, c.N(), beta, dX, c.N())
		return
	}
	t := takeConv(c, convGradX, false, dX, dY)
	t.acc = acc
	t.packed = takePackedWeights(true, c.K(), c.M, W, c.K())
	t.do()
}

// ConvSparseGradX computes the gradient of X from that of Y, or adds it to dX where acc
// is true. T is the twin of W; its values are refreshed.
func ConvSparseGradX(c Conv, W *CSR, T *Twin, dY []float32, acc bool, dX []float32) {
	c = c.norm()
	c.check("ConvSparseGradX", dX, dY)
	c.checkSparse("ConvSparseGradX", W)
	if c.plain() {
		SpMMT(W, T, c.N(), dY, c.N(), acc, dX, c.N())
		return
	}
	T.Refresh(W)
	t := takeConv(c, convGradX, true, dX, dY)
	t.acc, t.w, t.twin = acc, W, T
	t.do()
}

// ConvDenseGradW adds the gradient of the weights to dW.
func ConvDenseGradW(c Conv, X, dY, dW []float32) {
	c = c.norm()
	c.check("ConvDenseGradW", X, dY)
	c.checkWeights("ConvDenseGradW", len(dW))
	t := takeConv(c, convGradW, false, X, dY)
	t.gradW(dW)
}

// ConvSparseGradW adds the gradient of the weights that exist to dW, which is laid out
// like W.Values.
func ConvSparseGradW(c Conv, W *CSR, X, dY, dW []float32) {
	c = c.norm()
	c.check("ConvSparseGradW", X, dY)
	c.checkSparse("ConvSparseGradW", W)
	if len(dW) != len(W.Values) {
		panic(fmt.Sprintf("kernel: ConvSparseGradW: gradient of %d values for %d weights", len(dW), len(W.Values)))
	}
	t := takeConv(c, convGradW, true, X, dY)
	t.w = W
	t.gradW(dW)
}

type convOp int

const (
	convForward convOp = iota
	convGradX
	convGradW
)

// convTask is one convolution or gradient, cut into chunks of whole images.
type convTask struct {
	Conv
	op     convOp
	x, y   []float32 // x: input or its gradient; y: output or its gradient
	acc    bool
	w      *CSR // sparse weights; nil for dense
	twin   *Twin
	packed *Packed
	parts  []float32 // convGradW: one gradient for each chunk
	size   int       // of one of them

	oh, ow, n  int
	k, tile    int // rows of col; columns of a tile
	images     int // of a chunk
	chunks     int
	hp, wq     int // rows and phase length of a zero-bordered image
	plane      int // floats of one channel of one bordered image
	rowOffsets []int
}

var convTasks = sync.Pool{New: func() any { return new(convTask) }}

func takeConv(c Conv, op convOp, sparse bool, x, y []float32) *convTask {
	t := convTasks.Get().(*convTask)
	*t = convTask{Conv: c, op: op, x: x, y: y, parts: t.parts, rowOffsets: t.rowOffsets[:0]}
	t.oh, t.ow, t.n, t.k = c.OutH(), c.OutW(), c.N(), c.K()
	t.hp = c.H + 2*c.PadH
	t.wq = (c.W + 2*c.PadW + c.StrideW - 1) / c.StrideW
	t.plane = t.hp * t.wq * c.StrideW
	// A tile of col that fits the second-level cache beside the weights.
	t.tile = min(max(72<<10/max(t.k, 1)/32*32, 64), 256)
	if sparse {
		t.tile = convSparseCols
	}
	t.images = 1
	if area := t.oh * t.ow; area > 0 {
		t.images = max(1, (256+area-1)/area)
	}
	if op == convGradW {
		t.images = max(t.images, (c.B+convParts-1)/convParts)
	}
	t.chunks = 0
	if t.n > 0 {
		t.chunks = (c.B + t.images - 1) / t.images
	}
	for ch := range c.C {
		for kh := range c.KH {
			for kw := range c.KW {
				at := kw * c.DilationW
				t.rowOffsets = append(t.rowOffsets,
					ch*t.images*t.plane+(kh*c.DilationH*c.StrideW+at%c.StrideW)*t.wq+at/c.StrideW)
			}
		}
	}
	return t
}

// convSparseCols is how many columns a tile of a sparse convolution has: about as many
// as the sparse kernels do at once, so that they need not pack it again.
const convSparseCols = 88

// convParts is the most chunks of a weight gradient, each of which has a sum of its own.
const convParts = 8

// do runs the task and gives it back.
func (t *convTask) do() {
	if t.op == convGradX && !t.acc && t.n == 0 {
		clear(t.x)
	}
	if t.k == 0 && t.op == convForward {
		clear(t.y)
		t.chunks = 0
	}
	parallel.Do(t.chunks, t)
	if t.packed != nil {
		packedWeights.Put(t.packed)
	}
	*t = convTask{parts: t.parts, rowOffsets: t.rowOffsets}
	convTasks.Put(t)
}

var packedWeights = sync.Pool{New: func() any { return new(Packed) }}

func takePackedWeights(tA bool, M, K int, A []float32, lda int) *Packed {
	p := packedWeights.Get().(*Packed)
	p.M, p.K, p.tA = M, K, tA
	p.Repack(A, lda)
	return p
}

// gradW runs a weight gradient: a sum for each chunk, then their sum in order.
func (t *convTask) gradW(dW []float32) {
	t.size = len(dW)
	if cap(t.parts) < t.chunks*t.size {
		t.parts = make([]float32, t.chunks*t.size)
	}
	t.parts = t.parts[:t.chunks*t.size]
	clear(t.parts)
	chunks, size, parts := t.chunks, t.size, t.parts
	parallel.Do(chunks, t)
	for i := range chunks {
		AddTo(dW, parts[i*size:(i+1)*size])
	}
	*t = convTask{parts: t.parts, rowOffsets: t.rowOffsets}
	convTasks.Put(t)
}

// convScratch is what a chunk works in.
type convScratch struct {
	images []float32 // bordered images [C, images, plane]
	col    []float32 // [K, tile]
	runs   []convRun
	groups []int32 // where each 8 columns of a tile begin in a bordered image
}

// convRun is a run of columns of a tile that lie in one row of outputs.
type convRun struct{ at, from, n int } // in the tile; in a bordered image

var convScratches = sync.Pool{New: func() any { return new(convScratch) }}

func resize(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// Run does one chunk.
func (t *convTask) Run(chunk int) {
	s := convScratches.Get().(*convScratch)
	b0 := chunk * t.images
	b1 := min(b0+t.images, t.B)
	s.images = resize(s.images, t.C*t.images*t.plane+8)
	s.col = resize(s.col, t.k*t.tile)
	if t.op == convGradX {
		clear(s.images)
	} else {
		t.border(s.images, b0, b1)
	}
	area := t.oh * t.ow
	for n := b0 * area; n < b1*area; n += t.tile {
		width := min(t.tile, b1*area-n)
		t.layout(s, n-b0*area, width)
		t.doTile(s, chunk, n, width)
	}
	if t.op == convGradX {
		t.unborder(s.images, b0, b1)
	}
	convScratches.Put(s)
}

// doTile computes width columns from n on.
func (t *convTask) doTile(s *convScratch, chunk, n, width int) {
	col, y := s.col[:t.k*width], t.y[n:]
	switch t.op {
	case convForward:
		t.gather(s, col, width)
		if t.w == nil {
			gemmPackedSerial(t.packed, width, col, width, 0, y, t.n)
		} else {
			spmmSerial(t.w, width, col, width, false, y, t.n)
		}
	case convGradX:
		if t.w == nil {
			gemmPackedSerial(t.packed, width, y, t.n, 0, col, width)
		} else {
			spmmtSerial(t.twin, width, y, t.n, false, col, width)
		}
		t.scatter(s, col, width)
	case convGradW:
		t.gather(s, col, width)
		part := t.parts[chunk*t.size : (chunk+1)*t.size]
		if t.w == nil {
			gemmSerial(false, true, t.M, t.k, width, 1, y, t.n, col, width, 1, part, t.k)
		} else {
			sddmmSerial(t.w, width, y, t.n, col, width, part)
		}
	}
}

// layout finds where width columns from first on, counted from the chunk's first,
// begin in the bordered images.
func (t *convTask) layout(s *convScratch, first, width int) {
	s.runs, s.groups = s.runs[:0], s.groups[:0]
	for at := 0; at < width; {
		i := first + at
		ow, oh, b := i%t.ow, i/t.ow%t.oh, i/t.ow/t.oh
		n := min(t.ow-ow, width-at)
		s.runs = append(s.runs, convRun{at, b*t.plane + oh*t.StrideH*t.StrideW*t.wq + ow, n})
		at += n
	}
	if t.ow%8 != 0 || width%8 != 0 {
		return
	}
	for _, r := range s.runs {
		for j := 0; j < r.n; j += 8 {
			s.groups = append(s.groups, int32(r.from+j))
		}
	}
}

// The movers of the level in use, nil for plain loops. groups holds where each 8 columns
// begin in image, places where each of k rows does: gather8 copies them to rows, one after
// the other, and scatter8 adds rows to them. copyRows8 and addRows8 move the rows of an
// image, n times 8 floats each, strides in bytes. split2 parts rows of n floats, a
// multiple of 16, into those at even and those at odd places; join2 and joinAdd2 undo it.
var (
	gather8, scatter8   func(rows, image *float32, places *int, k int, groups *int32, n int)
	copyRows8, addRows8 func(dst, src *float32, rows, n, dstStride, srcStride int)

	split2, join2, joinAdd2 func(whole, even, odd *float32, rows, n, wholeStride, halfStride int)
)

func init() {
	bind(Portable, func() {
		gather8, scatter8, copyRows8, addRows8 = nil, nil, nil, nil
		split2, join2, joinAdd2 = nil, nil, nil
	})
}

// gather fills col [K, width].
func (t *convTask) gather(s *convScratch, col []float32, width int) {
	if gather8 != nil && len(s.groups) > 0 {
		gather8(&col[0], &s.images[0], &t.rowOffsets[0], t.k, &s.groups[0], len(s.groups))
		return
	}
	for k, off := range t.rowOffsets {
		row := col[k*width : (k+1)*width]
		for _, r := range s.runs {
			copy(row[r.at:r.at+r.n], s.images[off+r.from:])
		}
	}
}

// scatter adds col [K, width] to the places it would be gathered from.
func (t *convTask) scatter(s *convScratch, col []float32, width int) {
	if scatter8 != nil && len(s.groups) > 0 {
		scatter8(&col[0], &s.images[0], &t.rowOffsets[0], t.k, &s.groups[0], len(s.groups))
		return
	}
	for k, off := range t.rowOffsets {
		row := col[k*width : (k+1)*width]
		for _, r := range s.runs {
			to := s.images[off+r.from:][:r.n]
			for i, v := range row[r.at : r.at+r.n] {
				to[i] += v
			}
		}
	}
}
