package optim

import (
	"math"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
)

// SearchGradient returns Σ u·s over the members lo to hi of n and, where spread is wanted,
// Σ u·s², for so many coordinates; sum, if not nil, adds other processes' members. Utilities
// add up to 0, so that the second is Σ u·(s² - 1), too. This is the semi-update of
// arXiv:1906.03139: each process makes the noise of its own members only, and the sums travel.
func SearchGradient(n, lo, hi, size int, u []float64, pairs, spread bool, of func(member int) Noise, sum func([]float32)) (mean, squares []float32) {
	total := func(square bool) []float32 {
		g := make([]float32, size)
		SumMembers(g, n, lo, hi, func(dst []float32, lo, hi int) {
			for k := lo; k < hi; k++ {
				s, c := of(k), u[k]
				if pairs && k%2 == 0 && k+1 < hi { // its mirror image has the same squares
					k++
					if c -= u[k]; square {
						c += 2 * u[k]
					}
				}
				parallel.Do((size+noiseSpan-1)/noiseSpan, &searchTask{s, float32(c), square, dst})
			}
		})
		if sum != nil {
			sum(g)
		}
		return g
	}
	mean = total(false)
	if spread {
		squares = total(true)
	}
	return mean, squares
}

// noiseSpan is how many coordinates a worker takes at a time.
const noiseSpan = 4096

// searchTask adds a multiple of noise, or of its squares.
type searchTask struct {
	noise  Noise
	scale  float32
	square bool
	dst    []float32
}

// Run does one span.
func (t *searchTask) Run(i int) {
	room := noiseRooms.Get().(*[noiseSpan]float32)
	defer noiseRooms.Put(room)
	dst := t.dst[i*noiseSpan : min((i+1)*noiseSpan, len(t.dst))]
	x := room[:len(dst)]
	t.noise.Fill(x, i*noiseSpan)
	if t.square {
		kernel.Mul(x, x, x)
	}
	kernel.Axpy(t.scale, x, dst)
}

var noiseRooms = sync.Pool{New: func() any { return new([noiseSpan]float32) }}

// Adapt moves the deviations of a separable search by Σ u·(s² - 1). A single step changes
// them by a factor of 2 at most.
func Adapt(sigma, gradient []float32) {
	d := float64(len(sigma))
	eta := (3 + math.Log(max(d, 1))) / (5 * math.Sqrt(max(d, 1)))
	for i, g := range gradient {
		sigma[i] *= float32(math.Exp(min(max(eta/2*float64(g), -math.Ln2), math.Ln2)))
	}
}
