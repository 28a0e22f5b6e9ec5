package weights

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Every 16-bit float comes back from its value, and what lies between two goes to the
// nearer.
func TestToHalf(t *testing.T) {
	for h := range 1 << 16 {
		x := fromHalf(uint16(h))
		if x != x {
			if got := toHalf(x); got&0x7c00 != 0x7c00 || got&0x3ff == 0 {
				t.Errorf("%#x: NaN becomes %#x", h, got)
			}
			continue
		}
		if got := toHalf(x); got != uint16(h) {
			t.Errorf("%#x is %g, which becomes %#x", h, x, got)
		}
		if h&0x7fff >= 0x7bff {
			continue
		}
		next := fromHalf(uint16(h + 1))
		middle := (x + next) / 2
		want := uint16(h + h&1)
		if got := toHalf(middle); got != want {
			t.Errorf("half-way from %#x: %#x, want %#x", h, got, want)
		}
	}
	if toHalf(65520) != 0x7c00 || toHalf(float32(math.Inf(-1))) != 0xfc00 {
		t.Error("too large is not infinite")
	}
}

// A sparse and a dense parameter come back, from a file and from memory.
func TestSaveHalf(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	net := nn.Sequential{nn.NewLinear(16, 8, rng), nn.NewLinear(8, 4, rng)}
	mask := sparse.NewMask(8, 16, 4)
	mask.Set(0, 3, true)
	mask.Set(1, 9, true)
	nn.Params(net)[0].SetSparse(mask)
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := SaveHalf(path, net, map[string]string{"a": "b"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, open := range []func() (*File, error){func() (*File, error) { return Open(path) }, func() (*File, error) { return Read("memory", b) }} {
		f, err := open()
		if err != nil {
			t.Fatal(err)
		}
		back := nn.Sequential{nn.NewLinear(16, 8, rng), nn.NewLinear(8, 4, rng)}
		if err := f.Load(back); err != nil {
			t.Fatal(err)
		}
		for i, p := range nn.Params(net) {
			q := nn.Params(back)[i]
			if (p.Sparse == nil) != (q.Sparse == nil) || p.NNZ() != q.NNZ() {
				t.Errorf("%s: %v, want %v", p.Name, q, p)
			}
			for j, v := range p.Values() {
				if w := q.Values()[j]; math.Abs(float64(w-v)) > 0.0005*math.Abs(float64(v)) {
					t.Errorf("%s: value %d is %g, want %g", p.Name, j, w, v)
				}
			}
		}
	}
	if _, err := Read("memory", b[:len(b)-3]); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("cut short: %v", err)
	}
}
