package landscape

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Loss is the loss of a network's output, a scalar, the mean over a batch.
type Loss func(t *grad.Tape, out *grad.Var, labels []int32) *grad.Var

// Fit trains the control points of a path: it minimises the mean loss along the curve,
//
//	J = E over t ~ U(0,1) and batches of L(B(t)),   dJ/dC_j = b_j(t) · ∂L/∂θ at B(t)
//
// where b_j is the Bernstein weight of the control point C_j (Garipov et al. 2018, section
// 3.2), by stochastic gradient descent with momentum and one draw of t a batch. The rate
// falls to nothing along half a cosine. The ends stay.
type Fit struct {
	Loss     Loss
	Next     func() (x *tensor.Tensor, labels []int32) // training batches without end
	Steps    int
	Rate     float64 // a tenth of that of the network's training is usual
	Momentum float64
	Decay    float64 // weight decay
	Random   *rand.Rand
	Progress func(step int, loss float64) // may be nil
}

// Run trains the control points of p in a space. A straight line is left as it is. It
// returns soon after ctx ends, with its error.
func (f Fit) Run(ctx context.Context, s *Space, p Path) error {
	if p.Degree() < 2 {
		return nil
	}
	tape := &grad.Tape{}
	at, g, scaled := make([]float32, s.size), make([]float32, s.size), make([]float32, s.size)
	momentum := make([][]float32, len(p))
	for j := range momentum {
		momentum[j] = make([]float32, s.size)
	}
	for step := range f.Steps {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		t := f.Random.Float64()
		p.At(t, at)
		s.move(at)
		loss := s.backward(tape, f.Loss, f.Next)
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return fmt.Errorf("landscape: step %d: loss is %v at %.3f of the path; a lower learning rate may help", step, loss, t)
		}
		s.gradient(g)
		s.decay(g, at, float32(f.Decay))
		rate := f.Rate / 2 * (1 + math.Cos(math.Pi*float64(step)/float64(f.Steps)))
		for j := 1; j < p.Degree(); j++ {
			kernel.Scale(float32(bernstein(p.Degree(), j, t)), scaled, g)
			kernel.SGD(p[j], scaled, momentum[j], float32(rate), float32(f.Momentum), 0, false)
		}
		if f.Progress != nil {
			f.Progress(step+1, loss)
		}
	}
	return nil
}

// backward computes the gradient on the next batch and returns its loss.
func (s *Space) backward(tape *grad.Tape, loss Loss, next func() (*tensor.Tensor, []int32)) float64 {
	tape.Reset()
	nn.ZeroGrads(s.params)
	x, labels := next()
	l := loss(tape, s.Net.Forward(tape, tape.Input(x)), labels)
	tape.Backward(l)
	return float64(l.Value.Data[0])
}

// decay adds the gradient of weight decay at a point.
func (s *Space) decay(g, x []float32, decay float32) {
	if decay == 0 {
		return
	}
	for _, p := range s.params {
		n := len(p.Values())
		if !p.NoDecay {
			kernel.Axpy(decay, x[:n], g[:n])
		}
		g, x = g[n:], x[n:]
	}
}
