package vision

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// logits runs a batch of two fixed random inputs through c.
func logits(c *Classifier) []float32 {
	rng, x := newRand(3), tensor.New(c.Spec.InputShape(2)...)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	return c.Forward(nil, &grad.Var{Value: x}).Value.Data
}

func wrn(depth, width, size int) Spec {
	return Spec{Arch: WRN, Classes: 10, Input: []int{3, size, size}, Depth: depth, Width: float64(width)}
}

var lenet = Spec{Arch: LeNet300100, Classes: 10, Input: []int{784}}

func TestLeNetSize(t *testing.T) {
	c, err := New(lenet, newRand(1))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, w := range prune.Weights(nn.Params(c)) {
		n += w.Size()
	}
	if n != 266_200 {
		t.Errorf("LeNet-300-100 has %d prunable weights, want 266200", n)
	}
	if got := logits(c); len(got) != 20 {
		t.Errorf("%d logits for two inputs", len(got))
	}
}

func TestWideResNetSize(t *testing.T) {
	c, err := New(wrn(22, 2, 32), newRand(1))
	if err != nil {
		t.Fatal(err)
	}
	c.Forward(nil, &grad.Var{Value: tensor.New(c.Spec.InputShape(1)...)})
	n, macs, names := 0, 0, []string{}
	for _, w := range prune.Weights(nn.Params(c)) {
		n += w.Size()
		macs += w.Size() * w.Uses
		names = append(names, w.Name)
	}
	if n != 1_076_912 || macs != 157_730_048 {
		t.Errorf("WRN-22-2 has %d prunable weights and %d multiply-adds, want 1076912 and 157730048", n, macs)
	}
	if len(names) != 1+18+3+1 || names[0] != "conv1.weight" || names[3] != "stages.0.0.shortcut.weight" || names[22] != "head.weight" {
		t.Errorf("prunable weights %v", names)
	}
}

// A wide residual network learns a few images by heart, dense and with RigL.
func TestWideResNetLearns(t *testing.T) {
	for _, m := range []prune.Method{prune.Dense{}, &prune.RigL{Rewiring: prune.Rewiring{Sparsity: 0.8, Until: 20, Every: 5}}} {
		c, err := New(wrn(10, 1, 8), newRand(1))
		if err != nil {
			t.Fatal(err)
		}
		rng, ps := newRand(2), nn.Params(c)
		ws := prune.Weights(ps)
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		nonzeros := 0
		for _, w := range ws {
			nonzeros += w.NNZ()
		}
		x, labels := tensor.New(c.Spec.InputShape(32)...), make([]int32, 32)
		for i := range x.Data {
			x.Data[i] = float32(rng.NormFloat64())
		}
		for i := range labels {
			labels[i] = int32(rng.IntN(10))
		}
		tape, opt := &grad.Tape{}, &optim.SGD{Momentum: 0.9, Nesterov: true}
		var loss float32
		for step := range 40 {
			if p, ok := m.(prune.Preparer); ok && m.WantsDense(step) {
				p.Prepare(step, ws)
			}
			tape.Reset()
			l := nn.CrossEntropy(tape, c.Forward(tape, tape.Input(x)), labels)
			loss = l.Value.Data[0]
			nn.ZeroGrads(ps)
			tape.Backward(l)
			changes := m.Step(step, ws)
			for _, c := range changes {
				opt.Remap(c.Param, c.Moves)
			}
			if len(changes) == 0 {
				opt.Step(ps, 0.05)
			}
		}
		if !(loss < 0.5) {
			t.Errorf("%T: loss is %v after 40 steps", m, loss)
		}
		for _, w := range ws {
			nonzeros -= w.NNZ()
		}
		if nonzeros != 0 {
			t.Errorf("%T: %d weights were lost", m, nonzeros)
		}
	}
}

// A pruned network comes back from its file as it was: storage, values, output.
func TestSaveThenOpen(t *testing.T) {
	for _, s := range []Spec{lenet, wrn(16, 1, 16)} {
		for _, sparsity := range []float64{0, 0.3, 0.95} {
			c, err := New(s, newRand(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := (prune.Static{Sparsity: sparsity}).Begin(prune.Weights(nn.Params(c)), newRand(2)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "m.safetensors")
			if err := c.Save(path, map[string]string{"data": "noise"}); err != nil {
				t.Fatal(err)
			}
			again, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			if again.Spec.Arch != s.Arch || !slices.Equal(again.Spec.Input, s.Input) || again.Spec.Depth != s.Depth || again.Metadata["data"] != "noise" {
				t.Errorf("spec %+v, metadata %v", again.Spec, again.Metadata)
			}
			was := nn.Params(c)
			for i, p := range nn.Params(again) {
				if p.Name != was[i].Name || p.Execution() != was[i].Execution() || p.NNZ() != was[i].NNZ() {
					t.Errorf("%v, was %v", p, was[i])
				}
			}
			testkit.Same(t, s.Arch, logits(again), logits(c))
		}
	}
}

func TestErrors(t *testing.T) {
	for want, s := range map[string]Spec{
		`vision: new alexnet: architecture "alexnet" is not known`: {Arch: "alexnet", Classes: 10},
		"depth 20: must be 6n+4":                                   wrn(20, 2, 32),
		"width -1: must be":                                        wrn(22, -1, 32),
		"input [3] is not an image":                                {Arch: WRN, Classes: 2, Input: []int{3}, Depth: 10, Width: 1},
		"1 classes":                                                {Arch: LeNet300100, Classes: 1, Input: []int{4}},
		"input [-4] is out of range":                               {Arch: LeNet300100, Classes: 2, Input: []int{-4}},
		"input [1 28 28] is not a vector of features":              {Arch: LeNet300100, Classes: 2, Input: []int{1, 28, 28}},
	} {
		if _, err := New(s, newRand(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	for want, metadata := range map[string]map[string]string{
		"the file does not say which network it holds": {},
		"configuration of the network":                 {"architecture": LeNet300100, "config": "{"},
		`architecture "alexnet" is not known`:          {"architecture": "alexnet", "config": `{"classes":2}`},
		`tensor "0.weight" is missing`:                 {"architecture": LeNet300100, "config": `{"classes":2,"input":[4]}`},
	} {
		if err := weights.Write(path, nil, metadata); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}
