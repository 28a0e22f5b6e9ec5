package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
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

// strided is a matrix of N columns with ld from row to row; the values between
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

func (s strided) clone() strided {
	s.data = slices.Clone(s.data)
	return s
}

type sparseCase struct {
	M, K, R, N int
	density    float64
	pad        int // of the row strides
}

func sparseCases(short bool) []sparseCase {
	var cs []sparseCase
	ns := []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 33, 49, 63, 64, 65, 97, 128, 196, 300}
	for _, R := range []int{1, 2, 4, 16} {
		for i, N := range ns {
			cs = append(cs, sparseCase{37 + i%4, 91 + i, R, N, 0.2, i % 3})
		}
		cs = append(cs,
			sparseCase{0, 5, R, 9, 0.5, 0}, sparseCase{5, 0, R, 9, 0.5, 0}, sparseCase{1, 1, R, 1, 1, 0},
			sparseCase{3, 2, R, 20, 1, 0}, sparseCase{33, 200, R, 10, 0, 3}, sparseCase{16, 32, R, 40, 1, 0},
			sparseCase{128, 300, R, 56, 0.1, 0}, sparseCase{65, 130, R, 1024, 0.1, 0}, sparseCase{20, 30, R, 2100, 0.3, 1},
			sparseCase{130, 257, R, 12, 0.02, 0})
		if !short {
			cs = append(cs, sparseCase{9, 70001, R, 19, 0.001, 0}, sparseCase{70001, 9, R, 10, 0.01, 0})
		}
	}
	return cs
}

func (c sparseCase) String() string {
	return fmt.Sprintf("M%d_K%d_R%d_N%d_d%g_pad%d", c.M, c.K, c.R, c.N, c.density, c.pad)
}

func eachLevel(t *testing.T, f func(t *testing.T)) {
	for _, l := range Available() {
		t.Run(l.String(), func(t *testing.T) {
			defer Use(l)()
			f(t)
		})
	}
}

// checkSum compares got with a float64 sum of products, relative to the sum of
// the magnitudes of its terms.
func checkSum(t *testing.T, name string, i, j int, got float32, want, magnitude float64) {
	t.Helper()
	if d := math.Abs(float64(got) - want); !(d <= testkit.Product*max(magnitude, 1e-3)) {
		t.Fatalf("%s (%d,%d) = %g, want %g", name, i, j, got, want)
	}
}

// checkStrided compares every output with the sums in want and their magnitudes,
// and what lies between the rows with what was there before.
func checkStrided(t *testing.T, name string, got, before strided, want, magnitude []float64) {
	t.Helper()
	for i := range got.rows {
		for j := range got.n {
			checkSum(t, name, i, j, got.data[i*got.ld+j], want[i*got.n+j], magnitude[i*got.n+j])
		}
		if i+1 < got.rows {
			testkit.Same(t, name+" between rows", got.data[i*got.ld+got.n:(i+1)*got.ld], before.data[i*got.ld+got.n:(i+1)*got.ld])
		}
	}
}

// reference computes out (+)= Σ over weights, all in float64. input and output
// pick row and column of a weight.
func reference(w *CSR, transposed, acc bool, in, out strided) (want, magnitude []float64) {
	want = make([]float64, out.rows*out.n)
	magnitude = make([]float64, out.rows*out.n)
	if acc {
		for i := range want {
			want[i] = out.at(i/out.n, i%out.n)
			magnitude[i] = math.Abs(want[i])
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
				p := v * in.at(from, j)
				want[to*out.n+j] += p
				magnitude[to*out.n+j] += math.Abs(p)
			}
		}
	})
	return want, magnitude
}

func TestSparseProducts(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range sparseCases(testing.Short()) {
			t.Run(c.String(), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(c.N)))
				w := randomCSR(rng, c.M, c.K, c.R, c.density)
				twin := NewTwin(w)
				x := newStrided(rng, c.K, c.N, c.N+c.pad)
				dy := newStrided(rng, c.M, c.N, c.N+2*c.pad)
				for i := range w.Values { // the twin must follow
					w.Values[i] *= 2
				}
				for _, acc := range []bool{false, true} {
					y := dy.clone()
					want, magnitude := reference(w, false, acc, x, y)
					SpMM(w, c.N, x.data, x.ld, acc, y.data, y.ld)
					checkStrided(t, "SpMM", y, dy, want, magnitude)
					dx := x.clone()
					want, magnitude = reference(w, true, acc, dy, dx)
					SpMMT(w, twin, c.N, dy.data, dy.ld, acc, dx.data, dx.ld)
					checkStrided(t, "SpMMT", dx, x, want, magnitude)
				}
				dw := randomSlice(rng, len(w.Values))
				before := slices.Clone(dw)
				SDDMM(w, c.N, dy.data, dy.ld, x.data, x.ld, dw)
				checkWeightGrad(t, w, dy, x, before, dw)
			})
		}
	})
}

