package kernel

import (
	"fmt"
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Fourier transforms of many frames at once. Sample i of frame t is at [i, t], as
// everywhere, so that a butterfly works on whole rows and needs no shuffles. The
// transform is Stockham's: it has no reordering, and after the first pass the rows of one
// twiddle factor are contiguous. A real transform of n samples is a complex one of n/2
// (even samples the real part, odd ones the imaginary), whose result is taken apart.
// About 2.5·n·log2 n operations a frame.

// fftColumns is how many frames are transformed together: 16 of 1024 samples, with their
// copy, fill 128 KiB.
const fftColumns = 16

// fftKernels are the passes. A pass of radix r takes r blocks of n values, sstep apart, to r blocks
// dstep apart: the r-point transforms of what stands at the same place in each, block j
// times the j-th twiddle factor (real and imaginary parts w[2j-2], w[2j-1]).
type fftKernels struct {
	pass2, pass4, pass5 func(re, im *float32, sstep int, dre, dim *float32, dstep, n int, w *float32)

	// split makes bins k and n/2-k of a real transform from values a and b of the complex
	// one, merge does what its transpose asks for, conjugated.
	split, merge func(pr, pi, qr, qi, ar, ai, br, bi *float32, n int, c, s float32)
}

var fftVec fftKernels

func init() {
	bind(Portable, func() {
		fftVec = fftKernels{passPortable(2), passPortable(4), passPortable(5), splitPortable, mergePortable}
	})
}

// FFT transforms frames of Size real samples. It may be used by several goroutines.
type FFT struct {
	Size int

	radices  []int
	twiddles [][]float32 // of each pass: radix-1 factors for each p
	roots    []float32   // e^(-2πik/Size), k = 0..Size/2
	scratch  sync.Pool
}

var ffts sync.Map // of *FFT by size

// NewFFT returns the transform of a size. It panics unless that is even and has no prime
// factor above 5.
func NewFFT(size int) *FFT {
	if f, ok := ffts.Load(size); ok {
		return f.(*FFT)
	}
	f := &FFT{Size: size}
	m := size / 2
	rest := m
	for _, r := range []int{5, 3, 4, 2} {
		for rest > 0 && rest%r == 0 {
			f.radices = append(f.radices, r)
			rest /= r
		}
	}
	if size%2 != 0 || size < 2 || rest != 1 {
		panic(fmt.Sprintf("kernel: NewFFT: size %d: must be even, of factors 2, 3 and 5", size))
	}
	left := m
	for _, r := range f.radices {
		var w []float32
		for p := range left / r {
			for j := 1; j < r; j++ {
				s, c := math.Sincos(-2 * math.Pi * float64(p*j) / float64(left))
				w = append(w, float32(c), float32(s))
			}
		}
		f.twiddles = append(f.twiddles, w)
		left /= r
	}
	for k := range m + 1 {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(size))
		f.roots = append(f.roots, float32(c), float32(s))
	}
	n := (3*size + 2*f.Bins()) * fftColumns
	f.scratch.New = func() any { b := make([]float32, n); return &b }
	ffts.Store(size, f)
	return f
}

// Bins returns the number of frequencies: Size/2 + 1.
func (f *FFT) Bins() int { return f.Size/2 + 1 }

// complex transforms m = Size/2 rows, in place or to the other pair; it returns the pair
// with the result.
func (f *FFT) complex(re, im, re2, im2 []float32) (outRe, outIm []float32) {
	f.pass(0, fftColumns, 1, re, im, re2, im2)
	return f.rest(re2, im2, re, im)
}

// rest does all passes but the first.
func (f *FFT) rest(re, im, re2, im2 []float32) (outRe, outIm []float32) {
	if len(f.radices) == 0 {
		return re, im
	}
	stride := fftColumns * f.radices[0] // values that share a twiddle factor
	for i := 1; i < len(f.radices); i++ {
		f.pass(i, stride, 1, re, im, re2, im2)
		re, im, re2, im2 = re2, im2, re, im
		stride *= f.radices[i]
	}
	return re, im
}

// pass does one pass, whose rows stand apart times as far from each other as they are long.
func (f *FFT) pass(i, stride, apart int, re, im, re2, im2 []float32) {
	if len(f.radices) == 0 { // one value is its own transform
		copy(re2[:stride], re)
		copy(im2[:stride], im)
		return
	}
	r := f.radices[i]
	parts := f.Size / 2 * fftColumns / (stride * r)
	step := stride * parts * apart
	pass := pass3
	switch r {
	case 2:
		pass = fftVec.pass2
	case 4:
		pass = fftVec.pass4
	case 5:
		pass = fftVec.pass5
	}
	for p := range parts {
		src, dst := p*stride*apart, p*r*stride
		pass(&re[src], &im[src], step, &re2[dst], &im2[dst], stride, stride, &f.twiddles[i][2*(r-1)*p])
	}
}

