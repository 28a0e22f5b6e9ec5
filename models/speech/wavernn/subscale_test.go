package wavernn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

func newSubscale(t *testing.T, seed uint64) (*Model, *rand.Rand) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	m, err := New(Spec{Units: 64, Features: 5, Condition: 7, Hop: 8, Around: 1, Subscale: Subscale{Streams: 4, Horizon: 3, Context: 6, Layers: 3}}, rng)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m) {
		for i, v := range p.Values() {
			p.Values()[i] = v + 0.05*float32(rng.NormFloat64())
		}
	}
	m.Cell.Input.SetMasked(inputMask(64, Scalars+6)) // again: the noise went everywhere
	sparsify(m, 16, 0.3, rng)
	return m, rng
}

// TestSchedule holds the streams that draw at a step to the definition, and the whole to drawing each sample once.
func TestSchedule(t *testing.T) {
	for _, s := range []Subscale{{Streams: 4, Horizon: 3}, {Streams: 16, Horizon: 64}, {Streams: 2, Horizon: 0}} {
		for _, n := range []int{1, 5, 300} {
			drawn := 0
			for step := range s.Steps(n) {
				lo, hi := s.Active(step, n)
				for k := range s.Streams {
					i := step - k*(s.Horizon+1)
					if active := i >= 0 && i < n; active != (k >= lo && k < hi) {
						t.Fatalf("%+v, %d samples, step %d: streams %d to %d, stream %d draws: %v", s, n, step, lo, hi, k, active)
					}
				}
				drawn += hi - lo
			}
			if drawn != n*s.Streams {
				t.Errorf("%+v: %d samples drawn of %d", s, drawn, n*s.Streams)
			}
		}
	}
}

// whole returns what the layered forward pass takes of all samples of a stream, and their bytes.
func whole(s Spec, frames []float32, signal []int16, stream int) (wide, scalars, context *tensor.Tensor, coarse, fine []int32) {
	sub, F := s.Subscale, len(frames)/s.Features
	own := make([]int16, len(signal)/sub.Streams)
	for i := range own {
		own[i] = signal[i*sub.Streams+stream]
	}
	scalars, coarse, fine = small.Scalars([][]int16{own})
	wide, context = tensor.New(s.Width(), F, 1), tensor.New(sub.Rows(), len(own)+sub.Field()-1, 1)
	column := make([]float32, s.Width())
	for f := range F {
		s.Stack(column, frames, f)
		for k, v := range column {
			wide.Data[k*F+f] = v
		}
	}
	for i := range context.Shape[1] {
		sub.Fill(context.Data[i:], context.Shape[1], signal, stream, i-sub.Field()+1)
	}
	return wide, scalars, context, coarse, fine
}

