package nn

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/tensor"
)

// goldenArrays are arrays of another program by name.
type goldenArrays map[string]struct {
	Shape []int
	Data  []float64
}

func (g goldenArrays) tensor(t *testing.T, name string) *tensor.Tensor {
	a, ok := g[name]
	if !ok {
		t.Fatalf("no array %q", name)
	}
	x := tensor.New(a.Shape...)
	for i, v := range a.Data {
		x.Data[i] = float32(v)
	}
	return x
}

// torchNames pairs the parameters of a layer with PyTorch's names; of the input projections,
// which PyTorch keeps in one matrix, the part comes last.
func torchNames(attention map[string]*MultiHeadAttention, ff *FeedForward, norms ...*LayerNorm) map[string]*Param {
	m := map[string]*Param{"linear1.weight": ff.In.Weight, "linear1.bias": ff.In.Bias, "linear2.weight": ff.Out.Weight, "linear2.bias": ff.Out.Bias}
	for name, a := range attention {
		m[name+".out_proj.weight"], m[name+".out_proj.bias"] = a.Output.Weight, a.Output.Bias
		for i, l := range []*Linear{a.Query, a.Key, a.Value} {
			part := "#" + string(rune('0'+i))
			m[name+".in_proj_weight"+part], m[name+".in_proj_bias"+part] = l.Weight, l.Bias
		}
	}
	for i, n := range norms {
		name := "norm" + string(rune('1'+i))
		m[name+".weight"], m[name+".bias"] = n.Gamma, n.Beta
	}
	return m
}

// part returns the array, or the third of one, that a name asks for.
func (g goldenArrays) part(t *testing.T, name string) []float64 {
	name, part, cut := strings.Cut(name, "#")
	a, ok := g[name]
	if !ok {
		t.Fatalf("no array %q", name)
	}
	if !cut {
		return a.Data
	}
	i, n := int(part[0]-'0'), len(a.Data)/3
	return a.Data[i*n : (i+1)*n]
}

// An encoder and a decoder layer agree with PyTorch's, padding and all gradients included.
func TestTransformerGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/transformer.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Lengths []int32
		Arrays  goldenArrays
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	g := file.Arrays
	rng := rand.New(rand.NewPCG(1, 1))
	enc, dec := NewEncoderLayer(6, 2, 10, &Dropout{}, rng), NewDecoderLayer(6, 2, 10, &Dropout{}, rng)
	sides := map[string]map[string]*Param{
		"encoder.": torchNames(map[string]*MultiHeadAttention{"self_attn": enc.Attention}, enc.FeedForward, enc.AttentionNorm, enc.FeedForwardNorm),
		"decoder.": torchNames(map[string]*MultiHeadAttention{"self_attn": dec.Attention, "multihead_attn": dec.Cross}, dec.FeedForward,
			dec.AttentionNorm, dec.CrossNorm, dec.FeedForwardNorm),
	}
	for side, params := range sides {
		for name, p := range params {
			for i, v := range g.part(t, side+name) {
				p.Dense.Data[i] = float32(v)
			}
		}
	}
	tape := &grad.Tape{}
	x, y := tape.Leaf(g.tensor(t, "x")), tape.Leaf(g.tensor(t, "y"))
	out := dec.Forward(tape, y, enc.Forward(tape, x, file.Lengths), file.Lengths)
	testkit.Close(t, "out", out.Value.Data, g["out"].Data, testkit.Pass)
	loss := tape.New(1)
	tape.Backward(tape.Record(loss, func() {
		d, _ := tape.GradOf(out)
		copy(d, g.tensor(t, "dout").Data)
	}, out))
	testkit.Close(t, "dx", x.Grad.Data, g["dx"].Data, testkit.Pass)
	testkit.Close(t, "dy", y.Grad.Data, g["dy"].Data, testkit.Pass)
	checked := 0
	for side, params := range sides {
		for name, p := range params {
			testkit.Close(t, side+name, p.Grad.Data, g.part(t, "d."+side+name), testkit.Pass)
			checked++
		}
	}
	if n := len(Params([]any{enc, dec})); checked != n {
		t.Errorf("%d of %d parameters checked", checked, n)
	}
}

// Positions are sines and cosines of the time, from any first time on.
func TestPositions(t *testing.T) {
	l := Positions{Scale: 2}
	x := tensor.New(4, 3, 2)
	for i := range x.Data {
		x.Data[i] = 0.5
	}
	y := l.Forward(nil, &grad.Var{Value: x}, 5).Value
	// 1 + sin 5, sin 6, ... and with step 1/100, by hand.
	want := map[[2]int]float64{{0, 0}: 1 - 0.9589242747, {1, 0}: 1 + 0.2836621855, {0, 2}: 1 + 0.6569865987, {3, 1}: 1 + 0.9982005399, {2, 0}: 1 + 0.0499791693}
	for at, w := range want {
		testkit.Close(t, "position", y.Data[(at[0]*3+at[1])*2:][:2], []float64{w, w}, testkit.Pass)
	}
}
