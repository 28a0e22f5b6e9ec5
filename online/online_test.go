package online

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// newLayer returns a layer with random weights and biases, whose weights are stored as said.
func newLayer(cell string, C, H int, storage string, sparsity float64, seed uint64) nn.Layer {
	rng := rand.New(rand.NewPCG(seed, 7))
	var l nn.Layer
	switch cell {
	case "vanilla":
		l = nn.NewRNN(C, H, rng)
	case "gru":
		l = nn.NewGRU(C, H, rng)
	case "lstm":
		l = nn.NewLSTM(C, H, rng)
	}
	for _, p := range nn.Params(l) {
		for i := range p.Dense.Data {
			p.Dense.Data[i] += 0.3 * float32(rng.NormFloat64())
		}
		if !p.Prunable || storage == "dense" {
			continue
		}
		R := 1
		if storage == "blocks" {
			R = 4
		}
		mask := sparse.NewMask(p.M(), p.K(), R)
		for g := range mask.Groups() {
			for j := range p.K() {
				mask.Set(g, j, rng.Float64() >= sparsity)
			}
		}
		if storage == "masked" {
			p.SetMasked(mask)
		} else {
			p.SetSparse(mask)
		}
	}
	return l
}

var cells = []string{"vanilla", "gru", "lstm"}

// stream is a sequence and the gradient of its states.
type stream struct {
	C, H, T, B int
	x, d       []float32
}

func newStream(C, H, T, B int) stream {
	rng := rand.New(rand.NewPCG(3, 4))
	s := stream{C: C, H: H, T: T, B: B, x: make([]float32, C*T*B), d: make([]float32, H*T*B)}
	for i := range s.x {
		s.x[i] = float32(rng.NormFloat64())
	}
	for i := range s.d {
		s.d[i] = float32(rng.NormFloat64())
	}
	return s
}

// part returns steps lo to hi of X [rows,T,B].
func (s stream) part(X []float32, lo, hi int) []float32 {
	var out []float32
	for r := range len(X) / (s.T * s.B) {
		out = append(out, X[(r*s.T+lo)*s.B:(r*s.T+hi)*s.B]...)
	}
	return out
}

// gradient returns the gradients of all weights, [value by value], after the stream has been
// shown in chunks.
func (s stream) gradient(l nn.Layer, chunk int) []float64 {
	ps := nn.Params(l)
	for _, p := range ps {
		p.NeedGrad()
	}
	nn.ZeroGrads(ps)
	tape := &grad.Tape{}
	for lo := 0; lo < s.T; lo += chunk {
		s.show(l, tape, lo, min(lo+chunk, s.T))
	}
	var all []float64
	for _, p := range ps {
		dense := p.Grad.Data
		if p.Sparse != nil {
			dense = make([]float32, p.Size())
			p.Sparse.Scatter(p.Grad.Data, dense)
		}
		for _, v := range dense {
			all = append(all, float64(v))
		}
	}
	return all
}

// show runs steps lo to hi forward and backward.
func (s stream) show(l nn.Layer, tape *grad.Tape, lo, hi int) {
	tape.Reset()
	x := tape.Input(tensor.Of(s.part(s.x, lo, hi), s.C, hi-lo, s.B))
	y := l.Forward(tape, x)
	d := s.part(s.d, lo, hi)
	loss := tape.New(1)
	tape.Record(loss, func() {
		g, _ := tape.GradOf(y)
		copy(g, d)
	}, y)
	tape.Backward(loss)
}

// distance returns the largest difference, relative to the largest value of want.
func distance(got, want []float64) float64 {
	most, scale := 0.0, 0.0
	for i, w := range want {
		most, scale = max(most, math.Abs(got[i]-w)), max(scale, math.Abs(w))
	}
	return most / scale
}

