package kernel_test

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
)

// A product of a 2×3 and a 3×2 matrix.
func ExampleGEMM() {
	a := []float32{1, 2, 3, 4, 5, 6}
	b := []float32{1, 0, 0, 1, 1, 1}
	c := make([]float32, 4)
	kernel.GEMM(false, false, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2)
	fmt.Println(c)
	// Output: [4 5 10 11]
}
