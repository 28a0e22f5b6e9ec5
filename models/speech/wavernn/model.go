// Package wavernn is WaveRNN (Kalchbrenner et al. 2018, "Efficient Neural Audio
// Synthesis", arXiv:1802.08435): one recurrent layer that draws the coarse and then the
// fine byte of each 16-bit sample, dense or sparse, and a sampler for one stream.
package wavernn

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// Scalars is the number of scalar inputs of a step: the coarse and fine bytes of the sample
// before, and the coarse byte of the present one.
const Scalars = 3

// Spec says how a model is built.
type Spec struct {
	Units     int `json:"units"`     // H, half of them coarse, half fine; a multiple of 32
	Features  int `json:"features"`  // values of a conditioning frame
	Condition int `json:"condition"` // units of the conditioning layer
	Hop       int `json:"hop"`       // samples of a frame

	Predict  int     `json:"predict,omitempty"`  // order of the linear prediction whose rest is modelled; 0 for none, as in the paper
	Around   int     `json:"around,omitempty"`   // frames on each side that the conditioning layer sees too
	Emphasis float64 `json:"emphasis,omitempty"` // a of the signal x[i] - a·x[i-1] that is modelled
	Mu       float64 `json:"mu,omitempty"`       // it is companded by this mu law, so that the coarse byte tells quiet samples apart; 0 for not, as in the paper

	Subscale Subscale `json:"subscale,omitzero"` // zero for a plain model
}

// Width returns the values that condition the samples of a frame: its own and those around it.
func (s Spec) Width() int { return s.Features * (2*s.Around + 1) }

// Inputs returns the number of scalar inputs of a step, with those of prediction.
func (s Spec) Inputs() int {
	if s.Predict > 0 {
		return Scalars + foretold
	}
	return Scalars
}

// Model is a WaveRNN. The gates of Cell stand in the order r, u, e of [nn.GRU], with u in
// the sense of its z: it multiplies the old state.
type Model struct {
	Frames *nn.Linear // conditioning layer, at frame rate
	Gates  *nn.Linear // from it to the gates, at frame rate
	Cell   *nn.GRU    // of 3 inputs, and those of prediction or the context; coarse units do not see the present coarse byte
	O1, O2 *nn.Linear // coarse: H/2 to H/2, to 256
	O3, O4 *nn.Linear // fine

	Context []*contextLayer // over earlier streams; none in a plain model

	spec Spec
}

// New builds a model with first weights from rng. The error says which size is out of range.
func New(s Spec, rng *rand.Rand) (*Model, error) {
	if s.Units < 32 || s.Units > 1<<14 || s.Units%32 != 0 {
		return nil, fmt.Errorf("wavernn: %d units: want a multiple of 32 up to %d", s.Units, 1<<14)
	}
	for name, n := range map[string]int{"features": s.Features, "condition": s.Condition, "hop": s.Hop} {
		if n < 1 || n > 1<<14 {
			return nil, fmt.Errorf("wavernn: %s %d: must be from 1 to %d", name, n, 1<<14)
		}
	}
	if s.Around < 0 || s.Around > 16 || !(s.Emphasis >= 0 && s.Emphasis < 1) || !(s.Mu >= 0 && s.Mu < 1<<16) {
		return nil, fmt.Errorf("wavernn: %d frames around, emphasis %g, mu %g: must be from 0 to 16, from 0 to below 1, and from 0 to below 65536", s.Around, s.Emphasis, s.Mu)
	}
	if err := s.Subscale.check(s.Hop); err != nil {
		return nil, err
	}
	switch {
	case s.Predict < 0 || s.Predict > 32:
		return nil, fmt.Errorf("wavernn: prediction of order %d: must be from 0 to 32", s.Predict)
	case s.Predict > 0 && s.Features != PredictingFeatures:
		return nil, fmt.Errorf("wavernn: frames of %d values: models that predict take %d, bands and pitch", s.Features, PredictingFeatures)
	case s.Predict > 0 && s.Subscale.Streams > 0:
		return nil, fmt.Errorf("wavernn: prediction of order %d by %d streams: neighbouring samples are in different ones", s.Predict, s.Subscale.Streams)
	}
	H, inputs := s.Units, s.Inputs()+s.Subscale.Context
	m := &Model{
		Frames: nn.NewLinear(s.Width(), s.Condition, rng),
		Gates:  nn.NewLinear(s.Condition, 3*H, rng),
		Cell:   nn.NewGRU(inputs, H, rng),
		O1:     nn.NewLinear(H/2, H/2, rng), O2: nn.NewLinear(H/2, kernel.Classes, rng),
		O3: nn.NewLinear(H/2, H/2, rng), O4: nn.NewLinear(H/2, kernel.Classes, rng),
		Context: newContext(s.Subscale, rng),
		spec:    s,
	}
	m.Gates.Bias = nil // the cell's
	for _, l := range []*nn.Linear{m.O2, m.O4} {
		nn.Normal(l.Weight, 0.02, rng) // the first guess is about uniform
	}
	nn.Normal(m.Gates.Weight, math.Sqrt(2/float64(s.Condition+H)), rng)
	m.Frames.Weight.Prunable, m.Gates.Weight.Prunable, m.Cell.Input.Prunable = false, false, false
	m.O2.Weight.Prunable, m.O4.Weight.Prunable = false, false
	m.Cell.Recurrent.Recurrent.Parts = 3
	m.Cell.Input.SetMasked(inputMask(H, inputs))
	return m, nil
}