// The exact methods agree with backpropagation through the whole sequence, however the sequence is
// cut into chunks.
func TestExactMethodsAreBPTT(t *testing.T) {
	s := newStream(3, 7, 9, 2)
	for _, cell := range cells {
		for _, storage := range []string{"dense", "masked", "sparse", "blocks"} {
			layer := newLayer(cell, s.C, s.H, storage, 0.6, 1)
			want := s.gradient(layer, s.T)
			for _, m := range []Method{{Rule: RTRL}, {SnAp, s.H + 2}} {
				for _, chunk := range []int{1, 4, s.T} {
					if d := distance(s.gradient(New(layer, m, 0), chunk), want); d > 1e-6 {
						t.Errorf("%s %s %v in chunks of %d: differs by %.2g from BPTT", cell, storage, m, chunk, d)
					}
				}
			}
			if d := distance(s.gradient(New(layer, Method{Rule: BPTT}, 0), s.T), want); d > 1e-6 {
				t.Errorf("%s %s: BPTT by a learner differs by %g", cell, storage, d)
			}
		}
		dense := newLayer(cell, s.C, s.H, "dense", 0, 1)
		if d := distance(s.gradient(New(dense, Method{SnAp, 2}, 0), 3), s.gradient(dense, s.T)); cell != "lstm" && d > 1e-6 {
			t.Errorf("%s dense: SnAp-2 differs by %.2g from BPTT", cell, d)
		}
	}
}

// asPanels is SnAp-1 by the definition, step by step.
func asPanels(layer nn.Layer) *Learner {
	l := New(layer, Method{SnAp, 1}, 0)
	l.rule = &panels{l: l}
	l.rule.follow()
	return l
}

func TestSnAp1ByChunksIsByTheDefinition(t *testing.T) {
	for _, B := range []int{1, 3} {
		s := newStream(4, 9, 11, B)
		for _, cell := range cells {
			for _, storage := range []string{"dense", "masked", "sparse", "blocks"} {
				layer := newLayer(cell, s.C, s.H, storage, 0.5, 2)
				want := s.gradient(asPanels(layer), 1)
				for _, chunk := range []int{1, 3, s.T} {
					if d := distance(s.gradient(New(layer, Method{SnAp, 1}, 0), chunk), want); d > 1e-6 {
						t.Errorf("%s %s, %d sequences in chunks of %d: differs by %.2g", cell, storage, B, chunk, d)
					}
				}
				if d := distance(want, s.gradient(layer, s.T)); d < 1e-3 {
					t.Errorf("%s %s: SnAp-1 is exact (%.2g): this test shows nothing", cell, storage, d)
				}
			}
		}
	}
}

// cut removes recurrent weights of units on themselves, or all others.
func cut(l nn.Layer, self bool) {
	for _, p := range nn.Params(l) {
		if p.Prunable && p.M()%p.K() == 0 && p.K() == 7 {
			mask := sparse.NewMask(p.M(), p.K(), 1)
			for i := range p.M() {
				for j := range p.K() {
					mask.Set(i, j, i%p.K() != j == self)
				}
			}
			p.SetSparse(mask)
		}
	}
}

func TestSpecialCases(t *testing.T) {
	s := newStream(3, 7, 8, 2)
	for _, cell := range cells {
		layer := newLayer(cell, s.C, s.H, "dense", 0, 5)
		cut(layer, false)
		// By the strict definition an LSTM's output gate lacks what passes from h to the memory.
		if d := distance(s.gradient(New(layer, Method{SnAp, 1}, 0), 3), s.gradient(layer, s.T)); cell != "lstm" && d > 1e-6 {
			t.Errorf("%s with units apart: SnAp-1 differs by %.2g from BPTT", cell, d)
		}
		if d := distance(s.gradient(New(layer, Method{SnAp, 2}, 0), 3), s.gradient(layer, s.T)); d > 1e-6 {
			t.Errorf("%s with units apart: SnAp-2 differs by %.2g from BPTT", cell, d)
		}
		layer = newLayer(cell, s.C, s.H, "dense", 0, 5)
		cut(layer, true)
		if d := distance(s.gradient(New(layer, Method{Rule: RFLO}, 0), 3), s.gradient(New(layer, Method{SnAp, 1}, 0), 3)); d > 1e-6 {
			t.Errorf("%s without weights of units on themselves: RFLO differs by %.2g from SnAp-1", cell, d)
		}
		one := newStream(3, 7, 1, 2)
		want := one.gradient(layer, 1)
		for _, m := range []Method{{Rule: RTRL}, {SnAp, 1}, {SnAp, 2}, {Rule: RFLO}} {
			if d := distance(one.gradient(New(layer, m, 0), 1), want); d > 1e-6 {
				t.Errorf("%s, one step: %v differs by %.2g from BPTT", cell, m, d)
			}
		}
	}
}

