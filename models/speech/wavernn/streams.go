package wavernn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Streams samples a subscale model: a recording at a time, all streams that can draw as the columns
// of one product. A column does not depend on the others, and each stream has random numbers of its
// own, so that the samples are the same bits in whatever order the streams are drawn.
type Streams struct {
	model       *Model
	temperature float32
	seed        uint64
	B, H        int

	product           multiplier    // recurrent, [3H,B]; halves of the units one below the other
	input             [2]multiplier // of the cell's inputs, by half
	heads             [4]multiplier
	layers            []multiplier // Now and Before beside each other
	bias, nbias       []float32
	frames, condition *kernel.Compact

	signal []int16
	held   []float32 // [frames][3H], of the conditioning
	random []*rand.Rand
	rings  [][]float32 // of each layer's input: [stream][2^l + 1][channels]

	state, next    []float32 // [H,B]
	a, u, x        []float32 // [3H,B], [3H,B], inputs [3+C,B]
	frame          []float32 // [3H,B], what is held for the frames the streams are in
	hidden, logits []float32 // [H/2,B], [256,B]
	above, column  []float32 // of the context network
	one            []float32
	draw           kernel.Draw
	lo, hi         int                           // streams that draw
	onFill         func(stream, i int)           // called before context is read, where set
	onDraw         func(stream, half, class int) // called after each draw, where set
}

