package grad

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

// TestKeep runs a chain of like blocks with and without giving up what each made on its way: the values are the
// same, on a tape for training so are the gradients, and one for inference has no more variables than blocks and those of one.
func TestKeep(t *testing.T) {
	const blocks = 20
	rng := rand.New(rand.NewPCG(1, 1))
	in := tensor.Of(normal(rng, 30), 3, 10)
	chain := func(t *Tape, x *Var, keep bool) *Var {
		for range blocks {
			var m Mark
			if keep {
				m = t.Mark()
			}
			y := Add(t, x, Sigmoid(t, Tanh(t, ReLU(t, x))))
			if keep {
				y = t.Keep(m, y)
			}
			x = y
		}
		return x
	}
	want := slices.Clone(chain(nil, &Var{Value: in}, false).Value.Data)
	tape := &Tape{NoGrad: true}
	for range 2 {
		tape.Reset()
		if got := chain(tape, tape.Input(in), true).Value.Data; !slices.Equal(got, want) {
			t.Fatalf("kept %v, want %v", got, want)
		}
	}
	if n := len(tape.vars); n > blocks+6 {
		t.Errorf("%d variables for %d blocks", n, blocks)
	}
	var grads [2][]float32
	for i, keep := range []bool{false, true} {
		training := &Tape{}
		x := training.Leaf(in)
		training.Backward(L2(training, chain(training, x, keep), make([]float32, 30), nil))
		grads[i] = slices.Clone(x.Grad.Data)
	}
	if !slices.Equal(grads[0], grads[1]) {
		t.Errorf("gradients %v and %v", grads[0], grads[1])
	}
}
