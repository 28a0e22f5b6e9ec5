package nn_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// A layer of four inputs and two outputs of which two weights exist.
func ExampleLinear() {
	l := nn.NewLinear(4, 2, rand.New(rand.NewPCG(1, 1)))
	mask := sparse.NewMask(2, 4, 1)
	mask.Set(0, 1, true) // output 0 sees input 1
	mask.Set(1, 3, true) // output 1 sees input 3
	l.Weight.SetSparse(mask)
	copy(l.Weight.Sparse.Values, []float32{10, 20})

	x := tensor.Of([]float32{
		1, 5, // input 0 of two samples
		2, 6,
		3, 7,
		4, 8,
	}, 4, 2)
	y := l.Forward(nil, &grad.Var{Value: x}).Value
	fmt.Println(y.Row(0), y.Row(1))
	fmt.Println(l.Weight.NNZ(), "of", l.Weight.Size(), "weights,", l.Weight.Execution())
	// Output:
	// [20 60] [80 160]
	// 2 of 8 weights, sparse
}
