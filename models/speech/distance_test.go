package speech

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// cloud returns n vectors of d correlated numbers.
func cloud(rng *rand.Rand, n, d int) [][]float64 {
	mix := make([]float64, d*d)
	for i := range mix {
		mix[i] = rng.NormFloat64()
	}
	out := make([][]float64, n)
	for i := range out {
		z := make([]float64, d)
		for j := range z {
			z[j] = rng.NormFloat64()
		}
		out[i] = make([]float64, d)
		for j := range d {
			for k := range d {
				out[i][j] += mix[j*d+k] * z[k]
			}
		}
	}
	return out
}

// each returns vectors changed element by element.
func each(x [][]float64, f func(i int, v float64) float64) [][]float64 {
	out := make([][]float64, len(x))
	for n, u := range x {
		out[n] = make([]float64, len(u))
		for i, v := range u {
			out[n][i] = f(i, v)
		}
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestFrechetDistance(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	const d = 6
	x := cloud(rng, 50, d)
	mean, cov := moments(x, d)
	trace, shift := 0.0, 0.0
	for i := range d {
		trace += cov[i*d+i]
		shift += float64(i * i)
	}
	near(t, "to itself", FrechetDistance(x, x), 0, 1e-9)
	near(t, "shifted", FrechetDistance(x, each(x, func(i int, v float64) float64 { return v + float64(i) })), shift, 1e-9)
	centred := each(x, func(i int, v float64) float64 { return v - mean[i] })
	near(t, "three times as large", FrechetDistance(centred, each(centred, func(_ int, v float64) float64 { return 3 * v })), 4*trace, 1e-9)

	y := cloud(rng, 30, d)
	near(t, "either way", FrechetDistance(x, y), FrechetDistance(y, x), 1e-9)
	_, q := eigen(cov, d) // an orthogonal matrix
	turn := func(x [][]float64) [][]float64 {
		out := each(x, func(int, float64) float64 { return 0 })
		for n, u := range x {
			for i := range d {
				for j, v := range u {
					out[n][i] += q[i*d+j] * v
				}
			}
		}
		return out
	}
	near(t, "turned", FrechetDistance(turn(x), turn(y)), FrechetDistance(x, y), 1e-9)

	// Covariances that are diagonal: all combinations of signs.
	corners := func(s ...float64) [][]float64 {
		var out [][]float64
		for c := range 1 << len(s) {
			v := make([]float64, len(s))
			for i, a := range s {
				v[i] = a * float64(2*(c>>i&1)-1)
			}
			out = append(out, v)
		}
		return out
	}
	a, b := []float64{1, 2, 5}, []float64{4, 2, 1}
	want := 0.0
	for i := range a {
		want += (a[i] - b[i]) * (a[i] - b[i]) * 8 / 7 // sample variances
	}
	near(t, "diagonal", FrechetDistance(corners(a...), corners(b...)), want, 1e-9)
	// Fewer vectors than dimensions: the covariances are singular.
	if v := FrechetDistance(cloud(rng, 3, 20), cloud(rng, 4, 20)); !(v > 0) || math.IsInf(v, 0) {
		t.Errorf("few vectors: %v", v)
	}
}

// Of two halves of one set, the distance is bias alone, which falls as 1/n.
func TestFrechetBias(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	at := func(n int) float64 {
		sum := 0.0
		for range 40 {
			sum += FrechetDistance(normals(rng, n, 8), normals(rng, n, 8)) / 40
		}
		return sum
	}
	if ratio := at(100) / at(200); ratio < 1.6 || ratio > 2.4 {
		t.Errorf("with twice as many vectors the bias falls %.2f times", ratio)
	}
}

func normals(rng *rand.Rand, n, d int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, d)
		for j := range d {
			out[i][j] = rng.NormFloat64()
		}
	}
	return out
}