// quarters cuts buf into the two pairs of arrays of a complex transform.
func (f *FFT) quarters(buf []float32) (a, b, c, d []float32) {
	n := f.Size / 2 * fftColumns
	return buf[:n], buf[n : 2*n], buf[2*n : 3*n], buf[3*n : 4*n]
}

// forward transforms frames x [Size, 16] to re and im [Bins, 16]. buf holds 32·Size
// values.
func (f *FFT) forward(x, re, im, buf []float32) {
	const N = fftColumns
	m := f.Size / 2
	zr, zi, tr, ti := f.quarters(buf)
	f.pass(0, N, 2, x, x[N:], tr, ti) // even samples are real parts, odd ones imaginary
	zr, zi = f.rest(tr, ti, zr, zi)
	for k := range m/2 + 1 {
		l := m - k // the two bins that the same pair of values decides
		a, b := k%m*N, l%m*N
		fftVec.split(&re[k*N], &im[k*N], &re[l*N], &im[l*N], &zr[a], &zi[a], &zr[b], &zi[b], N, f.roots[2*k], f.roots[2*k+1])
	}
}

// adjoint is the transpose of forward: x [Size, 16] = Re Σ_k (re + i·im)·e^(2πik·/Size)
// over the bins k = 0 to Size/2, each once.
func (f *FFT) adjoint(re, im, x, buf []float32) {
	const N = fftColumns
	m := f.Size / 2
	zr, zi, tr, ti := f.quarters(buf)
	for j := range N { // both ends, whose imaginary parts do not count, meet in row 0
		zr[j], zi[j] = re[j]+re[m*N+j], re[m*N+j]-re[j]
	}
	for k := 1; k <= m/2; k++ {
		l := m - k
		fftVec.merge(&zr[k*N], &zi[k*N], &zr[l*N], &zi[l*N], &re[k*N], &im[k*N], &re[l*N], &im[l*N], N, f.roots[2*k], f.roots[2*k+1])
	}
	// The transform back is that of the conjugate, conjugated.
	zr, zi = f.complex(zr, zi, tr, ti)
	for i := range m {
		copy(x[2*i*N:(2*i+1)*N], zr[i*N:])
		vec.scale(&x[(2*i+1)*N], &zi[i*N], N, -1)
	}
}

var pass3 = passPortable(3)

// passPortable is a pass of any radix up to 5, by the definition.
func passPortable(r int) func(re, im *float32, sstep int, dre, dim *float32, dstep, n int, w *float32) {
	var cs, sn [5]float32 // of multiples of a turn's r-th part
	for k := range r {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(r))
		cs[k], sn[k] = float32(c), float32(s)
	}
	return func(reP, imP *float32, sstep int, dreP, dimP *float32, dstep, n int, wP *float32) {
		re, im := floats(reP, (r-1)*sstep+n), floats(imP, (r-1)*sstep+n)
		dre, dim := floats(dreP, (r-1)*dstep+n), floats(dimP, (r-1)*dstep+n)
		w := floats(wP, 2*(r-1))
		for j := range r {
			wr, wi := float32(1), float32(0)
			if j > 0 {
				wr, wi = w[2*j-2], w[2*j-1]
			}
			for i := range n {
				xr, xi := re[i], im[i]
				for k := 1; k < r; k++ {
					a, b, c, s := re[k*sstep+i], im[k*sstep+i], cs[j*k%r], sn[j*k%r]
					xr += a*c - b*s
					xi += a*s + b*c
				}
				dre[j*dstep+i], dim[j*dstep+i] = xr*wr-xi*wi, xr*wi+xi*wr
			}
		}
	}
}

func splitPortable(pr, pi, qr, qi, ar, ai, br, bi *float32, n int, c, s float32) {
	zr, zi, yr, yi := floats(ar, n), floats(ai, n), floats(br, n), floats(bi, n)
	for j := range n {
		er, or := (zr[j]+yr[j])/2, (zi[j]+yi[j])/2
		ei, oi := (zi[j]-yi[j])/2, (yr[j]-zr[j])/2
		wr, wi := c*or-s*oi, c*oi+s*or
		floats(pr, n)[j], floats(pi, n)[j] = er+wr, ei+wi
		floats(qr, n)[j], floats(qi, n)[j] = er-wr, wi-ei
	}
}

func mergePortable(pr, pi, qr, qi, ar, ai, br, bi *float32, n int, c, s float32) {
	zr, zi, yr, yi := floats(ar, n), floats(ai, n), floats(br, n), floats(bi, n)
	for j := range n {
		er, ei := (zr[j]+yr[j])/2, (zi[j]-yi[j])/2
		dr, di := (zr[j]-yr[j])/2, (zi[j]+yi[j])/2
		or, oi := dr*c+di*s, di*c-dr*s
		floats(pr, n)[j], floats(pi, n)[j] = er-oi, -(ei + or)
		floats(qr, n)[j], floats(qi, n)[j] = er+oi, ei-or
	}
}

