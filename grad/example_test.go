package grad_test

import (
	"fmt"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/tensor"
)

// The gradient of the cross entropy of two logits: softmax minus target.
func ExampleTape() {
	t := &grad.Tape{}
	logits := t.Leaf(tensor.Of([]float32{0, 0}, 2, 1)) // two classes, one sample
	loss := grad.CrossEntropy(t, logits, []int32{1}, 0)
	t.Backward(loss)
	fmt.Printf("%.4f %v\n", loss.Value.Data[0], logits.Grad.Data)
	// Output: 0.6931 [0.5 -0.5]
}
