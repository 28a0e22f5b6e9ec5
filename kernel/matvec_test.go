package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// blockDense returns a dense [M,K] array of which a share of the R×C blocks live.
func blockDense(rng *rand.Rand, M, K, R, C int, density float64) []float32 {
	w := make([]float32, M*K)
	for g := 0; g < M; g += R {
		for k := 0; k < K; k += C {
			if rng.Float64() >= density {
				continue
			}
			for i := g; i < min(g+R, M); i++ {
				for j := k; j < k+C; j++ {
					w[i*K+j] = float32(rng.NormFloat64())
				}
			}
		}
	}
	return w
}

var compactShapes = [][2]int{{16, 1}, {4, 4}, {1, 1}}

func onLevels(t *testing.T, f func(t *testing.T)) {
	for _, l := range Available() {
		t.Run(l.String(), func(t *testing.T) {
			defer Use(l)()
			f(t)
		})
	}
}

// TestCompactProduct holds every product to float64: f32 to rounding, bf16 to the error of its
// weights, int8 to that of weights and activations. Densities of 1 take the road of neighbouring
// columns.
func TestCompactProduct(t *testing.T) {
	onLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, shape := range [][2]int{{16, 4}, {48, 64}, {37, 52}, {192, 260}} {
			for _, b := range compactShapes {
				for _, density := range []float64{0, 0.1, 0.6, 1} {
					M, K := shape[0], shape[1]
					dense := blockDense(rng, M, K, b[0], b[1], density)
					x, bias := randomSlice(rng, K), randomSlice(rng, M)
					for p := range numPrecisions {
						w := NewCompact(dense, M, K, b[0], b[1], p, bias)
						y := make([]float32, w.Rows())
						w.Multiply(y, x)
						checkCompact(t, fmt.Sprintf("%dx%d, %v blocks, density %g, %v", M, K, b, density, p), w, dense, bias, x, y)
					}
				}
			}
		}
	})
}

func checkCompact(t *testing.T, name string, w *Compact, dense, bias, x, y []float32) {
	t.Helper()
	xs := float64(maxAbsPortable(x)) / 127
	for i := range w.M {
		want, bound := float64(bias[i]), 1e-6*(1+math.Abs(float64(bias[i])))
		row := dense[i*w.K : (i+1)*w.K]
		scale := float64(maxAbsPortable(row)) / 127
		for k, v := range row {
			term := float64(v) * float64(x[k])
			want += term
			bound += 1e-6 * math.Abs(term)
			switch w.Precision {
			case BF16:
				bound += math.Abs(term) / 256
			case Int8:
				if v != 0 {
					bound += 0.51*(scale*math.Abs(float64(x[k]))+xs*math.Abs(float64(v))) + scale*xs
				}
			}
		}
		if !(math.Abs(float64(y[i])-want) <= bound) {
			t.Fatalf("%s: row %d is %g, want %g within %g", name, i, y[i], want, bound)
		}
	}
}

// TestInt8Levels checks that sums of bytes are the same on all levels, at the ends of the range too.
func TestInt8Levels(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	dense, x := make([]float32, 32*64), make([]float32, 64)
	for i := range dense {
		dense[i] = float32(1 - 2*rng.IntN(2))
	}
	for i := range x {
		x[i] = float32(1 - 2*rng.IntN(2))
	}
	for _, b := range compactShapes {
		var want []float32
		for _, l := range Available() {
			restore := Use(l)
			w := NewCompact(dense, 32, 64, b[0], b[1], Int8, nil)
			y := make([]float32, 32)
			w.Multiply(y, x)
			restore()
			if want == nil {
				want = y
			}
			for i := range y {
				if y[i] != want[i] {
					t.Fatalf("%v blocks on %v: row %d is %v, portable %v", b, l, i, y[i], want[i])
				}
			}
		}
	}
}

