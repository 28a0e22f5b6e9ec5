package grad

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/tensor"
)

// Attention with both masks agrees with PyTorch, forward and backward.
func TestAttentionGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/attention.json")
	if err != nil {
		t.Fatal(err)
	}
	type array struct {
		Shape []int
		Data  []float64
	}
	var g struct {
		Heads                      int
		Lengths                    []int32
		Q, K, V, Y, DY, DQ, DK, DV array
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	tape := &Tape{}
	leaf := func(a array) *Var {
		x := tensor.New(a.Shape...)
		for i, v := range a.Data {
			x.Data[i] = float32(v)
		}
		return tape.Leaf(x)
	}
	q, k, v := leaf(g.Q), leaf(g.K), leaf(g.V)
	y := Attention(tape, q, k, v, g.Heads, true, g.Lengths)
	testkit.Close(t, "y", y.Value.Data, g.Y.Data, testkit.Pass)
	dy, _ := tape.GradOf(y)
	copy(dy, leaf(g.DY).Value.Data)
	tape.backward()
	testkit.Close(t, "dq", q.Grad.Data, g.DQ.Data, testkit.Pass)
	testkit.Close(t, "dk", k.Grad.Data, g.DK.Data, testkit.Pass)
	testkit.Close(t, "dv", v.Grad.Data, g.DV.Data, testkit.Pass)
}
