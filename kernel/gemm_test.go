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

// gemmCase is one dense product with its strides beyond what the shape needs.
type gemmCase struct {
	M, N, K     int
	tA, tB      bool
	alpha, beta float32
	pad         int
	packed      bool
	speed       bool // only measured
}

func (c gemmCase) String() string {
	s := fmt.Sprintf("gemm/%dx%dx%d", c.M, c.N, c.K)
	if c.tA {
		s += "_tA"
	}
	if c.tB {
		s += "_tB"
	}
	if c.packed {
		s += "_packed"
	}
	if c.alpha != 1 || c.beta != 0 || c.pad != 0 {
		s += fmt.Sprintf("_a%g_b%g_pad%d", c.alpha, c.beta, c.pad)
	}
	return s
}

func init() {
	sizes := []int{0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 49, 65}
	n := 0
	for _, N := range sizes {
		for _, M := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 19, 25, 40} {
			K := sizes[(n*7+3)%len(sizes)]
			n++
			addGEMM(gemmCase{M, N, K, n%2 == 1, n/2%2 == 1, 1, 0, n % 3, false, false})
			addGEMM(gemmCase{M, N, K + 1, n/3%2 == 1, n%2 == 0, 0.5, float32(n%4) / 2, 0, false, false})
			addGEMM(gemmCase{M, N, K, n%2 == 0, false, 1, float32(n % 2), n % 2, true, false})
		}
	}
	for i, s := range [][3]int{{300, 128, 784}, {97, 201, 513}, {16, 700, 300}, {260, 49, 257}, {30, 1100, 70}, {1, 300, 300}, {300, 1, 300}} {
		for b := range 4 {
			addGEMM(gemmCase{s[0], s[1], s[2], b&1 > 0, b&2 > 0, 1, float32(b & 1), i % 2, false, false})
			if b < 2 {
				addGEMM(gemmCase{s[0], s[1], s[2], b&1 > 0, false, 1, 0, 1, true, false})
			}
		}
	}
	for _, s := range [][3]int{{64, 64, 64}, {128, 128, 128}, {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024},
		{128, 300, 784}, {100, 128, 300}, {10, 128, 100}, {16, 3072, 1024}, {1024, 49, 1024}, {512, 196, 512},
		{64, 16384, 576}, {64, 128, 288}, {32, 256, 27}, {128, 256, 1152}} {
		addGEMM(gemmCase{s[0], s[1], s[2], false, false, 1, 0, 0, false, true})
	}
	addGEMM(gemmCase{784, 128, 300, true, false, 1, 0, 0, false, true})
	addGEMM(gemmCase{300, 784, 128, false, true, 1, 0, 0, false, true})
	addGEMM(gemmCase{512, 512, 512, true, false, 1, 0, 0, false, true})
	addGEMM(gemmCase{512, 512, 512, false, true, 1, 0, 0, false, true})
	addGEMM(gemmCase{64, 288, 512, false, true, 1, 0, 0, false, true})
	addGEMM(gemmCase{16, 3072, 1024, false, false, 1, 0, 0, true, true})
	addGEMM(gemmCase{300, 128, 784, false, false, 1, 0, 0, true, true})
}

func addGEMM(c gemmCase) {
	o := opCase{name: c.String(), flops: 2 * float64(c.M) * float64(c.N) * float64(c.K), build: c.build}
	if c.speed {
		addSpeed(o)
	} else {
		addCase(o)
	}
}

func (c gemmCase) build(rng *rand.Rand) opRun {
	order := func(t bool, rows, columns int) strided {
		if t {
			rows, columns = columns, rows
		}
		return newStrided(rng, rows, columns, columns+c.pad)
	}
	a, b, out := order(c.tA, c.M, c.K), order(c.tB, c.K, c.N), newStrided(rng, c.M, c.N, c.N+2*c.pad)
	if c.beta == 0 {
		for i := range out.data {
			out.data[i] = float32(math.NaN()) // C must not be read, nor what lies between its rows written
		}
	}
	before := slices.Clone(out.data)
	r := opRun{out: [][]float32{out.data}}
	r.ref = func() (want, magnitude [][]float64) {
		w, m := c.reference(a, b, before, out)
		return [][]float64{w}, [][]float64{m}
	}
	if c.packed {
		p := PackA(c.tA, c.M, c.K, a.data, a.ld)
		r.run = func() { GEMMPacked(p, c.N, b.data, b.ld, c.beta, out.data, out.ld) }
		return r
	}
	r.run = func() {
		GEMM(c.tA, c.tB, c.M, c.N, c.K, c.alpha, a.data, a.ld, b.data, b.ld, c.beta, out.data, out.ld)
	}
	r.adjoint = func() (float64, float64, float64) { return c.adjoint(rng, a, b) }
	return r
}

