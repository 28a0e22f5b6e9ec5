package grad

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

func warped(x, y *tensor.Tensor, warp, tau float64) float64 {
	var no *Tape
	return float64(SoftDTW(no, &Var{Value: x}, y, warp, tau).Value.Data[0])
}

// With nothing to pay, -tau·ln of the number of paths remains: the central Delannoy numbers.
func TestSoftDTWCountsPaths(t *testing.T) {
	for i, paths := range []float64{1, 3, 13, 63, 321} {
		x := tensor.New(2, 1, i+1)
		for _, tau := range []float64{1, 0.01} {
			if got, want := warped(x, x, 0, tau), -tau*math.Log(paths); math.Abs(got-want) > 1e-6*max(1, -want) {
				t.Errorf("%d frames, tau %g: %g, want %g", i+1, tau, got, want)
			}
		}
	}
}

// hardest enumerates all paths.
func hardest(cost func(i, j int) float64, warp float64, i, j int) float64 {
	if i == 0 && j == 0 {
		return cost(0, 0)
	}
	best := math.Inf(1)
	if i > 0 && j > 0 {
		best = hardest(cost, warp, i-1, j-1)
	}
	if i > 0 {
		best = min(best, hardest(cost, warp, i-1, j)+warp)
	}
	if j > 0 {
		best = min(best, hardest(cost, warp, i, j-1)+warp)
	}
	return best + cost(i, j)
}

func TestSoftDTWIsTheCheapestPath(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	const F, T, U = 3, 6, 5
	x, y := tensor.Of(normal(rng, F*T), F, 1, T), tensor.Of(normal(rng, F*U), F, 1, U)
	cost := func(i, j int) float64 {
		d := 0.0
		for f := range F {
			d += math.Abs(float64(x.Data[f*T+i] - y.Data[f*U+j]))
		}
		return d / F
	}
	want := hardest(cost, 0.2, T-1, U-1)
	if got := warped(x, y, 0.2, 0); math.Abs(got-want) > 1e-5 {
		t.Errorf("hard minimum %g, want %g", got, want)
	}
	const paths = 1683 // more than there are: Delannoy(6, 6) paths
	for _, tau := range []float64{0.1, 0.01, 1e-4} {
		got := warped(x, y, 0.2, tau)
		if got > want+1e-5 || got < want-tau*math.Log(paths)-1e-5 {
			t.Errorf("tau %g: %g, want it below %g by at most %g", tau, got, want, tau*math.Log(paths))
		}
	}
	if a, b := warped(x, y, 0.2, 0.05), warped(y, x, 0.2, 0.05); math.Abs(a-b) > 1e-5 {
		t.Errorf("%g one way, %g the other", a, b)
	}
}

// Where warping costs too much, frames are compared with those of the same time, value and
// gradient; where it is cheap, a shift is forgiven. Distances so large that their
// exponentials vanish do no harm.
func TestSoftDTWAndTiming(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	const F, B, T = 4, 2, 12
	x, y := tensor.Of(normal(rng, F*B*T), F, B, T), tensor.Of(normal(rng, F*B*T), F, B, T)
	tape := &Tape{}
	v := tape.Leaf(x)
	loss := SoftDTW(tape, v, y, 1e4, 0.01)
	tape.Backward(loss)
	plain := 0.0
	for i, a := range x.Data {
		d := float64(a - y.Data[i])
		plain += math.Abs(d) / (F * B)
		if want := math.Copysign(1./(F*B), d); math.Abs(float64(v.Grad.Data[i])-want) > 1e-7 {
			t.Fatalf("derivative %d is %g, want %g", i, v.Grad.Data[i], want)
		}
	}
	if got := float64(loss.Value.Data[0]); math.Abs(got-plain) > 1e-5*plain {
		t.Errorf("%g, want %g", got, plain)
	}
	shifted := tensor.New(F, B, T)
	for row := range F * B {
		copy(shifted.Data[row*T+1:(row+1)*T], x.Data[row*T:])
		shifted.Data[row*T] = x.Data[row*T]
	}
	if got := warped(x, shifted, 1, 0.01); got > 2.1+plain || got < 1.9 { // one step each way, and the last frame
		t.Errorf("a shift costs %g", got)
	}
	for i := range x.Data {
		x.Data[i] *= 1e6
	}
	tape.Reset()
	v = tape.Leaf(x)
	loss = SoftDTW(tape, v, y, 1, 0.01)
	tape.Backward(loss)
	for _, g := range append(v.Grad.Data, loss.Value.Data...) {
		if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
			t.Fatalf("%g", g)
		}
	}
}

// All paths go through each frame at least once.
func TestSoftDTWSharesOfPaths(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	const T, U = 7, 9
	tape := &Tape{}
	v := tape.Leaf(tensor.Of(normal(rng, T), 1, 1, T))
	far := tensor.New(1, 1, U)
	for i := range far.Data {
		far.Data[i] = -10 // x is always above: the derivative is the share itself
	}
	tape.Backward(SoftDTW(tape, v, far, 0.5, 0.3))
	sum := 0.0
	for i, g := range v.Grad.Data {
		sum += float64(g)
		if g < 1-1e-6 {
			t.Errorf("paths go through frame %d %g times", i, g)
		}
	}
	if sum < max(T, U) || sum > T+U-1 {
		t.Errorf("paths have %g places, want %d to %d", sum, max(T, U), T+U-1)
	}
}

func TestMuLaw(t *testing.T) {
	x := tensor.New(1, 2001)
	for i := range x.Data {
		x.Data[i] = float32(i-1000) / 1000
	}
	var no *Tape
	y := MuLaw(no, &Var{Value: x}, 65535)
	if y.Value.Data[0] != -1 || y.Value.Data[1000] != 0 || y.Value.Data[2000] != 1 {
		t.Errorf("ends and middle: %g, %g, %g", y.Value.Data[0], y.Value.Data[1000], y.Value.Data[2000])
	}
	for i, v := range FromMuLaw(no, y, 65535).Value.Data {
		if math.Abs(float64(v-x.Data[i])) > 1e-6 {
			t.Fatalf("%g comes back as %g", x.Data[i], v)
		}
	}
}

// BenchmarkSoftDTW is the loss of 8 windows of 2 s, 47 frames of 80 bands, with its gradient.
func BenchmarkSoftDTW(b *testing.B) {
	rng := rand.New(rand.NewPCG(4, 5))
	const F, B, T = 80, 8, 47
	x, y := tensor.Of(normal(rng, F*B*T), F, B, T), tensor.Of(normal(rng, F*B*T), F, B, T)
	tape := &Tape{}
	for b.Loop() {
		tape.Reset()
		tape.Backward(SoftDTW(tape, tape.Leaf(x), y, 1, 0.01))
	}
}
