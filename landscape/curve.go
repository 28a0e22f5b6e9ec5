package landscape

import (
	"context"
	"math"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Probe measures the loss of points.
type Probe struct {
	Loss    Loss
	Batches func() func() (x *tensor.Tensor, labels []int32) // the same batches each time, and then none
	Settle  func(net nn.Layer)                               // brings running statistics up to the weights, such as [Renormalize]; nil for a network that has none
	Decay   float64                                          // weight decay of the training objective
	Report  func(done, of int)                               // may be nil
}

// Curve is the loss along a path.
type Curve struct {
	T         []float64 `json:"t"`         // from 0 at A to 1 at B
	Loss      []float64 `json:"loss"`      // mean loss of the fixed batches, nats
	Objective []float64 `json:"objective"` // the same with the term of weight decay
}

// Along measures a path at n places, both ends among them. It returns soon after ctx ends,
// with its error. It panics unless n is at least 2.
func (m Probe) Along(ctx context.Context, s *Space, p Path, n int) (Curve, error) {
	if n < 2 {
		panic("landscape: Along: a curve has two ends")
	}
	var c Curve
	at := make([]float32, s.size)
	tape := &grad.Tape{NoGrad: true}
	for i := range n {
		t := float64(i) / float64(n-1)
		p.At(t, at)
		s.move(at)
		if m.Settle != nil {
			m.Settle(s.Net)
		}
		loss, err := m.mean(ctx, tape, s.Net)
		if err != nil {
			return c, err
		}
		c.T, c.Loss, c.Objective = append(c.T, t), append(c.Loss, loss), append(c.Objective, loss+s.Decay(at, m.Decay))
		if m.Report != nil {
			m.Report(i+1, n)
		}
	}
	return c, nil
}

// mean returns the mean loss over the fixed batches, each weighed by its labels.
func (m Probe) mean(ctx context.Context, tape *grad.Tape, net nn.Layer) (float64, error) {
	sum, n := 0.0, 0
	for next := m.Batches(); ; {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		x, labels := next()
		if len(labels) == 0 {
			return sum / float64(max(n, 1)), nil
		}
		tape.Reset()
		loss := m.Loss(tape, net.Forward(tape, tape.Input(x)), labels)
		sum += float64(loss.Value.Data[0]) * float64(len(labels))
		n += len(labels)
	}
}

// Renormalize sets the running statistics of a network's batch norms to their means over
// batches of training data, which are those of its present weights: between two solutions
// the statistics of neither mean anything (Garipov et al. 2018, section 4). Batches end
// with one without labels.
func Renormalize(net nn.Layer, next func() (x *tensor.Tensor, labels []int32)) {
	norms := nn.BatchNorms(net)
	if len(norms) == 0 {
		return
	}
	var sums [][]float64
	for _, b := range norms {
		defer func(m float32) { b.Momentum = m }(b.Momentum)
		b.Momentum = 1 // running statistics are then those of the batch
		sums = append(sums, make([]float64, len(b.Mean.Data)), make([]float64, len(b.Var.Data)))
	}
	tape, n := &grad.Tape{}, 0
	for x, labels := next(); len(labels) > 0; x, labels = next() {
		tape.Reset()
		net.Forward(tape, tape.Input(x)) // by the statistics of the batch, since it records
		n++
		for i, b := range norms {
			for c, v := range b.Mean.Data {
				sums[2*i][c] += float64(v)
			}
			for c, v := range b.Var.Data {
				sums[2*i+1][c] += float64(v)
			}
		}
	}
	for i, b := range norms {
		for c := range b.Mean.Data {
			b.Mean.Data[c] = float32(sums[2*i][c] / float64(max(n, 1)))
			b.Var.Data[c] = float32(sums[2*i+1][c] / float64(max(n, 1)))
		}
	}
}

// Figures say how a curve runs from A to B.
type Figures struct {
	Barrier  float64 `json:"barrier"`  // highest loss above that of the worse end
	Climb    float64 `json:"climb"`    // highest loss above that of A: how far one has to go up to leave it
	Ascent   float64 `json:"ascent"`   // all that the loss rises on the way
	Monotone bool    `json:"monotone"` // towards the better end, it rises by 1 % of their difference at most
	Energy   float64 `json:"energy"`   // mean loss along t
}

// monotoneShare is the rise of a path, as a share of the difference of its ends, up to which
// it counts as one that only descends.
const monotoneShare = 0.01

// Figures returns those of the curve's losses.
func (c Curve) Figures() Figures {
	var f Figures
	n := len(c.Loss)
	if n == 0 {
		return f
	}
	first, last, top := c.Loss[0], c.Loss[n-1], math.Inf(-1)
	descent := 0.0
	for i, l := range c.Loss {
		top = max(top, l)
		if i == 0 {
			continue
		}
		step := l - c.Loss[i-1]
		f.Ascent += max(0, step)
		descent += max(0, -step)
		f.Energy += (l + c.Loss[i-1]) / 2 * (c.T[i] - c.T[i-1])
	}
	f.Barrier, f.Climb = top-max(first, last), top-first
	against := f.Ascent
	if first < last {
		against = descent
	}
	f.Monotone = against <= monotoneShare*math.Abs(first-last)
	return f
}
