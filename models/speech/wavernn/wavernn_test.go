package wavernn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

var small = Spec{Units: 64, Features: 5, Condition: 7, Hop: 8}

func newModel(t *testing.T, seed uint64) (*Model, *rand.Rand) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m, err := New(small, rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m) {
		if p.NoDecay { // biases of zero would hide a missing one
			for i := range p.Dense.Data {
				p.Dense.Data[i] = float32(rng.NormFloat64()) / 4
			}
		}
	}
	return m, rng
}

// sparsify keeps a share of the blocks of the recurrent weights.
func sparsify(m *Model, R int, density float64, rng *rand.Rand) {
	keep(m.Cell.Recurrent.Recurrent, R, density, rng)
}

func keep(p *nn.Param, R int, density float64, rng *rand.Rand) {
	mask := sparse.NewMask(p.M(), p.K(), R)
	for g := range mask.Groups() {
		for k := range p.K() {
			mask.Set(g, k, rng.Float64() < density)
		}
	}
	p.SetSparse(mask)
}

func randomFrames(rng *rand.Rand, F int) *tensor.Tensor {
	x := tensor.New(small.Features, F, 1)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	return x
}

// run samples F frames and returns the samples and the log-probability of each byte.
func run(s *Session, frames *tensor.Tensor) (samples []int16, logs []float64) {
	s.observe = func(_, class int) { logs = append(logs, s.draw.LogProbability(class)) }
	F := frames.Shape[1]
	for f := range F {
		column := make([]float32, small.Features)
		for i := range column {
			column[i] = frames.Data[i*F+f]
		}
		s.Frame(column)
		for range small.Hop {
			samples = append(samples, s.Next())
		}
	}
	s.observe = nil
	return samples, logs
}

// logProbability returns log softmax of column col of logits [256,T,1].
func logProbability(logits *tensor.Tensor, col, class int) float64 {
	n := logits.Cols()
	var sum float64
	for i := range kernel.Classes {
		sum += math.Exp(float64(logits.Data[i*n+col]))
	}
	return float64(logits.Data[class*n+col]) - math.Log(sum)
}

// TestSessionIsForward feeds what a session drew to the layered forward pass, which must give
// each byte the same probability.
func TestSessionIsForward(t *testing.T) {
	for _, c := range []struct {
		name  string
		R     int // 0: dense
		o     Options
		bound float64
	}{
		{"dense f32", 0, Options{}, 1e-5},
		{"16x1 f32", 16, Options{}, 1e-5},
		{"1x1 f32", 1, Options{}, 1e-5},
		{"1x1 in 4x4 f32", 1, Options{Rows: 4, Cols: 4}, 1e-5},
		{"16x1 bf16", 16, Options{Weights: kernel.BF16}, 0.03},
		{"dense int8", 0, Options{Weights: kernel.Int8}, 0.1},
		{"16x1 int8", 16, Options{Weights: kernel.Int8}, 0.1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, rng := newModel(t, 3)
			if c.R > 0 {
				sparsify(m, c.R, 0.3, rng)
			}
			c.o.Seed = 11
			s, err := NewSession(m, c.o)
			if err != nil {
				t.Fatal(err)
			}
			frames := randomFrames(rng, 5)
			samples, logs := run(s, frames)
			scalars, coarse, fine := small.Scalars([][]int16{samples})
			yc, yf := m.Forward(nil, &grad.Var{Value: frames}, scalars)
			worst := 0.0
			for i := range samples {
				worst = max(worst, math.Abs(logs[2*i]-logProbability(yc.Value, i, int(coarse[i]))))
				worst = max(worst, math.Abs(logs[2*i+1]-logProbability(yf.Value, i, int(fine[i]))))
			}
			if !(worst <= c.bound) {
				t.Errorf("log-probabilities differ by up to %g, bound %g", worst, c.bound)
			}
			s.Reset(11)
			again, _ := run(s, frames)
			s.Reset(12)
			other, _ := run(s, frames)
			same := 0
			for i := range samples {
				if again[i] != samples[i] {
					t.Fatalf("sample %d differs with the same seed", i)
				}
				if other[i] == samples[i] {
					same++
				}
			}
			if same == len(samples) {
				t.Error("two seeds gave the same samples")
			}
		})
	}
}

func TestSessionAllocatesNothing(t *testing.T) {
	m, rng := newModel(t, 4)
	sparsify(m, 16, 0.3, rng)
	for _, p := range []kernel.Precision{kernel.F32, kernel.BF16, kernel.Int8} {
		s, err := NewSession(m, Options{Weights: p})
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(50, func() { s.Next() }); n != 0 {
			t.Errorf("%v: %g allocations a sample", p, n)
		}
	}
}

