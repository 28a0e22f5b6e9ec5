package sparse_test

import (
	"fmt"

	"github.com/seed073b5613/filigree/sparse"
)

// An edit drops one weight, grows another, and says where the rest went, so that what is
// stored beside the values can follow.
func ExampleMatrix_Edit() {
	m := sparse.FromDense([]float32{
		1, 0, 2,
		0, 3, 0,
	}, 2, 3, nil, 1)
	momentum := append([]float32(nil), m.Values...)

	drop := make([]bool, m.Len())
	drop[m.Find(0, 2)] = true // the weight 2
	grow := []int64{1*3 + 2}  // row 1, column 2
	moves := m.Edit(drop, grow)
	momentum = moves.Remap(momentum, m.R)

	fmt.Println(m.ToDense(), m.NNZ())
	fmt.Println(momentum[m.Find(1, 1)], momentum[m.Find(1, 2)])
	// Output:
	// [1 0 0 0 3 0] 3
	// 3 0
}
