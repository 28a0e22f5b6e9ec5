package online_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/online"
	"github.com/seed073b5613/filigree/tensor"
)

// A learner takes the place of a layer: here a GRU of 8 units that is shown a stream step by
// step and learns after each.
func Example() {
	rng := rand.New(rand.NewPCG(1, 0))
	cell := online.New(nn.NewGRU(1, 8, rng), online.Method{Rule: online.SnAp, Order: 1}, 0)
	net := nn.Sequential{cell, nn.NewLinear(8, 2, rng)}
	params := nn.Params(net)
	tape := &grad.Tape{}
	bits := []int32{1, 1, 0}
	first, last := float32(0), float32(0)
	for i := range 3000 {
		tape.Reset()
		nn.ZeroGrads(params)
		x := tape.Input(tensor.Of([]float32{float32(bits[i%3])}, 1, 1, 1))
		loss := grad.CrossEntropy(tape, net.Forward(tape, x), []int32{bits[(i+1)%3]}, 0)
		tape.Backward(loss)
		for _, p := range params {
			for j, g := range p.Grad.Data {
				p.Values()[j] -= 0.1 * g
			}
		}
		if i < 30 {
			first += loss.Value.Data[0] / 30
		}
		if i >= 2970 {
			last += loss.Value.Data[0] / 30
		}
	}
	fmt.Println("learned:", first > 0.5 && last < 0.1)
	fmt.Println("values kept of the past:", cell.Entries())
	// Output:
	// learned: true
	// values kept of the past: 248
}
