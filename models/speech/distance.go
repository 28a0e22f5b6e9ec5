package speech

import (
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
)

// Clips are what distances are measured between: pieces of 2 seconds, each by the mean
// over time of a recogniser's last hidden layer.
const clipSamples = 2 * RecognizerRate

// mostBlock is the most clips in a block of [KernelDistance].
const mostBlock = 1024

// Embeddings returns the features of a waveform at 16 kHz, one vector for each whole 2 seconds
// of it: the mean over time of the recogniser's last hidden layer (Binkowski et al. 2020,
// "DeepSpeech distances", with a smaller network than DeepSpeech). Shorter sounds have none.
func (r *Recognizer) Embeddings(x []float32) [][]float64 {
	var clips [][]float32
	for ; len(x) >= clipSamples; x = x[clipSamples:] {
		clips = append(clips, RecognizerFeatures(x[:clipSamples]))
	}
	if len(clips) == 0 {
		return nil
	}
	in := &grad.Var{Value: RecognizerInput(clips)}
	r.busy.Lock()
	h := r.hidden(nil, in).Value
	r.busy.Unlock()
	C, B, T := h.Shape[0], h.Shape[1], h.Shape[2]
	out := make([][]float64, B)
	for b := range out {
		out[b] = make([]float64, C)
		for c := range C {
			for _, v := range h.Data[(c*B+b)*T : (c*B+b+1)*T] {
				out[b][c] += float64(v) / float64(T)
			}
		}
	}
	return out
}

// Distances says how far generated speech is from recordings. Fréchet distances depend on the
// number of clips: compare them at equal numbers only. Kernel distances do not; that between
// copies of the very same clips is a little below 0, since it counts on independent sets.
type Distances struct {
	Clips int // of each of the three sets

	FDSD, KDSD           float64 // generated against recordings of other texts
	CFDSD, CKDSD         float64 // generated against recordings of the same texts
	FloorFDSD, FloorKDSD float64 // recordings of the same texts against those of others
	KDSDError            float64 // standard error of KDSD; NaN where there is one block of clips
}

// Compare measures distances between features of generated clips, of recordings of the same
// texts and of recordings of other texts, as many of each as the smallest set has. It panics
// on fewer than two.
func Compare(generated, same, other [][]float64) Distances {
	n := min(len(generated), len(same), len(other))
	generated, same, other = generated[:n], same[:n], other[:n]
	d := Distances{Clips: n}
	d.FDSD, d.CFDSD, d.FloorFDSD = FrechetDistance(generated, other), FrechetDistance(generated, same), FrechetDistance(same, other)
	d.KDSD, d.KDSDError = KernelDistance(generated, other)
	d.CKDSD, _ = KernelDistance(generated, same)
	d.FloorKDSD, _ = KernelDistance(same, other)
	return d
}

func checkSets(name string, x, y [][]float64) int {
	if len(x) < 2 || len(y) < 2 {
		panic(fmt.Sprintf("speech: %s: sets of %d and %d vectors: need two each", name, len(x), len(y)))
	}
	d := len(x[0])
	for _, v := range [][][]float64{x, y} {
		for _, u := range v {
			if len(u) != d || d == 0 {
				panic(fmt.Sprintf("speech: %s: vectors of %d and %d", name, d, len(u)))
			}
		}
	}
	return d
}

// FrechetDistance returns the squared Fréchet distance of normal distributions fitted to two
// sets of vectors, |m1 - m2|² + tr(S1 + S2 - 2·(S1·S2)^½), S the sample covariances with
// n - 1. It panics on sets of fewer than two vectors or on vectors of different lengths.
func FrechetDistance(x, y [][]float64) float64 {
	d := checkSets("FrechetDistance", x, y)
	m1, s1 := moments(x, d)
	m2, s2 := moments(y, d)
	total := 0.0
	for i := range d {
		total += (m1[i]-m2[i])*(m1[i]-m2[i]) + s1[i*d+i] + s2[i*d+i]
	}
	// tr (S1·S2)^½ is that of the symmetric S1^½·S2·S1^½, which has the same eigenvalues.
	values, vectors := eigen(s1, d)
	root := make([]float64, d*d)
	for k, v := range values {
		w := math.Sqrt(max(v, 0))
		for i := range d {
			for j := range d {
				root[i*d+j] += w * vectors[i*d+k] * vectors[j*d+k]
			}
		}
	}
	values, _ = eigen(product(product(root, s2, d), root, d), d)
	for _, v := range values {
		total -= 2 * math.Sqrt(max(v, 0))
	}
	return max(total, 0) // rounding
}

// moments returns the mean and the covariance [d, d] of vectors.
func moments(x [][]float64, d int) (mean, cov []float64) {
	mean, cov = make([]float64, d), make([]float64, d*d)
	for _, v := range x {
		for i, u := range v {
			mean[i] += u / float64(len(x))
		}
	}
	diff := make([]float64, d)
	for _, v := range x {
		for i, u := range v {
			diff[i] = u - mean[i]
		}
		for i, a := range diff {
			row := cov[i*d : (i+1)*d]
			for j, b := range diff {
				row[j] += a * b / float64(len(x)-1)
			}
		}
	}
	return mean, cov
}

