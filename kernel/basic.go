package kernel

import "math"

// Add computes dst = a + b.
func Add(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// AddTo computes dst += a.
func AddTo(dst, a []float32) {
	for i := range dst {
		dst[i] += a[i]
	}
}

// ReLU computes dst = max(x, 0).
func ReLU(dst, x []float32) {
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// ReLUGrad computes dx = dy where y > 0, else 0; it adds to dx where acc is true.
func ReLUGrad(acc bool, dx, dy, y []float32) {
	for i, v := range y {
		g := float32(0)
		if v > 0 {
			g = dy[i]
		}
		if acc {
			g += dx[i]
		}
		dx[i] = g
	}
}

// BiasFill sets row m of Y [M,N] to bias[m], or to 0 where bias is nil.
func BiasFill(M, N int, bias, Y []float32) {
	for m := range M {
		b := float32(0)
		if bias != nil {
			b = bias[m]
		}
		for j := range Y[m*N : (m+1)*N] {
			Y[m*N+j] = b
		}
	}
}

// RowSums computes out[m] = sum of row m of X [M,N], or adds it where acc is true.
func RowSums(M, N int, X []float32, acc bool, out []float32) {
	for m := range M {
		s := 0.0
		for _, v := range X[m*N : (m+1)*N] {
			s += float64(v)
		}
		if acc {
			s += float64(out[m])
		}
		out[m] = float32(s)
	}
}

// CrossEntropyColumns computes the cross entropy of the softmax down each of N
// columns of logits [C,N] with its label, smoothed: the target is 1-smoothing on
// the label plus smoothing/C everywhere. dlogits, where not nil, is its gradient.
func CrossEntropyColumns(C, N int, logits []float32, labels []int32, smoothing float32, dlogits, loss []float32) {
	for j := range N {
		top := math.Inf(-1)
		for c := range C {
			top = max(top, float64(logits[c*N+j]))
		}
		sum, all := 0.0, 0.0
		for c := range C {
			sum += math.Exp(float64(logits[c*N+j]) - top)
			all += float64(logits[c*N+j])
		}
		lse := top + math.Log(sum)
		s := float64(smoothing)
		loss[j] = float32(lse - (1-s)*float64(logits[int(labels[j])*N+j]) - s*all/float64(C))
		for c := range C {
			if dlogits == nil {
				break
			}
			g := math.Exp(float64(logits[c*N+j])-lse) - s/float64(C)
			if c == int(labels[j]) {
				g -= 1 - s
			}
			dlogits[c*N+j] = float32(g)
		}
	}
}

// SGD updates w by stochastic gradient descent with momentum m and L2 decay.
func SGD(w, g, m []float32, rate, momentum, decay float32, nesterov bool) {
	for i := range w {
		d := g[i] + decay*w[i]
		m[i] = momentum*m[i] + d
		if nesterov {
			d += momentum * m[i]
		} else {
			d = m[i]
		}
		w[i] -= rate * d
	}
}

// BiasAdd adds bias[m] to row m of Y [M,N].
func BiasAdd(M, N int, bias, Y []float32) {
	for m := range M {
		row := Y[m*N : (m+1)*N]
		for j := range row {
			row[j] += bias[m]
		}
	}
}

// RowMeans computes out[m] = mean of row m of X [M,N].
func RowMeans(M, N int, X, out []float32) {
	for m := range M {
		s := float32(0)
		for _, v := range X[m*N : (m+1)*N] {
			s += v
		}
		out[m] = s / float32(N)
	}
}
