package lm

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

func newModel(t *testing.T, s Spec) *Model {
	t.Helper()
	m, err := New(s, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ids returns a batch of random symbols below n, and what follows each.
func ids(rng *rand.Rand, n, T, B int) (*tensor.Tensor, []int32) {
	x, labels := tensor.New(T, B), make([]int32, T*B)
	for i := range labels {
		x.Data[i] = float32(rng.IntN(n))
		if i >= B {
			labels[i-B] = int32(x.Data[i])
		}
	}
	return x, labels
}

// The parameters of the full-size models: for the word models the count of PyTorch's example
// with Zaremba's medium size (19,780,400), less its second biases; for the char-GRU the five
// matrices of the paper's sizes, whose densities under ERK at 75 % are 1 minus 0.5244,
// 0.8537, 0.6707, 0.3415 and 0.3415.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		spec        Spec
		all, prunes int
	}{
		{Spec{Arch: CharGRU, Symbols: 256}, 32_768 + 3*512*(128+512+1) + 512 + 512*256 + 256 + 256*128 + 128 + 128*256 + 256, 3*512*(128+512) + 512*256 + 2*256*128},
		{Spec{Arch: CharGRU, Symbols: 256, Tied: true}, 32_768 + 3*512*(128+512+1) + 512 + 512*256 + 256 + 256*128 + 128 + 256, 3*512*(128+512) + 512*256 + 256*128},
		{Spec{Arch: WordLSTM, Symbols: 10_000}, 19_780_400 - 2*4*650, 2*4*650*1300 + 6_500_000},
		{Spec{Arch: WordGRU, Symbols: 10_000, Tied: true}, 6_500_000 + 2*(3*650*1300+4*650) + 10_000, 2 * 3 * 650 * 1300},
	} {
		if testing.Short() && c.spec.Symbols > 256 {
			continue // the first weights take their time
		}
		all, prunes := 0, 0
		for _, p := range nn.Params(newModel(t, c.spec)) {
			all += p.Size()
			if p.Prunable {
				prunes += p.Size()
			}
		}
		if all != c.all || prunes != c.prunes {
			t.Errorf("%+v: %d parameters, %d of them prunable, want %d and %d", c.spec, all, prunes, c.all, c.prunes)
		}
	}
}

func TestCharGRUUnderERK(t *testing.T) {
	var shapes []prune.Shape
	for _, p := range nn.Params(newModel(t, Spec{Arch: CharGRU, Symbols: 256})) {
		if p.Prunable {
			shapes = append(shapes, prune.Shape{Name: p.Name, Dims: p.Shape})
		}
	}
	got, err := prune.ERK(shapes, 0.75)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.5244, 0.8537, 0.6707, 0.3415, 0.3415} {
		if math.Abs(got[i]-want) > 1e-4 {
			t.Errorf("sparsity of %s is %.4f, want %.4f", shapes[i].Name, got[i], want)
		}
	}
}

// Models learn a short text by heart, dense, at 80 % and with a shared embedding.
func TestLearns(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	x, labels := ids(rng, 9, 12, 4)
	for _, s := range []Spec{
		{Arch: CharGRU, Symbols: 9, Width: 0.125}, {Arch: CharGRU, Symbols: 9, Width: 0.125, Tied: true},
		{Arch: WordLSTM, Symbols: 9, Width: 0.05}, {Arch: WordGRU, Symbols: 9, Width: 0.05},
		{Arch: OneCell, Symbols: 9, Cell: "vanilla", Units: 64, Hidden: 64}, {Arch: OneCell, Symbols: 9, Cell: "lstm", Units: 48, Hidden: 64},
	} {
		for _, sparsity := range []float64{0, 0.8} {
			m := newModel(t, s)
			ps := nn.Params(m)
			if err := (prune.Static{Sparsity: sparsity}).Begin(prune.Weights(ps), rng); err != nil {
				t.Fatal(err)
			}
			tape, opt := &grad.Tape{}, &optim.Adam{}
			loss := float32(0)
			for range 150 {
				tape.Reset()
				l := nn.CrossEntropy(tape, m.Forward(tape, tape.Input(x)), labels)
				loss = l.Value.Data[0]
				nn.ZeroGrads(ps)
				tape.Backward(l)
				opt.Step(ps, 0.02)
			}
			if !(loss < 0.5) {
				t.Errorf("%+v at %v: loss %v after 150 steps", s, sparsity, loss)
			}
		}
	}
}

// A model comes back from its file as it was.
func TestSaveThenOpen(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, s := range []Spec{{Arch: CharGRU, Symbols: 20, Width: 0.25, Tied: true}, {Arch: WordLSTM, Symbols: 3, Width: 0.05}, {Arch: OneCell, Symbols: 4, Cell: "gru", Units: 12, Hidden: 8}} {
		m := newModel(t, s)
		if err := (prune.Static{Sparsity: 0.7}).Begin(prune.Weights(nn.Params(m)), rng); err != nil {
			t.Fatal(err)
		}
		if s.Symbols == 3 {
			m.SetWords([]string{"<unk>", "<eos>", "ünï"})
		}
		path := filepath.Join(t.TempDir(), "model")
		if err := m.Save(path, map[string]string{"more": "text"}); err != nil {
			t.Fatal(err)
		}
		got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Spec() != s || got.Metadata()["more"] != "text" || !slices.Equal(got.Words(), m.Words()) {
			t.Errorf("came back as %+v with %v and words %v", got.Spec(), got.Metadata(), got.Words())
		}
		x, _ := ids(rng, s.Symbols, 5, 2)
		testkit.Same(t, s.Arch, got.Forward(nil, &grad.Var{Value: x}).Value.Data, m.Forward(nil, &grad.Var{Value: x}).Value.Data)
		testkit.Same(t, s.Arch+" words drawn", floats(got.Sample(rand.New(rand.NewPCG(1, 1)), []int32{1, 2}, 9, 0.8)), floats(m.Sample(rand.New(rand.NewPCG(1, 1)), []int32{1, 2}, 9, 0.8)))
	}
	if _, err := New(Spec{Arch: "transformer", Symbols: 9}, rng); err == nil || !strings.Contains(err.Error(), "char-gru") {
		t.Errorf("unknown architecture: %v", err)
	}
}

func floats(x []int32) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// Symbols are drawn as often as their probabilities say, and greedily at temperature 0.
func TestDraw(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	logits, p := []float32{1, 2, 0, 1.5}, make([]float64, 4)
	for _, temperature := range []float64{1, 0.5} {
		const n = 40_000
		var counts [4]float64
		for range n {
			counts[draw(rng, logits, p, temperature)]++
		}
		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v) / temperature)
		}
		for i, v := range logits {
			want := math.Exp(float64(v)/temperature) / sum
			if got := counts[i] / n; math.Abs(got-want) > 5*math.Sqrt(want/n) {
				t.Errorf("temperature %v: symbol %d drawn in %v of cases, want %v", temperature, i, got, want)
			}
		}
	}
	if got := draw(rng, logits, p, 0); got != 1 {
		t.Errorf("greedy choice is %d", got)
	}
}

// What a sequence of T costs is counted: every weight but the embedding's, T times.
func TestUses(t *testing.T) {
	m := newModel(t, Spec{Arch: CharGRU, Symbols: 20, Width: 0.1})
	m.Forward(nil, &grad.Var{Value: tensor.New(7, 1)})
	for _, p := range nn.Params(m) {
		if p.Prunable && p.Uses != 7 {
			t.Errorf("%s is used %d times in 7 steps", p.Name, p.Uses)
		}
	}
}
