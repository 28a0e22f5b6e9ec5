package optim_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
)

// trained returns a layer and an optimizer whose momentum of each weight is that
// weight's flat index plus one, over a rate of zero.
func trained() (*nn.Linear, *optim.SGD) {
	l := nn.NewLinear(3, 4, rand.New(rand.NewPCG(1, 1)))
	o := &optim.SGD{Momentum: 1}
	l.Weight.Name = "weight"
	l.Weight.NeedGrad()
	for i := range l.Weight.Grad.Data {
		l.Weight.Grad.Data[i] = float32(i + 1)
	}
	o.Step([]*nn.Param{l.Weight}, 0)
	return l, o
}

func diagonal() *sparse.Mask {
	m := sparse.NewMask(4, 3, 1)
	for i := range 3 {
		m.Set(i, i, true)
	}
	return m
}

func TestStateFollowsTopology(t *testing.T) {
	t.Run("masked", func(t *testing.T) {
		l, o := trained()
		l.Weight.SetMasked(diagonal())
		o.Remap(l.Weight, sparse.Moves{})
		want := []float32{1, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0}
		if got := o.State()["weight"][0]; !slices.Equal(got, want) {
			t.Errorf("momentum %v, want %v", got, want)
		}
	})
	t.Run("dense to sparse, then edited", func(t *testing.T) {
		l, o := trained()
		l.Weight.SetSparse(diagonal())
		o.Remap(l.Weight, sparse.Moves{})
		if got := o.State()["weight"][0]; !slices.Equal(got, []float32{1, 5, 9}) {
			t.Errorf("momentum %v after it became sparse", got)
		}
		o.Remap(l.Weight, l.Weight.Sparse.Edit([]bool{false, true, false}, []int64{10}))
		if got := o.State()["weight"][0]; !slices.Equal(got, []float32{1, 9, 0}) {
			t.Errorf("momentum %v after the edit", got)
		}
	})
}

func TestLoad(t *testing.T) {
	l, o := trained()
	state := o.State()
	var other optim.SGD
	if err := other.Load([]*nn.Param{l.Weight, l.Bias}, state); err != nil {
		t.Fatal(err)
	}
	if got := other.State()["weight"][0]; !slices.Equal(got, state["weight"][0]) {
		t.Errorf("loaded %v, want %v", got, state["weight"][0])
	}
	l.Weight.SetSparse(diagonal())
	if err := other.Load([]*nn.Param{l.Weight}, state); err == nil || !strings.Contains(err.Error(), "weight has 12 values, want 3") {
		t.Errorf("state of another size: %v", err)
	}
}

func TestClipNorm(t *testing.T) {
	l, _ := trained()
	l.Weight.Grad.Data = l.Weight.Grad.Data[:2]
	copy(l.Weight.Grad.Data, []float32{3, 4})
	ps := []*nn.Param{l.Weight, l.Bias}
	if n := optim.ClipNorm(ps, 10); n != 5 || l.Weight.Grad.Data[1] != 4 {
		t.Errorf("norm %v, gradient %v", n, l.Weight.Grad.Data)
	}
	if n := optim.ClipNorm(ps, 2.5); n != 5 || l.Weight.Grad.Data[0] != 1.5 || l.Weight.Grad.Data[1] != 2 {
		t.Errorf("norm %v, gradient %v", n, l.Weight.Grad.Data)
	}
}
