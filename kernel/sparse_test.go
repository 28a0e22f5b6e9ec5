package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// randomCSR returns a matrix with about density·M·K weights. Every seventh group
// of rows and every fifth column of odd matrices stay empty.
func randomCSR(rng *rand.Rand, M, K, R int, density float64) *CSR {
	groups := (M + R - 1) / R
	var keys []int64
	for i := range groups * K {
		if K%2 == 1 && (i/K%7 == 3 || i%K%5 == 2) {
			continue
		}
		if rng.Float64() < density {
			keys = append(keys, int64(i))
		}
	}
	w, _, _ := NewCSR(M, K, R, keys)
	w.visit(func(g, _, e int) {
		for r := range w.rowsOf(g) {
			w.Values[e*R+r] = rng.Float32() - 0.5
		}
	})
	return w
}

func randomSlice(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32() - 0.5
	}
	return x
}

// strided is a matrix of n columns with ld from row to row; the values between
// rows must stay what they are.
type strided struct {
	rows, n, ld int
	data        []float32
}

func newStrided(rng *rand.Rand, rows, n, ld int) strided {
	size := 0
	if rows > 0 {
		size = (rows-1)*ld + n
	}
	return strided{rows, n, ld, randomSlice(rng, size)}
}

func (s strided) at(i, j int) float64 { return float64(s.data[i*s.ld+j]) }

type sparseCase struct {
	M, K, R, N int
	density    float64
	pad        int // of the row strides
	acc        bool
}

func (c sparseCase) String() string {
	return fmt.Sprintf("M%d_K%d_R%d_N%d_d%g_pad%d", c.M, c.K, c.R, c.N, c.density, c.pad)
}

func sparseCases() []sparseCase {
	var cs []sparseCase
	ns := []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 33, 48, 49, 63, 64, 65, 97, 128, 196, 300}
	for _, R := range []int{1, 2, 4, 16} {
		for i, N := range ns {
			cs = append(cs, sparseCase{37 + i%4, 91 + i, R, N, 0.2, i % 3, i%2 == 0})
		}
		cs = append(cs,
			sparseCase{0, 5, R, 9, 0.5, 0, true}, sparseCase{5, 0, R, 9, 0.5, 0, false}, sparseCase{1, 1, R, 1, 1, 0, false},
			sparseCase{3, 2, R, 20, 1, 0, false}, sparseCase{33, 200, R, 10, 0, 3, false}, sparseCase{33, 200, R, 70, 0, 3, false},
			sparseCase{33, 200, R, 4, 0.1, 2, true}, sparseCase{33, 200, R, 4, 0.1, 2, false}, sparseCase{16, 32, R, 40, 1, 0, true}, sparseCase{128, 300, R, 56, 0.1, 0, false}, sparseCase{65, 130, R, 1024, 0.1, 0, true},
			sparseCase{20, 30, R, 2100, 0.3, 1, false}, sparseCase{130, 257, R, 12, 0.02, 0, true})
	}
	return append(cs, sparseCase{300, 784, 1, 128, 0.1, 0, false},
		sparseCase{3, 70001, 1, 9, 0.001, 0, false}, sparseCase{70001, 3, 1, 50, 0.01, 0, true}, sparseCase{9, 70001, 4, 9, 0.001, 0, true})
}

// Rows of the table: the three products of each case, and of each layer at
// several sparsities as speeds.
func init() {
	for _, c := range sparseCases() {
		addCase(opCase{name: "spmm/" + c.String(), build: func(rng *rand.Rand) opRun { return c.product(rng, false) }})
		addCase(opCase{name: "spmmt/" + c.String(), build: func(rng *rand.Rand) opRun { return c.product(rng, true) }})
		addCase(opCase{name: "sddmm/" + c.String(), build: c.weightGrad})
	}
	for _, s := range layerShapes {
		for _, r := range []int{1, 2, 4, 16} {
			for _, sparsity := range []float64{0.8, 0.9, 0.95, 0.98} {
				flops := 2 * float64(s[0]*s[1]*s[2]) * (1 - sparsity)
				name := fmt.Sprintf("/%dx%dx%d/%dx1/%g", s[0], s[1], s[2], r, sparsity)
				layer := func() *sparseLayer { return newSparseLayer(s, r, 1-sparsity) }
				addSpeed(opCase{name: "spmm" + name, flops: flops, build: func(*rand.Rand) opRun { return opRun{run: layer().forward} }})
				addSpeed(opCase{name: "spmmt" + name, flops: flops, build: func(*rand.Rand) opRun { return opRun{run: layer().inputGrad} }})
				addSpeed(opCase{name: "sddmm" + name, flops: flops, build: func(*rand.Rand) opRun { return opRun{run: layer().weightGrad} }})
				addSpeed(opCase{name: "layer" + name, flops: 3 * flops, build: func(*rand.Rand) opRun { return opRun{run: layer().step} }})
			}
		}
	}
}

