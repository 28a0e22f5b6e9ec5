package kernel

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1) on feature-major
// activations, H heads of D features, T queries, S keys, B batch elements:
//
//	P[s,t] = softmax over s of (Σ_i K[i,s]·Q[i,t] / √D),   Y[i,t] = Σ_s V[i,s]·P[s,t]
//
// The four axes make one small product a head and batch element, with the batch
// innermost. Vectors run along the batch: a head of 8 batch elements (attnLanes) is packed
// to [D, T, 8] with copies of whole vectors, and the products are tiles of 3×4 vectors of
// sums, for which one multiply-add needs 7/12 of a load. Nothing is transposed, softmax is
// a vector operation over rows of T·8, and 20 words cost what 20 words should: products
// one element at a time through GEMM would spend most of their time on tiles that are
// nearly empty. A batch that is no multiple of 8 pays for the next one.

//go:generate sh -c "cd _asm && go run . -op attention -out ../attention_amd64.s -stubs ../z_attention_amd64.go -pkg kernel"

// attnLanes is how many batch elements are worked on at a time.
const attnLanes = 8

// attnMasked stands for minus infinity among scores: differences of it are numbers.
const attnMasked = -1e30

// AttentionShape is the shape of an attention: Q and Y are [H·D, T, B], K and V are
// [H·D, S, B].
type AttentionShape struct {
	H, D    int     // heads, and features of each
	T, S, B int     // queries, keys, batch
	Causal  bool    // query t sees the keys up to S-T+t only; S must be at least T
	Lengths []int32 // keys each batch element has, 1 to S; nil for S
	KeyRow  int     // row stride of K and V, for caches with room to grow; 0 for S·B
}

// Weights returns how many values the weights P of the attention take.
func (a *AttentionShape) Weights() int { return a.H * a.chunks() * a.S * a.T * attnLanes }

func (a *AttentionShape) chunks() int { return (a.B + attnLanes - 1) / attnLanes }

// attentionTask is an attention cut into heads and chunks of the batch.
type attentionTask struct {
	AttentionShape
	Q, K, V, P, Y          []float32
	dY, dQ, dK, dV         []float32
	addQ, addK, addV, back bool
	scale                  float32
}

var attentionTasks = sync.Pool{New: func() any { return new(attentionTask) }}

// Attention computes Y. P, of a.Weights() values in an order of its own, is kept for
// [AttentionGrad]; nil where no gradient is wanted. It panics where a slice is too short
// or a length is not from 1 to S.
func Attention(a AttentionShape, Q, K, V, P, Y []float32) {
	runAttention(attentionTask{AttentionShape: a, Q: Q, K: K, V: V, P: P, Y: Y})
}

// AttentionGrad computes the gradients of Q, K and V, added to what is there where addQ,
// addK or addV say so; those that are nil are left out. They are written in this order, so
// two may be one slice if the later is added. K and V must not have a KeyRow.
func AttentionGrad(a AttentionShape, Q, K, V, P, dY []float32, addQ bool, dQ []float32, addK bool, dK []float32, addV bool, dV []float32) {
	runAttention(attentionTask{AttentionShape: a, Q: Q, K: K, V: V, P: P, dY: dY,
		dQ: dQ, dK: dK, dV: dV, addQ: addQ, addK: addK, addV: addV, back: true})
}

func runAttention(a attentionTask) {
	if a.T == 0 || a.B == 0 {
		return
	}
	a.check()
	a.scale = float32(1 / math.Sqrt(float64(a.D)))
	t := attentionTasks.Get().(*attentionTask)
	*t = a
	parallel.Do(a.H*a.chunks(), t)
	*t = attentionTask{}
	attentionTasks.Put(t)
}

func (t *attentionTask) check() {
	if t.KeyRow == 0 {
		t.KeyRow = t.S * t.B
	}
	rows := t.H * t.D
	wide, long := rows*t.T*t.B, (rows-1)*t.KeyRow+t.S*t.B
	ok := t.S > 0 && t.D > 0 && (!t.Causal || t.S >= t.T) && t.KeyRow >= t.S*t.B && len(t.Q) >= wide && len(t.K) >= long && len(t.V) >= long
	if t.back {
		ok = ok && t.KeyRow == t.S*t.B && len(t.dY) >= wide && len(t.P) >= t.Weights()
	} else {
		ok = ok && len(t.Y) >= wide && (t.P == nil || len(t.P) >= t.Weights())
	}
	if !ok {
		panic(fmt.Sprintf("kernel: Attention: %d heads of %d, %d queries, %d keys (row %d), batch %d: Q has %d values, K %d, V %d, P %d, Y %d, dY %d",
			t.H, t.D, t.T, t.S, t.KeyRow, t.B, len(t.Q), len(t.K), len(t.V), len(t.P), len(t.Y), len(t.dY)))
	}
	if t.Lengths != nil && len(t.Lengths) != t.B {
		panic(fmt.Sprintf("kernel: Attention: %d lengths for a batch of %d", len(t.Lengths), t.B))
	}
	for b, n := range t.Lengths {
		if n < 1 || int(n) > t.S {
			panic(fmt.Sprintf("kernel: Attention: element %d of the batch has %d keys of %d", b, n, t.S))
		}
	}
}

