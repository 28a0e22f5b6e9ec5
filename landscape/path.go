// Package landscape looks at the loss of a network between two of its solutions: along
// straight lines and along Bézier curves whose control points are trained, in the subspace
// of the weights that exist or in that of all weights.
//
// It follows Evci, Pedregosa, Gomez and Elsen, "The Difficulty of Training Sparse Neural
// Networks" (arXiv:1906.10732), which finds curves as Garipov et al. (2018,
// arXiv:1802.10026) do. A network's weights, biases and norm parameters together are a
// point: a slice of numbers in the layout of a [Space].
package landscape

import "fmt"

// Path is a Bézier curve. Its first and last points are its ends, those between are its
// control points: none for a straight line, one for a quadratic curve, two for a cubic one.
type Path [][]float32

// New returns a path of a degree from A to B whose control points lie evenly on the
// straight line between them. It panics unless the degree is at least 1 and both points are
// of one layout.
func New(degree int, A, B []float32) Path {
	if degree < 1 || len(A) != len(B) {
		panic(fmt.Sprintf("landscape: New: degree %d between points of %d and %d values", degree, len(A), len(B)))
	}
	p := make(Path, degree+1)
	for j := range p {
		p[j] = make([]float32, len(A))
		Path{A, B}.At(float64(j)/float64(degree), p[j])
	}
	return p
}

// Degree returns 1 for a line, 2 for a quadratic curve, 3 for a cubic one.
func (p Path) Degree() int { return len(p) - 1 }

// At writes the point of the path at t, 0 at its beginning and 1 at its end, to dst.
func (p Path) At(t float64, dst []float32) {
	clear(dst)
	for j, point := range p {
		b := float32(bernstein(p.Degree(), j, t))
		if b == 0 {
			continue
		}
		for i, v := range point {
			dst[i] += b * v
		}
	}
}

// bernstein returns the weight of point j at t: C(n,j)·t^j·(1-t)^(n-j).
func bernstein(n, j int, t float64) float64 {
	b := 1.0
	for i := range j {
		b *= t * float64(n-i) / float64(i+1)
	}
	for range n - j {
		b *= 1 - t
	}
	return b
}
