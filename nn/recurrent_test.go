package nn

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/tensor"
)

func floats(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// TestRecurrentGolden holds states and gradients to PyTorch's: testdata/recurrent.py.
func TestRecurrentGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/recurrent.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ RNN, GRU, LSTM map[string][]float64 }
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	const C, H, T, B = 3, 4, 5, 2
	rnn, gru, lstm := NewRNN(C, H, rng), NewGRU(C, H, rng), NewLSTM(C, H, rng)
	for _, c := range []struct {
		name  string
		layer Layer
		base  *Recurrent
		want  map[string][]float64
	}{{"RNN", rnn, &rnn.Recurrent, golden.RNN}, {"GRU", gru, &gru.Recurrent, golden.GRU}, {"LSTM", lstm, &lstm.Recurrent, golden.LSTM}} {
		copy(c.base.Input.Dense.Data, floats(c.want["input"]))
		copy(c.base.Recurrent.Dense.Data, floats(c.want["recurrent"]))
		copy(c.base.Bias.Dense.Data, floats(c.want["bias"]))
		copy(gru.NBias.Dense.Data, floats(c.want["nbias"]))
		tape := &grad.Tape{}
		x := tape.Leaf(tensor.Of(floats(c.want["x"]), C, T, B))
		y := c.layer.Forward(tape, x)
		testkit.Close(t, c.name+" states", y.Value.Data, c.want["y"], testkit.Pass)
		loss := tape.New(1)
		for i, v := range y.Value.Data {
			loss.Value.Data[0] += float32(math.Sin(float64(3*i+1))) * v
		}
		tape.Backward(tape.Record(loss, func() {
			g, _ := tape.GradOf(y)
			for i := range g {
				g[i] = float32(math.Sin(float64(3*i + 1)))
			}
		}, y))
		testkit.Close(t, c.name+" dx", x.Grad.Data, c.want["dx"], testkit.Approx)
		testkit.Close(t, c.name+" input", c.base.Input.Grad.Data, c.want["dinput"], testkit.Approx)
		testkit.Close(t, c.name+" recurrent", c.base.Recurrent.Grad.Data, c.want["drecurrent"], testkit.Approx)
		testkit.Close(t, c.name+" bias", c.base.Bias.Grad.Data, c.want["dbias"], testkit.Approx)
		if c.layer == Layer(gru) {
			testkit.Close(t, c.name+" candidate bias", gru.NBias.Grad.Data, c.want["dnbias"], testkit.Approx)
		}
	}
}

// A layer that carries its state gives for a sequence in pieces what it gives for the whole,
// and begins anew when told or when the batch has another size.
func TestCarry(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	l := NewLSTM(2, 5, rng)
	x := tensor.New(2, 1, 3)
	for i := range x.Data {
		x.Data[i] = float32(rng.NormFloat64())
	}
	next := func(x *tensor.Tensor) []float32 { return l.Forward(nil, &grad.Var{Value: x}).Value.Data }
	first := next(x)
	l.Carry(true)
	testkit.Same(t, "carrying from zero", next(x), first)
	if second := next(x); second[0] == first[0] {
		t.Error("the state is not carried")
	}
	narrow := next(tensor.Of([]float32{x.Data[0], x.Data[3]}, 2, 1, 1))
	testkit.Same(t, "another batch", narrow[:1], first[:1])
	l.Carry(true)
	testkit.Same(t, "begun anew", next(x), first)
	l.Carry(false)
	next(x)
	testkit.Same(t, "not carrying", next(x), first)
}

func TestOrthogonal(t *testing.T) {
	p := NewParam(3*50, 50)
	Orthogonal(p, rand.New(rand.NewPCG(3, 3)))
	for gate := range 3 {
		for i := range 50 {
			for j := range 50 {
				sum, want := 0.0, 0.0
				for k := range 50 {
					sum += float64(p.Dense.Data[(gate*50+i)*50+k]) * float64(p.Dense.Data[(gate*50+j)*50+k])
				}
				if i == j {
					want = 1
				}
				if math.Abs(sum-want) > 1e-6 {
					t.Fatalf("rows %d and %d of gate %d: product %g", i, j, gate, sum)
				}
			}
		}
	}
}
