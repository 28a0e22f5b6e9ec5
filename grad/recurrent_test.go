package grad

import (
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// Sizes of the nets in the gradient cases.
const caseIn, caseUnits, caseBatch = 3, 4, 3

// sequence returns a net with weights stored as kind says and its slots.
func sequence(rng *rand.Rand, k *cellKind, kind string, C, H int) (*Sequence, []Slot) {
	in, inSlot := weight(rng, kind, k.gates*H, C)
	rec, recSlot := weight(rng, kind, k.gates*H, H)
	inSlot.Name, recSlot.Name = "input", "recurrent"
	s := &Sequence{Input: in, Recurrent: rec, Bias: normal(rng, k.gates*H), DBias: make([]float32, k.gates*H)}
	slots := []Slot{{"bias", s.Bias, s.DBias}}
	if k.gated {
		s.NBias, s.DNBias = normal(rng, H), make([]float32, H)
		slots = append(slots, Slot{"candidate bias", s.NBias, s.DNBias})
	}
	if kind != "masked" { // differences at absent weights would not be zero
		slots = append(slots, inSlot, recSlot)
	}
	return s, slots
}

func recurrentCase(k *cellKind, kind string, T int) opCase {
	return opCase{"recurrent", [][]int{{caseIn, T, caseBatch}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		s, slots := sequence(rng, k, kind, caseIn, caseUnits)
		return func(t *Tape, in []*Var) *Var { return k.apply(t, in[0], s) }, slots
	}}
}

// heldCase has an input that changes every other step.
func heldCase(k *cellKind) opCase {
	return opCase{"recurrent", [][]int{{caseIn, 4, caseBatch}, {k.gates * caseUnits, 2, caseBatch}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		s, slots := sequence(rng, k, "sparse", caseIn, caseUnits)
		return func(t *Tape, in []*Var) *Var {
			s.Held = in[1]
			return k.apply(t, in[0], s)
		}, slots
	}}
}

// startedCase has a state before the first step.
func startedCase(k *cellKind) opCase {
	return opCase{"recurrent", [][]int{{caseIn, 2, caseBatch}}, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		s, slots := sequence(rng, k, "sparse", caseIn, caseUnits)
		n := caseUnits * caseBatch
		if k.memory {
			n *= 2
		}
		s.Start = normal(rng, n)
		return func(t *Tape, in []*Var) *Var { return k.apply(t, in[0], s) }, slots
	}}
}

func embeddingCase(kind string) opCase {
	return opCase{"embedding", nil, func(rng *rand.Rand) (func(*Tape, []*Var) *Var, []Slot) {
		w, slot := weight(rng, kind, 8, 3)
		ids := tensor.Of([]float32{1, 7, 1, 0, 1, 3}, 2, 3)
		slots := []Slot{slot}
		if kind == "masked" {
			slots = nil
		}
		return func(t *Tape, in []*Var) *Var { return Embedding(t, t.Input(ids), w) }, slots
	}}
}

// results runs a net over x and back from a fixed gradient, and returns the states and all
// gradients.
func results(k *cellKind, s *Sequence, x *tensor.Tensor) [][]float32 {
	for _, g := range [][]float32{s.Input.Grad, s.Recurrent.Grad, s.DBias, s.DNBias} {
		clear(g)
	}
	t := &Tape{}
	in := t.Leaf(x)
	out := k.apply(t, in, s)
	g, _ := t.GradOf(out)
	for i := range g {
		g[i] = float32(checkWeight(i))
	}
	y := append([]float32(nil), out.Value.Data...)
	t.backward()
	return [][]float32{y, in.Grad.Data, s.Input.Grad, s.Recurrent.Grad, s.DBias, s.DNBias}
}

// A net whose weights are stored as a sparse matrix gives what the same weights give as a
// dense array, and the number of workers changes nothing.
func TestRecurrentStorage(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const C, H, T, B = 20, 24, 6, 17
	x := tensor.Of(normal(rng, C*T*B), C, T, B)
	for _, k := range []*cellKind{&rnnKind, &gruKind, &lstmKind} {
		s, _ := sequence(rng, k, "sparse", C, H)
		got := results(k, s, x)
		workers := parallel.SetWorkers(3)
		for i, r := range results(k, s, x) {
			testkit.Same(t, k.name+" with three workers", r, got[i])
		}
		parallel.SetWorkers(workers)
		dense := *s
		masks := [2]*sparse.Mask{s.Input.Sparse.Mask(), s.Recurrent.Sparse.Mask()}
		for i, w := range []**Weight{&dense.Input, &dense.Recurrent} {
			old := *w
			*w = &Weight{M: old.M, K: old.K, Dense: old.Sparse.ToDense(), Mask: masks[i], Grad: make([]float32, old.M*old.K)}
			flat := make([]float32, old.M*old.K)
			old.Sparse.Scatter(got[2+i], flat)
			got[2+i] = flat
		}
		for i, r := range results(k, &dense, x) {
			testkit.Close(t, k.name+" stored densely", r, double(got[i]), testkit.Approx)
		}
	}
}

