package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func random(rng *rand.Rand, shape ...int) *tensor.Tensor {
	x := tensor.New(shape...)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	return x
}

// largest returns the largest singular value of w [M, K], by power iteration in float64.
func largest(w []float32, M, K int) float64 {
	v, sigma := make([]float64, K), 0.0
	for i := range v {
		v[i] = math.Sin(float64(3*i + 1))
	}
	for range 2000 {
		next := make([]float64, K)
		for i := range M {
			s := 0.0
			for j := range K {
				s += float64(w[i*K+j]) * v[j]
			}
			for j := range K {
				next[j] += float64(w[i*K+j]) * s
			}
		}
		n := 0.0
		for _, x := range next {
			n += x * x
		}
		sigma = math.Sqrt(math.Sqrt(n))
		for j := range v {
			v[j] = next[j] / math.Sqrt(n)
		}
	}
	return sigma
}

// Training steps settle on the largest singular value, whatever the storage; folding gives a
// plain weight whose largest singular value is 1, of the same function; a frozen weight keeps
// its vector and gets no gradient.
func TestSpectralNorm(t *testing.T) {
	for _, kind := range []string{"dense", "masked", "sparse", "blocks"} {
		rng := rand.New(rand.NewPCG(4, 4))
		l := NewConv1D(6, 8, 3, 1, 1, 1, rng)
		l.Bias = NewParam(8)
		Normal(l.Bias, 1, rng)
		R := 1
		if kind == "blocks" {
			R = 4
		}
		mask := sparse.NewMask(8, 18, R)
		for i := range mask.Blocks() {
			mask.Set(i/18, i%18, i%3 != 0)
		}
		switch kind {
		case "masked":
			l.Weight.SetMasked(mask)
		case "sparse", "blocks":
			l.Weight.SetSparse(mask)
		}
		SpectralNorm(rng, l.Weight)
		x := random(rng, 6, 2, 10)
		tape := &grad.Tape{}
		for range 400 {
			tape.Reset()
			l.Forward(tape, tape.Input(x))
		}
		want := largest(l.Weight.dense(), 8, 18)
		before := l.Forward(nil, &grad.Var{Value: x}).Value
		var none *grad.Tape
		if got := l.Weight.bound(none).PowerStep(l.Weight.Spectral.U.Data, make([]float32, 18), true); math.Abs(float64(got)/want-1) > 1e-3 {
			t.Errorf("%s: largest singular value %g, want %g", kind, got, want)
		}
		l.Weight.Frozen = true
		u := append([]float32(nil), l.Weight.Spectral.U.Data...)
		l.Weight.Grad = nil
		tape.Reset()
		in := tape.Leaf(x)
		out := l.Forward(tape, in)
		tape.Backward(grad.L2(tape, out, make([]float32, len(out.Value.Data)), nil))
		if l.Weight.Grad != nil || in.Grad == nil {
			t.Errorf("%s: a frozen weight has a gradient, or its input none", kind)
		}
		testkit.Same(t, kind+": vector of a frozen weight", l.Weight.Spectral.U.Data, u)
		FoldSpectral(l)
		if got := largest(l.Weight.dense(), 8, 18); math.Abs(got-1) > 1e-3 {
			t.Errorf("%s: folded weight has the singular value %g", kind, got)
		}
		after := l.Forward(nil, &grad.Var{Value: x}).Value
		testkit.Close(t, kind+": folded", after.Data, doubles(before.Data), testkit.Pass)
	}
}

