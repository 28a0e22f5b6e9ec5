package nn

import (
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
)

// FeedForward is Out(ReLU(In(x))) (Vaswani et al. 2017, section 3.3).
type FeedForward struct{ In, Out *Linear }

// NewFeedForward returns a feed-forward part of C features and so many hidden ones.
func NewFeedForward(C, hidden int, rng *rand.Rand) *FeedForward {
	return &FeedForward{In: NewLinear(C, hidden, rng), Out: glorotLinear(hidden, C, rng)}
}

// Forward returns [C, ...] for x [C, ...].
func (l *FeedForward) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	return l.Out.Forward(t, grad.ReLU(t, l.In.Forward(t, x)))
}

// Positions scales embeddings and adds where they stand, x [C, T, B] to
//
//	y[2i,t] = Scale·x[2i,t] + sin(t/10000^(2i/C)),   y[2i+1,t] = Scale·x[2i+1,t] + cos(same)
//
// (Vaswani et al. 2017, section 3.5).
type Positions struct {
	Scale float32

	shift []float32
}

// Forward returns y with times counted from first.
func (l *Positions) Forward(t *grad.Tape, x *grad.Var, first int) *grad.Var {
	C, T := x.Value.Shape[0], x.Value.Shape[1]
	if cap(l.shift) < C*T {
		l.shift = make([]float32, C*T)
	}
	l.shift = l.shift[:C*T]
	for c := range C {
		// The sine and cosine of the next time follow from those of this one.
		step := math.Pow(10000, -float64(c/2*2)/float64(C))
		sin, cos := math.Sincos(float64(first) * step)
		ds, dc := math.Sincos(step)
		for i := range T {
			v := sin
			if c%2 == 1 {
				v = cos
			}
			l.shift[c*T+i] = float32(v)
			sin, cos = sin*dc+cos*ds, cos*dc-sin*ds
		}
	}
	return grad.ScaleShift(t, x, l.Scale, l.shift)
}

// EncoderLayer is a layer of a Transformer's encoder with the norm before each part (Wang
// et al. 2019, figure 1b), as in the authors' library: x + Dropout(part(Norm(x))) for
// self-attention, then the feed-forward part.
type EncoderLayer struct {
	Attention       *MultiHeadAttention
	AttentionNorm   *LayerNorm
	FeedForward     *FeedForward
	FeedForwardNorm *LayerNorm
	Dropout         *Dropout
}

// NewEncoderLayer returns a layer of C features. The dropout may be shared by many.
func NewEncoderLayer(C, heads, hidden int, dropout *Dropout, rng *rand.Rand) *EncoderLayer {
	return &EncoderLayer{Attention: NewMultiHeadAttention(C, heads, rng), AttentionNorm: NewLayerNorm(C),
		FeedForward: NewFeedForward(C, hidden, rng), FeedForwardNorm: NewLayerNorm(C), Dropout: dropout}
}

// Forward returns [C, S, B] for x [C, S, B], of which each batch element has so many times.
func (l *EncoderLayer) Forward(t *grad.Tape, x *grad.Var, lengths []int32) *grad.Var {
	h := l.AttentionNorm.Forward(t, x)
	x = grad.Add(t, x, l.Dropout.Forward(t, l.Attention.Forward(t, h, h, false, lengths)))
	return feed(t, x, l.FeedForwardNorm, l.FeedForward, l.Dropout)
}

func feed(t *grad.Tape, x *grad.Var, norm *LayerNorm, part *FeedForward, dropout *Dropout) *grad.Var {
	return grad.Add(t, x, dropout.Forward(t, part.Forward(t, norm.Forward(t, x))))
}

// DecoderLayer is a layer of a Transformer's decoder: like [EncoderLayer], but its
// self-attention looks back only, and attention to the encoder's result comes between.
type DecoderLayer struct {
	Attention       *MultiHeadAttention
	AttentionNorm   *LayerNorm
	Cross           *MultiHeadAttention
	CrossNorm       *LayerNorm
	FeedForward     *FeedForward
	FeedForwardNorm *LayerNorm
	Dropout         *Dropout
}

// NewDecoderLayer returns a layer of C features. The dropout may be shared by many.
func NewDecoderLayer(C, heads, hidden int, dropout *Dropout, rng *rand.Rand) *DecoderLayer {
	return &DecoderLayer{Attention: NewMultiHeadAttention(C, heads, rng), AttentionNorm: NewLayerNorm(C),
		Cross: NewMultiHeadAttention(C, heads, rng), CrossNorm: NewLayerNorm(C),
		FeedForward: NewFeedForward(C, hidden, rng), FeedForwardNorm: NewLayerNorm(C), Dropout: dropout}
}

// Forward returns [C, T, B] for x [C, T, B] and the encoder's memory [C, S, B], of which
// each batch element has so many times.
func (l *DecoderLayer) Forward(t *grad.Tape, x, memory *grad.Var, lengths []int32) *grad.Var {
	h := l.AttentionNorm.Forward(t, x)
	x = grad.Add(t, x, l.Dropout.Forward(t, l.Attention.Forward(t, h, h, true, nil)))
	x = grad.Add(t, x, l.Dropout.Forward(t, l.Cross.Forward(t, l.CrossNorm.Forward(t, x), memory, false, lengths)))
	return feed(t, x, l.FeedForwardNorm, l.FeedForward, l.Dropout)
}

// Step is Forward for one more time, x [C, 1, B], without gradients. past holds the layer's
// keys and values of the times before, and those of this one afterwards; memory those of
// the encoder's result.
func (l *DecoderLayer) Step(t *grad.Tape, x *grad.Var, past, memory *KeyCache) *grad.Var {
	h := l.AttentionNorm.Forward(t, x)
	l.Attention.Remember(t, h, past)
	x = grad.Add(t, x, l.Attention.Recall(t, h, past))
	x = grad.Add(t, x, l.Cross.Recall(t, l.CrossNorm.Forward(t, x), memory))
	return feed(t, x, l.FeedForwardNorm, l.FeedForward, l.Dropout)
}
