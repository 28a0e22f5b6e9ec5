package sparse

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		M, K    int
		density float64
	}{{0, 5, 0.5}, {5, 0, 0.5}, {7, 9, 0}, {7, 9, 1}, {300, 200, 0.1}, {300, 200, 0.9}, {200_000, 150_000, 1e-6}} {
		m := Random(c.M, c.K, c.density, rng)
		all := float64(c.M) * float64(c.K)
		want, sd := all*c.density, math.Sqrt(all*c.density*(1-c.density))
		if d := math.Abs(float64(m.Len()) - want); d > 5*sd+1e-9 {
			t.Errorf("[%d,%d] at %g: %d entries, want %.0f ± %.0f", c.M, c.K, c.density, m.Len(), want, sd)
		}
	}
	// Each place is as likely as any other.
	var hits [20]int
	for range 5000 {
		for _, key := range Random(4, 5, 0.25, rng).Keys() {
			hits[key]++
		}
	}
	for i, n := range hits {
		if math.Abs(float64(n)-1250) > 5*math.Sqrt(5000*0.25*0.75) {
			t.Errorf("place %d was drawn %d times of 5000, want 1250", i, n)
		}
	}
}