// attentionRoom is memory for the packed operands of a chunk.
type attentionRoom struct{ data, rest []float32 }

var attentionRooms = sync.Pool{New: func() any { return new(attentionRoom) }}

// take returns the next n values.
func (r *attentionRoom) take(n int) []float32 {
	s := r.rest[:n:n]
	r.rest = r.rest[n:]
	return s
}

// Run does one head of a chunk of the batch.
func (t *attentionTask) Run(i int) {
	r := attentionRooms.Get().(*attentionRoom)
	defer attentionRooms.Put(r)
	r.data = resize(r.data, attnLanes*(4*t.D*(t.T+t.S)+2*t.S*t.T+2*t.T))
	r.rest = r.data
	head, lo := i/t.chunks(), i%t.chunks()*attnLanes
	q := t.pack(r, t.Q, t.T, t.T*t.B, head, lo)
	k := t.pack(r, t.K, t.S, t.KeyRow, head, lo)
	v := t.pack(r, t.V, t.S, t.KeyRow, head, lo)
	vec.scale(&q[0], &q[0], len(q), t.scale)
	size := t.S * t.T * attnLanes
	if t.back {
		t.gradient(r, q, k, v, t.P[i*size:(i+1)*size], head, lo)
		return
	}
	var p []float32
	if t.P != nil {
		p = t.P[i*size : (i+1)*size]
	} else {
		p = r.take(size)
	}
	laneProduct(t.S, t.T, t.D, k, 1, t.S, q, t.T, 1, p, t.T)
	t.mask(p, lo)
	t.softmax(r, p)
	y := r.take(t.D * t.T * attnLanes)
	laneProduct(t.D, t.T, t.S, v, t.S, 1, p, t.T, 1, y, t.T)
	t.unpack(y, t.Y, t.T, head, lo, false)
}

// gradient computes, with dP[s,t] = Σ_i V[i,s]·dY[i,t] and the softmax's gradient
// dS = P·(dP - Σ_s P·dP), dV[i,s] = Σ_t dY[i,t]·P[s,t], dQ[i,t] = Σ_s K[i,s]·dS[s,t]/√D
// and dK[i,s] = Σ_t Q[i,t]·dS[s,t]/√D.
func (t *attentionTask) gradient(r *attentionRoom, q, k, v, p []float32, head, lo int) {
	dy := t.pack(r, t.dY, t.T, t.T*t.B, head, lo)
	d := r.take(t.D * max(t.T, t.S) * attnLanes)
	dp, dot := r.take(len(p)), r.take(t.T*attnLanes)
	laneProduct(t.S, t.T, t.D, v, 1, t.S, dy, t.T, 1, dp, t.T)
	clear(dot)
	n := len(dot)
	for at := 0; at < len(p); at += n {
		vec.mulAdd(&dot[0], &p[at], &dp[at], n)
	}
	for at := 0; at < len(p); at += n {
		vec.scaleAdd(&dp[at], &dot[0], &dp[at], n, -1)
		vec.mul(&dp[at], &dp[at], &p[at], n)
	}
	if t.dQ != nil {
		laneProduct(t.D, t.T, t.S, k, t.S, 1, dp, t.T, 1, d, t.T)
		vec.scale(&d[0], &d[0], t.D*t.T*attnLanes, t.scale)
		t.unpack(d, t.dQ, t.T, head, lo, t.addQ)
	}
	if t.dK != nil {
		laneProduct(t.D, t.S, t.T, q, t.T, 1, dp, 1, t.T, d, t.S)
		t.unpack(d, t.dK, t.S, head, lo, t.addK)
	}
	if t.dV != nil {
		laneProduct(t.D, t.S, t.T, dy, t.T, 1, p, 1, t.T, d, t.S)
		t.unpack(d, t.dV, t.S, head, lo, t.addV)
	}
}

// pack copies a head of the chunk's batch elements of X [H·D, n, B] to [D, n, attnLanes];
// lanes beyond the batch repeat its last element.
func (t *attentionTask) pack(r *attentionRoom, X []float32, n, row, head, lo int) []float32 {
	const size = 4 * attnLanes
	out := r.take(t.D * n * attnLanes)
	lanes := min(attnLanes, t.B-lo)
	for i := range t.D {
		x, o := X[(head*t.D+i)*row+lo:], out[i*n*attnLanes:]
		if lanes == attnLanes {
			_ = x[(n-1)*t.B+attnLanes-1]
			laneCopy(&o[0], &x[0], size, 4*t.B, n)
			continue
		}
		for j := range n {
			for l := range attnLanes {
				o[j*attnLanes+l] = x[j*t.B+min(l, lanes-1)]
			}
		}
	}
	return out
}

