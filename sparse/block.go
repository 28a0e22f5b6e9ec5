package sparse

import "fmt"

// BlockNames are the block shapes the kernels know, as users write them.
var BlockNames = []string{"1x1", "2x1", "4x1", "16x1"}

// ParseBlock returns the rows R of a block shape written "Rx1".
func ParseBlock(name string) (R int, err error) {
	for i, R := range []int{1, 2, 4, 16} {
		if name == BlockNames[i] {
			return R, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of 1x1, 2x1, 4x1, 16x1", name)
}
