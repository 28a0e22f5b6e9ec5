package vision

import (
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

// The full-size networks have the published numbers of parameters and multiply-adds.
func TestPublishedSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs ResNet-50")
	}
	for _, c := range []struct {
		spec              Spec
		params, prunable  int
		macsLow, macsHigh float64 // millions, of all convolutions and linear layers
	}{
		// He et al. 2016 and torchvision's ResNet-50 v1.5: 25,557,032 parameters, 4.09 G;
		// 25,502,912 weights in arXiv:1911.11134.
		{Spec{Arch: ResNet50, Classes: 1000, Input: []int{3, 224, 224}}, 25_557_032, 25_502_912, 4080, 4110},
		// Howard et al. 2017, table 8: 4.2 million, 569 M.
		{Spec{Arch: MobileNetV1, Classes: 1000, Input: []int{3, 224, 224}}, 4_231_976, 4_164_448, 566, 571},
		// Sandler et al. 2018: 3.4 million, 300 M; torchvision: 3,504,872.
		{Spec{Arch: MobileNetV2, Classes: 1000, Input: []int{3, 224, 224}}, 3_504_872, 3_405_536, 299, 302},
		// 431 thousand in the pruning literature.
		{Spec{Arch: LeNet5, Classes: 10, Input: []int{1, 28, 28}}, 431_080, 430_500, 2.2, 2.4},
		{Spec{Arch: LeNet300100, Classes: 10, Input: []int{784}}, 266_610, 266_200, 0.26, 0.27},
		// Thirteen convolutions of 14,710,464 weights, two linear layers.
		{Spec{Arch: VGG, Classes: 10, Input: []int{3, 32, 32}}, 14_710_464 + 2*4224 + 512*512 + 512 + 2*512 + 5130, 14_710_464 + 512*512 + 5120, 313, 314},
	} {
		net, err := New(c.spec, newRand(1))
		if err != nil {
			t.Fatal(err)
		}
		net.Forward(nil, &grad.Var{Value: tensor.New(c.spec.InputShape(1)...)})
		params, prunable, macs := 0, 0, 0.0
		for _, p := range nn.Params(net) {
			params += p.Size()
			macs += float64(p.Size()) * float64(p.Uses) / 1e6
		}
		for _, w := range prune.Weights(nn.Params(net)) {
			prunable += w.Size()
		}
		if params != c.params || prunable != c.prunable {
			t.Errorf("%s: %d parameters, %d prunable; want %d and %d", c.spec.Arch, params, prunable, c.params, c.prunable)
		}
		if macs < c.macsLow || macs > c.macsHigh {
			t.Errorf("%s: %.1f million multiply-adds, want %v to %v", c.spec.Arch, macs, c.macsLow, c.macsHigh)
		}
	}
}

// Every architecture trains dense and sparse at a fraction of its width, and is the same
// after a file.
func TestArchitecturesTrain(t *testing.T) {
	for _, arch := range Architectures() {
		s := Spec{Arch: arch, Classes: 3, Input: []int{3, 32, 32}, Width: 0.1}
		switch arch {
		case LeNet300100:
			s.Input = []int{50}
		case WRN:
			s.Depth = 10
		}
		methods := []prune.Method{prune.Static{Sparsity: 0.7}}
		if !testing.Short() {
			methods = append(methods, prune.Dense{})
		}
		for _, m := range methods {
			c, err := New(s, newRand(2))
			if err != nil {
				t.Fatal(err)
			}
			first, last := fit(t, c, m, 40)
			if !(last < 0.8*first) {
				t.Errorf("%s, %T: the loss went from %g to %g", arch, m, first, last)
			}
		}
	}
}

// fit trains on a few random images and returns the first and the last loss.
func fit(t *testing.T, c *Classifier, m prune.Method, steps int) (first, last float32) {
	t.Helper()
	rng, ps := newRand(3), nn.Params(c)
	if err := m.Begin(prune.Weights(ps), rng); err != nil {
		t.Fatal(err)
	}
	x, labels := tensor.New(c.Spec.InputShape(16)...), make([]int32, 16)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	for i := range labels {
		labels[i] = int32(rng.IntN(c.Spec.Classes))
	}
	tape, opt := &grad.Tape{}, &optim.SGD{Momentum: 0.9}
	for step := range steps {
		tape.Reset()
		l := nn.CrossEntropy(tape, c.Forward(tape, tape.Input(x)), labels)
		last = l.Value.Data[0]
		if step == 0 {
			first = last
		}
		nn.ZeroGrads(ps)
		tape.Backward(l)
		opt.Step(ps, 0.02)
	}
	return first, last
}
