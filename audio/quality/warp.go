package quality

import "math"

// pair says that frame a of one recording goes with frame b of another.
type pair struct{ a, b int }

// straight pairs frames of the same time.
func straight(n int) []pair {
	path := make([]pair, n)
	for i := range path {
		path[i] = pair{i, i}
	}
	return path
}

// Steps of a path.
const (
	both = iota
	onlyA
	onlyB
)

// warp returns the cheapest path through the distances of c1 … c13, from the first pair of
// frames to the last in steps of one frame in either or both, each pair counting once. It
// stays near the straight line between the ends: within 15 % of the length, but at least
// 1.5 s and at most 15 s.
func warp(x, y [][order]float32) []pair {
	n, m := len(x), len(y)
	band := min(max(150, 15*max(n, m)/100), 1500)
	low := func(i int) int { return max(0, centre(i, n, m)-band) }
	high := func(i int) int { return min(m, centre(i, n, m)+band+1) }
	steps := make([][]byte, n)
	before, now := make([]float64, m+1), make([]float64, m+1) // costs of paths to frames -1 … m-1
	for j := range before {
		before[j], now[j] = math.Inf(1), math.Inf(1)
	}
	before[0] = 0
	for i := range n {
		l, h := low(i), high(i)
		steps[i] = make([]byte, h-l)
		now[l] = math.Inf(1)
		for j := l; j < h; j++ {
			best, step := before[j], byte(both)
			if c := before[j+1]; c < best {
				best, step = c, onlyA
			}
			if c := now[j]; c < best {
				best, step = c, onlyB
			}
			now[j+1] = best + distance(x[i][:13], y[j][:13])
			steps[i][j-l] = step
		}
		if h < m {
			now[h+1] = math.Inf(1)
		}
		before, now = now, before
		before[0] = math.Inf(1)
	}
	return trace(steps, low, n, m)
}

// centre is the frame of m that lies as far along as frame i of n.
func centre(i, n, m int) int {
	if n < 2 {
		return 0
	}
	return i * (m - 1) / (n - 1)
}

func trace(steps [][]byte, low func(int) int, n, m int) []pair {
	var path []pair
	for i, j := n-1, m-1; i >= 0 && j >= 0; {
		path = append(path, pair{i, j})
		switch steps[i][j-low(i)] {
		case both:
			i, j = i-1, j-1
		case onlyA:
			i--
		case onlyB:
			j--
		}
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}
