package kernel

//go:generate sh -c "cd _asm && go run . -op sddmm -out ../sddmm_amd64.s -stubs ../z_sddmm_amd64.go -pkg kernel"

// The weight gradient of a sparse layer: the entries of dY·Xᵀ where W has weights
// and nowhere else, 2·N floating point operations each.

// sddmmRange adds the gradient of row groups lo to hi to dW, alone.
var sddmmRange func(w *CSR, lo, hi, N int, dY []float32, ldy int, X []float32, ldx int, dW []float32)

func init() {
	bind(Portable, func() { sddmmRange = sddmmPortable })
}

// SDDMM adds to dW, which is laid out like W.Values, the entries of dY·Xᵀ at the
// entries of W, for dY of shape [M,N] and X of shape [K,N]. The values of rows
// that do not exist (a short last group) stay as they are. It panics where a
// slice is too short for its shape.
func SDDMM(W *CSR, N int, dY []float32, ldy int, X []float32, ldx int, dW []float32) {
	W.check("SDDMM")
	checkProduct("SDDMM", W.M, W.K, N, X, ldx, dY, ldy)
	if len(dW) != len(W.Values) {
		panic("kernel: SDDMM: gradient is not laid out like the values of W")
	}
	runSparse(sparseTask{op: weightGrad, w: W, n: N, x: X, ldx: ldx, y: dY, ldy: ldy, dw: dW})
}

// sddmmSerial is SDDMM on the calling goroutine, for use inside kernels that have
// cut the work already.
func sddmmSerial(w *CSR, N int, dY []float32, ldy int, X []float32, ldx int, dW []float32) {
	if N > 0 {
		sddmmRange(w, 0, w.Groups(), N, dY, ldy, X, ldx, dW)
	}
}

// sddmmTile is the number of columns summed up in one go; the sums of tiles are
// then added one after the other, which keeps long sums accurate.
const sddmmTile = 512

func sddmmPortable(w *CSR, lo, hi, N int, dY []float32, ldy int, X []float32, ldx int, dW []float32) {
	groups := w.Groups()
	for j := 0; j < N; j += sddmmTile {
		n := min(sddmmTile, N-j)
		for b := range w.KBlocks() {
			for i := b*groups + lo; i < b*groups+hi; i++ {
				g := int(w.plan.order[i])
				for e := w.Offsets[i]; e < w.Offsets[i+1]; e++ {
					k := b*w.KB + int(w.Columns[e])
					x := X[k*ldx+j : k*ldx+j+n]
					for r := range w.rowsOf(g) {
						at := (g*w.R+r)*ldy + j
						dW[int(e)*w.R+r] += dotPlain(dY[at:at+n], x)
					}
				}
			}
		}
	}
}

// dotPlain is the dot product in four partial sums.
func dotPlain(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s2) + (s1 + s3)
}