// The mean of UORO's estimate over all signs is the gradient.
func TestUOROIsUnbiased(t *testing.T) {
	for _, c := range []struct {
		cell string
		H, T int
	}{{"vanilla", 3, 3}, {"gru", 3, 3}, {"lstm", 2, 3}} {
		s := newStream(2, c.H, c.T, 1)
		layer := newLayer(c.cell, s.C, s.H, "sparse", 0.3, 6)
		want := s.gradient(layer, s.T)
		mean := make([]float64, len(want))
		states := c.H
		if c.cell == "lstm" {
			states *= 2
		}
		n := 1 << (states * c.T)
		for signs := range n {
			l := New(layer, Method{Rule: UORO}, 0)
			at := 0
			l.rule.(*uoro).sign = func() float32 {
				at++
				return float32(signs>>(at-1)&1)*2 - 1
			}
			for i, g := range s.gradient(l, s.T) {
				mean[i] += g / float64(n)
			}
		}
		if d := distance(mean, want); d > 2e-6 {
			t.Errorf("%s: mean over %d sign vectors differs by %.2g from the gradient", c.cell, n, d)
		}
	}
}

// The error of the mean of n estimates falls like 1/√n.
func TestUOROMonteCarlo(t *testing.T) {
	s := newStream(2, 4, 4, 64)
	layer := newLayer("gru", 2, 4, "dense", 0, 9)
	want := s.gradient(layer, s.T)
	sums := map[int]float64{}
	for seed := range uint64(16) {
		mean := make([]float64, len(want))
		l := New(layer, Method{Rule: UORO}, seed)
		for i := range 64 {
			l.Reset()
			for j, g := range s.gradient(l, s.T) {
				mean[j] += g
			}
			if n := i + 1; n == 4 || n == 64 {
				for j, m := range mean {
					sums[n] += math.Pow(m/float64(n)-want[j], 2)
				}
			}
		}
	}
	if ratio := sums[4] / sums[64]; ratio < 10 || ratio > 25 {
		t.Errorf("sixteen times as many estimates have a %.1f times smaller squared error, want about 16", ratio)
	}
}

// The kept sets are nested, and what is stored is what the definition counts.
func TestPatternsAndCosts(t *testing.T) {
	const C, H = 5, 24
	for _, cell := range cells {
		layer := newLayer(cell, C, H, "sparse", 0.9, 3)
		weights := 0
		for _, p := range nn.Params(layer) {
			weights += p.NNZ()
		}
		before := map[string]bool{}
		for n := 1; n <= 5; n++ {
			l := New(layer, Method{SnAp, n}, 0)
			r := &panels{l: l}
			r.follow()
			kept := map[string]bool{}
			columns, multiplications := 0, int64(0)
			for _, q := range r.panels {
				columns += len(q.cols)
				for _, c := range q.cols {
					for _, s := range q.states {
						kept[fmt.Sprint(c.key, s)] = true
					}
				}
				inside := 0
				for _, i := range q.states {
					for e := r.d.offsets[i]; e < r.d.offsets[i+1]; e++ {
						if _, ok := slices.BinarySearch(q.states, r.d.cols[e]); ok {
							inside++
						}
					}
				}
				if !q.sparse {
					inside = len(q.states) * len(q.states)
				}
				multiplications += int64((inside + len(q.states)) * len(q.cols))
			}
			for k := range before {
				if !kept[k] {
					t.Fatalf("%s: SnAp-%d lacks an entry of SnAp-%d", cell, n, n-1)
				}
			}
			if len(kept) != r.entries() || columns != weights || r.work() != multiplications {
				t.Errorf("%s SnAp-%d: %d entries, %d columns, %d multiplications; counted %d, %d, %d", cell, n, r.entries(), columns, r.work(), len(kept), weights, multiplications)
			}
			if n == 1 {
				if got := New(layer, Method{SnAp, 1}, 0).Entries(); got != len(kept) {
					t.Errorf("%s: SnAp-1 says it has %d entries, the definition %d", cell, got, len(kept))
				}
			}
			before = kept
		}
	}
}

