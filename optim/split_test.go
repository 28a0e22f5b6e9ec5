package optim

import (
	"math"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

func player(name string, w float32) *nn.Param {
	p := nn.NewParam(2)
	p.Name, p.Dense.Data[0] = name, w
	return p
}

// Each part is what its own optimizer makes of it, before and after its state went through a
// checkpoint; one without gradients has not begun.
func TestSplit(t *testing.T) {
	build := func() Split {
		return Split{{Of: "g", Optimizer: &Adam{}, Clip: 1}, {Of: "d", Optimizer: &Adam{Beta1: 0.5}, Rate: 2}}
	}
	s := build()
	g, d, other := player("g.weight", 1), player("d.weight", 2), player("gd.weight", 3)
	alone, second := player("d.weight", 2), &Adam{Beta1: 0.5}
	ps := []*nn.Param{g, d, other}
	g.Grad = tensor.Of([]float32{3, 4}, 2)
	s.Step(ps, 0.1)
	if slices.Contains(g.Values(), 1) || d.Values()[0] != 2 || other.Values()[0] != 3 {
		t.Fatalf("after a step of one player: %v, %v, %v", g.Values(), d.Values(), other.Values())
	}
	if norm := math.Hypot(float64(g.Grad.Data[0]), float64(g.Grad.Data[1])); math.Abs(norm-1) > 1e-6 {
		t.Errorf("the gradient's norm is %g, want 1", norm)
	}
	for i := range 4 {
		d.Grad, alone.Grad = tensor.Of([]float32{3, -4}, 2), tensor.Of([]float32{3, -4}, 2)
		g.Grad = tensor.Of([]float32{1, float32(i)}, 2)
		s.Step(ps, 0.1)
		second.Step([]*nn.Param{alone}, 0.2)
		if !slices.Equal(d.Values(), alone.Values()) {
			t.Fatalf("step %d: %v, alone it is %v", i, d.Values(), alone.Values())
		}
		fresh := build()
		if err := fresh.Load(ps, s.State()); err != nil {
			t.Fatal(err)
		}
		s = fresh
	}
	if err := build().Load(ps, map[string][][]float32{"g.weight": {{1}}}); err == nil {
		t.Error("a state without the number of steps was loaded")
	}
}
