package prune_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
)

// A network begins with a random tenth of its weights, spread over the layers by
// ERK. The last layer is small and stays dense.
func Example() {
	rng := rand.New(rand.NewPCG(1, 0))
	net := nn.Sequential{
		nn.NewLinear(784, 300, rng), nn.ReLU{},
		nn.NewLinear(300, 100, rng), nn.ReLU{},
		nn.NewLinear(100, 10, rng),
	}
	ws := prune.Weights(nn.Params(net))
	method := &prune.RigL{Rewiring: prune.Rewiring{Sparsity: 0.9, Distribution: prune.ERK, Until: 7500}}
	if err := method.Begin(ws, rng); err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range ws {
		fmt.Printf("%s: %d of %d weights, %s\n", w.Name, w.NNZ(), w.Size(), w.Execution())
	}
	fmt.Printf("density %.3f\n", nn.Density(net))
	// Output:
	// 0.weight: 18715 of 235200 weights, sparse
	// 2.weight: 6906 of 30000 weights, sparse
	// 4.weight: 1000 of 1000 weights, dense
	// density 0.100
}
