package grad

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

func TestDistances(t *testing.T) {
	x := &Var{Value: tensor.Of([]float32{1, -2, 3, float32(math.NaN())}, 2, 2)}
	target := []float32{0, 1, 1, 5}
	var no *Tape
	for _, c := range []struct {
		name   string
		f      func(t *Tape, x *Var, target, weight []float32) *Var
		weight []float32
		want   float64
	}{
		{"L1", L1, []float32{2, 0}, (1 + 2) / 2.},
		{"L2", L2, []float32{2, 0}, (1 + 4) / 2.},
		{"Logistic", Logistic, []float32{1, 0}, (math.Log1p(math.Exp(1)) + math.Log1p(math.Exp(-3))) / 2},
		{"no weight", L1, []float32{0, 0}, 0},
	} {
		if got := float64(c.f(no, x, target, c.weight).Value.Data[0]); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}
