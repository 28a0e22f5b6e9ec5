package prune

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// The exchange that never looks at absent weights drops the smallest and grows others, with
// gradients in step; where weights land is uniform.
func TestExchangeHuge(t *testing.T) {
	rng := newRand(1)
	const M, K = 60, 50
	var hits [M * K]int
	n := 0
	for range 300 {
		p := &nn.Param{Name: "a", Shape: []int{M, K}, Sparse: sparse.Random(M, K, 0.3, rng), Prunable: true}
		w := p.Sparse
		for i := range w.Values {
			w.Values[i] = float32(rng.NormFloat64())
		}
		p.Grad = tensor.Of(slices.Clone(w.Values), len(w.Values))
		before, existed := plain(p)
		size := w.Len()
		c := exchangeHuge(p, 200, rng)
		after, exists := plain(p)
		if w.Len() != size || count(exists) != size || c.Dropped != 200 || c.Grown != 200 {
			t.Fatalf("%d entries became %d", size, w.Len())
		}
		least, most := math.Inf(1), 0.0
		for i := range exists {
			switch v := math.Abs(float64(before[i])); {
			case existed[i] && exists[i]:
				least = min(least, v)
				if after[i] != before[i] {
					t.Fatalf("weight %d went from %g to %g", i, before[i], after[i])
				}
			case existed[i]:
				most = max(most, v)
			case exists[i]:
				hits[i]++
				n++
				if after[i] != 0 {
					t.Fatalf("a new weight is %g", after[i])
				}
			}
		}
		if least < most {
			t.Fatalf("kept a weight of %g, dropped one of %g", least, most)
		}
		if !slices.Equal(p.Grad.Data, w.Values) {
			t.Fatal("the gradient did not follow")
		}
	}
	chi := 0.0
	for _, h := range hits {
		want := float64(n) / (M * K)
		chi += (float64(h) - want) * (float64(h) - want) / want
	}
	if chi > M*K+6*math.Sqrt(2*M*K) {
		t.Errorf("chi-square of the places is %.0f with %d degrees of freedom", chi, M*K)
	}
}

// SET trains weights that were never dense.
func TestSETOnSparseWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	ws := Weights(nn.Params(nn.NewSparseLinear(5000, 4000, 0.001, rng)))
	if n := ws[0].NNZ(); math.Abs(float64(n)-20_000) > 5*math.Sqrt(20_000) || !huge(ws[0].Param) {
		t.Fatalf("%d weights, want about 20000", n)
	}
	s := &SET{Rewiring{Until: 10, Every: 1, Drop: ConstantDrop(0.3)}}
	if err := s.Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	n := ws[0].NNZ()
	keys := ws[0].Sparse.Keys()
	c := s.Step(0, ws)
	if len(c) != 1 || c[0].Grown != int(0.3*float64(n)) || ws[0].NNZ() != n {
		t.Errorf("%d changes, %d weights became %d", len(c), n, ws[0].NNZ())
	}
	slices.Sort(keys)
	stayed := 0
	for _, key := range ws[0].Sparse.Keys() {
		if _, ok := slices.BinarySearch(keys, key); ok {
			stayed++
		}
	}
	if stayed != n-c[0].Grown {
		t.Errorf("%d entries stayed, want %d", stayed, n-c[0].Grown)
	}
}
