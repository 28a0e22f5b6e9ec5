package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/kernel"
)

func TestInfluenceRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	values := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	for _, level := range kernel.Available() {
		defer kernel.Use(level)()
		for _, s := range [][2]int{{0, 3}, {3, 0}, {1, 1}, {2, 7}, {3, 8}, {5, 17}, {4, 9000}} {
			M, K := s[0], s[1]
			alpha, phi, e, g := values(M), values(M), values(M*K), values(M*K)
			wantE, wantG := make([]float64, M*K), make([]float64, M*K)
			for i := range e {
				r := i / K
				wantG[i] = float64(g[i]) + float64(alpha[r])*float64(e[i])
				wantE[i] = float64(phi[r]) * float64(e[i])
			}
			kernel.Influence(M, K, alpha, phi, e, g)
			near(t, "Influence g", g, wantG)
			near(t, "Influence e", e, wantE)
			coef, x := values(M), values(K)
			for i := range e {
				wantE[i] = float64(phi[i/K])*float64(e[i]) + float64(coef[i/K])*float64(x[i%K])
				wantG[i] = float64(g[i]) + float64(alpha[i/K])*wantE[i]
			}
			kernel.InfluenceStep(M, K, phi, coef, x, alpha, e, g)
			near(t, "InfluenceStep g", g, wantG)
			near(t, "InfluenceStep e", e, wantE)
		}
		for _, N := range []int{1, 7, 8, 33} {
			X := values(5 * N)
			offsets, cols := []int32{0, 2, 2, 5}, []int32{0, 3, 1, 2, 4}
			coef := values(5)
			Y := values(3 * (N + 2))
			kernel.MixRows(offsets, cols, coef, N, X, N, Y, N+2)
			weighed := make([]float32, N)
			kernel.WeighRows(cols[:3], coef, N, X, N, weighed)
			for j := range N {
				for i := range 3 {
					want := 0.0
					for e := offsets[i]; e < offsets[i+1]; e++ {
						want += float64(coef[e]) * float64(X[int(cols[e])*N+j])
					}
					near(t, "MixRows", Y[i*(N+2)+j:][:1], []float64{want})
				}
				want := 0.0
				for e, c := range cols[:3] {
					want += float64(coef[e]) * float64(X[int(c)*N+j])
				}
				near(t, "WeighRows", weighed[j:j+1], []float64{want})
			}
		}
	}
}

func near(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i, w := range want {
		if math.Abs(float64(got[i])-w) > 1e-5*(1+math.Abs(w)) {
			t.Fatalf("%v %s: element %d of %d is %v, want %v", kernel.Active(), what, i, len(want), got[i], w)
		}
	}
}