// inputMask leaves out the weights of the coarse units for the present coarse byte.
func inputMask(H, K int) *sparse.Mask {
	mask := sparse.NewMask(3*H, K, 1)
	mask.Fill()
	for g := range 3 {
		for i := range H / 2 {
			mask.Set(g*H+i, Scalars-1, false)
		}
	}
	return mask
}

// Spec returns how the model was built.
func (m *Model) Spec() Spec { return m.spec }

// Forward returns the logits [256,T,B] of the coarse and the fine bytes of samples whose
// scalars, from [Spec.Scalars], are [Inputs,T,B], under frames [Width,F,B], where T is F·Hop. It
// panics on other shapes.
func (m *Model) Forward(t *grad.Tape, frames *grad.Var, scalars *tensor.Tensor) (coarse, fine *grad.Var) {
	fs, ss := frames.Value.Shape, scalars.Shape
	if len(fs) != 3 || len(ss) != 3 || ss[0] != m.spec.Inputs() || ss[1] != fs[1]*m.spec.Hop || ss[2] != fs[2] {
		panic(fmt.Sprintf("wavernn: Forward: frames %v and scalars %v at a hop of %d", fs, ss, m.spec.Hop))
	}
	return m.forward(t, frames, t.Input(scalars))
}

// forward returns the logits for all inputs of the cell [..,T,B].
func (m *Model) forward(t *grad.Tape, frames, x *grad.Var) (coarse, fine *grad.Var) {
	held := m.Gates.Forward(t, grad.Tanh(t, m.Frames.Forward(t, frames)))
	h := m.Cell.ForwardHeld(t, x, held)
	half := m.spec.Units / 2
	coarse = m.O2.Forward(t, grad.ReLU(t, m.O1.Forward(t, grad.Rows(t, h, 0, half))))
	fine = m.O4.Forward(t, grad.ReLU(t, m.O3.Forward(t, grad.Rows(t, h, half, 2*half))))
	return coarse, fine
}

// Split returns the coarse and the fine byte of a sample.
func Split(s int16) (coarse, fine int) {
	u := int(s) + 1<<15
	return u >> 8, u & 255
}

// Join is the inverse of [Split].
func Join(coarse, fine int) int16 { return int16(coarse<<8 + fine - 1<<15) }

// Scale maps a byte to [-1, 1].
func Scale(b int) float32 { return float32(b)/127.5 - 1 }

// Scalars returns the scalars [Inputs,T,B] of B recordings of T samples each, and the classes of
// their coarse and fine bytes, one a column. The sample before the first is silence. Rows of prediction
// are left to [Spec.Foretell].
func (s Spec) Scalars(recordings [][]int16) (scalars *tensor.Tensor, coarse, fine []int32) {
	B, T := len(recordings), len(recordings[0])
	scalars = tensor.New(s.Inputs(), T, B)
	coarse, fine = make([]int32, T*B), make([]int32, T*B)
	for b, r := range recordings {
		c0, f0 := Split(0)
		for i := range T {
			c, f := Split(r[i])
			at := i*B + b
			coarse[at], fine[at] = int32(c), int32(f)
			scalars.Data[at], scalars.Data[T*B+at], scalars.Data[2*T*B+at] = Scale(c0), Scale(f0), Scale(c)
			c0, f0 = c, f
		}
	}
	return scalars, coarse, fine
}
