package optim_test

import (
	"fmt"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
)

// One weight on a slope of 1, with momentum.
func ExampleSGD() {
	p := nn.NewParam(1)
	p.NeedGrad()
	p.Grad.Data[0] = 1
	sgd := &optim.SGD{Momentum: 0.5}
	rate := optim.Constant(0.1)
	for step := range 3 {
		sgd.Step([]*nn.Param{p}, rate(step))
		fmt.Printf("%.3f\n", p.Dense.Data[0])
	}
	// Output:
	// -0.100
	// -0.250
	// -0.425
}
