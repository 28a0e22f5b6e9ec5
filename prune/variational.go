package prune

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Variational is sparse variational dropout (Molchanov, Ashukha and Vetrov 2017,
// arXiv:1701.05369; the settings of arXiv:1902.09574): every weight is random, normal
// about θ with a variance σ² that is trained, too, under a penalty that makes
//
//	log α = log σ² - log(θ² + 1e-8)
//
// grow where a weight does not matter. Layers that can sample their outputs do (local
// reparameterisation); of the others one sample of the weights serves a batch. At the end
// the weights of high log α go: those of log α >= Threshold, or if Sparsity is set as many
// as that takes, and those of the highest. In blocks, the mean of log α counts.
//
// The approximate divergence between the weights' distribution and the prior is the one of
// the paper, with log α held to [-8, 8].
type Variational struct {
	Penalty
	Threshold float64 // 0: 3

	variances []*nn.Variance
	noise     [][]float32 // of the weights that are sampled themselves
}

// Constants of the divergence (arXiv:1701.05369, equation 14).
const (
	vdK1, vdK2, vdK3 = 0.63576, 1.87320, 1.48695
	vdFirst          = -10 // log σ² at first
	vdClip           = 8
)

// Begin makes all weights random, hardly at first.
func (v *Variational) Begin(ws []Weight, rng *rand.Rand) error {
	if v.Threshold == 0 {
		v.Threshold = 3
	}
	err := v.begin("variational dropout", ws, rng, true, func(*rand.Rand) float32 { return vdFirst })
	v.variances, v.noise = make([]*nn.Variance, len(ws)), make([][]float32, len(ws))
	return err
}

// WantsDense returns false: all weights exist.
func (v *Variational) WantsDense(int) bool { return false }

// Step changes nothing.
func (v *Variational) Step(int, []Weight) []Change { return nil }

// logAlpha returns log α, held to [-8, 8], and whether it was within.
func logAlpha(theta, logVariance float32) (float32, bool) {
	a := logVariance - float32(math.Log(float64(theta)*float64(theta)+1e-8))
	if a < -vdClip || a > vdClip {
		return min(max(a, -vdClip), vdClip), false
	}
	return a, true
}

// Sample sets the variances.
func (v *Variational) Sample(step int, ws []Weight) {
	rng := rand.New(v.random)
	for i, w := range ws {
		x := v.variances[i]
		if x == nil {
			x = &nn.Variance{Values: make([]float32, w.Size()), Grad: make([]float32, w.Size())}
			v.variances[i] = x
		}
		x.Random = rng
		theta, gate := w.Dense.Data, v.gates[i].Dense.Data
		chunks(len(theta), func(lo, hi int) {
			for j := lo; j < hi; j++ {
				a, _ := logAlpha(theta[j], gate[j])
				x.Values[j] = float32(math.Exp(float64(a))) * (theta[j]*theta[j] + 1e-8)
				x.Grad[j] = 0
			}
		})
		if w.Local {
			w.Variance = x
			continue
		}
		if v.noise[i] == nil {
			v.noise[i] = make([]float32, w.Size())
			v.stored[i] = make([]float32, w.Size())
		}
		copy(v.stored[i], theta)
		for j := range theta {
			e := float32(rng.NormFloat64())
			v.noise[i][j] = e
			theta[j] += e * float32(math.Sqrt(float64(x.Values[j])))
		}
	}
}

// Gather turns the gradients by the variances into those of log σ² and θ and adds the
// divergence's.
func (v *Variational) Gather(step int, ws []Weight) {
	lambda := v.weight(step)
	for i, w := range ws {
		x, gate := v.variances[i], v.gates[i]
		if w.Local {
			w.Variance = nil
		} else {
			copy(w.Dense.Data, v.stored[i])
			for j, e := range v.noise[i] { // dσ² of σε
				x.Grad[j] = w.Grad.Data[j] * e / (2*float32(math.Sqrt(float64(x.Values[j]))) + 1e-12)
			}
		}
		theta, g := w.Dense.Data, w.Grad.Data
		chunks(len(theta), func(lo, hi int) {
			for j := lo; j < hi; j++ {
				a, within := logAlpha(theta[j], gate.Dense.Data[j])
				square := theta[j]*theta[j] + 1e-8
				if !within { // σ² = e^±8·(θ² + 1e-8): the clipped log α is a constant
					g[j] += 2 * theta[j] * x.Grad[j] * x.Values[j] / square
					continue
				}
				da := lambda * divergenceSlope(a)
				gate.Grad.Data[j] = x.Grad[j]*x.Values[j] + da
				g[j] -= 2 * theta[j] / square * da
			}
		})
	}
	v.learn()
}

// Divergence returns the penalty of a weight (arXiv:1701.05369, equation 14, negated), 0
// for large log α.
func Divergence(logAlpha float64) float64 {
	return vdK1 - vdK1/(1+math.Exp(-vdK2-vdK3*logAlpha)) + 0.5*math.Log1p(math.Exp(-logAlpha))
}

// divergenceSlope is the derivative of Divergence.
func divergenceSlope(a float32) float32 {
	s := 1 / (1 + math.Exp(-vdK2-vdK3*float64(a)))
	return float32(-vdK1*vdK3*s*(1-s) - 0.5/(1+math.Exp(float64(a))))
}

// topology returns the weights that are to stay.
func (v *Variational) topology(ws []Weight) []*sparse.Mask {
	least := -float32(v.Threshold)
	if v.Sparsity > 0 {
		least = float32(math.Inf(-1))
	}
	R := v.Structure.rows()
	return v.masks(ws, least, func(i, group, col int) float32 {
		M, K := matrixShape(ws[i].Param)
		sum, n := float32(0), 0
		for row := group * R; row < min((group+1)*R, M); row++ {
			theta := float64(ws[i].Dense.Data[row*K+col])
			sum += v.gates[i].Dense.Data[row*K+col] - float32(math.Log(theta*theta+1e-8))
			n++
		}
		return -sum / float32(n)
	})
}

// Show takes the weights away that are to go.
func (v *Variational) Show(ws []Weight) (hide func()) {
	if v.gates == nil {
		return func() {}
	}
	stored := make([][]float32, len(ws))
	for i, m := range v.topology(ws) {
		stored[i] = append([]float32(nil), ws[i].Dense.Data...)
		m.Apply(ws[i].Dense.Data)
	}
	return func() {
		for i, w := range ws {
			copy(w.Dense.Data, stored[i])
		}
	}
}

// Finish takes the weights away for good.
func (v *Variational) Finish(ws []Weight) []Change { return v.finish(ws, v.topology(ws)) }

// Cost returns the cost of training: two dense products where there was one.
func (v *Variational) Cost(_, dense float64, _ int) float64 { return 2 * DenseCost(dense) }

// chunks calls f with ranges that cover 0 to n, on all workers.
func chunks(n int, f func(lo, hi int)) {
	const size = 8192
	parallel.Do((n+size-1)/size, ranges{n, size, f})
}

type ranges struct {
	n, size int
	f       func(lo, hi int)
}

func (r ranges) Run(i int) { r.f(i*r.size, min((i+1)*r.size, r.n)) }
