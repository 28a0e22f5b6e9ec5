package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// attentionShapes cover batches that do not fill a vector, tiles that are not full, caches
// with room to grow and both kinds of masks.
var attentionShapes = []AttentionShape{
	{H: 1, D: 1, T: 1, S: 1, B: 1},
	{H: 2, D: 4, T: 3, S: 4, B: 8},
	{H: 3, D: 5, T: 7, S: 7, B: 9, Causal: true},
	{H: 2, D: 3, T: 6, S: 11, B: 5, Lengths: []int32{11, 1, 3, 10, 2}},
	{H: 1, D: 8, T: 1, S: 6, B: 17, KeyRow: 10 * 17},
	{H: 2, D: 7, T: 3, S: 5, B: 2, Causal: true, Lengths: []int32{4, 5}},
}

func init() {
	for i, a := range attentionShapes {
		addCase(opCase{name: fmt.Sprintf("attention/%d", i), build: func(rng *rand.Rand) opRun {
			row := max(a.KeyRow, a.S*a.B)
			q, y := randomSlice(rng, a.H*a.D*a.T*a.B), make([]float32, a.H*a.D*a.T*a.B)
			k, v := randomSlice(rng, a.H*a.D*row), randomSlice(rng, a.H*a.D*row)
			return opRun{
				run: func() { Attention(a, q, k, v, nil, y) },
				out: [][]float32{y},
				ref: func() (want, magnitude [][]float64) { return [][]float64{attention64(a, row, q, k, v)}, nil },
			}
		}})
	}
	a := AttentionShape{H: 4, D: 32, T: 20, S: 20, B: 64}
	n := a.H * a.D * a.T * a.B
	products := 2 * float64(a.H*a.D*a.T*a.S*a.B)
	forward := func(rng *rand.Rand) (q, k, v, p, y []float32, run func()) {
		q, k, v, y = randomSlice(rng, n), randomSlice(rng, n), randomSlice(rng, n), make([]float32, n)
		p = make([]float32, a.Weights())
		return q, k, v, p, y, func() { Attention(a, q, k, v, p, y) }
	}
	addSpeed(opCase{name: "attention/forward 4x32x20x64", flops: 2 * products, build: func(rng *rand.Rand) opRun {
		_, _, _, _, _, run := forward(rng)
		return opRun{run: run}
	}})
	addSpeed(opCase{name: "attention/backward 4x32x20x64", flops: 4 * products, build: func(rng *rand.Rand) opRun {
		q, k, v, p, y, run := forward(rng)
		run()
		dq, dk, dv := make([]float32, n), make([]float32, n), make([]float32, n)
		return opRun{run: func() { AttentionGrad(a, q, k, v, p, y, false, dq, false, dk, false, dv) }}
	}})
}

// attention64 is the definition.
func attention64(a AttentionShape, row int, q, k, v []float32) []float64 {
	y := make([]float64, a.H*a.D*a.T*a.B)
	at := func(head, i, t, b int) int { return ((head*a.D+i)*a.T+t)*a.B + b }
	key := func(head, i, s, b int) int { return (head*a.D+i)*row + s*a.B + b }
	for head := range a.H {
		for b := range a.B {
			for t := range a.T {
				weights, sum := make([]float64, a.S), 0.0
				for s := range weights {
					if a.Causal && s > a.S-a.T+t || a.Lengths != nil && s >= int(a.Lengths[b]) {
						continue
					}
					score := 0.0
					for i := range a.D {
						score += float64(k[key(head, i, s, b)]) * float64(q[at(head, i, t, b)])
					}
					weights[s] = math.Exp(score / math.Sqrt(float64(a.D)))
					sum += weights[s]
				}
				for i := range a.D {
					for s, w := range weights {
						y[at(head, i, t, b)] += w / sum * float64(v[key(head, i, s, b)])
					}
				}
			}
		}
	}
	return y
}
