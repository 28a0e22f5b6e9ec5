package kernel

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// opCase is one row of the table that every operation of this package goes
// through. The test file of an operation adds its rows in an init function:
//
//	func init() {
//		for _, n := range []int{0, 1, 7, 8, 9} {
//			addCase(opCase{name: fmt.Sprintf("scale/%d", n), flops: float64(n), build: func(rng *rand.Rand) opRun {
//				x := randomSlice(rng, n)
//				ref := func() (want, magnitude [][]float64) {
//					want = [][]float64{make([]float64, n)}
//					for i, v := range x {
//						want[0][i] = 2 * float64(v)
//					}
//					return want, nil
//				}
//				return opRun{run: func() { Scale(2, x) }, out: [][]float32{x}, ref: ref}
//			}})
//		}
//	}
//
// Rows too large for a reference are added with addSpeed and only measured.
//
// TestTable runs each row on every level the machine has: outputs are held to the
// float64 reference, the gradient identity (where there is one) must hold, and 1,
// 2, 3 and 8 workers must give the same bits. BenchmarkTable walks the rows marked
// speed and reports GFLOP/s.
type opCase struct {
	name  string // "operation/case"; `-run TestTable/avx2/gemm` picks by it
	flops float64
	speed bool // a row of the benchmark
	plain bool // not a row of the test: too large for a reference
	// build makes inputs from rng: the same rng gives the same inputs.
	build func(rng *rand.Rand) opRun
}

// opRun is a case with its inputs.
type opRun struct {
	run func()
	out [][]float32
	// ref computes what run will leave in out. It is called before run, so a case
	// that adds to its outputs finds there what it adds to. Errors are relative to
	// magnitude (of each output the sum of the magnitudes of its terms) or, where
	// that is nil, to the larger of 1 and the output.
	ref func() (want, magnitude [][]float64)
	tol float64 // testkit.Product where zero
	// adjoint, where given, is called after run and returns two numbers that must
	// agree (the two sides of <dY, A·x> = <Aᵀ·dY, x>, or a derivative and its finite
	// difference) to within testkit.Pass of scale.
	adjoint func() (a, b, scale float64)
}

var opCases []opCase

// addCase adds a row to the test, and to the benchmark where it is marked speed.
func addCase(c opCase) { opCases = append(opCases, c) }

// addSpeed adds a row to the benchmark alone; it needs no ref.
func addSpeed(c opCase) {
	c.speed, c.plain = true, true
	addCase(c)
}

// inner is the inner product in float64, and the sum of its terms' magnitudes.
func inner(a, b []float32) (sum, scale float64) {
	for i := range a {
		p := float64(a[i]) * float64(b[i])
		sum += p
		scale += math.Abs(p)
	}
	return sum, scale
}

func (c opCase) inputs() opRun { return c.build(rand.New(rand.NewPCG(11, uint64(len(c.name))))) }

// check runs the case and compares what it did with the reference.
func (r opRun) check(t *testing.T) {
	t.Helper()
	wants, magnitudes := r.ref()
	r.run()
	tol := r.tol
	if tol == 0 {
		tol = testkit.Product
	}
	for o, out := range r.out {
		if len(out) != len(wants[o]) {
			t.Fatalf("output %d: %d values, want %d", o, len(out), len(wants[o]))
		}
		for i, got := range out {
			want := wants[o][i]
			if float64(got) == want || math.IsNaN(float64(got)) && math.IsNaN(want) {
				continue
			}
			scale := max(1, math.Abs(want))
			if magnitudes != nil {
				scale = magnitudes[o][i]
			}
			if d := math.Abs(float64(got) - want); !(d <= tol*scale) {
				t.Fatalf("output %d [%d] = %g, want %g (error %.3g, allowed %.3g)", o, i, got, want, d, tol*scale)
			}
		}
	}
	if r.adjoint != nil {
		if a, b, scale := r.adjoint(); !(math.Abs(a-b) <= testkit.Pass*scale) {
			t.Fatalf("the two sides of the gradient identity are %g and %g", a, b)
		}
	}
}

func TestTable(t *testing.T) {
	eachLevel(t, func(t *testing.T) {
		for _, c := range opCases {
			if c.plain {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				var first opRun
				for i, workers := range []int{1, 2, 3, 8} {
					old := parallel.SetWorkers(workers)
					r := c.inputs()
					if i == 0 {
						r.check(t)
						first = r
					} else {
						r.run()
					}
					parallel.SetWorkers(old)
					for o := range r.out {
						testkit.Same(t, c.name, r.out[o], first.out[o])
					}
				}
			})
		}
	})
}

// BenchmarkTable measures the rows marked speed on the level and the number of
// workers in use: `go test -bench 'Table/gemm' -cpu 1 ./kernel`.
func BenchmarkTable(b *testing.B) {
	for _, c := range opCases {
		if !c.speed {
			continue
		}
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			r := c.inputs()
			r.run()
			for b.Loop() {
				r.run()
			}
			b.ReportMetric(c.flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}
