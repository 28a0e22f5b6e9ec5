package grad

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// scanned is what a weight's backward pass leaves.
type scanned struct {
	grad []float64 // of the stored weights, as a dense array
	all  []float64 // what Scan was handed
	rows []int     // and in which order
}

// scanWeight runs forward and backward with the values of dense under mask, stored as
// kind says.
func scanWeight(kind string, dense []float32, mask *sparse.Mask, forward func(t *Tape, w *Weight) *Var) scanned {
	w := &Weight{M: mask.M, K: mask.K, Dense: append([]float32(nil), dense...)}
	mask.Apply(w.Dense)
	switch kind {
	case "masked":
		w.Mask = mask
	case "sparse":
		w.Sparse = sparse.FromDense(w.Dense, w.M, w.K, mask, mask.R)
		w.Dense = nil
		w.Grad = make([]float32, len(w.Sparse.Values))
	}
	if w.Grad == nil {
		w.Grad = make([]float32, w.M*w.K)
	}
	s := scanned{all: make([]float64, w.M*w.K), grad: make([]float64, w.M*w.K)}
	w.Scan = func(row int, g []float32) {
		s.rows = append(s.rows, row)
		for i, v := range g {
			s.all[row*w.K+i] = float64(v)
		}
	}
	t := &Tape{}
	out := forward(t, w)
	g, _ := t.GradOf(out)
	for i := range g {
		g[i] = float32(checkWeight(i))
	}
	t.backward()
	flat := w.Grad
	if w.Sparse != nil {
		flat = make([]float32, w.M*w.K)
		w.Sparse.Scatter(w.Grad, flat)
	}
	for i, v := range flat {
		s.grad[i] = float64(v)
	}
	return s
}

// However a weight is stored, Scan sees the gradient of a dense one, in blocks of whole
// rows, and the stored gradient is that at the weights that exist.
func TestScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	shape := kernel.Conv{C: 3, M: 70, KH: 3, KW: 3, PadH: 1, PadW: 1}
	x, images := tensor.Of(normal(rng, 21*10), 21, 10), tensor.Of(normal(rng, 3*2*5*8), 3, 2, 5, 8)
	for _, c := range []struct {
		name    string
		M, K    int
		forward func(t *Tape, w *Weight) *Var
	}{
		{"linear", 150, 21, func(t *Tape, w *Weight) *Var { return Linear(t, t.Input(x), w, nil, nil) }},
		{"conv", 70, 27, func(t *Tape, w *Weight) *Var { return Conv2D(t, t.Input(images), w, nil, nil, shape) }},
	} {
		for _, R := range []int{1, 4} {
			mask := sparse.NewMask(c.M, c.K, R)
			for i := range mask.Blocks() {
				mask.Set(i/c.K, i%c.K, rng.Float64() < 0.3)
			}
			values := normal(rng, c.M*c.K)
			dense := scanWeight("dense", values, mask, c.forward)
			for _, kind := range []string{"masked", "sparse"} {
				got := scanWeight(kind, values, mask, c.forward)
				name := c.name + " " + kind
				testkit.Close(t, name+": scanned", single(got.all), dense.grad, testkit.Pass)
				want := single(dense.grad)
				mask.Apply(want)
				testkit.Close(t, name+": stored", single(got.grad), double(want), testkit.Pass)
				for i, row := range got.rows {
					if row%16 != 0 || i > 0 && row <= got.rows[i-1] {
						t.Errorf("%s: rows come as %v", name, got.rows)
						break
					}
				}
			}
		}
	}
}

func single(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func double(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
