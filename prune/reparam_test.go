package prune

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// The divergence has the closed form's values, and its slope is its derivative.
func TestDivergence(t *testing.T) {
	if d := Divergence(0); math.Abs(d-0.4312) > 1e-4 {
		t.Errorf("divergence at 0 is %g, want 0.4312", d)
	}
	if d := Divergence(20); math.Abs(d) > 1e-8 {
		t.Errorf("divergence at 20 is %g, want 0", d)
	}
	var a []float32
	for v := -8.0; v <= 8; v += 0.25 {
		a = append(a, float32(v))
	}
	slope := make([]float32, len(a))
	divergenceSlopes(slope, a)
	for i, v := range a {
		want := (Divergence(float64(v)+1e-4) - Divergence(float64(v)-1e-4)) / 2e-4
		if math.Abs(float64(slope[i])-want) > 1e-5 {
			t.Errorf("slope at %g is %g, differences say %g", v, slope[i], want)
		}
	}
}

// The outputs of a layer under variational dropout have the mean and the variance that
// random weights would give them, and its weights' gradients are those of the penalised
// loss, by differences.
func TestVariationalForward(t *testing.T) {
	rng := newRand(11)
	l := nn.NewLinear(5, 3, rng)
	ws := Weights(nn.Params(l))
	v := &Variational{Penalty: Penalty{Lambda: 0}}
	if err := v.Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	for i := range v.gates[0].Dense.Data {
		v.gates[0].Dense.Data[i] = float32(-1 - rng.Float64())
	}
	x := tensor.Of(noise(rng, 5), 5, 1)
	const n = 100_000
	var sum, squares [3]float64
	tape := &grad.Tape{}
	for range n {
		tape.Reset()
		v.Sample(0, ws)
		for i, y := range l.Forward(tape, tape.Input(x)).Value.Data {
			sum[i] += float64(y)
			squares[i] += float64(y) * float64(y)
		}
	}
	for i := range 3 {
		mean, variance := 0.0, 0.0
		for k := range 5 {
			theta, a := float64(l.Weight.Dense.Data[i*5+k]), float64(x.Data[k])
			s2 := math.Exp(float64(v.gates[0].Dense.Data[i*5+k]))
			s2 = min(max(s2, math.Exp(-8)*(theta*theta+1e-8)), math.Exp(8)*(theta*theta+1e-8))
			mean, variance = mean+theta*a, variance+s2*a*a
		}
		gotMean := sum[i] / n
		gotVariance := squares[i]/n - gotMean*gotMean
		if math.Abs(gotMean-mean) > 5*math.Sqrt(variance/n) || math.Abs(gotVariance/variance-1) > 0.03 {
			t.Errorf("output %d: mean %g, variance %g; want %g, %g", i, gotMean, gotVariance, mean, variance)
		}
	}
}

// penalised is the loss a reparameterised net descends: a sum of squares of a layer's
// outputs plus the penalty.
func penalised(m Reparameterizer, ws []Weight, l *nn.Linear, x *tensor.Tensor, seed *rand.PCG, penalty func() float64) (loss float64) {
	saved, _ := seed.MarshalBinary()
	tape := &grad.Tape{}
	nn.ZeroGrads(nn.Params(l))
	loss = penalty() // of the weights before they are sampled
	m.Sample(0, ws)
	y := grad.Square(tape, l.Forward(tape, tape.Input(x)))
	for _, v := range y.Value.Data {
		loss += float64(v)
	}
	tape.Backward(sumOf(tape, y))
	if err := seed.UnmarshalBinary(saved); err != nil {
		panic(err)
	}
	return loss
}

func sumOf(t *grad.Tape, y *grad.Var) *grad.Var {
	out := t.New(1)
	for _, v := range y.Value.Data {
		out.Value.Data[0] += v
	}
	return t.Record(out, func() {
		d, acc := t.GradOf(y)
		for i := range d {
			if !acc {
				d[i] = 0
			}
			d[i] += out.Grad.Data[0]
		}
	}, y)
}

// The gradients of weights and gates are the differences of loss and penalty, with local
// reparameterisation and without.
func TestReparameterizedGradients(t *testing.T) {
	for _, kind := range []string{"local", "sampled", "L0"} {
		t.Run(kind, func(t *testing.T) {
			rng := newRand(12)
			l := nn.NewLinear(4, 6, rng)
			l.Weight.Local = kind == "local"
			ws := Weights(nn.Params(l))
			ws[0].NeedGrad()
			for i, v := range ws[0].Dense.Data { // log α bends sharply near 0
				ws[0].Dense.Data[i] = v + float32(math.Copysign(0.2, float64(v)))
			}
			var m Reparameterizer
			var p *Penalty
			penalty := func() (sum float64) {
				for i, g := range p.gates[0].Dense.Data {
					if kind == "L0" {
						sum += p.Lambda / (1 + math.Exp(l0Shift-float64(g)))
						continue
					}
					theta := float64(l.Weight.Dense.Data[i])
					sum += p.Lambda * Divergence(float64(g)-math.Log(theta*theta+1e-8))
				}
				return sum
			}
			if kind == "L0" {
				x := &L0{Penalty: Penalty{Lambda: 0.3}}
				m, p = x, &x.Penalty
			} else {
				x := &Variational{Penalty: Penalty{Lambda: 0.3}}
				m, p = x, &x.Penalty
			}
			if err := m.(Method).Begin(ws, rng); err != nil {
				t.Fatal(err)
			}
			gates := p.gates[0].Dense.Data
			for i := range gates {
				gates[i] = float32(rng.Float64() - 1)
			}
			x := tensor.Of(noise(rng, 8), 4, 2)
			var wGrad, gGrad []float32
			p.Rate = 1e-30 // gates stay where they are
			// The gradients, taken off before the optimizer clears them.
			run := func() float64 {
				loss := penalised(m, ws, l, x, p.random, penalty)
				return loss
			}
			run()
			before := slices.Clone(gates)
			gGrad = gatherOnly(m, ws, p)
			wGrad = slices.Clone(l.Weight.Grad.Data)
			copy(gates, before)
			check := func(what string, values, got []float32) {
				for i, v := range values {
					const h = 1.0 / 512
					values[i] = v + h
					up := run()
					restore(m, ws)
					values[i] = v - h
					down := run()
					restore(m, ws)
					values[i] = v
					if want := (up - down) / (2 * h); math.Abs(float64(got[i])-want) > 2e-2*max(1, math.Abs(want)) {
						t.Errorf("derivative by %s %d is %g, differences say %g", what, i, got[i], want)
					}
				}
			}
			check("weight", l.Weight.Dense.Data, wGrad)
			check("gate", gates, gGrad)
		})
	}
}

