package optim

import (
	"math"
	"slices"
	"testing"
)

func TestUtilities(t *testing.T) {
	u := Utilities([]float64{3, 1, 4, 2}) // ranks 3, 1, 4, 2
	sum := 2*math.Log(3) - math.Log(2)
	want := []float64{-0.25, math.Log(3)/sum - 0.25, -0.25, (math.Log(3)-math.Log(2))/sum - 0.25}
	for i := range u {
		if math.Abs(u[i]-want[i]) > 1e-12 {
			t.Errorf("utilities %v, want %v", u, want)
			break
		}
	}
	if v := Utilities([]float64{math.Exp(3), math.Exp(1), math.Exp(4), math.Exp(2)}); !slices.Equal(u, v) {
		t.Errorf("utilities %v of losses in the same order as those of %v", v, u)
	}
	tied := Utilities([]float64{5, 5, 5, math.NaN()})
	if tied[0] != tied[1] || tied[1] != tied[2] || math.Abs(tied[0]-1./12) > 1e-12 || tied[3] != -0.25 {
		t.Errorf("utilities of equal losses are %v", tied)
	}
}

// Noise has the moments of its distribution, is a function of its place, and comes in pairs.
func TestNoise(t *testing.T) {
	const n = 200_000
	for name, c := range map[string]struct {
		levels         *Levels
		mean, variance float64
	}{
		"normal": {NormalNoise, 0, 1}, "logistic": {LogisticNoise, 0, math.Pi * math.Pi / 3}, "gumbel": {GumbelNoise, 0.5772, math.Pi * math.Pi / 6},
	} {
		x := make([]float32, n)
		NewNoise(c.levels, 7, 3, 2, 1, true).Fill(x, 0)
		m, q := 0.0, 0.0
		for _, v := range x {
			m += float64(v) / n
			q += float64(v) * float64(v) / n
		}
		if math.Abs(m-c.mean) > 0.02 || math.Abs(q-m*m-c.variance) > 0.03*c.variance {
			t.Errorf("%s: mean %.4f, variance %.4f, want %.4f and %.4f", name, m, q-m*m, c.mean, c.variance)
		}
	}
	whole, part, other := make([]float32, 103), make([]float32, 51), make([]float32, 103)
	a := NewNoise(NormalNoise, 7, 3, 4, 1, true)
	a.Fill(whole, 0)
	a.Fill(part, 52)
	if !slices.Equal(part, whole[52:]) {
		t.Error("noise from the middle on differs")
	}
	NewNoise(NormalNoise, 7, 3, 5, 1, true).Fill(other, 0)
	for i, v := range whole {
		if other[i] != -v {
			t.Fatalf("at %d a pair has %g and %g", i, v, other[i])
		}
	}
	for _, b := range []Noise{NewNoise(NormalNoise, 8, 3, 4, 1, true), NewNoise(NormalNoise, 7, 4, 4, 1, true), NewNoise(NormalNoise, 7, 3, 6, 1, true), NewNoise(NormalNoise, 7, 3, 4, 2, true), NewNoise(NormalNoise, 7, 3, 4, 1, false)} {
		b.Fill(other, 0)
		dot := 0.0
		for i, v := range whole {
			dot += float64(v) * float64(other[i]) / 103
		}
		if math.Abs(dot) > 0.4 {
			t.Errorf("noise of different places correlates by %.2f", dot)
		}
	}
}

// What two processes have of a sum adds up to the very same bits that one gets, and the
// parts of a search gradient are Σ u·s and Σ u·s².
func TestSearchGradient(t *testing.T) {
	const d = 5000
	for _, n := range []int{2, 4, 6, 8, 16} {
		losses := make([]float64, n)
		for k := range losses {
			losses[k] = math.Sin(float64(5 * k))
		}
		u := Utilities(losses)
		of := func(k int) Noise { return NewNoise(NormalNoise, 1, 2, k, 3, true) }
		mean, squares := SearchGradient(n, 0, n, d, u, true, true, of, nil)
		wantMean, wantSquares, x := make([]float64, d), make([]float64, d), make([]float32, d)
		for k := range n {
			of(k).Fill(x, 0)
			for i, s := range x {
				wantMean[i] += u[k] * float64(s)
				wantSquares[i] += u[k] * (float64(s)*float64(s) - 1)
			}
		}
		for i := range wantMean {
			if math.Abs(float64(mean[i])-wantMean[i]) > 1e-5 || math.Abs(float64(squares[i])-wantSquares[i]) > 1e-4 {
				t.Fatalf("%d members: at %d %g and %g, want %g and %g", n, i, mean[i], squares[i], wantMean[i], wantSquares[i])
			}
		}
		if n%4 != 0 {
			continue
		}
		first, _ := SearchGradient(n, 0, n/2, d, u, true, false, of, nil)
		second, _ := SearchGradient(n, n/2, n, d, u, true, false, of, func(x []float32) {
			for i, v := range first {
				x[i] += v
			}
		})
		if !slices.Equal(second, mean) {
			t.Errorf("%d members: two halves do not add up to the whole, bit for bit", n)
		}
	}
}

