package prune

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// L0 trains with a penalty on the number of weights (Louizos, Welling and Kingma 2018,
// arXiv:1712.01312; the settings of arXiv:1902.09574): every weight, or block, is
// multiplied by a random gate of the hard concrete distribution,
//
//	s = sigmoid((log u - log(1-u) + log α)/β),  u uniform
//	z = min(max(s·(ζ-γ) + γ, 0), 1),            w = θ·z
//
// with one sample a batch, and the penalty counts the gates that are expected to be open.
// At the end z is sigmoid(log α)·(ζ-γ) + γ, between 0 and 1, and goes into the weight;
// weights whose z is 0 go, and if Sparsity is set as many more as that takes, those of the
// lowest log α.
type L0 struct {
	Penalty
	Open float64 // mean of log α at first; 0: 2.197, a gate that is open with probability 0.9

	slope [][]float32 // ∂z/∂log α of the present samples, by weight
	gate  [][]float32 // the samples
}

// Constants of the hard concrete distribution.
const (
	l0Beta  = 2.0 / 3
	l0Gamma = -0.1
	l0Zeta  = 1.1
)

// l0Shift is β·log(-γ/ζ): a gate is closed with probability sigmoid(l0Shift - log α).
var l0Shift = l0Beta * math.Log(-l0Gamma/l0Zeta)

// l0Closed is the log α below which the mean gate is 0, where sigmoid is 1/12.
var l0Closed = float32(-math.Log(11))

// Begin gives all weights a gate.
func (l *L0) Begin(ws []Weight, rng *rand.Rand) error {
	if l.Open == 0 {
		l.Open = 2.197
	}
	if l.Rate == 0 && l.Steer {
		l.Rate = max(0.01, 3*(l.Open-float64(l0Closed))/float64(max(l.Until-l.From, 1)))
	}
	l.slope, l.gate = make([][]float32, len(ws)), make([][]float32, len(ws))
	return l.begin("L0", ws, rng, false, func(rng *rand.Rand) float32 { return float32(l.Open + 0.01*rng.NormFloat64()) })
}

// WantsDense returns false: all weights exist.
func (l *L0) WantsDense(int) bool { return false }

// Step changes nothing.
func (l *L0) Step(int, []Weight) []Change { return nil }

// hardConcrete turns uniform numbers z into samples of the gates, with their derivatives
// by log α.
func hardConcrete(z, slope, logAlpha []float32, room *[3][chunkSize]float32) {
	up, down := room[0][:len(z)], room[1][:len(z)]
	for j, u := range z {
		up[j], down[j] = u+1e-8, 1-u+1e-8
	}
	kernel.Log(up, up)
	kernel.Log(down, down)
	for j, a := range logAlpha {
		up[j] = (up[j] - down[j] + a) / l0Beta
	}
	kernel.Sigmoid(up, up)
	for j, s := range up {
		z[j], slope[j] = s*(l0Zeta-l0Gamma)+l0Gamma, (l0Zeta-l0Gamma)/l0Beta*s*(1-s)
		if z[j] <= 0 || z[j] >= 1 {
			z[j], slope[j] = min(max(z[j], 0), 1), 0
		}
	}
}

// gateMean is the gate of a trained network.
func gateMean(logAlpha float32) float32 {
	return float32(min(max((l0Zeta-l0Gamma)/(1+math.Exp(-float64(logAlpha)))+l0Gamma, 0), 1))
}

// Sample multiplies the weights by gates.
func (l *L0) Sample(step int, ws []Weight) {
	rng := rand.New(l.random)
	for i, w := range ws {
		a := l.gates[i].Dense.Data
		if l.gate[i] == nil {
			l.gate[i], l.slope[i] = make([]float32, len(a)), make([]float32, len(a))
			l.stored[i] = make([]float32, w.Size())
		}
		z, slope := l.gate[i], l.slope[i]
		for j := range z {
			z[j] = rng.Float32()
		}
		chunks(len(z), func(lo, hi int, room *[3][chunkSize]float32) {
			hardConcrete(z[lo:hi], slope[lo:hi], a[lo:hi], room)
		})
		copy(l.stored[i], w.Dense.Data)
		l.times(w, z)
	}
}

