package prune

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/tensor"
)

// needles is a problem where only 6 of 300 inputs matter: the label is a function
// of their signs. A fixed random topology hardly sees them.
func needles(rng *rand.Rand, n int) (*tensor.Tensor, []int32) {
	x, labels := tensor.New(300, n), make([]int32, n)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	for j := range labels {
		for k := range 3 {
			if x.Data[(100*k+7)*n+j]+x.Data[(100*k+50)*n+j] > 0 {
				labels[j] |= 1 << k
			}
		}
	}
	return x, labels
}

// train trains a net of two layers as the training loop does and returns its
// accuracy and the hidden weights on the inputs that matter.
func train(t *testing.T, method Method, seed uint64) (accuracy float64, found int) {
	rng := newRand(seed)
	net := nn.Sequential{nn.NewLinear(300, 48, rng), nn.ReLU{}, nn.NewLinear(48, 8, rng)}
	ps := nn.Params(net)
	ws := Weights(ps)
	if err := method.Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	tape, opt := &grad.Tape{}, &optim.SGD{Momentum: 0.9, Nesterov: true, Decay: 1e-4}
	for step := 0; step < 600; {
		x, labels := needles(rng, 64)
		if p, ok := method.(Preparer); ok && method.WantsDense(step) {
			p.Prepare(step, ws)
		}
		random, isRandom := method.(Reparameterizer)
		if isRandom {
			random.Sample(step, ws)
		}
		tape.Reset()
		loss := nn.CrossEntropy(tape, net.Forward(tape, tape.Input(x)), labels)
		nn.ZeroGrads(ps)
		tape.Backward(loss)
		if isRandom {
			random.Gather(step, ws)
		}
		changes := method.Step(step, ws)
		for _, c := range changes {
			opt.Remap(c.Param, c.Moves)
		}
		if r, ok := method.(Replacer); ok && len(changes) > 0 && r.ReplacesStep() {
			continue
		}
		opt.Step(ps, 0.05)
		step++
	}
	if f, ok := method.(Finisher); ok {
		f.Finish(ws)
	}
	x, labels := needles(newRand(999), 2000)
	logits := net.Forward(nil, &grad.Var{Value: x}).Value
	for j, label := range labels {
		best := int32(0)
		for c := range int32(8) {
			if logits.Data[c*2000+int32(j)] > logits.Data[best*2000+int32(j)] {
				best = c
			}
		}
		if best == label {
			accuracy += 1. / 2000
		}
	}
	_, exists := plain(ws[0].Param)
	for i, e := range exists {
		if e && slices.Contains([]int{7, 50}, i%300%100) {
			found++
		}
	}
	return accuracy, found
}

// RigL moves its weights to where they are needed, on sparse storage, in blocks and
// under a mask; what a step does with a topology, values and optimizer state fits
// together.
func TestRigLFindsWhatMatters(t *testing.T) {
	for _, c := range []struct {
		rows     int
		sparsity float64
		margin   float64
	}{{1, 0.99, 0.2}, {4, 0.9, 0.1}, {1, 0.3, -0.02}} { // where 70 % of the weights exist, chance finds them too
		t.Run(fmt.Sprintf("%dx1 %v", c.rows, c.sparsity), func(t *testing.T) {
			last := func(d Distribution) Distribution { // the readout stays dense
				return Pin(d, func(name string) (float64, bool) { return 0, name == "2.weight" })
			}
			static, was := train(t, Static{Sparsity: c.sparsity, Distribution: last(ERK), Structure: Structure{Rows: c.rows}}, 1)
			r := &RigL{Rewiring: Rewiring{Sparsity: c.sparsity, Distribution: last(ERK), Structure: Structure{Rows: c.rows}, Until: 450, Every: 15}}
			rigl, found := train(t, r, 1)
			t.Logf("static %.3f with %d weights on the inputs that matter, RigL %.3f with %d", static, was, rigl, found)
			if rigl < static+c.margin || found < was {
				t.Errorf("RigL reaches %.3f with %d weights on the inputs that matter, static %.3f with %d", rigl, found, static, was)
			}
		})
	}
}

func TestMagnitudeTrains(t *testing.T) {
	m := Magnitude{Sparsity: 0.97, Distribution: Pin(ERK, func(name string) (float64, bool) { return 0, name == "2.weight" }),
		Schedule: Cubic{From: 200, Until: 450, Every: 10}}
	accuracy, found := train(t, m, 1)
	t.Logf("accuracy %.3f with %d weights on the inputs that matter", accuracy, found)
	if accuracy < 0.8 || found < 60 {
		t.Errorf("accuracy %.3f with %d weights on the inputs that matter", accuracy, found)
	}
}