// Frames is a short-time Fourier transform: frames of Size samples every Hop, times
// Window. Frame t of a signal begins at sample t·Hop - Before; samples outside the signal
// are zeros.
type Frames struct {
	Size, Hop, Before int
	Window            []float32 // [Size]
}

// frameTask transforms the frames of B signals.
type frameTask struct {
	Frames
	fft       *FFT
	B, L, T   int
	x, re, im []float32
	back      bool
	tiles     int
}

// Count returns how many frames begin before the end of a signal of L samples that is padded with Before
// zeros at both ends.
func (f Frames) Count(L int) int {
	if L+2*f.Before < f.Size {
		return 0
	}
	return (L+2*f.Before-f.Size)/f.Hop + 1
}

func (f Frames) task(op string, B, L, T int, x, re, im []float32) frameTask {
	fft := NewFFT(f.Size)
	if n := fft.Bins() * B * T; len(f.Window) != f.Size || f.Hop < 1 || len(x) != B*L || len(re) != n || len(im) != n {
		panic(fmt.Sprintf("kernel: %s: %d samples of %d signals, window of %d for %d, hop %d, spectra of %d and %d for %d bins of %d frames",
			op, len(x), B, len(f.Window), f.Size, f.Hop, len(re), len(im), fft.Bins(), B*T))
	}
	return frameTask{Frames: f, fft: fft, B: B, L: L, T: T, x: x, re: re, im: im, tiles: (T + fftColumns - 1) / fftColumns}
}

// Analyze computes the spectra re and im [Size/2+1, B, T] of the T first frames of signals x
// [B, L].
func (f Frames) Analyze(B, L, T int, x, re, im []float32) {
	t := f.task("Analyze", B, L, T, x, re, im)
	parallel.Do(B*t.tiles, &t)
}

// Adjoint adds to signals x [B, L] what the transpose of [Frames.Analyze] makes of re and
// im [Size/2+1, B, T]: gradients go back through an analysis with it. With each bin but the
// first and last doubled, divided by Size, and windows that add up to 1 when squared, it is also the inverse transform.
func (f Frames) Adjoint(B, L, T int, re, im, x []float32) {
	t := f.task("Adjoint", B, L, T, x, re, im)
	t.back = true
	parallel.Do(B, &t) // frames overlap: one signal is one piece of work
}

// Run does some frames of one signal.
func (t *frameTask) Run(i int) {
	buf := t.fft.scratch.Get().(*[]float32)
	defer t.fft.scratch.Put(buf)
	if t.back {
		for tile := range t.tiles {
			t.tile(i, tile, *buf)
		}
		return
	}
	t.tile(i/t.tiles, i%t.tiles, *buf)
}

func (t *frameTask) tile(b, tile int, buf []float32) {
	const N = fftColumns
	first := tile * N
	count := min(N, t.T-first)
	n, bins := t.Size, t.fft.Bins()
	frames, re, im, rest := buf[:n*N], buf[n*N:(n+bins)*N], buf[(n+bins)*N:(n+2*bins)*N], buf[(n+2*bins)*N:]
	at, ld := b*t.T+first, t.B*t.T // column of the first frame, columns of a row
	if t.back {
		for k := range bins {
			copy(re[k*N:k*N+count], t.re[k*ld+at:])
			copy(im[k*N:k*N+count], t.im[k*ld+at:])
		}
		t.fft.adjoint(re, im, frames, rest)
		t.overlap(b, first, count, frames)
		return
	}
	t.gather(b, first, count, frames)
	t.fft.forward(frames, re, im, rest)
	for k := range bins {
		copy(t.re[k*ld+at:k*ld+at+count], re[k*N:])
		copy(t.im[k*ld+at:k*ld+at+count], im[k*N:])
	}
}

// gather fills count columns of frames [Size, 16] from the signal.
func (t *frameTask) gather(b, first, count int, frames []float32) {
	x := t.x[b*t.L : (b+1)*t.L]
	for j := range count {
		at := (first+j)*t.Hop - t.Before
		low, high := min(max(0, -at), t.Size), max(0, min(t.Size, t.L-at))
		for i := range low {
			frames[i*fftColumns+j] = 0
		}
		for i := high; i < t.Size; i++ {
			frames[i*fftColumns+j] = 0
		}
		if low >= high {
			continue
		}
		s, w := x[at+low:at+high], t.Window[low:high]
		for i, v := range s {
			frames[(low+i)*fftColumns+j] = v * w[i]
		}
	}
}

// overlap adds frames to the signal.
func (t *frameTask) overlap(b, first, count int, frames []float32) {
	x := t.x[b*t.L : (b+1)*t.L]
	for j := range count {
		at := (first+j)*t.Hop - t.Before
		low, high := max(0, -at), min(t.Size, t.L-at)
		if low >= high {
			continue
		}
		w, f := t.Window[low:high], frames[low*fftColumns+j:]
		for i, v := range x[at+low : at+high] {
			x[at+low+i] = v + f[i*fftColumns]*w[i]
		}
	}
}
