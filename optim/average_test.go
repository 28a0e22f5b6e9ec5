package optim_test

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func TestAverageFollowsTopology(t *testing.T) {
	mask := sparse.NewMask(1, 4, 1)
	mask.Set(0, 0, true)
	mask.Set(0, 2, true)
	p := nn.NewParam(1, 4)
	copy(p.Dense.Data, []float32{1, 0, 3, 0})
	p.SetSparse(mask)
	ps := []*nn.Param{p}
	a := &optim.Average{Decay: 0.75}
	a.Update(ps) // 1 3
	p.Sparse.Values[p.Sparse.Find(0, 0)] = 5
	a.Update(ps) // 2 3
	drop := make([]bool, 2)
	drop[p.Sparse.Find(0, 2)] = true
	a.Remap(p, p.Sparse.Edit(drop, []int64{3})) // columns 0 and 3: 2 0
	a.Swap(ps)
	for col, want := range []float32{2, 0, 0, 0} {
		if got := p.Sparse.At(0, col); got != want {
			t.Errorf("average of column %d is %v, want %v", col, got, want)
		}
	}
	a.Swap(ps)
	if got := p.Sparse.At(0, 0); got != 5 {
		t.Errorf("weight after swapping back is %v, want 5", got)
	}
}

func TestClipValue(t *testing.T) {
	p := &nn.Param{Shape: []int{4}, Dense: tensor.New(4), Grad: tensor.Of([]float32{-3, 0.5, 2, float32(math.Inf(1))}, 4)}
	optim.ClipValue([]*nn.Param{p, nn.NewParam(2)}, 1)
	for i, want := range []float32{-1, 0.5, 1, 1} {
		if p.Grad.Data[i] != want {
			t.Errorf("gradient %d is %v, want %v", i, p.Grad.Data[i], want)
		}
	}
}