func checkWeightGrad(t *testing.T, w *CSR, dy, x strided, before, dw []float32) {
	w.visit(func(g, k, e int) {
		for r := range w.R {
			i := e*w.R + r
			want := float64(before[i])
			magnitude := math.Abs(want)
			if r < w.rowsOf(g) {
				for j := range x.n {
					p := dy.at(g*w.R+r, j) * x.at(k, j)
					want += p
					magnitude += math.Abs(p)
				}
			}
			checkSum(t, "SDDMM", e, r, dw[i], want, magnitude)
		}
	})
}

// The gradient identities: <dY, W·X> = <Wᵀ·dY, X> = <dW, W>.
func TestSparseGradientIdentities(t *testing.T) {
	inner := func(a, b []float32) float64 {
		s := 0.0
		for i := range a {
			s += float64(a[i]) * float64(b[i])
		}
		return s
	}
	eachLevel(t, func(t *testing.T) {
		for _, R := range []int{1, 2, 4, 16} {
			rng := rand.New(rand.NewPCG(2, uint64(R)))
			const M, K, N = 131, 211, 77
			w := randomCSR(rng, M, K, R, 0.1)
			x, dy := randomSlice(rng, K*N), randomSlice(rng, M*N)
			y, dx, dw := make([]float32, M*N), make([]float32, K*N), make([]float32, len(w.Values))
			SpMM(w, N, x, N, false, y, N)
			SpMMT(w, NewTwin(w), N, dy, N, false, dx, N)
			SDDMM(w, N, dy, N, x, N, dw)
			a, b, c := inner(dy, y), inner(dx, x), inner(dw, w.Values)
			if math.Abs(a-b) > testkit.Pass*math.Abs(a) || math.Abs(a-c) > testkit.Pass*math.Abs(a) {
				t.Errorf("R=%d: <dY,Y> %g, <dX,X> %g, <dW,W> %g", R, a, b, c)
			}
		}
	})
}

// The number of workers must not show in any bit, nor may whether a tile was
// packed, so strides differ too.
func TestSparseSameBits(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range []sparseCase{{300, 784, 1, 128, 0.1, 0}, {130, 129, 4, 49, 0.1, 0}, {64, 90, 2, 3000, 0.2, 0}, {70, 300, 16, 8, 0.3, 0}} {
			rng := rand.New(rand.NewPCG(3, uint64(c.N)))
			w := randomCSR(rng, c.M, c.K, c.R, c.density)
			twin := NewTwin(w)
			var first [3][]float32
			for i, workers := range []int{1, 2, 3, 8} {
				old := parallel.SetWorkers(workers)
				rng := rand.New(rand.NewPCG(4, 4))
				x, dy := randomSlice(rng, c.K*c.N), randomSlice(rng, c.M*c.N)
				y, dx, dw := randomSlice(rng, c.M*c.N), randomSlice(rng, c.K*c.N), randomSlice(rng, len(w.Values))
				SpMM(w, c.N, x, c.N, true, y, c.N)
				SpMMT(w, twin, c.N, dy, c.N, true, dx, c.N)
				SDDMM(w, c.N, dy, c.N, x, c.N, dw)
				parallel.SetWorkers(old)
				if i == 0 {
					first = [3][]float32{y, dx, dw}
				}
				testkit.Same(t, c.String()+" Y", y, first[0])
				testkit.Same(t, c.String()+" dX", dx, first[1])
				testkit.Same(t, c.String()+" dW", dw, first[2])
			}
		}
	})
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
		"not a plan":  func() { SpMM(&CSR{M: 1, K: 1, R: 1, KB: 1, Offsets: []int32{0, 0}}, 1, x, 1, false, y, 1) },
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