func product(a, b []float64, d int) []float64 {
	out := make([]float64, d*d)
	for i := range d {
		for k := range d {
			f := a[i*d+k]
			for j, v := range b[k*d : (k+1)*d] {
				out[i*d+j] += f * v
			}
		}
	}
	return out
}

// eigen returns the eigenvalues and eigenvectors, as columns [d, d], of a symmetric matrix:
// Jacobi's method, row by row (Golub and Van Loan, section 8.5).
func eigen(matrix []float64, d int) (values, vectors []float64) {
	const sweeps = 50
	a := append([]float64(nil), matrix...)
	vectors = make([]float64, d*d)
	for i := range d {
		vectors[i*d+i] = 1
		for j := range i { // products round the two halves differently
			a[i*d+j] = (a[i*d+j] + a[j*d+i]) / 2
			a[j*d+i] = a[i*d+j]
		}
	}
	for range sweeps {
		off, all := 0.0, 0.0
		for i, v := range a {
			all += v * v
			if i/d != i%d {
				off += v * v
			}
		}
		if off <= 1e-24*all {
			break
		}
		for p := range d {
			for q := p + 1; q < d; q++ {
				rotate(a, vectors, d, p, q)
			}
		}
	}
	values = make([]float64, d)
	for i := range values {
		values[i] = a[i*d+i]
	}
	return values, vectors
}

// rotate makes element (p, q) of a zero.
func rotate(a, vectors []float64, d, p, q int) {
	if a[p*d+q] == 0 {
		return
	}
	tau := (a[q*d+q] - a[p*d+p]) / (2 * a[p*d+q])
	t := 1 / (math.Abs(tau) + math.Sqrt(1+tau*tau))
	if tau < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(1+t*t)
	s := t * c
	for k := range d {
		x, y := a[k*d+p], a[k*d+q]
		a[k*d+p], a[k*d+q] = c*x-s*y, s*x+c*y
	}
	rp, rq := a[p*d:(p+1)*d], a[q*d:(q+1)*d]
	for k, x := range rp {
		y := rq[k]
		rp[k], rq[k] = c*x-s*y, s*x+c*y
	}
	for k := range d {
		x, y := vectors[k*d+p], vectors[k*d+q]
		vectors[k*d+p], vectors[k*d+q] = c*x-s*y, s*x+c*y
	}
}

// KernelDistance returns the squared maximum mean discrepancy of two sets of vectors under the
// kernel (x·y/d + 1)³, without bias, as the mean over blocks of at most 1024 vectors of each
// set, and its standard error, NaN for one block (Binkowski et al. 2018, section 4; 2020). It
// may be negative. It panics on sets of fewer than two vectors or on vectors of different
// lengths.
func KernelDistance(x, y [][]float64) (distance, deviation float64) {
	checkSets("KernelDistance", x, y)
	n := (max(len(x), len(y)) + mostBlock - 1) / mostBlock
	if min(len(x), len(y)) < 2*n {
		n = min(len(x), len(y)) / 2
	}
	k := &kernelBlocks{x: blocks(x, n), y: blocks(y, n), out: make([]float64, n)}
	parallel.Do(n, k)
	for _, v := range k.out {
		distance += v / float64(n)
	}
	squares := 0.0
	for _, v := range k.out {
		squares += (v - distance) * (v - distance)
	}
	return distance, math.Sqrt(squares / float64(n-1) / float64(n))
}

// blocks cuts a set in n parts of nearly equal size.
func blocks(x [][]float64, n int) [][][]float64 {
	out := make([][][]float64, n)
	for i := range out {
		out[i] = x[i*len(x)/n : (i+1)*len(x)/n]
	}
	return out
}

type kernelBlocks struct {
	x, y [][][]float64
	out  []float64
}

// Run measures one block.
func (k *kernelBlocks) Run(i int) {
	x, y := k.x[i], k.y[i]
	m, n := float64(len(x)), float64(len(y))
	cross := 0.0
	for _, u := range x {
		for _, v := range y {
			cross += cubic(u, v)
		}
	}
	k.out[i] = within(x)/(m*(m-1)) + within(y)/(n*(n-1)) - 2*cross/(m*n)
}

// within returns the sum of the kernel over all ordered pairs of different vectors.
func within(x [][]float64) float64 {
	sum := 0.0
	for i, u := range x {
		for _, v := range x[:i] {
			sum += 2 * cubic(u, v)
		}
	}
	return sum
}

func cubic(u, v []float64) float64 {
	dot := 0.0
	for i, a := range u {
		dot += a * v[i]
	}
	k := dot/float64(len(u)) + 1
	return k * k * k
}
