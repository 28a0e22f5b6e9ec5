package nn_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Every layer gives the shape its documentation says, and its parameters get gradients.
func TestLayerShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		layer    nn.Layer
		in, want []int
		params   []string
	}{
		{nn.NewConv2D(3, 8, 3, 2, 1, rng), []int{3, 2, 9, 8}, []int{8, 2, 5, 4}, []string{"weight"}},
		{nn.NewConv1D(3, 8, 5, 1, 4, 2, rng), []int{3, 2, 20}, []int{8, 2, 20}, []string{"weight"}},
		{nn.NewDepthwiseConv2D(3, 3, 2, 1, rng), []int{3, 2, 9, 8}, []int{3, 2, 5, 4}, []string{"weight"}},
		{nn.NewLayerNorm(6), []int{6, 2, 5}, []int{6, 2, 5}, []string{"gamma", "beta"}},
		{nn.NewBatchNorm(6, true), []int{6, 2, 5}, []int{6, 2, 5}, []string{"gamma", "beta"}},
		{nn.MaxPool2D{Size: 2, Stride: 2}, []int{3, 2, 8, 6}, []int{3, 2, 4, 3}, nil},
		{nn.AvgPool2D{Size: 3, Stride: 1, Pad: 1}, []int{3, 2, 8, 6}, []int{3, 2, 8, 6}, nil},
		{nn.GlobalAvgPool{}, []int{3, 2, 8, 6}, []int{3, 2}, nil},
		{nn.Flatten{}, []int{3, 2, 8, 6}, []int{144, 2}, nil},
		{nn.Residual{Body: nn.NewLinear(4, 4, rng), Shortcut: nn.Sequential{nn.Tanh{}, nn.GELU{}, nn.SiLU{}}}, []int{4, 7}, []int{4, 7}, []string{"body.weight", "body.bias"}},
		{nn.Sequential{nn.LeakyReLU{Slope: 0.1}, nn.ReLU6{}, nn.Sigmoid{}, nn.Dropout{P: 0.5, Random: rng}}, []int{4, 7}, []int{4, 7}, nil},
	} {
		t.Run(fmt.Sprintf("%T", c.layer), func(t *testing.T) {
			x := tensor.New(c.in...)
			for i := range x.Data {
				x.Data[i] = float32(rng.NormFloat64())
			}
			tape := &grad.Tape{}
			y := c.layer.Forward(tape, tape.Leaf(x))
			if !slices.Equal(y.Value.Shape, c.want) {
				t.Fatalf("shape %v, want %v", y.Value.Shape, c.want)
			}
			n := len(y.Value.Data)
			flat := grad.Reshape(tape, y, n, 1)
			tape.Backward(nn.CrossEntropySmoothed(0.1)(tape, flat, []int32{int32(n / 2)}))
			var names []string
			for _, p := range nn.Params(c.layer) {
				names = append(names, p.Name)
				if p.Grad == nil || !slices.ContainsFunc(p.Grad.Data, func(g float32) bool { return g != 0 }) {
					t.Errorf("%s has no gradient", p.Name)
				}
			}
			if !slices.Equal(names, c.params) {
				t.Errorf("parameters %v, want %v", names, c.params)
			}
			if got := c.layer.Forward(nil, &grad.Var{Value: x}); !slices.Equal(got.Value.Shape, c.want) {
				t.Errorf("shape %v without a tape, want %v", got.Value.Shape, c.want)
			}
		})
	}
}

// Dropout keeps the expected sum, and is left out of inference.
func TestDropout(t *testing.T) {
	x := tensor.New(100, 100)
	for i := range x.Data {
		x.Data[i] = 1
	}
	l := nn.Dropout{P: 0.3, Random: rand.New(rand.NewPCG(2, 2))}
	tape := &grad.Tape{}
	sum, zeros := 0.0, 0
	for _, v := range l.Forward(tape, tape.Input(x)).Value.Data {
		sum += float64(v)
		if v == 0 {
			zeros++
		}
	}
	if zeros < 2800 || zeros > 3200 || sum < 9700 || sum > 10300 {
		t.Errorf("%d of 10000 are zero, the sum is %v", zeros, sum)
	}
	quiet := &grad.Tape{NoGrad: true}
	if got := l.Forward(quiet, quiet.Input(x)).Value; !slices.Equal(got.Data, x.Data) {
		t.Error("inference drops elements")
	}
}
