package grad

import (
	"fmt"
	"math"
	"sort"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// negligible is how far below the largest a weight's logarithm may be to be left out of
// an interpolation: e^-40 is beyond what a float32 sum shows.
const negligible = 40

// interpolation holds, for each frame of each batch element, the weights of the tokens
// about it: those of column b·S+s are weights[starts[b·S+s]:starts[b·S+s+1]], for tokens
// from[b·S+s] on, absent ones counted out.
type interpolation struct {
	h, lengths, out *Var
	sigma2          float32
	offsets         []int // [B]
	S               int

	centres []float64 // [B, N]
	live    []int32   // tokens of some length, in their order
	begins  []int32   // [B+1], where those of an element begin in live
	from    []int32   // [B, S], first in live
	starts  []int32   // [B, S]+1
	weights []float32

	grad bool
	dh   []float32
	dc   []float64 // [C, B, N], while the gradient of the lengths is computed
}

// Interpolate places tokens in time (EATS, arXiv:2006.03575, section 2.1, eq. 1 and 2):
// features h [C, B, N] of tokens that last lengths [1, B, N] frames, at least 0, become frames
// [C, B, S],
//
//	a_s = Σ_n w_n(s)·h_n,   w(s) = softmax over n of -(s + offset - c_n)²/sigma2,
//
// where c_n = l_1 + ... + l_n - l_n/2 is the middle of token n. Tokens of length 0 (padding)
// have no part in it; an element without any other has frames of zeros. Gradients go to h and to lengths. It
// panics on lengths below 0.
func Interpolate(t *Tape, h, lengths *Var, sigma2 float32, offset, S int) *Var {
	return interpolate(t, h, lengths, sigma2, offset, nil, S)
}

// InterpolateFrom is [Interpolate] with an offset for each batch element: windows of longer
// utterances.
func InterpolateFrom(t *Tape, h, lengths *Var, sigma2 float32, offsets []int, S int) *Var {
	if s := h.Value.Shape; len(s) != 3 || len(offsets) != s[1] {
		panic(fmt.Sprintf("grad: InterpolateFrom: h is %v, %d offsets", s, len(offsets)))
	}
	return interpolate(t, h, lengths, sigma2, 0, offsets, S)
}

func interpolate(t *Tape, h, lengths *Var, sigma2 float32, offset int, offsets []int, S int) *Var {
	s, l := h.Value.Shape, lengths.Value.Shape
	if len(s) != 3 || len(l) != 3 || l[0] != 1 || l[1] != s[1] || l[2] != s[2] {
		panic(fmt.Sprintf("grad: Interpolate: h is %v, lengths are %v", s, l))
	}
	out := t.New(s[0], s[1], S)
	var o *interpolation
	if t.wants(h, lengths) {
		out.wanted = true
		o = next[interpolation](t)
	} else {
		o = new(interpolation)
	}
	o.h, o.lengths, o.out, o.sigma2, o.S, o.grad = h, lengths, out, sigma2, S, false
	o.offsets = append(o.offsets[:0], offsets...)
	for len(o.offsets) < s[1] {
		o.offsets = append(o.offsets, offset)
	}
	o.weigh()
	parallel.Do(s[0], o)
	return out
}

// weigh fills in the weights.
func (o *interpolation) weigh() {
	B, N := o.h.Value.Shape[1], o.h.Value.Shape[2]
	o.centres, o.live, o.begins = o.centres[:0], o.live[:0], append(o.begins[:0], 0)
	o.from, o.starts, o.weights = o.from[:0], append(o.starts[:0], 0), o.weights[:0]
	for b := range B {
		end := 0.0
		for n, l := range o.lengths.Value.Data[b*N : (b+1)*N] {
			if !(l >= 0) {
				panic(fmt.Sprintf("grad: Interpolate: length %v of token %d of element %d", l, n, b))
			}
			end += float64(l)
			o.centres = append(o.centres, end-float64(l)/2)
			if l > 0 {
				o.live = append(o.live, int32(n))
			}
		}
		o.begins = append(o.begins, int32(len(o.live)))
		for s := range o.S {
			o.frame(b, float64(s+o.offsets[b]))
		}
	}
}

// frame appends the weights of one frame at time s.
func (o *interpolation) frame(b int, s float64) {
	first := int(o.begins[b])
	live := o.live[first:o.begins[b+1]]
	centres := o.centres[b*o.h.Value.Shape[2]:]
	far := func(i int) float64 { d := s - centres[live[i]]; return d * d / float64(o.sigma2) }
	i := sort.Search(len(live), func(i int) bool { return centres[live[i]] >= s })
	if i == len(live) || i > 0 && far(i-1) < far(i) {
		i--
	}
	low, high := max(i, 0), i+1
	if i >= 0 {
		for low > 0 && far(low-1) < far(i)+negligible {
			low--
		}
		for high < len(live) && far(high) < far(i)+negligible {
			high++
		}
	}
	sum, at := 0.0, len(o.weights)
	for j := low; j < high; j++ {
		w := math.Exp(far(i) - far(j))
		sum += w
		o.weights = append(o.weights, float32(w))
	}
	for j := at; j < len(o.weights); j++ {
		o.weights[j] = float32(float64(o.weights[j]) / sum)
	}
	o.from = append(o.from, int32(first+low))
	o.starts = append(o.starts, int32(len(o.weights)))
}

// Run does one channel.
func (o *interpolation) Run(c int) {
	B, N := o.h.Value.Shape[1], o.h.Value.Shape[2]
	for b := range B {
		h := o.h.Value.Data[(c*B+b)*N:][:N]
		a := o.out.Value.Data[(c*B+b)*o.S:][:o.S]
		for s := range a {
			col := b*o.S + s
			tokens := o.live[o.from[col]:]
			w := o.weights[o.starts[col]:o.starts[col+1]]
			if o.grad {
				o.column(c, b, s, tokens, w)
				continue
			}
			sum := float32(0)
			for i, w := range w {
				sum += w * h[tokens[i]]
			}
			a[s] = sum
		}
	}
}

// column hands the gradient of a frame on to the tokens about it.
func (o *interpolation) column(c, b, s int, tokens []int32, w []float32) {
	B, N := o.h.Value.Shape[1], o.h.Value.Shape[2]
	at := (c*B + b) * o.S
	g, a := o.out.Grad.Data[at+s], o.out.Value.Data[at+s]
	for i, w := range w {
		n := int(tokens[i])
		if o.dh != nil {
			o.dh[(c*B+b)*N+n] += w * g
		}
		if o.dc != nil {
			d := float64(s+o.offsets[b]) - o.centres[b*N+n]
			o.dc[(c*B+b)*N+n] += 2 / float64(o.sigma2) * float64(w) * d * float64(g) * float64(o.h.Value.Data[(c*B+b)*N+n]-a)
		}
	}
}

func (o *interpolation) outs() *Var { return o.out }

func (o *interpolation) back(t *Tape) {
	s := o.h.Value.Shape
	dh, acc := t.GradOf(o.h)
	if o.dh = dh; dh != nil && !acc {
		clear(dh)
	}
	dl, accLengths := t.GradOf(o.lengths)
	if o.dc = o.dc[:0]; dl != nil {
		for range s[0] * s[1] * s[2] {
			o.dc = append(o.dc, 0)
		}
	} else {
		o.dc = nil
	}
	o.grad = true
	parallel.Do(s[0], o)
	if dl == nil {
		return
	}
	B, N := s[1], s[2]
	for b := range B { // a length moves its own middle by half, and all later ones
		later := 0.0
		for n := N - 1; n >= 0; n-- {
			own := 0.0
			for c := range s[0] {
				own += o.dc[(c*B+b)*N+n]
			}
			d := float32(later + own/2)
			if later += own; accLengths {
				dl[b*N+n] += d
			} else {
				dl[b*N+n] = d
			}
		}
	}
}
