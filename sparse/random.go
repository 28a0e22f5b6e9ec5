package sparse

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Random returns an M×K matrix of single weights, all zero, in which each weight exists with
// the same probability, on its own (an Erdős–Rényi graph). It takes time and memory in
// proportion to the weights that exist, whatever M·K is.
func Random(M, K int, density float64, rng *rand.Rand) *Matrix {
	if !(density >= 0 && density <= 1) || M < 0 || K < 0 {
		panic(fmt.Sprintf("sparse: Random: density %v of [%d,%d]", density, M, K))
	}
	all := int64(M) * int64(K)
	var keys []int64
	if density > 0 {
		step := math.Log1p(-density) // -Inf for density 1: every key
		for key := int64(-1); ; {
			gap := int64(1)
			if density < 1 { // the gaps are geometric
				jump := math.Floor(math.Log(1-rng.Float64()) / step)
				if jump >= float64(all) {
					break
				}
				gap += int64(jump)
			}
			if key += gap; key >= all {
				break
			}
			keys = append(keys, key)
		}
	}
	return fromKeys(M, K, 1, keys)
}
