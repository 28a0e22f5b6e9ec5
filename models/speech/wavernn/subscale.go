package wavernn

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Subscale WaveRNN (Kalchbrenner et al. 2018, section 4) deals a signal out to B streams, sample
// B·i + s to stream s, and draws the streams one after another: each sees its own past, and of the
// streams before it the past and F samples of the future, its horizon. So stream s can begin F + 1
// steps after stream s - 1, and up to B samples are drawn at a time.

// Subscale says how a signal is dealt out; the zero value is a plain WaveRNN.
type Subscale struct {
	Streams int `json:"streams"` // B, a divisor of the hop
	Horizon int `json:"horizon"` // F, samples of the future of earlier streams that a stream sees
	Context int `json:"context"` // channels of the network over earlier streams
	Layers  int `json:"layers"`  // of it: layer l has a dilation of 2^l; the field is 2^Layers samples
}

func (s Subscale) check(hop int) error {
	if s == (Subscale{}) {
		return nil
	}
	if s.Streams < 2 || s.Streams > 64 || hop%s.Streams != 0 || s.Horizon < 0 || s.Horizon > 1024 || s.Context < 1 || s.Context > 1024 || s.Layers < 1 || s.Layers > 10 {
		return fmt.Errorf("wavernn: %d streams at a hop of %d, horizon %d, %d layers of %d channels: want a divisor from 2 to 64, up to 1024, and from 1 to 10 layers of 1 to 1024",
			s.Streams, hop, s.Horizon, s.Layers, s.Context)
	}
	return nil
}

// Field returns how many samples of each earlier stream are seen at a time: from Horizon in the future back.
func (s Subscale) Field() int { return 1 << s.Layers }

// Rows returns the values of a column of context: each stream's sample, and whether it is there.
func (s Subscale) Rows() int { return 2 * s.Streams }

// Steps returns how many steps it takes to draw n samples of each stream.
func (s Subscale) Steps(n int) int { return n + (s.Streams-1)*(s.Horizon+1) }

// Active returns the streams that draw at a step, from lo to below hi: stream k draws its sample step - k·(Horizon+1).
func (s Subscale) Active(step, n int) (lo, hi int) {
	lag := s.Horizon + 1
	hi = min(step/lag+1, s.Streams)
	if step >= n {
		lo = (step-n)/lag + 1
	}
	return min(lo, hi), hi
}

// Fill puts the column of context of sample i of a stream into dst, whose rows are ld apart: of each
// earlier stream the sample Horizon later. signal holds all streams; samples outside it are not there.
func (s Subscale) Fill(dst []float32, ld int, signal []int16, stream, i int) {
	at := (i + s.Horizon) * s.Streams
	for z := range s.Streams {
		v, there := float32(0), float32(0)
		if z < stream && at+z >= 0 && at+z < len(signal) {
			v, there = float32(signal[at+z])/32768, 1
		}
		dst[z*ld], dst[(s.Streams+z)*ld] = v, there
	}
}

// contextLayer is a causal convolution of two taps, and what follows it:
//
//	y[i] = relu(Now·x[i] + Before·x[i-d] + b)
type contextLayer struct {
	Now, Before *nn.Linear
}

// newContext returns the layers of the network over earlier streams.
func newContext(s Subscale, rng *rand.Rand) (layers []*contextLayer) {
	in := s.Rows()
	for range s.Layers {
		l := &contextLayer{nn.NewLinear(in, s.Context, rng), nn.NewLinear(in, s.Context, rng)}
		l.Before.Bias = nil
		l.Now.Weight.Prunable, l.Before.Weight.Prunable = false, false
		layers, in = append(layers, l), s.Context
	}
	return layers
}

// ForwardSubscale is [Model.Forward] for pieces of streams: scalars [3,T,B] of T samples of B of them,
// frames [Width,F,B] of Hop/Streams samples of a stream each, and context [Rows,T+Field-1,B], whose first
// column is that of Field-1 samples before the first one.
func (m *Model) ForwardSubscale(t *grad.Tape, frames *grad.Var, scalars, context *tensor.Tensor) (coarse, fine *grad.Var) {
	s, sub := scalars.Shape, m.spec.Subscale
	if c := context.Shape; len(c) != 3 || c[0] != sub.Rows() || c[1] != s[1]+sub.Field()-1 || c[2] != s[2] {
		panic(fmt.Sprintf("wavernn: ForwardSubscale: scalars %v, context %v", s, context.Shape))
	}
	x := t.Input(context)
	for l, layer := range m.Context {
		d, T := 1<<l, x.Value.Shape[1]
		x = grad.ReLU(t, grad.Add(t, layer.Now.Forward(t, steps(t, x, d, T)), layer.Before.Forward(t, steps(t, x, 0, T-d))))
	}
	return m.forward(t, frames, grad.Concat(t, t.Input(scalars), x))
}

// steps returns the times lo to hi of x [C,T,B].
func steps(t *grad.Tape, x *grad.Var, lo, hi int) *grad.Var {
	C, T, B := x.Value.Shape[0], x.Value.Shape[1], x.Value.Shape[2]
	out := t.New(C, hi-lo, B)
	n := (hi - lo) * B
	for c := range C {
		copy(out.Value.Data[c*n:(c+1)*n], x.Value.Data[(c*T+lo)*B:])
	}
	return t.Record(out, func() {
		dx, acc := t.GradOf(x)
		if !acc {
			clear(dx)
		}
		for c := range C {
			kernel.AddTo(dx[(c*T+lo)*B:][:n], out.Grad.Data[c*n:(c+1)*n])
		}
	}, x)
}