func (c gemmCase) reference(a, b strided, before []float32, out strided) (want, magnitude []float64) {
	want, magnitude = make([]float64, len(before)), make([]float64, len(before))
	for i, v := range before {
		want[i] = float64(v)
	}
	for m := range c.M {
		for n := range c.N {
			i := m*out.ld + n
			sum, size := 0.0, 0.0
			for k := range c.K {
				v := a.of(c.tA, m, k) * b.of(c.tB, k, n)
				sum += v
				size += math.Abs(v)
			}
			sum *= float64(c.alpha)
			if c.beta != 0 {
				sum += float64(c.beta) * float64(before[i])
				size += math.Abs(float64(before[i]))
			}
			want[i], magnitude[i] = sum, size+1e-6
		}
	}
	return want, magnitude
}

// of is the value at (i, j) of the matrix, stored transposed where t is true.
func (s strided) of(t bool, i, j int) float64 {
	if t {
		i, j = j, i
	}
	return s.at(i, j)
}

// adjoint compares <dC, op(A)·op(B)> with <op(A)ᵀ·dC, op(B)>, all by GEMM.
func (c gemmCase) adjoint(rng *rand.Rand, a, b strided) (lhs, rhs, scale float64) {
	d, y := randomSlice(rng, c.M*c.N), make([]float32, c.M*c.N)
	GEMM(c.tA, c.tB, c.M, c.N, c.K, 1, a.data, a.ld, b.data, b.ld, 0, y, c.N)
	lhs, scale = inner(d, y)
	dB := make([]float32, c.K*c.N)
	GEMM(!c.tA, false, c.K, c.N, c.M, 1, a.data, a.ld, d, c.N, 0, dB, c.N)
	for k := range c.K {
		for n := range c.N {
			rhs += float64(dB[k*c.N+n]) * b.of(c.tB, k, n)
		}
	}
	return lhs, rhs, scale + 1
}

func TestGEMMAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	a, b, c := randomSlice(rng, 90*110), randomSlice(rng, 110*130), make([]float32, 90*130)
	p := PackA(false, 90, 110, a, 110)
	for _, workers := range []int{1, 2} {
		old := parallel.SetWorkers(workers)
		n := testing.AllocsPerRun(50, func() {
			GEMM(false, false, 90, 130, 110, 1, a, 110, b, 130, 0, c, 130)
			GEMM(false, true, 90, 130, 110, 1, a, 110, b, 110, 1, c, 130)
			GEMMPacked(p, 130, b, 130, 0, c, 130)
			gemmSerial(true, false, 90, 130, 110, 1, a, 90, b, 130, 0, c, 130)
			gemmPackedSerial(p, 130, b, 130, 0, c, 130)
		})
		parallel.SetWorkers(old)
		if n >= 1 {
			t.Errorf("%d workers: %g allocations a step, want none", workers, n)
		}
	}
}

func TestRepack(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 5))
		const M, N, K = 31, 45, 300
		a, b := randomSlice(rng, M*K), randomSlice(rng, K*N)
		p := PackA(false, M, K, randomSlice(rng, M*K), K)
		p.Repack(a, K)
		got, want := make([]float32, M*N), make([]float32, M*N)
		GEMM(false, false, M, N, K, 1, a, K, b, N, 0, want, N)
		gemmPackedSerial(p, N, b, N, 0, got, N)
		testkit.Same(t, "packed", got, want)
	})
}

func TestGEMMPanics(t *testing.T) {
	a, b, c := make([]float32, 6), make([]float32, 12), make([]float32, 8)
	p := PackA(false, 2, 3, a, 3)
	for name, f := range map[string]func(){
		"short A":  func() { GEMM(false, false, 2, 4, 3, 1, a[:5], 3, b, 4, 0, c, 4) },
		"short B":  func() { GEMM(false, true, 2, 4, 3, 1, a, 3, b[:11], 3, 0, c, 4) },
		"short C":  func() { GEMM(false, false, 2, 4, 3, 1, a, 3, b, 4, 0, c[:7], 4) },
		"stride":   func() { GEMM(true, false, 2, 4, 3, 1, a, 1, b, 4, 0, c, 4) },
		"negative": func() { GEMM(false, false, -2, 4, 3, 1, a, 3, b, 4, 0, c, 4) },
		"pack":     func() { p.Repack(a[:5], 3) },
		"packed":   func() { GEMMPacked(p, 4, b[:11], 4, 0, c, 4) },
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