func TestQuantize(t *testing.T) {
	onLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{1, 31, 32, 33, 100} {
			x, q := randomSlice(rng, n), make([]int8, n)
			s := Quantize(q, x)
			for i, v := range x {
				if math.Abs(float64(v)-float64(s)*float64(q[i])) > 0.5001*float64(s) {
					t.Fatalf("%d values: %g became %d times %g", n, v, q[i], s)
				}
			}
		}
		q := []int8{5}
		if s := Quantize(q, []float32{0}); s != 0 || q[0] != 0 {
			t.Errorf("zero became %d times %g", q[0], s)
		}
	})
}

func TestWaveGates(t *testing.T) {
	onLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		const H = 64
		c := &WaveCell{H: H, Product: randomSlice(rng, 3*H), Frame: randomSlice(rng, 3*H), State: randomSlice(rng, H), Next: make([]float32, H)}
		for i := range c.Input {
			c.Input[i] = randomSlice(rng, 3*H)
		}
		for i := range 3 * H {
			c.Product[i] *= 8 // into both flat ends
		}
		sorted := *c
		for _, f := range []*[]float32{&c.Product, &c.Frame, &c.Input[0], &c.Input[1], &c.Input[2]} {
			*f = ByGate(*f, H, 1, GateRows, [3]int{0, 1, 2})
		}
		x := [3]float32{0.3, -0.7, 0.9}
		c.Gates(16, 48, x)
		pre := func(i int) float64 {
			s := float64(sorted.Frame[i])
			for k, v := range x {
				s += float64(sorted.Input[k][i]) * float64(v)
			}
			return s
		}
		for i := range H {
			p := func(g int) float64 { return float64(sorted.Product[g*H+i]) }
			u, r := sigmoid64(p(0)+pre(i)), sigmoid64(p(1)+pre(H+i))
			want := (1 - u) * math.Tanh(r*p(2)+pre(2*H+i))
			want += u * float64(c.State[i])
			if i < 16 || i >= 48 {
				want = 0
			}
			if math.Abs(float64(c.Next[i])-want) > 3e-6 {
				t.Fatalf("unit %d is %g, want %g", i, c.Next[i], want)
			}
		}
	})
}

// TestDraw walks evenly through [0, 1): each class must come up for its share, to within what one
// step may move at its two ends, and with the logarithm of its probability.
func TestDraw(t *testing.T) {
	onLevels(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		logits := randomSlice(rng, Classes)
		const temperature, steps = 0.7, 1 << 18
		for i := range logits {
			logits[i] *= 3
		}
		var d Draw
		d.Softmax(logits, temperature)
		var counts [Classes]int
		for i := range steps {
			counts[d.Class((float32(i)+0.5)/steps)]++
		}
		var total float64
		for _, v := range logits {
			total += math.Exp(float64(v) / temperature)
		}
		for i, v := range logits {
			p := math.Exp(float64(v)/temperature) / total
			if math.Abs(float64(counts[i])-p*steps) > 2+1e-5*steps {
				t.Fatalf("class %d came up %d times of %d, probability %g", i, counts[i], steps, p)
			}
			if math.Abs(d.LogProbability(i)-math.Log(p)) > 1e-5 {
				t.Fatalf("class %d: log probability %g, want %g", i, d.LogProbability(i), math.Log(p))
			}
		}
		clear(logits)
		logits[77] = 1e4
		d.Softmax(logits, 1)
		for _, u := range []float32{0, 0.5, math.Nextafter32(1, 0)} {
			if got := d.Class(u); got != 77 {
				t.Errorf("certain class 77: drew %d at %g", got, u)
			}
		}
	})
}

func BenchmarkCompact(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range compactShapes {
		dense := blockDense(rng, 3072, 1024, shape[0], shape[1], 0.05)
		x := randomSlice(rng, 1024)
		y := make([]float32, 3072)
		for p := range numPrecisions {
			w := NewCompact(dense, 3072, 1024, shape[0], shape[1], p, nil)
			b.Run(fmt.Sprintf("%dx%d/%v", shape[0], shape[1], p), func(b *testing.B) {
				for b.Loop() {
					w.Multiply(y, x)
				}
			})
		}
	}
}
