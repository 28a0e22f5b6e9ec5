package letters

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/tensor"
)

// rarest is how often a chunk occurs at least; words with a rarer one are not learned from.
const rarest = 4

// A Corpus is aligned words in numbers.
type Corpus struct {
	Chunks  []string // what letters sound as, the most frequent first
	words   [][]byte
	targets [][]int32
}

// NewCorpus aligns entries and numbers their chunks.
func NewCorpus(entries []Entry) *Corpus {
	c := &Corpus{}
	aligned, counts := Align(entries), map[string]int{}
	for _, chunks := range aligned {
		for _, s := range chunks {
			counts[s]++
		}
	}
	for s, n := range counts {
		if n >= rarest {
			c.Chunks = append(c.Chunks, s)
		}
	}
	slices.SortFunc(c.Chunks, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	c.number(entries, aligned)
	return c
}

// With returns a corpus of other entries in the same chunks, aligned by themselves.
func (c *Corpus) With(entries []Entry) *Corpus {
	d := &Corpus{Chunks: c.Chunks}
	d.number(entries, Align(entries))
	return d
}

func (c *Corpus) number(entries []Entry, aligned [][]string) {
	ids := map[string]int32{}
	for i, s := range c.Chunks {
		ids[s] = int32(i)
	}
next:
	for i, chunks := range aligned {
		if chunks == nil {
			continue
		}
		target := make([]int32, len(chunks))
		for j, s := range chunks {
			id, ok := ids[s]
			if !ok {
				continue next
			}
			target[j] = id
		}
		c.words, c.targets = append(c.words, encode(entries[i].Word)), append(c.targets, target)
	}
}

// Len returns the number of words.
func (c *Corpus) Len() int { return len(c.words) }

// Batches yields batches of words of one length, in random order for ever: a [train.Source].
type Batches struct {
	corpus   *Corpus
	size     int
	pcg      *rand.PCG
	start    []byte // random state before the epoch was shuffled
	batches  [][]int
	position int
	x        tensor.Tensor
	labels   []int32
}

// Batches returns a source of batches of at most size words.
func (c *Corpus) Batches(size int, pcg *rand.PCG) *Batches {
	b := &Batches{corpus: c, size: size, pcg: pcg}
	b.shuffle(true)
	return b
}

// PerEpoch returns the batches of a pass over the words.
func (b *Batches) PerEpoch() int { return len(b.batches) }

func (b *Batches) shuffle(random bool) {
	byLength := map[int][]int{}
	order := make([]int, len(b.corpus.words))
	for i := range order {
		order[i] = i
	}
	rng := rand.New(b.pcg)
	if random {
		b.start, _ = b.pcg.MarshalBinary() // never fails
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	var lengths []int
	for _, i := range order {
		n := len(b.corpus.words[i])
		if byLength[n] == nil {
			lengths = append(lengths, n)
		}
		byLength[n] = append(byLength[n], i)
	}
	b.batches, b.position = nil, 0
	for _, n := range lengths {
		b.batches = slices.AppendSeq(b.batches, slices.Chunk(byLength[n], b.size))
	}
	if random {
		rng.Shuffle(len(b.batches), func(i, j int) { b.batches[i], b.batches[j] = b.batches[j], b.batches[i] })
	}
}

// Next returns letters and, below them, the chunk of the letter before: x [2, T, B], with a label
// for each of the T·B letters. The chunk before the first letter is number len(Chunks).
func (b *Batches) Next() (*tensor.Tensor, []int32) {
	if b.position == len(b.batches) {
		b.shuffle(true)
	}
	b.fill(b.batches[b.position])
	b.position++
	return &b.x, b.labels
}

func (b *Batches) fill(batch []int) {
	c := b.corpus
	T, B := len(c.words[batch[0]]), len(batch)
	b.x = tensor.Tensor{Shape: []int{2, T, B}, Data: slices.Grow(b.x.Data[:0], 2*T*B)[:2*T*B]}
	b.labels = slices.Grow(b.labels[:0], T*B)[:T*B]
	for j, w := range batch {
		before := int32(len(c.Chunks))
		for t := range T {
			b.x.Data[t*B+j], b.x.Data[(T+t)*B+j] = float32(c.words[w][t]), float32(before)
			before = c.targets[w][t]
			b.labels[t*B+j] = before
		}
	}
}

// InOrder returns a function that yields each word once and then nil, as train.Evaluate wants it.
func (c *Corpus) InOrder(size int) func() (*tensor.Tensor, []int32) {
	b := &Batches{corpus: c, size: size, pcg: &rand.PCG{}}
	b.shuffle(false)
	return func() (*tensor.Tensor, []int32) {
		if b.position == len(b.batches) {
			return nil, nil
		}
		return b.Next()
	}
}

// MarshalBinary returns the position in the epoch and the random state it began with.
func (b *Batches) MarshalBinary() ([]byte, error) {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.position)), b.start...), nil
}

// UnmarshalBinary goes to a position that MarshalBinary returned.
func (b *Batches) UnmarshalBinary(state []byte) error {
	if len(state) < 8 {
		return errors.New("letters: position of the batches: cut short")
	}
	if err := b.pcg.UnmarshalBinary(state[8:]); err != nil {
		return err
	}
	b.shuffle(true)
	at := binary.LittleEndian.Uint64(state)
	if at > uint64(len(b.batches)) {
		return errors.New("letters: position of the batches: beyond the last one")
	}
	b.position = int(at)
	return nil
}
