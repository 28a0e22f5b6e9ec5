package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// gemmSizes are shapes M, N, K: odd ones, those around the tiles, and real layers.
var gemmSizes = [][3]int{
	{0, 3, 3}, {3, 0, 3}, {3, 3, 0}, {1, 1, 1}, {1, 7, 5}, {5, 8, 3}, {6, 16, 4}, {7, 17, 9}, {11, 15, 33}, {12, 32, 320},
	{13, 33, 321}, {25, 31, 8}, {10, 128, 100}, {200, 40, 50}, {300, 128, 784}, {50, 300, 17}, {5, 700, 641}, {193, 65, 700},
}

func TestGEMM(t *testing.T) {
	for _, level := range Available() {
		t.Run(level.String(), func(t *testing.T) {
			defer Use(level)()
			for _, s := range gemmSizes {
				for tr := range 4 {
					testGEMM(t, s[0], s[1], s[2], tr&1 != 0, tr&2 != 0)
				}
			}
		})
	}
}

func testGEMM(t *testing.T, M, N, K int, tA, tB bool) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(M), uint64(N*1000+K)))
	fill := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = rng.Float32() - 0.5
		}
		return x
	}
	ar, ac, br, bc := M, K, K, N
	if tA {
		ar, ac = K, M
	}
	if tB {
		br, bc = N, K
	}
	lda, ldb, ldc := ac+3, bc+1, N+2
	A, B, C0 := fill(ar*lda), fill(br*ldb), fill(M*ldc)
	at := func(x []float32, ld int, tr bool, i, j int) float64 {
		if tr {
			i, j = j, i
		}
		return float64(x[i*ld+j])
	}
	for _, ab := range [][2]float32{{1, 0}, {1, 1}, {-0.5, 0.25}} {
		want := make([]float64, len(C0))
		got := append([]float32(nil), C0...)
		for i, v := range C0 {
			want[i] = float64(v)
		}
		for i := range M {
			for j := range N {
				sum := 0.0
				for k := range K {
					sum += at(A, lda, tA, i, k) * at(B, ldb, tB, k, j)
				}
				want[i*ldc+j] = float64(ab[0])*sum + float64(ab[1])*float64(C0[i*ldc+j])
				if ab[1] == 0 {
					got[i*ldc+j] = float32(math.NaN()) // must not be read
				}
			}
		}
		name := fmt.Sprintf("%dx%dx%d tA=%v tB=%v alpha=%v beta=%v", M, N, K, tA, tB, ab[0], ab[1])
		serial := append([]float32(nil), got...)
		gemmSerial(tA, tB, M, N, K, ab[0], A, lda, B, ldb, ab[1], serial, ldc)
		testkit.Close(t, name+" serial", serial, want, testkit.Pass)
		base := append([]float32(nil), got...)
		for w := 1; w <= 3; w++ {
			c := append([]float32(nil), base...)
			old := parallel.SetWorkers(w)
			GEMM(tA, tB, M, N, K, ab[0], A, lda, B, ldb, ab[1], c, ldc)
			parallel.SetWorkers(old)
			if w == 1 {
				got = c
				testkit.Close(t, name, got, want, testkit.Pass)
			}
			testkit.Same(t, name+" workers", c, got)
		}
		if ab[0] != 1 || tB {
			continue
		}
		packed := PackA(tA, M, K, A, lda)
		c := append([]float32(nil), base...)
		GEMMPacked(packed, N, B, ldb, ab[1], c, ldc)
		testkit.Close(t, name+" packed", c, want, testkit.Pass)
		gemmPackedSerial(packed, N, B, ldb, ab[1], base, ldc)
		testkit.Close(t, name+" packed serial", base, want, testkit.Pass)
	}
}

func BenchmarkGEMM(b *testing.B) {
	for _, s := range [][3]int{{64, 64, 64}, {128, 128, 128}, {512, 512, 512}, {300, 128, 784}, {100, 128, 300}, {10, 128, 100}, {64, 16384, 576}, {16, 3072, 1024}, {1024, 49, 1024}} {
		for _, tr := range []string{"NN", "TN", "NT"} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", tr, s[0], s[1], s[2]), func(b *testing.B) {
				M, N, K := s[0], s[1], s[2]
				tA, tB := tr[0] == 'T', tr[1] == 'T'
				lda, ldb := K, N
				if tA {
					lda = M
				}
				if tB {
					ldb = K
				}
				A, B, C := make([]float32, M*K), make([]float32, K*N), make([]float32, M*N)
				b.ReportAllocs()
				for b.Loop() {
					GEMM(tA, tB, M, N, K, 1, A, lda, B, ldb, 0, C, N)
				}
				b.ReportMetric(2*float64(M)*float64(N)*float64(K)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}
