package train_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/train"
)

// A network that has 5 % of its weights from the first step to the last.
func Example() {
	rng := rand.New(rand.NewPCG(1, 0))
	net := nn.Sequential{
		nn.NewLinear(784, 300, rng), nn.ReLU{},
		nn.NewLinear(300, 100, rng), nn.ReLU{},
		nn.NewLinear(100, 10, rng),
	}
	digits := data.Digits(1, 2000, 500)
	loop := train.Loop{
		Net:     net,
		Loss:    nn.CrossEntropy,
		Data:    digits.Train.Batches(data.Options{Size: 64, Flat: true}, rand.NewPCG(1, 1)),
		Optim:   &optim.SGD{Momentum: 0.9, Nesterov: true},
		Rate:    optim.Cosine(0.1, 200),
		Prune:   &prune.RigL{Rewiring: prune.Rewiring{Sparsity: 0.95, Distribution: prune.ERK, Every: 20, Until: 150}},
		Weights: prune.Weights(nn.Params(net)),
		Steps:   200,
	}
	outcome, err := loop.Run(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d steps, %d changes of topology, density %.2f\n", outcome.Steps, outcome.Updates, nn.Density(net))
	// Output: 200 steps, 8 changes of topology, density 0.05
}