func doubles(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// The penalty's gradient is that of its value, and an orthogonal weight has none.
func TestOrthogonalPenalty(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	flat := NewParam(8, 6, 3)
	Orthogonal(flat, rng)
	if p := OrthogonalPenalty(1, flat); p > 1e-8 {
		t.Errorf("an orthogonal weight has the penalty %g", p)
	}
	for _, kind := range []string{"dense", "masked", "sparse"} {
		p := NewParam(4, 6)
		Normal(p, 1, rng)
		mask := sparse.NewMask(4, 6, 2)
		for i := range mask.Blocks() {
			mask.Set(i/6, i%6, i%2 == 0)
		}
		switch kind {
		case "masked":
			p.SetMasked(mask)
		case "sparse":
			p.SetSparse(mask)
		}
		p.NeedGrad()
		OrthogonalPenalty(0.5, p)
		const h = 1e-2
		for i, v := range p.Values() {
			if p.Mask != nil && !p.Mask.Get(i/6/2, i%6) {
				if p.Grad.Data[i] != 0 {
					t.Fatalf("%s: an absent weight has a gradient", kind)
				}
				continue
			}
			p.Values()[i] = v + h
			up := OrthogonalPenalty(0.5, &Param{Shape: p.Shape, Dense: tensor.Of(p.dense(), 4, 6)})
			p.Values()[i] = v - h
			down := OrthogonalPenalty(0.5, &Param{Shape: p.Shape, Dense: tensor.Of(p.dense(), 4, 6)})
			p.Values()[i] = v
			if want := (up - down) / (2 * h); math.Abs(float64(p.Grad.Data[i])-want) > 2e-2*max(1, math.Abs(want)) {
				t.Fatalf("%s: derivative %d is %g, differences say %g", kind, i, p.Grad.Data[i], want)
			}
		}
	}
}

// With maps of zero the layer is batch norm; a gain and a shift of one element move that
// element alone; running statistics make the output independent of batch mates; padding counts
// for nothing.
func TestCondBatchNorm(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	x, z := random(rng, 3, 4, 10), random(rng, 5, 4)
	plain, cond := NewBatchNorm(3, true), NewCondBatchNorm(3, 5, true)
	tape := &grad.Tape{}
	want := plain.Forward(tape, tape.Input(x)).Value
	got := cond.Forward(tape, tape.Input(x), tape.Input(z), nil).Value
	testkit.Close(t, "maps of zero", got.Data, doubles(want.Data), testkit.Pass)
	testkit.Close(t, "running variance", cond.Var.Data, doubles(plain.Var.Data), testkit.Pass)

	Normal(cond.Gain.Weight, 1, rng)
	Normal(cond.Shift.Weight, 1, rng)
	all := cond.Forward(nil, &grad.Var{Value: x}, &grad.Var{Value: z}, nil).Value
	x1, z1 := tensor.New(3, 1, 10), tensor.New(5, 1)
	for c := range 3 {
		copy(x1.Data[c*10:], x.Data[(c*4+2)*10:(c*4+3)*10])
	}
	for c := range 5 {
		z1.Data[c] = z.Data[c*4+2]
	}
	one := cond.Forward(nil, &grad.Var{Value: x1}, &grad.Var{Value: z1}, nil).Value
	for c := range 3 {
		testkit.Close(t, "without its mates", one.Data[c*10:(c+1)*10], doubles(all.Data[(c*4+2)*10:(c*4+3)*10]), testkit.Pass)
	}

	padded, mask := tensor.New(3, 4, 13), make([]float32, 4*13)
	for row := range 12 {
		copy(padded.Data[row*13:], x.Data[row*10:(row+1)*10])
		padded.Data[row*13+11] = 1000
	}
	for b := range 4 {
		for i := range 10 {
			mask[b*13+i] = 1
		}
	}
	tape.Reset()
	want = cond.Forward(tape, tape.Input(x), tape.Input(z), nil).Value
	y := cond.Forward(tape, tape.Input(padded), tape.Input(z), mask).Value
	for row := range 12 {
		testkit.Close(t, "padded", y.Data[row*13:row*13+10], doubles(want.Data[row*10:(row+1)*10]), testkit.Approx)
		if y.Data[row*13+11] != 0 {
			t.Fatal("padding is not zero")
		}
	}
}