// A sequence in two halves, the state handed on, is the sequence; and inference gives what
// training gives.
func TestRecurrentState(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const C, H, T, B = 5, 6, 7, 4
	x := tensor.Of(normal(rng, C*T*B), C, T, B)
	part := func(from, to int) *tensor.Tensor {
		p := tensor.New(C, to-from, B)
		kernel.SwapAxes(1, C, (to-from)*B, x.Data[from*B:], 0, T*B, p.Data, (to-from)*B, 0)
		return p
	}
	for _, k := range []*cellKind{&rnnKind, &gruKind, &lstmKind} {
		s, _ := sequence(rng, k, "dense", C, H)
		state := make([]float32, 2*H*B)
		if !k.memory {
			state = state[:H*B]
		}
		whole := k.apply(&Tape{}, &Var{Value: x}, s).Value
		for _, tape := range []*Tape{nil, {NoGrad: true}, {}} {
			testkit.Same(t, k.name, k.apply(tape, &Var{Value: x}, s).Value.Data, whole.Data)
			clear(state)
			s.Start, s.End = state, state
			for _, at := range [][2]int{{0, 1}, {1, 4}, {4, T}} {
				y := k.apply(tape, &Var{Value: part(at[0], at[1])}, s).Value
				for c := range H {
					n := (at[1] - at[0]) * B
					testkit.Same(t, k.name+" in parts", y.Data[c*n:(c+1)*n], whole.Data[c*T*B+at[0]*B:c*T*B+at[1]*B])
				}
			}
			s.Start, s.End = nil, nil
		}
	}
}

// A repeated training step of a whole language model allocates nothing.
func TestRecurrentAllocatesNothing(t *testing.T) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	rng := rand.New(rand.NewPCG(1, 1))
	const V, C, H, T, B = 11, 8, 16, 5, 8
	table, _ := weight(rng, "dense", V, C)
	out, _ := weight(rng, "sparse", V, H)
	ids, labels := tensor.New(T, B), make([]int32, T*B)
	for i := range labels {
		ids.Data[i], labels[i] = float32(rng.IntN(V)), int32(rng.IntN(V))
	}
	for _, k := range []*cellKind{&rnnKind, &gruKind, &lstmKind} {
		s, _ := sequence(rng, k, "sparse", C, H)
		tape := &Tape{}
		step := func() {
			tape.Reset()
			h := k.apply(tape, Embedding(tape, tape.Input(ids), table), s)
			tape.Backward(CrossEntropy(tape, Linear(tape, h, out, nil, nil), labels, 0))
		}
		for range 3 {
			step()
		}
		if raceEnabled {
			continue
		}
		if n := testing.AllocsPerRun(20, step); n > 0.5 {
			t.Errorf("%s: %v allocations a step", k.name, n)
		}
	}
}

// Scan sees the gradient of a dense weight from a recurrent net and an embedding too, each
// row once.
func TestRecurrentScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const C, H, T, B = 9, 30, 4, 5
	x, ids := tensor.Of(normal(rng, C*T*B), C, T, B), tensor.New(T, B)
	for i := range ids.Data {
		ids.Data[i] = float32(rng.IntN(70))
	}
	net, _ := sequence(rng, &gruKind, "dense", C, H)
	for _, c := range []struct {
		name    string
		M, K    int
		forward func(t *Tape, w *Weight) *Var
	}{
		{"input", 3 * H, C, func(t *Tape, w *Weight) *Var { s := *net; s.Input = w; return GRU(t, t.Input(x), &s) }},
		{"recurrent", 3 * H, H, func(t *Tape, w *Weight) *Var { s := *net; s.Recurrent = w; return GRU(t, t.Input(x), &s) }},
		{"embedding", 70, C, func(t *Tape, w *Weight) *Var { return Embedding(t, t.Input(ids), w) }},
	} {
		mask := sparse.NewMask(c.M, c.K, 1)
		for i := range mask.Blocks() {
			mask.Set(i/c.K, i%c.K, rng.Float64() < 0.3)
		}
		values := normal(rng, c.M*c.K)
		dense := scanWeight("dense", values, mask, c.forward)
		testkit.Close(t, c.name+" dense: scanned", single(dense.all), dense.grad, testkit.Approx)
		for _, kind := range []string{"masked", "sparse"} {
			got := scanWeight(kind, values, mask, c.forward)
			testkit.Close(t, c.name+" "+kind+": scanned", single(got.all), dense.grad, testkit.Approx)
			want := single(dense.grad)
			mask.Apply(want)
			testkit.Close(t, c.name+" "+kind+": stored", single(got.grad), double(want), testkit.Approx)
			for i := 1; i < len(got.rows); i++ {
				if got.rows[i] <= got.rows[i-1] {
					t.Fatalf("%s: rows come as %v", c.name, got.rows)
				}
			}
		}
	}
}