// descend minimises a quadratic bowl of d dimensions by evolution and returns its loss at
// the end, as a share of that at the beginning, and the mean deviation.
func descend(d, n, generations int, separable, pairs bool) (share, deviation float64) {
	x, sigma, at := make([]float32, d), make([]float32, d), make([]float32, d)
	for i := range x {
		x[i], sigma[i] = 3, 0.5
	}
	bowl := func(x []float32) (sum float64) {
		for i, v := range x {
			sum += float64(v) * float64(v) * (1 + float64(i%10))
		}
		return sum
	}
	start := bowl(x)
	losses := make([]float64, n)
	for g := range generations {
		of := func(k int) Noise { return NewNoise(NormalNoise, 9, g, k, 0, pairs) }
		for k := range n {
			of(k).Fill(at, 0)
			for i, s := range at {
				at[i] = x[i] + sigma[i]*s
			}
			losses[k] = bowl(at)
		}
		mean, squares := SearchGradient(n, 0, n, d, Utilities(losses), pairs, separable, of, nil)
		for i, m := range mean {
			x[i] += sigma[i] * m
		}
		if separable {
			Adapt(sigma, squares)
		} else {
			for i := range sigma {
				sigma[i] *= 0.995
			}
		}
	}
	for _, s := range sigma {
		deviation += float64(s) / float64(d)
	}
	return bowl(x) / start, deviation
}

// Evolution converges on a bowl; a separable search adapts its deviations to get there.
func TestEvolutionDescends(t *testing.T) {
	if share, _ := descend(50, 32, 600, false, true); share > 1e-2 {
		t.Errorf("the plain strategy is left with %g of the loss", share)
	}
	share, deviation := descend(50, 32, 1500, true, true)
	if share > 1e-3 || deviation > 0.25 {
		t.Errorf("the separable strategy is left with %g of the loss, deviation %g", share, deviation)
	}
}

// The estimate's angle to the gradient of a linear loss closes as √(n/(n+d)), and at equal
// evaluations mirrored pairs err less where the loss is curved.
func TestEstimate(t *testing.T) {
	const d = 400
	cosine := func(n, generation int, curved, pairs bool) float64 {
		of := func(k int) Noise { return NewNoise(NormalNoise, 5, generation, k, 0, pairs) }
		losses, s := make([]float64, n), make([]float32, d)
		for k := range n {
			of(k).Fill(s, 0)
			for i, v := range s {
				losses[k] += float64(v)
				if curved {
					losses[k] += 3 * float64(v) * float64(v) * float64(i%7)
				}
			}
		}
		mean, _ := SearchGradient(n, 0, n, d, Utilities(losses), pairs, false, of, nil)
		dot, norm := 0.0, 0.0
		for _, m := range mean {
			dot -= float64(m)
			norm += float64(m) * float64(m)
		}
		return dot / math.Sqrt(norm*d)
	}
	average := func(n int, curved, pairs bool) (sum float64) {
		for g := range 10 {
			sum += cosine(n, g, curved, pairs) / 10
		}
		return sum
	}
	few, many := average(32, false, true), average(800, false, true)
	for n, got := range map[int]float64{32: few, 800: many} {
		if want := math.Sqrt(float64(n) / float64(n+d)); got < 0.6*want || got > 1.2*want {
			t.Errorf("%d members: cosine %.3f, want about %.3f", n, got, want)
		}
	}
	if mirrored, plain := average(200, true, true), average(200, true, false); mirrored <= plain {
		t.Errorf("on a curved loss: cosine %.3f with pairs, %.3f without", mirrored, plain)
	}
}
