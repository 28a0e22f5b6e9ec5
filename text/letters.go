package text

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// beams is how many readings of a word are followed at a time.
const beams = 4

// longestWord is the length in letters beyond which a word is read in pieces.
const longestWord = 40

// Reader is a trained network that says how a word is pronounced: recurrent units read its letters
// in both directions, others write from left to right what each letter sounds as, seeing what they
// wrote for the one before. It is safe for concurrent use.
type Reader struct {
	alphabet             string
	chunks               [][]string
	ahead, back, decoder gru
	aheadOf, backOf      []func() []float32 // part of the gates that comes from a letter
	before               []func() []float32 // and from the chunk before
	out                  rows
	outBias              []float32
	pieces               recent[[]string] // of words too long to be any
}

// rows is a sparse matrix by rows.
type rows struct {
	M, K    int
	from    []int32 // where each row begins; M+1 of them
	columns []uint16
	values  []float32
}

type gru struct {
	input, recurrent rows
	bias, nbias      []float32
}

// multiply adds the product with x to y.
func (w *rows) multiply(x, y []float32) {
	for r := range w.M {
		sum := float32(0)
		a, b := w.from[r], w.from[r+1]
		values := w.values[a:b]
		for i, c := range w.columns[a:b] {
			sum += values[i] * x[c]
		}
		y[r] += sum
	}
}

// multiplyBeams is multiply for several columns at once.
func (w *rows) multiplyBeams(x, y [][beams]float32) {
	for r := range w.M {
		var s0, s1, s2, s3 float32
		a, b := w.from[r], w.from[r+1]
		values := w.values[a:b]
		for i, c := range w.columns[a:b] {
			v, q := values[i], &x[c]
			s0 += v * q[0]
			s1 += v * q[1]
			s2 += v * q[2]
			s3 += v * q[3]
		}
		y[r] = [beams]float32{y[r][0] + s0, y[r][1] + s1, y[r][2] + s2, y[r][3] + s3}
	}
}

// exp returns e^x, to the last bits of a float32, between bounds beyond which the functions below
// do not change.
func exp(x float32) float32 {
	x = max(-60, min(x, 60))
	k := int32(x*(1/math.Ln2)+128.5) - 128
	r := x - float32(k)*0.693359375 + float32(k)*2.12194440e-4
	p := ((((1.9875691500e-4*r+1.3981999507e-3)*r+8.3334519073e-3)*r+4.1665795894e-2)*r+1.6666665459e-1)*r + 0.5 // Cephes
	return math.Float32frombits(math.Float32bits(p*r*r+r+1) + uint32(k)<<23)
}

func sigmoid(x float32) float32 { return 1 / (1 + exp(-x)) }

func tanh(x float32) float32 { return 1 - 2/(1+exp(2*x)) }

// unit returns the next state of one unit: r, z and n are its gates' inputs, u the candidate's
// recurrent product.
func unit(r, z, n, u, h float32) float32 {
	update := sigmoid(z)
	return (1-update)*tanh(n+sigmoid(r)*u) + update*h
}

// run returns the states for letters, forwards or backwards, in the order of the letters.
func (g *gru) run(letters []byte, table []func() []float32, backwards bool) [][]float32 {
	H := g.recurrent.K
	out, h, u := make([][]float32, len(letters)), make([]float32, H), make([]float32, 3*H)
	for i := range letters {
		at := i
		if backwards {
			at = len(letters) - 1 - i
		}
		x := table[letters[at]]()
		clear(u[:2*H])
		copy(u[2*H:], g.nbias)
		g.recurrent.multiply(h, u)
		next := make([]float32, H)
		for j := range next {
			next[j] = unit(x[j]+u[j], x[H+j]+u[H+j], x[2*H+j], u[2*H+j], h[j])
		}
		out[at], h = next, next
	}
	return out
}

// beam is a reading of the first letters.
type beam struct {
	score  float64
	last   int // chunk of the last letter
	from   int // the beam it goes on from
	before *trail
}

type trail struct {
	chunk  int
	before *trail
}

// Read returns the phonemes of a word; letters outside the alphabet the network learned are
// skipped, and a word without any has none.
func (r *Reader) Read(word string) []string {
	var letters []byte
	for i := range len(word) {
		if id := strings.IndexByte(r.alphabet, word[i]); id >= 0 {
			letters = append(letters, byte(id))
		}
	}
	var out []string
	if len(letters) == 0 {
		return nil
	}
	if len(letters) <= longestWord {
		return r.decode(letters)
	}
	for piece := range slices.Chunk(letters, longestWord) {
		out = append(out, r.pieces.of(string(piece), func(p string) []string { return r.decode([]byte(p)) })...)
	}
	return out
}

func (r *Reader) decode(letters []byte) []string {
	ahead, back := r.ahead.run(letters, r.aheadOf, false), r.back.run(letters, r.backOf, true)
	H, E := r.decoder.recurrent.K, r.ahead.recurrent.K
	x := make([]float32, r.decoder.input.K)
	a := make([]float32, 3*H)
	u, h, next := make([][beams]float32, 3*H), make([][beams]float32, H), make([][beams]float32, H)
	logits := make([][beams]float32, r.out.M)
	live := []beam{{last: len(r.chunks)}}
	for i := range letters {
		copy(x, ahead[i])
		copy(x[E:], back[i])
		copy(a, r.decoder.bias)
		r.decoder.input.multiply(x, a)
		clear(u)
		for j, b := range r.decoder.nbias {
			u[2*H+j] = [beams]float32{b, b, b, b}
		}
		r.decoder.recurrent.multiplyBeams(h, u)
		for k, b := range live {
			e := r.before[b.last]()
			for j := range H {
				next[j][k] = unit(a[j]+e[j]+u[j][k], a[H+j]+e[H+j]+u[H+j][k], a[2*H+j]+e[2*H+j], u[2*H+j][k], h[j][k])
			}
		}
		for j, b := range r.outBias {
			logits[j] = [beams]float32{b, b, b, b}
		}
		r.out.multiplyBeams(next, logits)
		live = expand4(live, logits)
		for j := range h {
			for k, b := range live {
				h[j][k] = next[j][b.from]
			}
		}
	}
	return r.phones(live[0])
}

// expand4 returns the best ways to go on, the best first.
func expand4(live []beam, logits [][beams]float32) []beam {
	var best []beam
	for k, b := range live {
		top := float32(math.Inf(-1))
		for _, l := range logits {
			top = max(top, l[k])
		}
		sum := 0.0
		for _, l := range logits {
			if d := l[k] - top; d > -20 {
				sum += math.Exp(float64(d))
			}
		}
		base := b.score - float64(top) - math.Log(sum)
		for c, l := range logits {
			score := base + float64(l[k])
			if len(best) == beams && score <= best[beams-1].score {
				continue
			}
			if len(best) == beams {
				best = best[:beams-1]
			}
			best = append(best, beam{score: score, last: c, from: k, before: b.before})
			slices.SortStableFunc(best, func(a, b beam) int { return cmp.Compare(b.score, a.score) })
		}
	}
	for i := range best {
		best[i].before = &trail{best[i].last, best[i].before}
	}
	return best
}

func (r *Reader) phones(b beam) []string {
	var chunks []int
	for t := b.before; t != nil; t = t.before {
		chunks = append(chunks, t.chunk)
	}
	var out []string
	for _, c := range slices.Backward(chunks) {
		out = append(out, r.chunks[c]...)
	}
	return out
}
