package wavernn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// Options say how a [Session] samples. The zero value is float32 at temperature 1.
type Options struct {
	Weights     kernel.Precision
	Temperature float64 // 0 stands for 1
	Seed        uint64
	Voiced      float64 // factor on the temperature where a predicting model is voiced; 0 stands for 1
	Rows, Cols  int     // blocks of sparse weights: 16x1, 4x4 or 1x1; 0 for those they are stored in
}

// Session draws samples from a model, one after the other. It owns its state, allocates
// nothing while it samples, and serves one goroutine.
type Session struct {
	spec        Spec
	frames      *kernel.Compact
	condition   *kernel.Compact // [3H, Condition], with the biases of the gates
	recurrent   *kernel.Compact
	heads       [4]*kernel.Compact
	cell        kernel.WaveCell
	states      [2][]float32
	features    []float32
	hidden      []float32
	logits      []float32
	draw        kernel.Draw
	pcg         *rand.PCG
	rng         *rand.Rand
	temperature [2]float32 // of unvoiced and of voiced frames
	x           [Scalars]float32
	observe     func(half, class int) // called after each draw where set

	predictor *predictor      // of models that predict; the rest is theirs
	extra     *kernel.Compact // [3H, foretold]; its biases are what a frame's samples share
	foretold  []float32
	past      Past    // samples so far, at least the last that matter
	drawn     int     // samples in it
	phase     float64 // from 0 to 1, in a period
}

// NewSession returns a sampler at the beginning of a recording: silence, a state of zero,
// and a frame of zeros. Later changes of the model do not reach it.
func NewSession(m *Model, o Options) (*Session, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Weights < kernel.F32 || o.Weights > kernel.Int8 {
		return nil, fmt.Errorf("wavernn: no precision %d", o.Weights)
	}
	if m.spec.Subscale.Streams > 0 {
		return nil, fmt.Errorf("wavernn: a model of %d streams is sampled by NewStreams", m.spec.Subscale.Streams)
	}
	block := [2]int{o.Rows, o.Cols}
	if block != [2]int{} && block != [2]int{16, 1} && block != [2]int{4, 4} && block != [2]int{1, 1} {
		return nil, fmt.Errorf("wavernn: blocks of %dx%d: can be 16x1, 4x4 or 1x1", o.Rows, o.Cols)
	}
	H := m.spec.Units
	s := &Session{spec: m.spec, temperature: [2]float32{float32(o.Temperature), float32(o.Temperature * o.Voiced)}, pcg: rand.NewPCG(o.Seed, 0),
		features: make([]float32, (m.spec.Condition+15)/16*16), hidden: make([]float32, H/2), logits: make([]float32, kernel.Classes)}
	s.rng = rand.New(s.pcg)
	for i := range s.states {
		s.states[i] = make([]float32, H)
	}
	s.frames = kernel.NewCompact(values(m.Frames.Weight), m.spec.Condition, m.spec.Width(), 16, 1, kernel.F32, m.Frames.Bias.Dense.Data)
	for i, l := range []*nn.Linear{m.O1, m.O2, m.O3, m.O4} {
		s.heads[i] = o.compact(l.Weight, values(l.Weight), l.Bias.Dense.Data)
	}
	byGate := func(x []float32, K int) []float32 { return kernel.ByGate(x, H, K, kernel.GateRows, [3]int{1, 0, 2}) } // of r, u, e
	K := m.spec.Inputs()
	input, bias := byGate(values(m.Cell.Input), K), byGate(m.Cell.Bias.Dense.Data, 1)
	inner := make([]float32, 3*H)
	copy(inner[2*H:], m.Cell.NBias.Dense.Data)
	weight := m.Cell.Recurrent.Recurrent
	s.recurrent = o.compact(weight, byGate(values(weight), H), byGate(inner, 1))
	s.cell = kernel.WaveCell{H: H, Product: make([]float32, 3*H), Frame: make([]float32, 3*H)}
	for k := range s.cell.Input {
		s.cell.Input[k] = make([]float32, 3*H)
		for i := range s.cell.Input[k] {
			s.cell.Input[k][i] = input[i*K+k]
		}
	}
	s.condition = kernel.NewCompact(byGate(values(m.Gates.Weight), m.spec.Condition), 3*H, m.spec.Condition, 16, 1, kernel.F32, bias)
	if m.spec.Predict > 0 {
		more := make([]float32, 0, 3*H*foretold)
		for row := range 3 * H {
			more = append(more, input[row*K+Scalars:(row+1)*K]...)
		}
		s.predictor, s.extra = newPredictor(m.spec), kernel.NewCompact(more, 3*H, foretold, 16, 1, kernel.F32, nil)
		s.foretold, s.past = make([]float32, foretold), Past{Signal: make([]float32, 8*reach), Left: make([]int16, 8*reach)}
	}
	s.Reset(o.Seed)
	return s, nil
}

// check reports a temperature that makes no sense, and sets that of the zero value.
func (o *Options) check() error {
	if o.Temperature == 0 {
		o.Temperature = 1
	}
	if o.Voiced == 0 {
		o.Voiced = 1
	}
	if !(o.Voiced > 0) || math.IsInf(o.Voiced, 1) {
		return fmt.Errorf("wavernn: factor on the temperature %g: must be above 0", o.Voiced)
	}
	if !(o.Temperature > 0) || math.IsInf(o.Temperature, 1) {
		return fmt.Errorf("wavernn: temperature %g: must be above 0", o.Temperature)
	}
	return nil
}