// TestStreams draws all streams at once and one after the other, which must be the same bits; holds the
// probability of each byte to the layered forward pass; and checks that all that a stream may see of those
// before it is there when it looks.
func TestStreams(t *testing.T) {
	m, rng := newSubscale(t, 3)
	sub, hop, F := m.spec.Subscale, m.spec.Hop, 9
	s, err := NewStreams(m, Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	frames := make([]float32, F*m.spec.Features)
	for i := range frames {
		frames[i] = float32(rng.NormFloat64())
	}
	n := F * hop / sub.Streams
	drawn := make([]int, sub.Streams)
	s.onFill = func(stream, i int) {
		for z := range stream {
			if need := min(i+sub.Horizon+1, n); drawn[z] < need {
				t.Fatalf("stream %d at %d: stream %d has %d of %d samples", stream, i, z, drawn[z], need)
			}
		}
	}
	logs := make([][]float64, sub.Streams)
	s.onDraw = func(stream, half, class int) {
		drawn[stream] += half
		logs[stream] = append(logs[stream], s.draw.LogProbability(class))
	}
	together, err := s.Sample(context.Background(), frames)
	if err != nil {
		t.Fatal(err)
	}
	s.onFill, s.onDraw = nil, nil
	if _, err := s.Begin(frames); err != nil {
		t.Fatal(err)
	}
	for k := range sub.Streams {
		for i := range n {
			s.step(k, k+1, i+k*(sub.Horizon+1))
		}
	}
	if !slices.Equal(together, s.signal) {
		t.Fatal("drawn one after the other the samples differ")
	}
	for k := range sub.Streams {
		wide, scalars, context, coarse, fine := whole(m.spec, frames, together, k)
		yc, yf := m.ForwardSubscale(nil, &grad.Var{Value: wide}, scalars, context)
		for i := range n {
			c := math.Abs(logs[k][2*i] - logProbability(yc.Value, i, int(coarse[i])))
			f := math.Abs(logs[k][2*i+1] - logProbability(yf.Value, i, int(fine[i])))
			if !(c < 2e-5 && f < 2e-5) {
				t.Fatalf("stream %d, sample %d: log-probabilities differ by %g and %g", k, i, c, f)
			}
		}
	}
}

// A sample depends on the future of earlier streams up to the horizon and no further, and not on later streams.
func TestHorizon(t *testing.T) {
	m, rng := newSubscale(t, 4)
	sub, n := m.spec.Subscale, 18
	frames, signal := make([]float32, 9*m.spec.Features), make([]int16, 9*m.spec.Hop)
	for i := range signal {
		signal[i] = int16(rng.IntN(1 << 16))
	}
	logits := func() []float32 {
		wide, scalars, context, _, _ := whole(m.spec, frames, signal, 2)
		yc, _ := m.ForwardSubscale(nil, &grad.Var{Value: wide}, scalars, context)
		return yc.Value.Data
	}
	before := logits()
	for _, c := range []struct {
		stream, i int
		from      int // first sample of stream 2 that changes; n for none
	}{{1, 10, 10 - sub.Horizon}, {0, 17, 17 - sub.Horizon}, {3, 2, n}, {2, 5, 6}} {
		was := signal[c.i*sub.Streams+c.stream]
		signal[c.i*sub.Streams+c.stream] = was ^ 0x5a5a
		after := logits()
		signal[c.i*sub.Streams+c.stream] = was
		first := n
		for i := n - 1; i >= 0; i-- {
			for k := range kernel.Classes {
				if before[k*n+i] != after[k*n+i] {
					first = i
				}
			}
		}
		if first != c.from {
			t.Errorf("sample %d of stream %d reaches stream 2 from its sample %d on, want %d", c.i, c.stream, first, c.from)
		}
	}
}

func TestStreamsBadInput(t *testing.T) {
	m, _ := newSubscale(t, 6)
	if _, err := NewSession(m, Options{}); err == nil {
		t.Error("a session of one stream took a subscale model")
	}
	plain, _ := newModel(t, 6)
	if _, err := NewStreams(plain, Options{}); err == nil {
		t.Error("streams took a plain model")
	}
	for _, o := range []Options{{Temperature: -1}, {Weights: kernel.Int8}} {
		if _, err := NewStreams(m, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	s, err := NewStreams(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sample(context.Background(), nil); err == nil {
		t.Error("no frames were accepted")
	}
	if _, err := s.Begin(make([]float32, 5*(mostHeld/3/64+1))); err == nil {
		t.Error("frames without end were accepted")
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Sample(ctx, make([]float32, 50)); err == nil {
		t.Error("went on after an interrupt")
	}
	for _, sub := range []Subscale{{Streams: 3, Context: 1, Layers: 1}, {Streams: 4, Context: 1}, {Streams: 4, Context: 1, Layers: 1, Horizon: -1}} {
		if _, err := New(Spec{Units: 32, Features: 1, Condition: 1, Hop: 8, Subscale: sub}, rand.New(rand.NewPCG(1, 1))); err == nil {
			t.Errorf("%+v was accepted", sub)
		}
	}
}
