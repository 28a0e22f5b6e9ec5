package data

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/tensor"
)

// The symbols of the copy task besides the bits 0 and 1.
const (
	CopyDelimiter = 2
	CopyBlank     = 3
	CopySymbols   = 4
)

// CopyMastered is the loss, in bits a character, below which the curriculum of the copy task
// goes on.
const CopyMastered = 0.15

// The curriculum looks at the mean of the last batches: a single one, as in the paper, says too
// little where it is small.
const (
	copyWindow  = 10
	copyShorter = 5 // lengths go from so much below the longest
	maxCopy     = 1 << 20
)

// Copy draws the sequences of the copy task with a curriculum (Menick et al. 2020,
// arXiv:2006.07232, section 5.2; the task is that of Graves et al. 2014): L random bits, a
// delimiter, and L blanks while which the bits are the labels. L is drawn for each sequence from
// 1, or Length - 5, to Length. Not safe for concurrent use.
type Copy struct {
	Length int   // longest sequence of bits now
	Tokens int64 // symbols shown so far, padding counted

	pcg    *rand.PCG
	B      int
	recent []float64
	x      *tensor.Tensor
	labels []int32
}

// NewCopy returns sequences B at a time, from length 1. All randomness comes from pcg, which
// belongs to the task from now on.
func NewCopy(B int, pcg *rand.PCG) *Copy { return &Copy{Length: 1, B: B, pcg: pcg} }

// Next returns ids [T, B] and the label of each, -1 where there is none. Shorter sequences are
// padded with blanks. Both are reused by the call after.
func (c *Copy) Next() (x *tensor.Tensor, labels []int32) {
	rng := rand.New(c.pcg)
	low := max(c.Length-copyShorter, 1)
	lengths, longest := make([]int, c.B), 0
	for b := range lengths {
		lengths[b] = low + rng.IntN(c.Length-low+1)
		longest = max(longest, lengths[b])
	}
	c.draw(rng, lengths, longest)
	c.Tokens += int64(len(c.labels))
	return c.x, c.labels
}

// Longest returns a batch whose sequences all have the current length.
func (c *Copy) Longest(rng *rand.Rand) (x *tensor.Tensor, labels []int32) {
	lengths := make([]int, c.B)
	for b := range lengths {
		lengths[b] = c.Length
	}
	other := &Copy{B: c.B}
	other.draw(rng, lengths, c.Length)
	return other.x, other.labels
}

func (c *Copy) draw(rng *rand.Rand, lengths []int, longest int) {
	T := 2*longest + 1
	if n := T * c.B; c.x == nil || cap(c.x.Data) < n {
		c.x, c.labels = tensor.New(T, c.B), make([]int32, n)
	}
	c.x.Data, c.x.Shape, c.labels = c.x.Data[:T*c.B], []int{T, c.B}, c.labels[:T*c.B]
	for i := range c.labels {
		c.x.Data[i], c.labels[i] = CopyBlank, -1
	}
	for b, n := range lengths {
		for t := range n {
			bit := int32(rng.Uint64() >> 63)
			c.x.Data[t*c.B+b], c.labels[(n+1+t)*c.B+b] = float32(bit), bit
		}
		c.x.Data[n*c.B+b] = CopyDelimiter
	}
}

// Learned tells the mean loss of a batch, in bits a character: the curriculum goes on once it
// is low.
func (c *Copy) Learned(bits float64) {
	c.recent = append(c.recent, bits)
	if len(c.recent) < copyWindow {
		return
	}
	mean := 0.0
	for _, b := range c.recent[len(c.recent)-copyWindow:] {
		mean += b / copyWindow
	}
	if mean < CopyMastered && c.Length < maxCopy {
		c.Length, c.recent = c.Length+1, nil
	}
	c.recent = c.recent[max(0, len(c.recent)-copyWindow+1):]
}

// copyState is what MarshalBinary writes.
type copyState struct {
	Length int
	Tokens int64
	Recent []float64
	Random []byte
}

// MarshalBinary returns the place in the curriculum and the random state.
func (c *Copy) MarshalBinary() ([]byte, error) {
	random, err := c.pcg.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(copyState{c.Length, c.Tokens, c.recent, random})
}

// UnmarshalBinary goes to a state MarshalBinary returned.
func (c *Copy) UnmarshalBinary(p []byte) error {
	var s copyState
	if err := json.Unmarshal(p, &s); err != nil {
		return fmt.Errorf("data: copy task: %w", err)
	}
	if s.Length < 1 || s.Length > maxCopy || s.Tokens < 0 || len(s.Recent) >= copyWindow {
		return fmt.Errorf("data: copy task: length %d, %d symbols shown, %d losses", s.Length, s.Tokens, len(s.Recent))
	}
	if err := c.pcg.UnmarshalBinary(s.Random); err != nil {
		return fmt.Errorf("data: copy task: %w", err)
	}
	c.Length, c.Tokens, c.recent = s.Length, s.Tokens, s.Recent
	return nil
}