// unpack is the way back, for [H·D, n, B] without a row stride.
func (t *attentionTask) unpack(x, Y []float32, n, head, lo int, add bool) {
	const size = 4 * attnLanes
	move := laneCopy
	if add {
		move = laneAdd
	}
	lanes := min(attnLanes, t.B-lo)
	for i := range t.D {
		o, y := x[i*n*attnLanes:], Y[(head*t.D+i)*n*t.B+lo:]
		if lanes == attnLanes {
			_ = y[(n-1)*t.B+attnLanes-1]
			move(&y[0], &o[0], 4*t.B, size, n)
			continue
		}
		for j := range n {
			for l, v := range o[j*attnLanes : j*attnLanes+lanes] {
				if add {
					v += y[j*t.B+l]
				}
				y[j*t.B+l] = v
			}
		}
	}
}

// mask takes out the scores of keys that a query does not see.
func (t *attentionTask) mask(p []float32, lo int) {
	for s := range t.S {
		row := p[s*t.T*attnLanes : (s+1)*t.T*attnLanes]
		if t.Causal {
			for i := range row[:attnLanes*min(t.T, max(0, s-(t.S-t.T)))] {
				row[i] = attnMasked
			}
		}
		if t.Lengths == nil {
			continue
		}
		for l, n := range t.Lengths[lo:min(lo+attnLanes, t.B)] {
			if s >= int(n) {
				for i := l; i < len(row); i += attnLanes {
					row[i] = attnMasked
				}
			}
		}
	}
}

// softmax turns scores into weights, down the keys.
func (t *attentionTask) softmax(r *attentionRoom, p []float32) {
	top, sum := r.take(t.T*attnLanes), r.take(t.T*attnLanes)
	n := len(top)
	copy(top, p)
	for at := n; at < len(p); at += n {
		vec.max(&top[0], &top[0], &p[at], n)
	}
	clear(sum)
	for at := 0; at < len(p); at += n {
		vec.expSub(&p[at], &sum[0], &p[at], &top[0], n)
	}
	for i, s := range sum {
		sum[i] = 1 / s
	}
	for at := 0; at < len(p); at += n {
		vec.mul(&p[at], &p[at], &sum[0], n)
	}
}

// laneTile computes a tile of C[m,n] = Σ_k A[m,k]·B[k,n] whose elements are vectors of
// attnLanes; strides are in bytes.
type laneTile func(a *float32, am, ak int, b *float32, bk, bn int, c *float32, cm, k int)

// laneTiles are the tiles of the level in use, by how many rows (1 or 3) and columns (1 or
// 4) they have: narrow ones do what is left over.
var laneTiles struct{ t3x4, t3x1, t1x4, t1x1 laneTile }

func init() {
	bind(Portable, func() {
		laneTiles.t3x4, laneTiles.t3x1 = portableLanes(3, 4), portableLanes(3, 1)
		laneTiles.t1x4, laneTiles.t1x1 = portableLanes(1, 4), portableLanes(1, 1)
		laneCopy = func(dst, src *float32, ds, ss, n int) {
			for i := range n {
				*lanesAt(dst, i*ds) = *lanesAt(src, i*ss)
			}
		}
		laneAdd = func(dst, src *float32, ds, ss, n int) {
			for i := range n {
				d := lanesAt(dst, i*ds)
				for l, v := range lanesAt(src, i*ss) {
					d[l] += v
				}
			}
		}
	})
}

// laneMove copies n vectors that stand ss bytes apart to places ds bytes apart, or adds
// them to what is there.
type laneMove func(dst, src *float32, ds, ss, n int)

var laneCopy, laneAdd laneMove

func portableLanes(mr, nr int) laneTile {
	return func(a *float32, am, ak int, b *float32, bk, bn int, c *float32, cm, k int) {
		for m := range mr {
			for n := range nr {
				var sum [attnLanes]float32
				for i := range k {
					x, y := lanesAt(a, m*am+i*ak), lanesAt(b, i*bk+n*bn)
					for l := range sum {
						sum[l] += x[l] * y[l]
					}
				}
				*lanesAt(c, m*cm+n*4*attnLanes) = sum
			}
		}
	}
}

// lanesAt returns the vector so many bytes after p.
func lanesAt(p *float32, bytes int) *[attnLanes]float32 {
	return (*[attnLanes]float32)(unsafe.Add(unsafe.Pointer(p), bytes))
}

// laneProduct computes C[M,N] = A[M,K]·B[K,N] of vectors of attnLanes: an element of A
// stands am vectors from the next in m and ak in k, one of B bk in k and bn in n, and one
// of C cm in m and 1 in n.
func laneProduct(M, N, K int, A []float32, am, ak int, B []float32, bk, bn int, C []float32, cm int) {
	const size = 4 * attnLanes
	for m := 0; m < M; {
		rows, wide, narrow := 3, laneTiles.t3x4, laneTiles.t3x1
		if M-m < rows {
			rows, wide, narrow = 1, laneTiles.t1x4, laneTiles.t1x1
		}
		for n := 0; n < N; {
			cols, tile := 4, wide
			if N-n < cols {
				cols, tile = 1, narrow
			}
			tile(&A[m*am*attnLanes], size*am, size*ak, &B[n*bn*attnLanes], size*bk, size*bn, &C[(m*cm+n)*attnLanes], size*cm, K)
			n += cols
		}
		m += rows
	}
}
