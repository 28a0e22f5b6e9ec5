package nn

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/tensor"
)

// MultiHeadAttention is attention with Heads heads between four linear layers (Vaswani et
// al. 2017, section 3.2.2), all of which a sparsifier may thin out:
//
//	Output(attention(Query(x), Key(memory), Value(memory))),   all [C, time, B]
type MultiHeadAttention struct {
	Query, Key, Value, Output *Linear // [C, C]
	Heads                     int
}

// NewMultiHeadAttention returns an attention over C features, Glorot-uniform. It panics
// unless the heads divide C.
func NewMultiHeadAttention(C, heads int, rng *rand.Rand) *MultiHeadAttention {
	if heads < 1 || C%heads != 0 {
		panic(fmt.Sprintf("nn: NewMultiHeadAttention: %d features, %d heads", C, heads))
	}
	return &MultiHeadAttention{Heads: heads,
		Query: glorotLinear(C, C, rng), Key: glorotLinear(C, C, rng), Value: glorotLinear(C, C, rng), Output: glorotLinear(C, C, rng)}
}

// glorotLinear returns a linear layer that is not followed by a ReLU.
func glorotLinear(K, M int, rng *rand.Rand) *Linear {
	l := NewLinear(K, M, rng)
	GlorotUniform(l.Weight, rng)
	return l
}

// Forward returns the attention of x [C, T, B] to memory [C, S, B], which is x itself in
// self-attention. See [grad.Attention] for causal and lengths.
func (l *MultiHeadAttention) Forward(t *grad.Tape, x, memory *grad.Var, causal bool, lengths []int32) *grad.Var {
	q, k, v := l.Query.Forward(t, x), l.Key.Forward(t, memory), l.Value.Forward(t, memory)
	return l.Output.Forward(t, grad.Attention(t, q, k, v, l.Heads, causal, lengths))
}

// KeyCache holds the keys and values of an attention while a sequence is written token by
// token, so that each step computes only its own.
type KeyCache struct {
	C, B, Room, N int       // features, batch, times there is room for, times filled
	Keys, Values  []float32 // [C, Room, B]
	Lengths       []int32   // keys of each batch element; nil for N
}

// NewKeyCache returns an empty cache.
func NewKeyCache(C, B, room int) *KeyCache {
	return &KeyCache{C: C, B: B, Room: room, Keys: tensor.Alloc(C * room * B), Values: tensor.Alloc(C * room * B)}
}

// Append adds keys and values [C, times, B]. It panics where there is no room.
func (c *KeyCache) Append(k, v *tensor.Tensor) {
	times := k.Cols() / c.B
	if k.Rows() != c.C || !tensor.SameShape(k, v) || times*c.B != k.Cols() || c.N+times > c.Room {
		panic(fmt.Sprintf("nn: KeyCache: append %v and %v to %d of [%d, %d, %d]", k.Shape, v.Shape, c.N, c.C, c.Room, c.B))
	}
	n := times * c.B
	for i := range c.C {
		at := (i*c.Room + c.N) * c.B
		copy(c.Keys[at:at+n], k.Data[i*n:])
		copy(c.Values[at:at+n], v.Data[i*n:])
	}
	c.N += times
}

// Select makes batch element from[b] of c element b of out, which must have len(from)
// elements, the same features and as much room; out may be another cache only.
func (c *KeyCache) Select(out *KeyCache, from []int32) {
	if out.B != len(from) || out.C != c.C || out.Room < c.N || out == c {
		panic(fmt.Sprintf("nn: KeyCache: select %d of [%d, %d, %d] into [%d, %d, %d]", len(from), c.C, c.Room, c.B, out.C, out.Room, out.B))
	}
	out.N = c.N
	for i := range c.C {
		x, y := i*c.Room*c.B, i*out.Room*out.B
		for range c.N {
			pick(out.Keys[y:y+out.B], c.Keys[x:x+c.B], from)
			pick(out.Values[y:y+out.B], c.Values[x:x+c.B], from)
			x, y = x+c.B, y+out.B
		}
	}
	if c.Lengths != nil {
		out.Lengths = make([]int32, len(from))
		for b, f := range from {
			out.Lengths[b] = c.Lengths[f]
		}
	}
}

// pick sets dst[b] to src[from[b]].
func pick(dst, src []float32, from []int32) {
	dst = dst[:len(from)]
	for b, f := range from {
		dst[b] = src[f]
	}
}

// Remember adds the keys and values of memory [C, S, B] to a cache.
func (l *MultiHeadAttention) Remember(t *grad.Tape, memory *grad.Var, cache *KeyCache) {
	cache.Append(l.Key.Forward(t, memory).Value, l.Value.Forward(t, memory).Value)
}

// Recall returns the attention of x [C, T, B] to what a cache holds. It has no gradient.
func (l *MultiHeadAttention) Recall(t *grad.Tape, x *grad.Var, cache *KeyCache) *grad.Var {
	q := l.Query.Forward(t, x)
	out := t.New(q.Value.Shape...)
	shape := kernel.AttentionShape{H: l.Heads, D: cache.C / l.Heads, T: q.Value.Cols() / cache.B, S: cache.N, B: cache.B,
		Lengths: cache.Lengths, KeyRow: cache.Room * cache.B}
	kernel.Attention(shape, q.Value.Data, cache.Keys, cache.Values, nil, out.Value.Data)
	return l.Output.Forward(t, out)
}
