package grad

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

func interpolated(h, lengths []float32, N int, sigma2 float32, offset, S int) []float32 {
	var no *Tape
	C := len(h) / N
	x := &Var{Value: tensor.Of(h, C, 1, N)}
	return Interpolate(no, x, &Var{Value: tensor.Of(lengths, 1, 1, N)}, sigma2, offset, S).Value.Data
}

// The definition, term by term.
func TestInterpolateIsTheSoftmax(t *testing.T) {
	h := []float32{1, -2, 0.5, 3, 2, 4, -1, 0}
	lengths := []float32{3, 5.5, 0, 2}
	for _, offset := range []int{0, 4} {
		got := interpolated(h, lengths, 4, 2.5, offset, 12)
		for s := range 12 {
			var sum, total [2]float64
			end := 0.0
			for n, l := range lengths {
				end += float64(l)
				if l == 0 {
					continue
				}
				d := float64(s+offset) - (end - float64(l)/2)
				w := math.Exp(-d * d / 2.5)
				for c := range 2 {
					sum[c] += w * float64(h[c*4+n])
					total[c] += w
				}
			}
			for c := range 2 {
				if want := sum[c] / total[c]; math.Abs(float64(got[c*12+s])-want) > 1e-5 {
					t.Errorf("offset %d, channel %d, frame %d: %g, want %g", offset, c, s, got[c*12+s], want)
				}
			}
		}
	}
}

func TestInterpolateProperties(t *testing.T) {
	for s, v := range interpolated([]float32{7}, []float32{3}, 1, 2.5, 0, 20) {
		if v != 7 {
			t.Errorf("one token, frame %d: %g, want 7", s, v)
		}
	}
	for s, v := range interpolated([]float32{2, 2, 2}, []float32{3, 40, 3}, 3, 2.5, 0, 60) {
		if math.Abs(float64(v)-2) > 1e-6 {
			t.Errorf("equal tokens, frame %d: %g, want 2", s, v)
		}
	}
	if v := interpolated([]float32{0, 1}, []float32{10, 10}, 2, 2.5, 10, 1)[0]; math.Abs(float64(v)-0.5) > 1e-6 {
		t.Errorf("half-way: %g, want 0.5", v)
	}
	padded := interpolated([]float32{1, 2, 9, 9}, []float32{4, 4, 0, 0}, 4, 2.5, 0, 10)
	for s, v := range interpolated([]float32{1, 2}, []float32{4, 4}, 2, 2.5, 0, 10) {
		if v != padded[s] {
			t.Errorf("padding changes frame %d: %g, want %g", s, padded[s], v)
		}
	}
	for s, v := range interpolated([]float32{1, 2}, []float32{0, 0}, 2, 2.5, 0, 3) {
		if v != 0 {
			t.Errorf("no token, frame %d: %g, want 0", s, v)
		}
	}
}

// A window from an offset is a slice of the whole, each element's its own; speaking slower
// moves every middle by the same factor.
func TestInterpolateFrom(t *testing.T) {
	var no *Tape
	h := &Var{Value: tensor.Of([]float32{1, -2, 0.5, 3, 2, 4, -1, 0}, 1, 2, 4)}
	lengths := &Var{Value: tensor.Of([]float32{3, 5.5, 0, 2, 4, 4, 4, 4}, 1, 2, 4)}
	whole := Interpolate(no, h, lengths, 2.5, 0, 16).Value.Data
	part := InterpolateFrom(no, h, lengths, 2.5, []int{2, 7}, 6).Value.Data
	for b, at := range []int{2, 7} {
		for s := range 6 {
			if part[b*6+s] != whole[b*16+at+s] {
				t.Errorf("element %d, frame %d: %g, want %g", b, s, part[b*6+s], whole[b*16+at+s])
			}
		}
	}
	slow := &Var{Value: tensor.Of([]float32{9, 16.5, 0, 6, 12, 12, 12, 12}, 1, 2, 4)}
	for i, v := range Interpolate(no, h, slow, 2.5*9, 0, 48).Value.Data {
		if i%3 == 0 && math.Abs(float64(v-whole[i/3])) > 1e-5 {
			t.Errorf("three times slower, frame %d: %g, want %g", i, v, whole[i/3])
		}
	}
}

// The logarithm of the ratio of two weights is (c_n - c_m)(2t - c_n - c_m)/sigma².
func TestInterpolateRatios(t *testing.T) {
	const d = 4
	for s := range 3 * d {
		w := interpolated([]float32{1, 0, 0, 0, 1, 0, 0, 0, 1}, []float32{d, d, d}, 3, 10, s, 1)
		if sum := w[0] + w[1] + w[2]; math.Abs(float64(sum)-1) > 1e-6 {
			t.Errorf("frame %d: weights sum to %g", s, sum)
		}
		for n := range 3 {
			for m := range n {
				cn, cm := (float64(n)+0.5)*d, (float64(m)+0.5)*d
				got := math.Log(float64(w[n]) / float64(w[m]))
				if want := (cn - cm) * (2*float64(s) - cn - cm) / 10; math.Abs(got-want) > 1e-4 {
					t.Errorf("frame %d, tokens %d and %d: %g, want %g", s, n, m, got, want)
				}
			}
		}
	}
}
