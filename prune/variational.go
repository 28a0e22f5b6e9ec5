package prune

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
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
	vdLeast, vdMost  = 3.3546263e-4, 2980.958 // e^-8, e^8
)

// Begin makes all weights random, hardly at first.
func (v *Variational) Begin(ws []Weight, rng *rand.Rand) error {
	if v.Threshold == 0 {
		v.Threshold = 3
	}
	if v.Steer { // certainty follows the penalty too late to be steered: what is certain goes as well
		return errors.New("prune: variational dropout: its penalty cannot be steered")
	}
	err := v.begin("variational dropout", ws, rng, true, func(*rand.Rand) float32 { return vdFirst })
	v.variances, v.noise = make([]*nn.Variance, len(ws)), make([][]float32, len(ws))
	return err
}

// WantsDense returns false: all weights exist.
func (v *Variational) WantsDense(int) bool { return false }

// Step changes nothing.
func (v *Variational) Step(int, []Weight) []Change { return nil }

// logAlphas sets a to log α of weights θ, held to [-8, 8], and square to θ² + 1e-8.
func logAlphas(a, square, theta, logVariance []float32) {
	for j, v := range theta {
		square[j] = v*v + 1e-8
	}
	kernel.Log(a, square)
	for j, v := range logVariance {
		a[j] = min(max(v-a[j], -vdClip), vdClip)
	}
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
		clear(x.Grad)
		theta, gate := w.Dense.Data, v.gates[i].Dense.Data
		chunks(len(theta), func(lo, hi int, room *[3][chunkSize]float32) {
			square, variance := room[0][:hi-lo], x.Values[lo:hi]
			for j, v := range theta[lo:hi] {
				square[j] = v*v + 1e-8
			}
			kernel.Exp(variance, gate[lo:hi])
			for j, s := range square { // log α held to [-8, 8]
				variance[j] = min(max(variance[j], vdLeast*s), vdMost*s)
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
		chunks(len(theta), func(lo, hi int, room *[3][chunkSize]float32) {
			a, square, slope := room[0][:hi-lo], room[1][:hi-lo], room[2][:hi-lo]
			logAlphas(a, square, theta[lo:hi], gate.Dense.Data[lo:hi])
			divergenceSlopes(slope, a)
			for j, alpha := range a {
				at := lo + j
				byLog := x.Grad[at] * x.Values[at] // ∂loss/∂log σ², but for the divergence
				if alpha <= -vdClip || alpha >= vdClip {
					g[at] += 2 * theta[at] * byLog / square[j] // log α is a constant, σ² follows θ²
					continue
				}
				da := lambda * slope[j]
				gate.Grad.Data[at] = byLog + da
				g[at] -= 2 * theta[at] / square[j] * da
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

// divergenceSlopes sets slope to the derivative of Divergence at a.
func divergenceSlopes(slope, a []float32) {
	for j, v := range a {
		slope[j] = vdK2 + vdK3*v
	}
	kernel.Sigmoid(slope, slope)
	for j, s := range slope {
		slope[j] = -vdK1 * vdK3 * s * (1 - s)
	}
	var q [chunkSize]float32
	r := q[:len(a)]
	for j, v := range a {
		r[j] = -v
	}
	kernel.Sigmoid(r, r)
	kernel.Axpy(-0.5, r, slope)
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

// chunkSize is how many weights a worker takes at a time.
const chunkSize = 4096

// chunks calls f with ranges that cover 0 to n and with room to work in, on all workers.
func chunks(n int, f func(lo, hi int, room *[3][chunkSize]float32)) {
	parallel.Do((n+chunkSize-1)/chunkSize, ranges{n, f})
}

type ranges struct {
	n int
	f func(lo, hi int, room *[3][chunkSize]float32)
}

func (r ranges) Run(i int) {
	room := rooms.Get().(*[3][chunkSize]float32)
	r.f(i*chunkSize, min((i+1)*chunkSize, r.n), room)
	rooms.Put(room)
}

var rooms = sync.Pool{New: func() any { return new([3][chunkSize]float32) }}
