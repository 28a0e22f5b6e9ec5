package landscape_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/landscape"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

// A path through evenly spaced points of a line is that line; one bent elsewhere passes
// the places its polynomial says.
func TestPath(t *testing.T) {
	A, B := []float32{1, -2}, []float32{3, 4}
	at := make([]float32, 2)
	for degree := 1; degree <= 3; degree++ {
		p := landscape.New(degree, A, B)
		for _, s := range []float64{0, 0.25, 0.7, 1} {
			p.At(s, at)
			near(t, "x", float64(at[0]), 1+2*s, 1e-6)
			near(t, "y", float64(at[1]), -2+6*s, 1e-6)
		}
	}
	p := landscape.New(3, A, B)
	copy(p[1], []float32{5, 6})
	copy(p[2], []float32{-7, 8})
	const s = 0.3
	p.At(s, at)
	for i, c := range []float64{5, 6} {
		u := 1 - s
		want := u*u*u*float64(A[i]) + 3*s*u*u*c + 3*s*s*u*[]float64{-7, 8}[i] + s*s*s*float64(B[i])
		near(t, "cubic", float64(at[i]), want, 1e-5)
	}
}

func TestFigures(t *testing.T) {
	c := landscape.Curve{T: []float64{0, 0.25, 0.5, 0.75, 1}, Loss: []float64{2, 3, 1, 1.5, 0.5}}
	f := c.Figures()
	near(t, "barrier", f.Barrier, 1, 1e-12)
	near(t, "climb", f.Climb, 1, 1e-12)
	near(t, "ascent", f.Ascent, 1.5, 1e-12)
	near(t, "energy", f.Energy, (1+3+1+1.5+0.25)/4, 1e-12)
	if f.Monotone {
		t.Error("a curve that rises counts as monotone")
	}
	down := landscape.Curve{T: c.T, Loss: []float64{2, 1.5, 1, 1.01, 0.5}}
	if !down.Figures().Monotone {
		t.Error("a rise of 0.7 % of the descent does not count as monotone")
	}
	slices.Reverse(down.Loss)
	if !down.Figures().Monotone {
		t.Error("the same curve from its other end does not count as monotone")
	}
}

// plane is a network of two weights that shows them: its output for the unit matrix is
// [w0, w1].
func plane(x, y float32) *nn.Linear {
	l := &nn.Linear{Weight: nn.NewParam(1, 2)}
	l.Weight.Prunable = true
	copy(l.Weight.Dense.Data, []float32{x, y})
	return l
}

// ring is a loss of two weights that is least on the unit circle, a little less above than
// below: (x²+y²-1)² + tilt·(1-y).
func ring(t *grad.Tape, out *grad.Var, _ []int32) *grad.Var {
	const tilt = 0.01
	x, y := out.Value.Data[0], out.Value.Data[1]
	r := x*x + y*y - 1
	loss := t.New(1)
	loss.Value.Data[0] = r*r + tilt*(1-y)
	return t.Record(loss, func() {
		if g, acc := t.GradOf(out); g != nil {
			if !acc {
				clear(g)
			}
			d := loss.Grad.Data[0]
			g[0] += d * 4 * r * x
			g[1] += d * (4*r*y - tilt)
		}
	}, out)
}

var unit = tensor.Of([]float32{1, 0, 0, 1}, 2, 2)

func batch() (*tensor.Tensor, []int32) { return unit, []int32{0} }

func once() func() (*tensor.Tensor, []int32) {
	done := false
	return func() (*tensor.Tensor, []int32) {
		if done {
			return nil, nil
		}
		done = true
		return batch()
	}
}

// Two solutions on opposite sides of a ring that only have the weight x: in their own
// subspace every curve climbs over the middle, where the loss is 1; with the missing
// weight y a curve goes round it.
func TestFitFindsTheWayRound(t *testing.T) {
	climb := func(degree int, dense bool) float64 {
		a, b := plane(-1, 0), plane(1, 0)
		for _, l := range []*nn.Linear{a, b} {
			mask := sparse.NewMask(1, 2, 1)
			mask.Set(0, 0, true)
			l.Weight.SetSparse(mask)
		}
		s, A, B, err := landscape.Between(a, b, dense)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "share that is free", s.Free(), map[bool]float64{false: 0.5, true: 1}[dense], 0)
		p := landscape.New(degree, A, B)
		fit := landscape.Fit{Loss: ring, Next: batch, Steps: 2000, Rate: 0.05, Momentum: 0.9, Random: rand.New(rand.NewPCG(1, 2))}
		if err := fit.Run(context.Background(), s, p); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p[0], A) || !slices.Equal(p[degree], B) {
			t.Error("the ends of the path have moved")
		}
		c, err := landscape.Probe{Loss: ring, Batches: once}.Along(context.Background(), s, p, 21)
		if err != nil {
			t.Fatal(err)
		}
		return c.Figures().Climb
	}
	for degree := 1; degree <= 3; degree++ {
		if got := climb(degree, false); got < 0.9 {
			t.Errorf("degree %d climbs only %g in the sparse subspace", degree, got)
		}
	}
	if got := climb(1, true); got < 0.9 {
		t.Errorf("a straight line climbs only %g", got)
	}
	if got := climb(2, true); got > 0.15 {
		t.Errorf("a quadratic curve climbs %g with all weights", got)
	}
	if got := climb(3, true); got > 0.02 {
		t.Errorf("a cubic curve climbs %g with all weights", got)
	}
}

