package data

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/tensor"
)

// Crops draws sequences from random places of a text without end. Its labels are the symbols
// that follow. Not safe for concurrent use.
type Crops struct {
	ids    []int32
	pcg    *rand.PCG
	x      *tensor.Tensor
	labels []int32
}

// NewCrops returns crops of T symbols, B at a time. All randomness comes from pcg, which
// belongs to the crops from now on. It panics unless the text is longer than T.
func NewCrops(ids []int32, T, B int, pcg *rand.PCG) *Crops {
	if T < 1 || B < 1 || len(ids) <= T {
		panic(fmt.Sprintf("data: NewCrops: %d sequences of %d symbols from a text of %d", B, T, len(ids)))
	}
	return &Crops{ids: ids, pcg: pcg, x: tensor.New(T, B), labels: make([]int32, T*B)}
}

// PerEpoch returns the number of batches that hold as many symbols as the text, at least 1.
func (c *Crops) PerEpoch() int { return max(1, len(c.ids)/len(c.labels)) }

// Next returns ids [T, B] and, for each, the one that follows it in the text. Both are
// reused by the call after.
func (c *Crops) Next() (x *tensor.Tensor, labels []int32) {
	rng := rand.New(c.pcg)
	T, B := c.x.Shape[0], c.x.Shape[1]
	for b := range B {
		crop := c.ids[rng.IntN(len(c.ids)-T):]
		for t := range T {
			c.x.Data[t*B+b], c.labels[t*B+b] = float32(crop[t]), crop[t+1]
		}
	}
	return c.x, c.labels
}

// MarshalBinary returns the random state.
func (c *Crops) MarshalBinary() ([]byte, error) { return c.pcg.MarshalBinary() }

// UnmarshalBinary goes to a state MarshalBinary returned for the same text.
func (c *Crops) UnmarshalBinary(p []byte) error {
	if err := c.pcg.UnmarshalBinary(p); err != nil {
		return fmt.Errorf("data: position: %w", err)
	}
	return nil
}

// Streams cuts a text into B streams of equal length, the last may be shorter, and returns a
// function that yields them side by side in order, T symbols at a time, the last time
// fewer, and then none: ids [T, B] and the symbols that follow, -1 where a stream has
// ended. Every symbol but the first is a label once. A network that carries its state reads
// each stream as one text.
func Streams(ids []int32, T, B int) func() (x *tensor.Tensor, labels []int32) {
	if T < 1 || B < 1 {
		panic(fmt.Sprintf("data: Streams: %d streams, %d symbols at a time", B, T))
	}
	pairs := max(len(ids)-1, 0)
	length := (pairs + B - 1) / B
	at := 0
	return func() (*tensor.Tensor, []int32) {
		n := min(T, length-at)
		if n <= 0 {
			return nil, nil
		}
		x, labels := tensor.New(n, B), make([]int32, n*B)
		for b := range B {
			for t := range n {
				labels[t*B+b] = -1
				if i := b*length + at + t; i < min((b+1)*length, pairs) {
					x.Data[t*B+b], labels[t*B+b] = float32(ids[i]), ids[i+1]
				}
			}
		}
		at += n
		return x, labels
	}
}
