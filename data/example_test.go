package data_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/data"
)

// Digits drawn from a font, in batches of features first.
func ExampleImages_Batches() {
	digits := data.Digits(1, 100, 10)
	batches := digits.Train.Batches(data.Options{Size: 32, Flat: true}, rand.NewPCG(1, 2))
	x, labels := batches.Next()
	fmt.Println(x.Shape, len(labels), batches.PerEpoch())
	// Output: [784 32] 32 3
}
