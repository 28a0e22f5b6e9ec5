package data

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/tensor"
)

// Images is a list of labelled images of one size.
type Images struct {
	C, H, W int
	Pixels  []uint8 // [n, C, H, W]
	Labels  []uint8 // [n]

	Mean, Deviation []float32 // of each channel, in shares of 255: what batches are normalised by
}

// ImageSet is a training set and a test set of the same kind.
type ImageSet struct {
	Train, Test *Images
	Classes     []string // names, by label
}

// Len returns the number of images.
func (m *Images) Len() int { return len(m.Labels) }

// Size returns the bytes of one image.
func (m *Images) Size() int { return m.C * m.H * m.W }

// First returns the first n images, or all where there are fewer.
func (m *Images) First(n int) *Images {
	n = min(n, m.Len())
	c := *m
	c.Pixels, c.Labels = m.Pixels[:n*m.Size()], m.Labels[:n]
	return &c
}

// Options say how batches are made.
type Options struct {
	Size   int  // images in a batch
	Flat   bool // x is [C·H·W, B] instead of [C, B, H, W]
	Shift  int  // move each image by up to so many pixels in each direction, at random
	Mirror bool // mirror each image left to right, at random
}

// Batches draws batches without end: all images in random order, then all again in
// another order. Images that do not fill a batch at the end of a pass are left out
// of it. Not safe for concurrent use.
type Batches struct {
	images *Images
	o      Options
	pcg    *rand.PCG
	start  []byte // state of pcg before this pass was shuffled
	order  []int32
	at     int // images of this pass used
	lo, hi int // part of each batch that is made
	writer batchWriter
}

// Batches returns batches of random order. All randomness comes from pcg, which
// belongs to the batches from now on. It panics unless a batch holds at least one
// image and at most all.
func (m *Images) Batches(o Options, pcg *rand.PCG) *Batches {
	if o.Size < 1 || o.Size > m.Len() {
		panic(fmt.Sprintf("data: Batches: batch of %d of %d images", o.Size, m.Len()))
	}
	b := &Batches{images: m, o: o, pcg: pcg, order: make([]int32, m.Len()), hi: o.Size}
	b.shuffle()
	return b
}

// Share makes Next return only the part of each batch that is the rank's of so many that
// share it. Which batches there are stays the same.
func (b *Batches) Share(rank, ranks int) {
	b.lo, b.hi = rank*b.o.Size/ranks, (rank+1)*b.o.Size/ranks
}

// PerEpoch returns the number of batches of one pass.
func (b *Batches) PerEpoch() int { return len(b.order) / b.o.Size }

func (b *Batches) shuffle() {
	b.start, _ = b.pcg.MarshalBinary() // never fails
	for i := range b.order {
		b.order[i] = int32(i)
	}
	rand.New(b.pcg).Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
	b.at = 0
}

// Next returns the next batch: x of shape [C·H·W, B] or [C, B, H, W], and the
// labels. Both are reused by the call after.
func (b *Batches) Next() (x *tensor.Tensor, labels []int32) {
	if b.at+b.o.Size > len(b.order) {
		b.shuffle()
	}
	rng := rand.New(b.pcg)
	x, labels = b.writer.begin(b.images, b.o, b.hi-b.lo)
	for j, i := range b.order[b.at : b.at+b.o.Size] {
		var v view
		if b.o.Shift > 0 {
			v.dy, v.dx = rng.IntN(2*b.o.Shift+1)-b.o.Shift, rng.IntN(2*b.o.Shift+1)-b.o.Shift
		}
		if b.o.Mirror {
			v.mirror = rng.IntN(2) == 1
		}
		if j >= b.lo && j < b.hi {
			b.writer.put(j-b.lo, int(i), v)
		}
	}
	b.writer.flush()
	b.at += b.o.Size
	return x, labels
}

// MarshalBinary returns the position: which batch comes next, and the random state.
func (b *Batches) MarshalBinary() ([]byte, error) {
	now, err := b.pcg.MarshalBinary()
	if err != nil {
		return nil, err
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(b.start)))
	out = append(out, b.start...)
	out = binary.LittleEndian.AppendUint64(out, uint64(b.at))
	return append(out, now...), nil
}

// UnmarshalBinary goes to a position MarshalBinary returned for the same images.
func (b *Batches) UnmarshalBinary(p []byte) error {
	if len(p) < 4 || uint64(len(p)) < 12+uint64(binary.LittleEndian.Uint32(p)) {
		return fmt.Errorf("data: position of %d bytes is cut short", len(p))
	}
	n := int(binary.LittleEndian.Uint32(p))
	start, at, now := p[4:4+n], binary.LittleEndian.Uint64(p[4+n:]), p[12+n:]
	if at > uint64(len(b.order)) {
		return fmt.Errorf("data: position %d of %d images", at, len(b.order))
	}
	if err := b.pcg.UnmarshalBinary(start); err != nil {
		return fmt.Errorf("data: position: %w", err)
	}
	b.shuffle()
	b.at = int(at)
	if err := b.pcg.UnmarshalBinary(now); err != nil {
		return fmt.Errorf("data: position: %w", err)
	}
	return nil
}

// InOrder returns a function that yields batches of all images in order, the last
// one shorter, and then none.
func (m *Images) InOrder(o Options) func() (x *tensor.Tensor, labels []int32) {
	at := 0
	var w batchWriter
	return func() (*tensor.Tensor, []int32) {
		n := min(o.Size, m.Len()-at)
		if n <= 0 {
			return nil, nil
		}
		x, labels := w.begin(m, o, n)
		for j := range n {
			w.put(j, at+j, view{})
		}
		w.flush()
		at += n
		return x, labels
	}
}
