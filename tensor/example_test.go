package tensor_test

import (
	"fmt"

	"github.com/seed073b5613/filigree/tensor"
)

// Two features of three samples: a feature is a row, and slices are views.
func Example() {
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	x.Row(1)[0] = 40
	fmt.Println(x.Rows(), x.Cols(), x.Data)
	// Output: 2 3 [1 2 3 40 5 6]
}