// gatherOnly runs Gather and returns the gradient of the gates: the first step of Adam has
// it in its first moment.
func gatherOnly(m Reparameterizer, ws []Weight, p *Penalty) []float32 {
	m.Gather(0, ws)
	g := slices.Clone(p.adam.State()[p.gates[0].Name][0])
	for i := range g {
		g[i] *= 10 // 1/(1 - β1)
	}
	return g
}

// restore puts the stored weights back after a Sample.
func restore(m Reparameterizer, ws []Weight) {
	switch m := m.(type) {
	case *L0:
		copy(ws[0].Dense.Data, m.stored[0])
	case *Variational:
		if !ws[0].Local {
			copy(ws[0].Dense.Data, m.stored[0])
		}
	}
}

// The gates of L0 are shut, open and between as often as their distribution says.
func TestHardConcrete(t *testing.T) {
	rng := newRand(13)
	if got := 1 / (1 + math.Exp(l0Shift)); math.Abs(got-0.8318) > 1e-4 {
		t.Errorf("a gate of log α 0 is open with probability %g, want 0.8318", got)
	}
	for _, la := range []float32{-2, 0, 1.5} {
		const n = chunkSize
		z, slope, a := make([]float32, n), make([]float32, n), make([]float32, n)
		var room [3][chunkSize]float32
		shut, open, all := 0, 0, 0
		for range 25 {
			for i := range z {
				z[i], a[i] = rng.Float32(), la
			}
			hardConcrete(z, slope, a, &room)
			for _, v := range z {
				all++
				switch v {
				case 0:
					shut++
				case 1:
					open++
				}
			}
		}
		sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
		wantShut := sigmoid(l0Shift - float64(la))
		wantOpen := 1 - sigmoid(l0Beta*math.Log((1-l0Gamma)/(l0Zeta-1))-float64(la))
		for what, f := range map[string][2]float64{"shut": {float64(shut), wantShut}, "open": {float64(open), wantOpen}} {
			if sd := math.Sqrt(f[1] * (1 - f[1]) / float64(all)); math.Abs(f[0]/float64(all)-f[1]) > 5*sd {
				t.Errorf("log α %g: gates are %s with frequency %g, want %g", la, what, f[0]/float64(all), f[1])
			}
		}
	}
	if gateMean(l0Closed) > 1e-6 || gateMean(l0Closed+0.1) < 1e-3 {
		t.Errorf("the mean gate at the border is %g, above it %g", gateMean(l0Closed), gateMean(l0Closed+0.1))
	}
}

// Both methods keep the weights that matter on a problem where few do.
func TestReparameterizedTraining(t *testing.T) {
	for name, m := range map[string]Method{
		"variational": &Variational{Penalty: Penalty{Lambda: 1e-4, From: 100, Until: 300, Sparsity: 0.9}},
		"L0":          &L0{Penalty: Penalty{Lambda: 1e-4, From: 50, Until: 300, Sparsity: 0.9, Steer: true}},
	} {
		accuracy, found := train(t, m, 14)
		t.Logf("%s: accuracy %.3f, %d of 288 hidden weights that matter", name, accuracy, found)
		if accuracy < 0.6 || found < 150 {
			t.Errorf("%s: accuracy %.3f, %d of 288 hidden weights that matter", name, accuracy, found)
		}
	}
}

// A steered penalty closes the gates in time, in a schedule of any length, where no
// gradient of the data holds them open.
func TestSteeredGatesClose(t *testing.T) {
	for _, steps := range []int{80, 400, 1500} {
		rng := newRand(3)
		ws := Weights([]*nn.Param{param("a", rng, 16, 32)})
		l := &L0{Penalty: Penalty{Lambda: 1e-5, From: steps / 5, Until: 3 * steps / 4, Sparsity: 0.9, Steer: true}}
		if err := l.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		ws[0].NeedGrad()
		for step := range steps {
			l.Sample(step, ws)
			for i := range ws[0].Grad.Data { // the data asks for large weights in every eighth column alone
				ws[0].Grad.Data[i] = 0
				if i%8 == 0 {
					ws[0].Grad.Data[i] = -0.1 * float32(math.Copysign(1, float64(l.stored[0][i])))
				}
			}
			l.Gather(step, ws)
		}
		if closed := l.below(l0Closed); closed < 0.8 || closed > 0.97 {
			t.Errorf("%d steps: %.3f of the gates are closed, 0.9 are to be", steps, closed)
		}
	}
	v := &Variational{Penalty: Penalty{Lambda: 1e-5, Until: 10, Sparsity: 0.9, Steer: true}}
	if err := v.Begin(Weights([]*nn.Param{param("a", newRand(3), 4, 4)}), newRand(3)); err == nil {
		t.Error("variational dropout takes a penalty to steer")
	}
}