// TestMaskedInput checks that the coarse logits of a sample do not depend on its own coarse
// byte, and that the weights which would make them are never trained.
func TestMaskedInput(t *testing.T) {
	m, rng := newModel(t, 5)
	frames := &grad.Var{Value: randomFrames(rng, 1)}
	r := make([]int16, small.Hop)
	for i := range r {
		r[i] = int16(rng.IntN(1 << 16))
	}
	last := len(r) - 1
	scalars, coarse, fine := small.Scalars([][]int16{r})
	c0, f0 := m.Forward(nil, frames, scalars)
	scalars.Data[2*len(r)+last] += 0.5
	c1, f1 := m.Forward(nil, frames, scalars)
	moved := false
	for i := range kernel.Classes {
		if c0.Value.Data[i*len(r)+last] != c1.Value.Data[i*len(r)+last] {
			t.Fatalf("coarse logit %d sees its own byte", i)
		}
		moved = moved || f0.Value.Data[i*len(r)+last] != f1.Value.Data[i*len(r)+last]
	}
	if !moved {
		t.Error("the fine logits do not see the coarse byte")
	}
	tape := &grad.Tape{}
	yc, yf := m.Forward(tape, tape.Input(frames.Value), scalars)
	tape.Backward(grad.Add(tape, grad.CrossEntropy(tape, yc, coarse, 0), grad.CrossEntropy(tape, yf, fine, 0)))
	K := m.Cell.Input.K()
	for i := range 3 * small.Units {
		g := m.Cell.Input.Grad.Data[i*K+Scalars-1]
		if isCoarse := i%small.Units < small.Units/2; isCoarse != (g == 0) {
			t.Fatalf("row %d: gradient of the present coarse byte is %g", i, g)
		}
	}
}

// TestGradients holds the gradient of every kind of weight, through the conditioning and the
// halves of the state, to differences.
func TestGradients(t *testing.T) {
	m, rng := newModel(t, 6)
	sparsify(m, 16, 0.3, rng)
	frames := randomFrames(rng, 2)
	r := make([]int16, 2*small.Hop)
	for i := range r {
		r[i] = int16(rng.IntN(1 << 16))
	}
	scalars, coarse, fine := small.Scalars([][]int16{r})
	tape := &grad.Tape{}
	loss := func(t *grad.Tape) *grad.Var {
		yc, yf := m.Forward(t, t.Input(frames), scalars)
		return grad.Add(t, grad.CrossEntropy(t, yc, coarse, 0), grad.CrossEntropy(t, yf, fine, 0))
	}
	tape.Backward(loss(tape))
	for _, p := range nn.Params(m) {
		values, g := p.Values(), p.Grad.Data
		d := make([]float32, len(values)) // a direction
		var want float64
		for i := range d {
			d[i] = float32(rng.NormFloat64())
			if p.Mask != nil && !p.Mask.Get(i/p.K(), i%p.K()) {
				d[i] = 0
			}
			want += float64(d[i]) * float64(g[i])
		}
		const h = 2e-4
		at := func(step float32) float64 {
			for i := range d {
				values[i] += step * d[i]
			}
			l := float64(loss(nil).Value.Data[0])
			for i := range d {
				values[i] -= step * d[i]
			}
			return l
		}
		got := (at(h) - at(-h)) / (2 * h)
		if math.Abs(got-want) > 0.02*math.Abs(want)+0.02 {
			t.Errorf("%s: slope %g, by differences %g", p.Name, want, got)
		}
	}
}

// TestLearns trains on a tone: the loss must fall far below that of a uniform guess, 2·ln 256.
func TestLearns(t *testing.T) {
	m, rng := newModel(t, 7)
	sparsify(m, 16, 0.5, rng)
	frames := randomFrames(rng, 20)
	r := make([]int16, 20*small.Hop)
	for i := range r {
		r[i] = int16(8000 * math.Sin(float64(i)/3))
	}
	scalars, coarse, fine := small.Scalars([][]int16{r})
	tape, adam := &grad.Tape{}, &optim.Adam{}
	first, last := 0.0, 0.0
	for step := range 60 {
		tape.Reset()
		yc, yf := m.Forward(tape, tape.Input(frames), scalars)
		l := grad.Add(tape, grad.CrossEntropy(tape, yc, coarse, 0), grad.CrossEntropy(tape, yf, fine, 0))
		tape.Backward(l)
		last = float64(l.Value.Data[0])
		if step == 0 {
			first = last
		}
		ps := nn.Params(m)
		adam.Step(ps, 3e-3)
		for _, p := range ps {
			clear(p.Grad.Data)
		}
	}
	if last > 6 || first < 9 {
		t.Errorf("the loss went from %g to %g nats a sample", first, last)
	}
}

func TestSplit(t *testing.T) {
	for _, s := range []int16{math.MinInt16, -1, 0, 1, 255, 256, math.MaxInt16} {
		if c, f := Split(s); Join(c, f) != s || c < 0 || c > 255 || f < 0 || f > 255 {
			t.Errorf("%d became %d and %d, then %d", s, c, f, Join(c, f))
		}
	}
}

func TestBadSizes(t *testing.T) {
	for _, s := range []Spec{{}, {Units: 48, Features: 1, Condition: 1, Hop: 1}, {Units: 64, Features: 1, Condition: 1}, {Units: 1 << 20, Features: 1, Condition: 1, Hop: 1}} {
		if _, err := New(s, rand.New(rand.NewPCG(1, 1))); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
	m, _ := newModel(t, 8)
	for _, o := range []Options{{Temperature: -1}, {Temperature: math.NaN()}, {Weights: 7}, {Rows: 3, Cols: 1}} {
		if _, err := NewSession(m, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
