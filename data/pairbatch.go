package data

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/tensor"
)

// TokenPairs are encoded sentences and their translations.
type TokenPairs struct{ Source, Target [][]int32 }

// Encode encodes pairs and leaves out those of which a side is empty or has more than
// longest tokens; skipped says how many.
func (p *Pairs) Encode(b *BPE, longest int) (pairs *TokenPairs, skipped int) {
	pairs = &TokenPairs{}
	for i := range p.Source {
		s, t := b.Encode(nil, p.Source[i]), b.Encode(nil, p.Target[i])
		if min(len(s), len(t)) == 0 || max(len(s), len(t)) > longest {
			skipped++
			continue
		}
		pairs.Source, pairs.Target = append(pairs.Source, s), append(pairs.Target, t)
	}
	return pairs, skipped
}

// Len returns the number of pairs.
func (p *TokenPairs) Len() int { return len(p.Source) }

// poolBatches is how many batches are sorted by length together: pairs of a batch are of
// much the same length, so that little is padded, and yet differ from pass to pass.
const poolBatches = 50

// PairBatches yields training batches of translations. It is a train.Source.
type PairBatches struct {
	pairs *TokenPairs
	size  int
	pcg   *rand.PCG
	order []int32
	start []byte // random state the order was made from
	at    int    // next in order
	batch PairBatch
}

// Batches returns batches of size pairs in random order. All randomness comes from pcg,
// which belongs to the batches from now on. It panics unless a batch holds at least one
// pair and at most all.
func (p *TokenPairs) Batches(size int, pcg *rand.PCG) *PairBatches {
	if size < 1 || size > p.Len() {
		panic(fmt.Sprintf("data: Batches: batch of %d of %d pairs", size, p.Len()))
	}
	b := &PairBatches{pairs: p, size: size, pcg: pcg, order: make([]int32, p.Len())}
	b.shuffle()
	return b
}

// PerEpoch returns the number of batches of one pass; up to size-1 pairs are left for
// another.
func (b *PairBatches) PerEpoch() int { return len(b.order) / b.size }

// shuffle makes the order of a pass: random pools, each sorted by length, cut into batches,
// which are shuffled.
func (b *PairBatches) shuffle() {
	b.start, _ = b.pcg.MarshalBinary() // never fails
	rng := rand.New(b.pcg)
	for i := range b.order {
		b.order[i] = int32(i)
	}
	rng.Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	whole := b.order[:b.PerEpoch()*b.size]
	for pool := range slices.Chunk(whole, poolBatches*b.size) {
		slices.SortStableFunc(pool, func(i, j int32) int {
			p := b.pairs
			if d := len(p.Target[i]) - len(p.Target[j]); d != 0 {
				return d
			}
			return len(p.Source[i]) - len(p.Source[j])
		})
	}
	spare := make([]int32, b.size)
	rng.Shuffle(b.PerEpoch(), func(i, j int) {
		x, y := whole[i*b.size:(i+1)*b.size], whole[j*b.size:(j+1)*b.size]
		copy(spare, x)
		copy(x, y)
		copy(y, spare)
	})
	b.at = 0
}

// Next returns the next batch: see [PairBatch].
func (b *PairBatches) Next() (x *tensor.Tensor, labels []int32) {
	if b.at+b.size > len(b.order) {
		b.shuffle()
	}
	b.batch.begin()
	for _, i := range b.order[b.at : b.at+b.size] {
		b.batch.add(b.pairs.Source[i], b.pairs.Target[i])
	}
	b.at += b.size
	return b.batch.Tensor()
}

// MarshalBinary returns the position: the state the pass was shuffled from, and how much
// of it is done.
func (b *PairBatches) MarshalBinary() ([]byte, error) {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.at)), b.start...), nil
}

// UnmarshalBinary goes to a position MarshalBinary returned for the same pairs.
func (b *PairBatches) UnmarshalBinary(p []byte) error {
	if len(p) < 8 {
		return fmt.Errorf("data: position of %d bytes is cut short", len(p))
	}
	at := binary.LittleEndian.Uint64(p)
	if at > uint64(len(b.order)) {
		return fmt.Errorf("data: position %d of %d pairs", at, len(b.order))
	}
	if err := b.pcg.UnmarshalBinary(p[8:]); err != nil {
		return fmt.Errorf("data: position: %w", err)
	}
	b.shuffle()
	b.at = int(at)
	return nil
}

// InOrder returns a function that yields batches of up to size pairs in order of length,
// and then none.
func (p *TokenPairs) InOrder(size int) func() (x *tensor.Tensor, labels []int32) {
	order := p.byLength()
	var batch PairBatch
	return func() (*tensor.Tensor, []int32) {
		n := min(size, len(order))
		if n == 0 {
			return nil, nil
		}
		batch.begin()
		for _, i := range order[:n] {
			batch.add(p.Source[i], p.Target[i])
		}
		order = order[n:]
		return batch.Tensor()
	}
}

func (p *TokenPairs) byLength() []int {
	order := make([]int, p.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return len(p.Source[i]) - len(p.Source[j]) })
	return order
}

// PairBatch turns encoded pairs into the input of a translation model and its labels.
type PairBatch struct {
	source, target [][]int32
	x              tensor.Tensor
	labels         []int32
}

func (b *PairBatch) begin() { b.source, b.target = b.source[:0], b.target[:0] }

func (b *PairBatch) add(source, target []int32) {
	b.source, b.target = append(b.source, source), append(b.target, target)
}

// NewPairBatch returns a batch of the given pairs.
func NewPairBatch(source, target [][]int32) *PairBatch {
	return &PairBatch{source: source, target: target}
}

// Tensor returns token numbers as x [1+S+T, B], time before batch: a row of the source
// lengths, their ends counted; S rows of sources, each followed by [EndToken]; T rows of
// targets, each after [BeginToken], the rest [PadToken]. S is the greatest of the lengths.
// The labels are T rows of B: the token that comes next, [EndToken] after the last, and -1
// where there is none. Both are reused by the next batch.
func (b *PairBatch) Tensor() (x *tensor.Tensor, labels []int32) {
	S, T, B := 0, 0, len(b.source)
	for i := range b.source {
		S, T = max(S, len(b.source[i])+1), max(T, len(b.target[i])+1)
	}
	n := (1 + S + T) * B
	if cap(b.x.Data) < n {
		b.x.Data = tensor.Alloc(n)
	}
	b.x.Data, b.x.Shape = b.x.Data[:n], append(b.x.Shape[:0], 1+S+T, B)
	b.labels = slices.Grow(b.labels[:0], T*B)[:T*B]
	clear(b.x.Data) // PadToken is 0
	for i := range b.labels {
		b.labels[i] = -1
	}
	for j := range b.source {
		put := func(row int, token int32) { b.x.Data[row*B+j] = float32(token) }
		s, t := b.source[j], b.target[j]
		put(0, int32(len(s)+1))
		for i, token := range s {
			put(1+i, token)
		}
		put(1+len(s), EndToken)
		put(1+S, BeginToken)
		for i, token := range t {
			put(2+S+i, token)
			b.labels[i*B+j] = token
		}
		b.labels[len(t)*B+j] = EndToken
	}
	return &b.x, b.labels
}
