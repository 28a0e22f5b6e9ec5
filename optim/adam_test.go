package optim_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
)

// TestAdam compares with the published update in float64, and goes on from a saved
// state half way.
func TestAdam(t *testing.T) {
	for _, o := range []optim.Adam{{}, {L2: 0.1}, {Decay: 0.1}, {Beta1: 0.5, Beta2: 0.9, Epsilon: 1e-3}} {
		b1, b2, eps := o.Beta1, o.Beta2, o.Epsilon
		if b1 == 0 {
			b1, b2, eps = 0.9, 0.999, 1e-8
		}
		rng := rand.New(rand.NewPCG(1, 1))
		p := nn.NewLinear(5, 7, rng).Weight
		p.Name = "weight"
		ps := []*nn.Param{p}
		p.NeedGrad()
		w, m, v := make([]float64, 35), make([]float64, 35), make([]float64, 35)
		for i, x := range p.Values() {
			w[i] = float64(x)
		}
		opt := &o
		for step := 1; step <= 20; step++ {
			if step == 10 {
				fresh := &optim.Adam{Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, Decay: o.Decay, L2: o.L2}
				if err := fresh.Load(ps, opt.State()); err != nil {
					t.Fatal(err)
				}
				opt = fresh
			}
			for i := range w {
				p.Grad.Data[i] = float32(rng.NormFloat64())
				d := float64(p.Grad.Data[i]) + o.L2*w[i]
				m[i] = b1*m[i] + (1-b1)*d
				v[i] = b2*v[i] + (1-b2)*d*d
				mh, vh := m[i]/(1-math.Pow(b1, float64(step))), v[i]/(1-math.Pow(b2, float64(step)))
				w[i] = (1-0.01*o.Decay)*w[i] - 0.01*mh/(math.Sqrt(vh)+eps)
			}
			opt.Step(ps, 0.01)
		}
		testkit.Close(t, "weights", p.Values(), w, testkit.Pass)
	}
}