// NewStreams returns a sampler. The options' blocks are not used: products are those of training.
func NewStreams(m *Model, o Options) (*Streams, error) {
	sub := m.spec.Subscale
	if sub.Streams == 0 {
		return nil, fmt.Errorf("wavernn: a plain model is sampled by NewSession")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Weights != kernel.F32 {
		return nil, fmt.Errorf("wavernn: weights of %v: a model of several streams has only f32", o.Weights)
	}
	B, H, C, K := sub.Streams, m.spec.Units, sub.Context, Scalars+sub.Context
	s := &Streams{model: m, temperature: float32(o.Temperature), seed: o.Seed, B: B, H: H,
		state: make([]float32, H*B), next: make([]float32, H*B), a: make([]float32, 3*H*B), frame: make([]float32, 3*H*B), u: make([]float32, 3*H*B),
		x: make([]float32, K*B), hidden: make([]float32, H/2*B), logits: make([]float32, kernel.Classes*B),
		above: make([]float32, 2*max(C, sub.Rows())*B), column: make([]float32, C*B), one: make([]float32, kernel.Classes),
		random: make([]*rand.Rand, B)}
	byHalf := func(x []float32, K int) []float32 { return kernel.ByGate(x, H, K, H/2, [3]int{0, 1, 2}) }
	recurrent := m.Cell.Recurrent.Recurrent
	s.product = newMultiplier(byHalf(values(recurrent), H), 3*H, H, B, storedRows(recurrent), recurrent.Density(), nil)
	for half, rows := range [2][]float32(slices.Collect(slices.Chunk(byHalf(values(m.Cell.Input), K), 3*H/2*K))) {
		s.input[half] = newMultiplier(rows, 3*H/2, K, B, 1, 1, nil)
	}
	s.bias, s.nbias = byHalf(m.Cell.Bias.Dense.Data, 1), m.Cell.NBias.Dense.Data
	for i, l := range []*nn.Linear{m.O1, m.O2, m.O3, m.O4} {
		s.heads[i] = newMultiplier(values(l.Weight), l.Weight.M(), l.Weight.K(), B, storedRows(l.Weight), l.Weight.Density(), l.Bias.Dense.Data)
	}
	in := sub.Rows()
	for l, layer := range m.Context {
		now, before := values(layer.Now.Weight), values(layer.Before.Weight)
		both := make([]float32, 0, 2*len(now))
		for c := range C {
			both = append(append(both, now[c*in:(c+1)*in]...), before[c*in:(c+1)*in]...)
		}
		s.layers = append(s.layers, newMultiplier(both, C, 2*in, B, 1, 1, layer.Now.Bias.Dense.Data))
		s.rings = append(s.rings, make([]float32, B*(1<<l+1)*in))
		in = C
	}
	s.frames = kernel.NewCompact(values(m.Frames.Weight), m.spec.Condition, m.spec.Width(), 16, 1, kernel.F32, m.Frames.Bias.Dense.Data)
	s.condition = kernel.NewCompact(byHalf(values(m.Gates.Weight), m.spec.Condition), 3*H, m.spec.Condition, 16, 1, kernel.F32, nil)
	return s, nil
}

// multiplier is a matrix [M,K], dense or sparse, that multiplies B columns.
type multiplier struct {
	M, K, B int
	dense   []float32
	sparse  *sparse.Matrix
	bias    []float32
}

// newMultiplier returns a sparse matrix of blocks of R rows where the density is below 1.
func newMultiplier(dense []float32, M, K, B, R int, density float64, bias []float32) multiplier {
	m := multiplier{M: M, K: K, B: B, dense: dense, bias: bias}
	if density < 1 {
		m.sparse = sparse.FromDense(dense, M, K, nil, R)
	}
	return m
}

// apply computes y = W·x + bias, or adds W·x where there is none and add is true.
func (m *multiplier) apply(x, y []float32, add bool) {
	if m.bias != nil {
		kernel.BiasFill(m.M, m.B, m.bias, y)
		add = true
	}
	if m.sparse != nil {
		kernel.SpMM(&m.sparse.CSR, m.B, x, m.B, add, y, m.B)
		return
	}
	beta := float32(0)
	if add {
		beta = 1
	}
	kernel.GEMM(false, false, m.M, m.B, m.K, 1, m.dense, m.K, x, m.B, beta, y, m.B)
}

// Sample draws the samples of a recording, Hop for each frame [Features] of frames.
func (s *Streams) Sample(ctx context.Context, frames []float32) ([]int16, error) {
	steps, err := s.Begin(frames)
	for j := 0; j < steps && err == nil; j++ {
		s.Step(j)
		err = ctx.Err()
	}
	return s.signal, err
}

// Step draws the samples of a step; steps are to be made in their order.
func (s *Streams) Step(step int) {
	lo, hi := s.model.spec.Subscale.Active(step, len(s.signal)/s.B)
	s.step(lo, hi, step)
}

// mostHeld is how many gates are held for a recording: 1 GB of them.
const mostHeld = 1 << 28

// Begin prepares a recording of Hop samples for each frame [Features] of frames, and returns the steps it takes.
// Memory is that of the gates of each frame and of the samples.
func (s *Streams) Begin(frames []float32) (steps int, err error) {
	spec := s.model.spec
	F := len(frames) / spec.Features
	if F == 0 || len(frames)%spec.Features != 0 {
		return 0, fmt.Errorf("wavernn: %d values for frames of %d", len(frames), spec.Features)
	}
	if n := F * 3 * s.H; n > mostHeld {
		return 0, fmt.Errorf("wavernn: %d frames: streams of %d units take up to %d", F, s.H, mostHeld/3/s.H)
	}
	s.signal = make([]int16, F*spec.Hop)
	s.held = make([]float32, F*3*s.H)
	column, features := make([]float32, spec.Width()), make([]float32, s.frames.Rows())
	for f := range F {
		spec.Stack(column, frames, f)
		s.frames.Multiply(features, column)
		kernel.Tanh(features, features)
		s.condition.Multiply(s.held[f*3*s.H:(f+1)*3*s.H], features[:spec.Condition])
	}
	clear(s.state)
	for k := range s.random {
		s.random[k] = rand.New(rand.NewPCG(s.seed, uint64(k)))
	}
	for _, r := range s.rings {
		clear(r)
	}
	return spec.Subscale.Steps(len(s.signal) / s.B), nil
}

// step draws a sample of each of the streams lo to hi at a step of the schedule.
func (s *Streams) step(lo, hi, step int) {
	sub, B, H := s.model.spec.Subscale, s.B, s.H
	s.lo, s.hi = lo, hi
	if lo == hi {
		return
	}
	first := step - lo*(sub.Horizon+1)
	at := func(k int) int { return first - (k-lo)*(sub.Horizon+1) } // sample of stream k
	if k := hi - 1; at(k) == 0 {                                    // it begins: what the network has seen before
		for i := 1 - sub.Field(); i < 0; i++ {
			s.context(k, k+1, func(int) int { return i })
		}
	}
	s.context(lo, hi, at)
	clear(s.x[:Scalars*B])
	perFrame := s.model.spec.Hop / B
	for k := lo; k < hi; k++ {
		before := int16(0)
		if i := at(k); i > 0 {
			before = s.signal[(i-1)*B+k]
		}
		c, f := Split(before)
		s.x[k], s.x[B+k] = Scale(c), Scale(f)
		if i := at(k); i%perFrame == 0 {
			for row, v := range s.held[i/perFrame*3*H:][:3*H] {
				s.frame[row*B+k] = v
			}
		}
	}
	s.product.apply(s.state, s.u, false)
	s.gates(0)
	coarse := s.classes(0)
	for k := lo; k < hi; k++ {
		s.x[2*B+k] = Scale(coarse[k])
	}
	s.gates(1)
	fine := s.classes(1)
	for k := lo; k < hi; k++ {
		s.signal[at(k)*B+k] = Join(coarse[k], fine[k])
	}
	for k := range B { // the others stay as they were
		if k >= lo && k < hi {
			continue
		}
		for row := range H {
			s.next[row*B+k] = s.state[row*B+k]
		}
	}
	s.state, s.next = s.next, s.state
}

// gates computes half the units after a step, from the recurrent product. The fine half sees what the
// coarse one has drawn.
func (s *Streams) gates(half int) {
	B, H := s.B, s.H
	lo, n := half*3*H/2, 3*H/2
	a := s.a[lo*B : (lo+n)*B]
	copy(a, s.frame[lo*B:])
	s.input[half].apply(s.x, a, true)
	c := kernel.Cell{H: H / 2, B: B, Bias: s.bias[lo : lo+n], NBias: s.nbias[half*H/2 : (half+1)*H/2],
		A: a, U: s.u[lo*B : (lo+n)*B], HP: s.state[half*H/2*B : (half+1)*H/2*B], HN: s.next[half*H/2*B : (half+1)*H/2*B]}
	c.GRU()
}

// classes draws a byte of each stream from half the units.
func (s *Streams) classes(half int) (out [64]int) {
	B, H := s.B, s.H
	s.heads[2*half].apply(s.next[half*H/2*B:(half+1)*H/2*B], s.hidden, false)
	kernel.ReLU(s.hidden, s.hidden)
	s.heads[2*half+1].apply(s.hidden, s.logits, false)
	for k := s.lo; k < s.hi; k++ {
		for i := range s.one {
			s.one[i] = s.logits[i*B+k]
		}
		s.draw.Softmax(s.one, s.temperature)
		out[k] = s.draw.Class(s.random[k].Float32())
		if s.onDraw != nil {
			s.onDraw(k, half, out[k])
		}
	}
	return out
}

// context computes the network over earlier streams for a sample of each of the streams lo to hi, and puts
// it below the scalars. Of each layer's input it keeps as much as the layer looks back.
func (s *Streams) context(lo, hi int, at func(k int) int) {
	sub, B := s.model.spec.Subscale, s.B
	in := sub.Rows()
	clear(s.above)
	for k := lo; k < hi; k++ {
		sub.Fill(s.above[k:], B, s.signal, k, at(k))
		if s.onFill != nil {
			s.onFill(k, at(k))
		}
	}
	for l, layer := range s.layers {
		d := 1 << l
		size := (d + 1) * in // of a stream's ring
		for k := lo; k < hi; k++ {
			ring, i := s.rings[l][k*size:(k+1)*size], at(k)+1<<20
			now, before := ring[i%(d+1)*in:][:in], ring[(i+1)%(d+1)*in:][:in]
			for c := range in {
				now[c] = s.above[c*B+k]
				s.above[(in+c)*B+k] = before[c]
			}
		}
		layer.apply(s.above[:2*in*B], s.column, false)
		kernel.ReLU(s.column, s.column)
		clear(s.above)
		copy(s.above, s.column)
		in = sub.Context
	}
	copy(s.x[Scalars*B:], s.column)
}