// times multiplies the weights of each block by its gate.
func (l *L0) times(w Weight, z []float32) {
	eachRow(w.Param, l.Structure.rows(), func(weights, gates span) {
		line := w.Dense.Data[weights.lo:weights.hi]
		kernel.Mul(line, line, z[gates.lo:gates.hi])
	})
}

// span is a range of an array.
type span struct{ lo, hi int }

// eachRow calls f with the ranges of each row's weights and of their blocks' gates; of
// single weights, once with all.
func eachRow(p *nn.Param, R int, f func(weights, gates span)) {
	M, K := matrixShape(p)
	if R == 1 {
		f(span{0, M * K}, span{0, M * K})
		return
	}
	for row := range M {
		f(span{row * K, (row + 1) * K}, span{row / R * K, (row/R + 1) * K})
	}
}

// Gather turns the gradients of the gated weights into those of the weights and gates.
func (l *L0) Gather(step int, ws []Weight) {
	l.steer(step, func() float64 { return l.below(l0Closed) })
	lambda := l.weight(step)
	R := l.Structure.rows()
	for i, w := range ws {
		copy(w.Dense.Data, l.stored[i])
		theta, g := w.Dense.Data, w.Grad.Data
		z, slope, a, da := l.gate[i], l.slope[i], l.gates[i].Dense.Data, l.gates[i].Grad.Data
		kernel.Mul(theta, theta, g)
		eachRow(w.Param, R, func(weights, gates span) { // of θ·g, for the moment, and of g
			kernel.MulAdd(da[gates.lo:gates.hi], theta[weights.lo:weights.hi], slope[gates.lo:gates.hi])
			kernel.Mul(g[weights.lo:weights.hi], g[weights.lo:weights.hi], z[gates.lo:gates.hi])
		})
		copy(theta, l.stored[i])
		chunks(len(da), func(lo, hi int, room *[3][chunkSize]float32) {
			open := room[0][:hi-lo]
			for j := range open {
				open[j] = a[lo+j] - float32(l0Shift)
			}
			kernel.Sigmoid(open, open)
			for j, p := range open {
				da[lo+j] += lambda * float32(R) * p * (1 - p)
			}
		})
	}
	l.learn()
}

// topology returns the weights that are to stay.
func (l *L0) topology(ws []Weight) []*sparse.Mask {
	return l.masks(ws, l0Closed, func(i, group, col int) float32 { return l.gates[i].Dense.Data[group*ws[i].K()+col] })
}

// Show puts the weights in place that the trained network would have.
func (l *L0) Show(ws []Weight) (hide func()) {
	if l.gates == nil {
		return func() {}
	}
	stored := make([][]float32, len(ws))
	for i, m := range l.topology(ws) {
		stored[i] = append([]float32(nil), ws[i].Dense.Data...)
		l.settleGates(i, ws[i])
		m.Apply(ws[i].Dense.Data)
	}
	return func() {
		for i, w := range ws {
			copy(w.Dense.Data, stored[i])
		}
	}
}

// settleGates multiplies the weights by the gates of the trained network.
func (l *L0) settleGates(i int, w Weight) {
	z := make([]float32, len(l.gates[i].Dense.Data))
	for j, a := range l.gates[i].Dense.Data {
		z[j] = gateMean(a)
	}
	l.times(w, z)
}

// Finish takes the weights away for good.
func (l *L0) Finish(ws []Weight) []Change {
	masks := l.topology(ws)
	for i, w := range ws {
		l.settleGates(i, w)
	}
	return l.finish(ws, masks)
}

// Cost returns three forward passes of the dense net.
func (l *L0) Cost(_, dense float64, _ int) float64 { return DenseCost(dense) }
