package nn_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func problem(rng *rand.Rand, B int) (*tensor.Tensor, []int32) {
	x, labels := tensor.New(20, B), make([]int32, B)
	for j := range B {
		labels[j] = int32(rng.IntN(4))
		for i := range 20 {
			x.Data[i*B+j] = float32(rng.NormFloat64()) + 2*float32(btoi(i%4 == int(labels[j])))
		}
	}
	return x, labels
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A small network learns a separable problem with dense, masked and sparse weights.
func TestLearns(t *testing.T) {
	for _, storage := range []string{"dense", "masked", "sparse"} {
		t.Run(storage, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			first := nn.NewLinear(20, 30, rng)
			net := nn.Sequential{first, nn.ReLU{}, nn.NewLinear(30, 4, rng)}
			mask := sparse.NewMask(30, 20, 1)
			for g := range 30 {
				for k := range 20 {
					mask.Set(g, k, rng.Float64() < 0.3)
				}
			}
			switch storage {
			case "masked":
				first.Weight.SetMasked(mask)
			case "sparse":
				first.Weight.SetSparse(mask)
			}
			x, labels := problem(rng, 64)
			tape, ps := &grad.Tape{}, nn.Params(net)
			opt := &optim.SGD{Momentum: 0.9, Nesterov: true}
			var before, after float32
			for step := range 60 {
				tape.Reset()
				loss := nn.CrossEntropy(tape, net.Forward(tape, tape.Input(x)), labels)
				nn.ZeroGrads(ps)
				tape.Backward(loss)
				opt.Step(ps, 0.05)
				if step == 0 {
					before = loss.Value.Data[0]
				}
				after = loss.Value.Data[0]
			}
			if !(after < before/4) || math.IsNaN(float64(after)) {
				t.Errorf("loss went from %v to %v", before, after)
			}
			if storage != "dense" && first.Weight.NNZ() != mask.NNZ() {
				t.Errorf("%d weights exist, mask has %d", first.Weight.NNZ(), mask.NNZ())
			}
		})
	}
}

// A frozen layer hands gradients on and has none.
func TestFrozen(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a, b := nn.NewLinear(3, 4, rng), nn.NewLinear(4, 1, rng)
	x := tensor.Of([]float32{1, 2, 3}, 3, 1)
	tape := &grad.Tape{}
	step := func() {
		tape.Reset()
		tape.Backward(b.Forward(tape, grad.Tanh(tape, a.Forward(tape, tape.Input(x)))))
	}
	step()
	want := slices.Clone(a.Weight.Grad.Data)
	for _, p := range nn.Params(b) {
		p.Frozen, p.Grad = true, nil
	}
	nn.ZeroGrads(nn.Params(a))
	step()
	if b.Weight.Grad != nil || b.Bias.Grad != nil || !slices.Equal(a.Weight.Grad.Data, want) {
		t.Errorf("gradients %v and %v, want those of an unfrozen layer, %v, and none", a.Weight.Grad.Data, b.Weight.Grad, want)
	}
}