// product is the case of W·X or, transposed, of Wᵀ·dY. The identity compares it
// with the weight gradient: <out, W·in> = <gradient, W>.
func (c sparseCase) product(rng *rand.Rand, transposed bool) opRun {
	w := randomCSR(rng, c.M, c.K, c.R, c.density)
	twin := NewTwin(w)
	for i := range w.Values { // the twin must follow
		w.Values[i] *= 2
	}
	in := newStrided(rng, c.K, c.N, c.N+c.pad)
	out := newStrided(rng, c.M, c.N, c.N+2*c.pad)
	if transposed {
		in, out = out, in
	}
	return opRun{
		out: [][]float32{out.data},
		run: func() {
			if transposed {
				SpMMT(w, twin, c.N, in.data, in.ld, c.acc, out.data, out.ld)
			} else {
				SpMM(w, c.N, in.data, in.ld, c.acc, out.data, out.ld)
			}
		},
		ref: func() (want, magnitude [][]float64) {
			a, b := reference(w, transposed, c.acc, in, out)
			return [][]float64{a}, [][]float64{b}
		},
		adjoint: func() (a, b, scale float64) {
			other := newStrided(rng, out.rows, c.N, c.N)
			y, dw := make([]float32, len(other.data)), make([]float32, len(w.Values))
			if transposed {
				SpMMT(w, twin, c.N, in.data, in.ld, false, y, c.N)
				SDDMM(w, c.N, in.data, in.ld, other.data, c.N, dw)
			} else {
				SpMM(w, c.N, in.data, in.ld, false, y, c.N)
				SDDMM(w, c.N, other.data, c.N, in.data, in.ld, dw)
			}
			a, scale = inner(other.data, y)
			b, _ = inner(dw, w.Values)
			return a, b, scale
		},
	}
}

func (c sparseCase) weightGrad(rng *rand.Rand) opRun {
	w := randomCSR(rng, c.M, c.K, c.R, c.density)
	x := newStrided(rng, c.K, c.N, c.N+c.pad)
	dy := newStrided(rng, c.M, c.N, c.N+2*c.pad)
	dw := randomSlice(rng, len(w.Values))
	return opRun{
		out: [][]float32{dw},
		run: func() { SDDMM(w, c.N, dy.data, dy.ld, x.data, x.ld, dw) },
		ref: func() (want, magnitude [][]float64) {
			a, b := doubles(dw)
			w.visit(func(g, k, e int) {
				for r := range w.rowsOf(g) {
					for j := range c.N {
						p := float64(dy.data[(g*w.R+r)*dy.ld+j]) * float64(x.data[k*x.ld+j])
						a[e*w.R+r] += p
						b[e*w.R+r] += math.Abs(p)
					}
				}
			})
			return [][]float64{a}, [][]float64{b}
		},
	}
}

// doubles returns values and their magnitudes in float64.
func doubles(x []float32) (v, magnitude []float64) {
	v, magnitude = make([]float64, len(x)), make([]float64, len(x))
	for i := range x {
		v[i] = float64(x[i])
		magnitude[i] = math.Abs(v[i])
	}
	return v, magnitude
}

// reference computes out (+)= W·in, or Wᵀ·in, in float64; what lies between the
// rows of out stays.
func reference(w *CSR, transposed, acc bool, in, out strided) (want, magnitude []float64) {
	want, magnitude = doubles(out.data)
	for i := range out.rows {
		row := want[i*out.ld : i*out.ld+out.n]
		if !acc {
			clear(row)
			clear(magnitude[i*out.ld : i*out.ld+out.n])
		}
	}
	w.visit(func(g, k, e int) {
		for r := range w.rowsOf(g) {
			to, from := g*w.R+r, k
			if transposed {
				to, from = from, to
			}
			v := float64(w.Values[e*w.R+r])
			for j := range out.n {
				p := v * float64(in.data[from*in.ld+j])
				want[to*out.ld+j] += p
				magnitude[to*out.ld+j] += math.Abs(p)
			}
		}
	})
	return want, magnitude
}

func eachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range Available() {
		t.Run(l.String(), func(t *testing.T) {
			defer Use(l)()
			f(t)
		})
	}
}

func TestSparseAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	w := randomCSR(rng, 256, 256, 1, 0.1)
	twin := NewTwin(w)
	x, y, dw := randomSlice(rng, 256*30), randomSlice(rng, 256*30), make([]float32, len(w.Values))
	old := parallel.SetWorkers(1)
	defer parallel.SetWorkers(old)
	n := testing.AllocsPerRun(20, func() {
		SpMM(w, 30, x, 30, false, y, 30)
		SpMMT(w, twin, 30, y, 30, false, x, 30)
		SDDMM(w, 30, y, 30, x, 30, dw)
	})
	if n > 0 {
		t.Errorf("%g allocations a step, want none", n)
	}
}

func TestSparsePanics(t *testing.T) {
	w := randomCSR(rand.New(rand.NewPCG(6, 6)), 8, 9, 1, 0.5)
	other := NewTwin(randomCSR(rand.New(rand.NewPCG(6, 7)), 9, 8, 1, 0.5))
	x, y := make([]float32, 9*4), make([]float32, 8*4)
	for name, f := range map[string]func(){
		"short X":     func() { SpMM(w, 4, x[:35], 4, false, y, 4) },
		"short Y":     func() { SpMM(w, 4, x, 4, false, y[:31], 4) },
		"stride":      func() { SpMM(w, 4, x, 3, false, y, 4) },
		"other twin":  func() { SpMMT(w, other, 4, y, 4, false, x, 4) },
		"gradient":    func() { SDDMM(w, 4, y, 4, x, 4, make([]float32, len(w.Values)+1)) },
		"no order":    func() { SpMM(&CSR{M: 1, K: 1, R: 1, KB: 1, Offsets: []int32{0, 0}}, 1, x, 1, false, y, 1) },
		"bad offsets": func() { NewTwin(&CSR{M: 1, K: 1, R: 1, KB: 1, Offsets: []int32{0}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