func TestEigen(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 3))
	const d = 12
	_, s := moments(cloud(rng, 40, d), d)
	values, v := eigen(s, d)
	for i := range d {
		for j := range d {
			sum, unit := 0.0, 0.0
			for k := range d {
				sum += values[k] * v[i*d+k] * v[j*d+k]
				unit += v[k*d+i] * v[k*d+j]
			}
			near(t, "Σ λ·v·vᵀ", sum, s[i*d+j], 1e-10)
			want := 0.0
			if i == j {
				want = 1
			}
			near(t, "vᵀ·v", unit, want, 1e-12)
		}
	}
	values, _ = eigen([]float64{2, 1, 1, 2}, 2)
	slices.Sort(values)
	near(t, "[2 1; 1 2]", values[0], 1, 1e-12)
	near(t, "[2 1; 1 2]", values[1], 3, 1e-12)
}

func TestKernelDistance(t *testing.T) {
	got, deviation := KernelDistance([][]float64{{0}, {0}}, [][]float64{{1}, {1}})
	near(t, "{0, 0} and {1, 1}", got, 7, 0)
	if !math.IsNaN(deviation) {
		t.Errorf("standard error of one block: %v", deviation)
	}
	rng := rand.New(rand.NewPCG(6, 4))
	pool := cloud(rng, 60, 4)
	const splits = 200
	sum, squares := 0.0, 0.0
	for range splits {
		rng.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		v, _ := KernelDistance(pool[:30], pool[30:])
		sum += v
		squares += v * v
	}
	mean := sum / splits
	spread := math.Sqrt((squares/splits - mean*mean) / splits)
	if math.Abs(mean) > 3*spread {
		t.Errorf("two halves of a set: mean %v, standard error %v", mean, spread)
	}
	biased := 0.0 // what the diagonal would add
	for _, u := range pool {
		biased += cubic(u, u) / 60 / 30 * 2
	}
	if biased < 6*spread {
		t.Errorf("the test would not see a bias of %v: standard error %v", biased, spread)
	}
}

// With several blocks, the standard error is the spread of the mean.
func TestKernelBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 5))
	x, y := normals(rng, 12*mostBlock-3, 2), normals(rng, 12*mostBlock-700, 2)
	for _, v := range y {
		v[0] += 0.5
	}
	got, deviation := KernelDistance(x, y)
	want := 0.0 // of normal distributions, with x·y/2 + 1 expanded: moments to the third
	{
		m := []float64{0.5, 0}
		// E k(y,y') - 2 E k(x,y) + E k(x,x'), terms 3·s + 3·s² + s³ of s = x·y/2.
		m2 := m[0] * m[0]
		first := m2 / 2
		second := m2 * m2 / 4 // E(y·y')² - 2E(x·y)² + E(x·x')²
		third := thirdMoment(m) / 8
		want = 3*first + 3*second + third
	}
	if math.Abs(got-want) > 4*deviation || !(deviation > 0) || deviation > 0.1*want {
		t.Errorf("distance %v ± %v, want %v", got, deviation, want)
	}
}

// thirdMoment returns E(y·y')³ for y, y' normal about m with deviation 1 in two dimensions;
// those of (x·y) and (x·x'), x about 0, are 0. By components: Σ E[yᵢyⱼyₖ]².
func thirdMoment(m []float64) float64 {
	single := func(mean float64, power int) float64 {
		return []float64{1, mean, mean*mean + 1, mean*mean*mean + 3*mean}[power]
	}
	sum := 0.0
	for c := range 8 {
		powers := [2]int{}
		for i := range 3 {
			powers[c>>i&1]++
		}
		e := single(m[0], powers[0]) * single(m[1], powers[1])
		sum += e * e
	}
	return sum
}

func TestDistancePanics(t *testing.T) {
	for want, f := range map[string]func(){
		"sets of 1 and 2":    func() { FrechetDistance([][]float64{{1}}, [][]float64{{1}, {2}}) },
		"vectors of 1 and 2": func() { KernelDistance([][]float64{{1}, {2}}, [][]float64{{1}, {2, 3}}) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, want) {
					t.Errorf("panic %q does not say %q", s, want)
				}
			}()
			f()
		}()
	}
}