// compact lays out a weight in its own blocks, or those of the options.
func (o Options) compact(p *nn.Param, dense, bias []float32) *kernel.Compact {
	R, C := 16, 1 // a dense matrix too: it is the layout that reads fewest bytes
	if o.Rows > 0 && p.Density() < 1 {
		R, C = o.Rows, o.Cols
	} else if stored := storedRows(p); stored == 4 {
		R, C = 4, 4
	} else if stored < 16 {
		R = 1
	}
	return kernel.NewCompact(dense, p.M(), p.K(), R, C, o.Weights, bias)
}

// storedRows returns the height of the blocks in which a weight is stored, 16 where it is dense.
func storedRows(p *nn.Param) int {
	switch {
	case p.Sparse != nil:
		return p.Sparse.R
	case p.Mask != nil:
		return p.Mask.R
	}
	return 16
}

// values returns a parameter's dense values.
func values(p *nn.Param) []float32 {
	if p.Sparse != nil {
		return p.Sparse.ToDense()
	}
	return p.Dense.Data
}

// Reset goes back to the beginning of a recording, with a frame of zeros.
func (s *Session) Reset(seed uint64) {
	s.pcg.Seed(seed, 0)
	s.rewind()
}

// rewind goes back to the beginning of a recording, but not of the draws.
func (s *Session) rewind() {
	clear(s.states[0])
	s.cell.State, s.cell.Next = s.states[0], s.states[1]
	c, f := Split(0)
	s.x = [Scalars]float32{Scale(c), Scale(f)}
	clear(s.features)
	s.drawn, s.phase = 0, 0
	if s.predictor != nil {
		clear(s.predictor.filter)
		s.predictor.period = 0
	}
	s.hold()
}

// Frame sets the conditioning of the samples that follow: a frame and those around it. It
// panics unless there are as many features as the width of the model's specification.
func (s *Session) Frame(features []float32) {
	s.frames.Multiply(s.features, features)
	kernel.Tanh(s.features, s.features)
	if s.predictor != nil {
		if s.predictor.frame(features); s.predictor.period == 0 {
			s.phase = 0
		}
	}
	s.hold()
}

// hold computes the part of the gates that a frame's samples share.
func (s *Session) hold() {
	shared := s.cell.Frame
	if s.predictor != nil {
		shared = s.extra.Bias
	}
	s.condition.Multiply(shared, s.features[:s.spec.Condition])
}

// Next draws the next sample.
func (s *Session) Next() int16 {
	H := s.spec.Units
	var expected float32
	if s.predictor != nil {
		expected = s.predictor.next(s.foretold, 1, s.past, s.drawn, s.phase)
		s.extra.Multiply(s.cell.Frame, s.foretold)
	}
	s.recurrent.Multiply(s.cell.Product, s.cell.State)
	s.x[2] = 0
	s.cell.Gates(0, H/2, s.x)
	c := s.class(0, s.cell.Next[:H/2])
	s.x[2] = Scale(c)
	s.cell.Gates(H/2, H, s.x)
	f := s.class(1, s.cell.Next[H/2:])
	s.x[0], s.x[1] = s.x[2], Scale(f)
	s.cell.State, s.cell.Next = s.cell.Next, s.cell.State
	if s.predictor != nil {
		s.keep(expected, Join(c, f))
	}
	return Join(c, f)
}

// sample draws the next sample and returns it before the emphasis is undone.
func (s *Session) sample() float32 {
	drawn := s.Next()
	if s.predictor != nil {
		return s.past.Signal[s.drawn-1]
	}
	return s.spec.expand(drawn)
}

// keep remembers what was drawn beyond what was expected.
func (s *Session) keep(expected float32, drawn int16) {
	p := s.past
	if s.drawn == len(p.Left) {
		copy(p.Signal, p.Signal[s.drawn-reach:])
		copy(p.Left, p.Left[s.drawn-reach:])
		s.drawn = reach
	}
	p.Signal[s.drawn], p.Left[s.drawn] = s.spec.add(expected, drawn), drawn
	s.drawn++
	if s.predictor.period > 0 {
		s.phase += 1 / s.predictor.period
		s.phase -= math.Floor(s.phase)
	}
}

// class draws a byte from half the units: 0 the coarse one, 1 the fine one.
func (s *Session) class(half int, h []float32) int {
	s.heads[2*half].Multiply(s.hidden, h)
	kernel.ReLU(s.hidden, s.hidden)
	s.heads[2*half+1].Multiply(s.logits, s.hidden)
	temperature := s.temperature[0]
	if s.predictor != nil && s.predictor.period > 0 {
		temperature = s.temperature[1]
	}
	s.draw.Softmax(s.logits, temperature)
	class := s.draw.Class(s.rng.Float32())
	if s.observe != nil {
		s.observe(half, class)
	}
	return class
}

// Recurrent returns the recurrent weights as the sampler multiplies them, to measure. The
// matrix belongs to the session.
func (s *Session) Recurrent() *kernel.Compact { return s.recurrent }

// Bytes returns the memory of the weights one sample reads.
func (s *Session) Bytes() int {
	n := s.recurrent.Bytes()
	for _, h := range s.heads {
		n += h.Bytes()
	}
	return n
}