// One step moves the control point against b(t)·∂L/∂θ, checked by differences of the loss.
func TestFitGradient(t *testing.T) {
	const rate, h = 1e-3, 1e-3
	a, b := plane(-1, 0.3), plane(0.8, -0.2)
	s, A, B, err := landscape.Between(a, b, true)
	if err != nil {
		t.Fatal(err)
	}
	p := landscape.New(2, A, B)
	before := slices.Clone(p[1])
	drawn := rand.New(rand.NewPCG(5, 6)).Float64()
	fit := landscape.Fit{Loss: ring, Next: batch, Steps: 1, Rate: rate, Random: rand.New(rand.NewPCG(5, 6))}
	if err := fit.Run(context.Background(), s, p); err != nil {
		t.Fatal(err)
	}
	lossAt := func(c []float64) float64 {
		var w [2]float64
		for i := range w {
			u := 1 - drawn
			w[i] = u*u*float64(A[i]) + 2*drawn*u*c[i] + drawn*drawn*float64(B[i])
		}
		r := w[0]*w[0] + w[1]*w[1] - 1
		return r*r + 0.01*(1-w[1])
	}
	for i := range before {
		lo, hi := []float64{float64(before[0]), float64(before[1])}, []float64{float64(before[0]), float64(before[1])}
		lo[i] -= h
		hi[i] += h
		slope := (lossAt(hi) - lossAt(lo)) / (2 * h)
		near(t, "step of the control point", float64(p[1][i]-before[i]), -rate*slope, 1e-6)
	}
}

func TestBetweenRejects(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	a := nn.Sequential{nn.NewLinear(4, 3, rng)}
	for _, b := range []nn.Layer{nn.Sequential{nn.NewLinear(4, 2, rng)}, nn.Sequential{nn.NewLinear(4, 3, rng), nn.NewLinear(3, 2, rng)}} {
		if _, _, _, err := landscape.Between(a, b, true); err == nil || !strings.Contains(err.Error(), "network has") {
			t.Errorf("networks of different shapes: %v", err)
		}
	}
}

// The sparse space holds what exists in either network.
func TestBetweenJoinsTopologies(t *testing.T) {
	a, b := plane(2, 3), plane(4, 5)
	for i, l := range []*nn.Linear{a, b} {
		mask := sparse.NewMask(1, 2, 1)
		mask.Set(0, i, true)
		l.Weight.SetMasked(mask)
	}
	_, A, B, err := landscape.Between(a, b, false)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(A, []float32{2, 0}) || !slices.Equal(B, []float32{0, 5}) {
		t.Errorf("points %v and %v", A, B)
	}
}

// Running statistics become the means over batches of each batch's own.
func TestRenormalize(t *testing.T) {
	l := nn.NewBatchNorm(2, false)
	rng := rand.New(rand.NewPCG(3, 4))
	const batches, cols = 3, 50
	var xs []*tensor.Tensor
	var mean, variance [2]float64
	for range batches {
		x := tensor.New(2, cols)
		for c := range 2 {
			m, q := 0.0, 0.0
			for i := range cols {
				v := float32(rng.NormFloat64()*2 + float64(c))
				x.Data[c*cols+i] = v
				m, q = m+float64(v)/cols, q+float64(v)*float64(v)
			}
			mean[c] += m / batches
			variance[c] += (q - cols*m*m) / (cols - 1) / batches
		}
		xs = append(xs, x)
	}
	landscape.Renormalize(nn.Sequential{l}, func() (*tensor.Tensor, []int32) {
		if len(xs) == 0 {
			return nil, nil
		}
		x := xs[0]
		xs = xs[1:]
		return x, make([]int32, cols)
	})
	for c := range 2 {
		near(t, "mean", float64(l.Mean.Data[c]), mean[c], 1e-5)
		near(t, "variance", float64(l.Var.Data[c]), variance[c], 1e-4)
	}
	if l.Momentum != 0.1 {
		t.Errorf("momentum is %v afterwards", l.Momentum)
	}
}

func TestAlongStops(t *testing.T) {
	s, A, B, err := landscape.Between(plane(1, 0), plane(0, 1), true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := landscape.New(2, A, B)
	if _, err := (landscape.Probe{Loss: ring, Batches: once}).Along(ctx, s, p, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("Along: %v", err)
	}
	if err := (landscape.Fit{Loss: ring, Next: batch, Steps: 3, Rate: 1, Random: rand.New(rand.NewPCG(1, 1))}).Run(ctx, s, p); !errors.Is(err, context.Canceled) {
		t.Errorf("Fit: %v", err)
	}
}