// What is said without looking at paths is never more than what is kept, and all of it where paths have
// one step or none and units one state.
func TestLeast(t *testing.T) {
	for _, cell := range cells {
		for _, kind := range []string{"sparse", "dense"} {
			layer := newLayer(cell, 5, 24, kind, 0.9, 3)
			for _, m := range []Method{{Rule: BPTT}, {Rule: RTRL}, {SnAp, 1}, {SnAp, 2}, {SnAp, 3}, {Rule: UORO}, {Rule: RFLO}} {
				l := New(layer, m, 0)
				least, all := l.Least(), int64(l.Entries())
				exact := m.Rule == BPTT || cell != "lstm" && m.Rule != UORO && (m.Rule != SnAp || m.Order < 3) && (m.Rule != RTRL || kind == "dense")
				if least > all || exact && least != all || m.Rule != BPTT && least == 0 {
					t.Errorf("%s %s %v: at least %d of %d entries", kind, cell, m, least, all)
				}
			}
		}
	}
}

func TestMemoryDoesNotGrowWithTheSequence(t *testing.T) {
	for _, m := range []Method{{Rule: RTRL}, {SnAp, 1}, {SnAp, 2}, {Rule: UORO}, {Rule: RFLO}} {
		layer := newLayer("gru", 3, 8, "dense", 0, 1)
		l := New(layer, m, 0)
		short := newStream(3, 8, 16, 1)
		short.gradient(l, 4)
		before := l.Bytes()
		newStream(3, 8, 256, 1).gradient(l, 4)
		if after := l.Bytes(); after != before || before == 0 {
			t.Errorf("%v: %d bytes after 16 steps, %d after 256 more", m, before, after)
		}
	}
}

// A learner that is saved and restored in the middle goes on with the same bits.
func TestSaveAndRestore(t *testing.T) {
	s := newStream(3, 6, 10, 2)
	for _, cell := range cells {
		for _, m := range []Method{{Rule: BPTT}, {Rule: RTRL}, {SnAp, 1}, {SnAp, 2}, {Rule: UORO}, {Rule: RFLO}} {
			layer := newLayer(cell, 3, 6, "sparse", 0.5, 4)
			a := New(layer, m, 1)
			s.gradient(a, 4)
			saved, err := a.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			want := s.gradient(a, 4)
			b := New(layer, m, 99)
			if err := b.UnmarshalBinary(saved); err != nil {
				t.Fatal(err)
			}
			if got := s.gradient(b, 4); !slices.Equal(got, want) {
				t.Errorf("%s %v: goes on differently by %g", cell, m, distance(got, want))
			}
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	layer := newLayer("gru", 2, 3, "sparse", 0.5, 4)
	l := New(layer, Method{SnAp, 2}, 1)
	newStream(2, 3, 2, 1).gradient(l, 1)
	saved, _ := l.MarshalBinary()
	f.Add(saved)
	f.Add(saved[:10])
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New(layer, Method{SnAp, 2}, 1)
		if err := l.UnmarshalBinary(b); err == nil && l.B > 0 {
			again, _ := l.MarshalBinary()
			if !slices.Equal(again, b) {
				t.Error("a state that was taken is written differently")
			}
		}
	})
}

func TestParseMethod(t *testing.T) {
	for _, name := range []string{"bptt", "rtrl", "snap-1", "snap-12", "uoro", "rflo"} {
		if m, err := ParseMethod(name); err != nil || m.String() != name {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
	for _, name := range []string{"", "snap", "snap-0", "snap--1", "snap-1000000000", "SnAp-1", "snap-x"} {
		if m, err := ParseMethod(name); err == nil {
			t.Errorf("%q is read as %v", name, m)
		}
	}
}
