package grad

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/tensor"
)

// spelled merges repeated symbols and leaves blanks out.
func spelled(path []int32) []int32 {
	var out []int32
	for i, c := range path {
		if c != Blank && (i == 0 || path[i-1] != c) {
			out = append(out, c)
		}
	}
	return out
}

// enumerated returns the probability that columns from 0 to frames of sequence b spell a
// target, by going through all paths.
func enumerated(x *tensor.Tensor, b, frames int, target []int32) float64 {
	C, B, T := x.Shape[0], x.Shape[1], x.Shape[2]
	norm := make([]float64, frames)
	for t := range frames {
		for c := range C {
			norm[t] += math.Exp(float64(x.Data[(c*B+b)*T+t]))
		}
	}
	path, total := make([]int32, frames), 0.0
	for {
		if slices.Equal(spelled(path), target) {
			p := 1.0
			for t, c := range path {
				p *= math.Exp(float64(x.Data[(int(c)*B+b)*T+t])) / norm[t]
			}
			total += p
		}
		at := 0
		for at < frames && path[at] == int32(C-1) {
			path[at] = 0
			at++
		}
		if at == frames {
			return total
		}
		path[at]++
	}
}

func TestCTCSumsOverAllPaths(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	for _, c := range []struct {
		frames int
		target []int32
	}{
		{1, []int32{1}}, {1, nil}, {4, nil}, {4, []int32{2}}, {4, []int32{1, 2}}, {5, []int32{1, 1}}, {3, []int32{2, 2}}, {6, []int32{1, 2, 1}},
		{6, []int32{1, 1, 2}}, {3, []int32{1, 2, 1}}, {7, []int32{2, 2, 2, 1}},
	} {
		x := tensor.New(3, 2, 7)
		for i := range x.Data {
			x.Data[i] = float32(2 * rng.NormFloat64())
		}
		targets := AppendTarget(nil, 3, []int32{1})
		targets = AppendTarget(targets, c.frames, c.target)
		got := float64(CTC(nil, &Var{Value: x}, targets).Value.Data[0]) * float64(1+len(c.target))
		want := -math.Log(enumerated(x, 0, 3, []int32{1})) - math.Log(enumerated(x, 1, c.frames, c.target))
		if math.Abs(got-want) > 1e-5*math.Max(1, want) {
			t.Errorf("%d frames, target %v: %v, want %v", c.frames, c.target, got, want)
		}
	}
}

// The probabilities of all targets that frames have room for sum to one.
func TestCTCIsADistribution(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 2))
	x := tensor.New(3, 1, 4)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	sum := 0.0
	var visit func(target []int32)
	visit = func(target []int32) {
		l := float64(CTC(nil, &Var{Value: x}, AppendTarget(nil, 4, target)).Value.Data[0]) * float64(max(1, len(target)))
		sum += math.Exp(-l)
		if len(target) < 4 {
			visit(append(slices.Clone(target), 1))
			visit(append(slices.Clone(target), 2))
		}
	}
	visit(nil)
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("probabilities sum to %v", sum)
	}
}

// Long sequences with hopeless logits stay finite; impossible targets do not.
func TestCTCExtremes(t *testing.T) {
	x := tensor.New(4, 2, 400)
	for i := range x.Data[:800] {
		x.Data[i] = 60 // blank, all the time
	}
	target := make([]int32, 100)
	for i := range target {
		target[i] = int32(1 + i%3)
	}
	tape := &Tape{}
	in := tape.Leaf(x)
	targets := AppendTarget(AppendTarget(nil, 400, target), 60, target)
	out := CTC(tape, in, targets)
	if v := float64(out.Value.Data[0]); !math.IsInf(v, 1) {
		t.Errorf("100 symbols in 60 frames: loss %v, want infinity", v)
	}
	tape.Backward(out)
	finite, impossible := 0.0, 0.0
	for c := range 4 {
		for i := range 400 {
			finite += math.Abs(float64(in.Grad.Data[(c*2)*400+i]))
			impossible += math.Abs(float64(in.Grad.Data[(c*2+1)*400+i]))
		}
	}
	if !(finite > 0.1) || math.IsInf(finite, 0) || impossible != 0 {
		t.Errorf("gradients sum to %v and, where impossible, %v", finite, impossible)
	}
	one := CTC(nil, &Var{Value: x}, AppendTarget(AppendTarget(nil, 400, target), 0, nil)).Value.Data[0]
	all, _ := math.Lgamma(401)
	some, _ := math.Lgamma(101)
	rest, _ := math.Lgamma(301)
	want := 60 - (all-some-rest)/100 // any 100 of the frames, without those that merge
	if math.Abs(float64(one)-want) > 0.01 {
		t.Errorf("each symbol costs %v nats, want %v", one, want)
	}
}

func TestCTCPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"[3 4]":    func() { CTC(nil, &Var{Value: tensor.New(3, 4)}, nil) },
		"[3 1 4]":  func() { CTC(nil, &Var{Value: tensor.New(3, 1, 4)}, AppendTarget(nil, 5, []int32{1})) },
		"[0 3]":    func() { CTC(nil, &Var{Value: tensor.New(3, 1, 4)}, []int32{2, 1, 0, 3}) },
		"too many": func() { CTC(nil, &Var{Value: tensor.New(3, 1, 4)}, []int32{2, 1, 1, 3}) },
		"[2 1 3]":  func() { CTC(nil, &Var{Value: tensor.New(3, 1, 4)}, []int32{2, 1, 3}) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); name != "[0 3]" && !strings.Contains(s, name) || s == "" {
					t.Errorf("panic %q does not say %q", s, name)
				}
			}()
			f()
		}()
	}
}

func TestCTCAllocatesNothing(t *testing.T) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	rng := rand.New(rand.NewPCG(8, 3))
	x := tensor.Of(normal(rng, 5*2*30), 5, 2, 30)
	targets := AppendTarget(AppendTarget(nil, 30, []int32{1, 2, 3, 3, 4}), 20, []int32{4, 1})
	tape := &Tape{}
	step := func() {
		tape.Reset()
		tape.Backward(CTC(tape, tape.Leaf(x), targets))
	}
	for range 3 {
		step()
	}
	if n := testing.AllocsPerRun(20, step); n > 0.5 && !raceEnabled {
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkCTC(b *testing.B) {
	rng := rand.New(rand.NewPCG(8, 4))
	x := tensor.Of(normal(rng, 40*8*150), 40, 8, 150)
	var targets []int32
	for range 8 {
		target := make([]int32, 38)
		for i := range target {
			target[i] = int32(1 + rng.IntN(39))
		}
		targets = AppendTarget(targets, 150, target)
	}
	tape := &Tape{}
	for b.Loop() {
		tape.Reset()
		tape.Backward(CTC(tape, tape.Leaf(x), targets))
	}
}
