package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// cellSizes are units and columns of the steps under test.
var cellSizes = [][2]int{{1, 1}, {5, 3}, {7, 32}, {130, 33}}

// cellCase is one step with random contents, which the step changes, and a copy of them.
func cellCase(rng *rand.Rand, H, B int) (c *Cell, was Cell) {
	n := H * B
	fill := func(k int) []float32 { return vectors(rng, 1, k)[0] }
	c = &Cell{H: H, B: B, Bias: fill(4 * H), NBias: fill(H), A: fill(4 * n), U: fill(3 * n), N: fill(n), HP: fill(n), HN: fill(n),
		CP: fill(n), CN: fill(n), TC: fill(n), DY: fill(H*(B+3) + 5), LDY: B + 3, DH: fill(n), DC: fill(n)}
	was = *c
	for _, x := range []*[]float32{&was.A, &was.U, &was.N, &was.HN, &was.CN, &was.TC, &was.DH, &was.DC} {
		*x = append([]float32(nil), *x...)
	}
	return c, was
}

// A step forward is its formulas in float64, on every level and with any number of workers.
func TestCells(t *testing.T) {
	eachWorkers(t, func(t *testing.T) (out [][]float32) {
		rng := rand.New(rand.NewPCG(3, 1))
		for _, size := range cellSizes {
			H, B := size[0], size[1]
			n := H * B
			c, was := cellCase(rng, H, B)
			c.GRU()
			h, un := make([]float64, n), make([]float64, n)
			at := func(x []float32, g, i int) float64 { return float64(x[g*n+i]) }
			bias := func(g, i int) float64 { return float64(was.Bias[g*H+i/B]) }
			for i := range n {
				r := sigmoid64(at(was.A, 0, i) + at(was.U, 0, i) + bias(0, i))
				z := sigmoid64(at(was.A, 1, i) + at(was.U, 1, i) + bias(1, i))
				un[i] = at(was.U, 2, i) + float64(was.NBias[i/B])
				v := math.Tanh(at(was.A, 2, i) + bias(2, i) + r*un[i])
				h[i] = v + z*(at(was.HP, 0, i)-v)
			}
			testkit.Close(t, "GRU", c.HN, h, testkit.Product)
			testkit.Close(t, "GRU, candidate", c.N, un, testkit.Product)
			out = append(out, c.HN, c.A[:3*n])

			c, was = cellCase(rng, H, B)
			c.LSTM()
			m := make([]float64, n)
			for i := range n {
				in, f := sigmoid64(at(was.A, 0, i)+bias(0, i)), sigmoid64(at(was.A, 1, i)+bias(1, i))
				g, o := math.Tanh(at(was.A, 2, i)+bias(2, i)), sigmoid64(at(was.A, 3, i)+bias(3, i))
				m[i] = f*at(was.CP, 0, i) + in*g
				h[i] = o * math.Tanh(m[i])
			}
			testkit.Close(t, "LSTM", c.HN, h, testkit.Product)
			testkit.Close(t, "LSTM, memory", c.CN, m, testkit.Product)
			out = append(out, c.HN, c.CN)
		}
		return out
	})
}

// Axes are swapped and swapped back; columns are gathered from a table, and scattered to it
// in order.
func TestCopies(t *testing.T) {
	eachWorkers(t, func(t *testing.T) (out [][]float32) {
		rng := rand.New(rand.NewPCG(3, 2))
		const P, Q, B = 5, 37, 6
		x, y, back := vectors(rng, 1, P*Q*B)[0], make([]float32, Q*(P*B+4)), make([]float32, P*Q*B)
		SwapAxes(P, Q, B, x, Q*B, B, y, P*B+4, B)
		for p := range P {
			for q := range Q {
				testkit.Same(t, "swapped", y[q*(P*B+4)+p*B:][:B], x[(p*Q+q)*B:][:B])
			}
		}
		SwapAxes(Q, P, B, y, P*B+4, B, back, Q*B, B)
		testkit.Same(t, "swapped back", back, x)

		const C, V, N = 70, 9, 45
		table, ids := vectors(rng, 1, V*C)[0], make([]float32, N)
		cols, sums := make([]float32, C*N), append([]float32(nil), table...)
		for j := range ids {
			ids[j] = float32(rng.IntN(V))
		}
		GatherColumns(C, table, ids, cols)
		ScatterColumns(C, cols, ids, sums)
		for c := range C {
			want := append([]float32(nil), table...)
			for j, id := range ids {
				if cols[c*N+j] != table[int(id)*C+c] {
					t.Fatalf("column %d, row %d is %v", j, c, cols[c*N+j])
				}
				want[int(id)*C+c] += cols[c*N+j]
			}
			for v := range V {
				if sums[v*C+c] != want[v*C+c] {
					t.Fatalf("sum of row %d of symbol %d is %v, want %v", c, v, sums[v*C+c], want[v*C+c])
				}
			}
		}
		return append(out, y, cols, sums)
	})
}
