package data

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/tensor"
)

// photosAhead is how many batches are made ready while one is in use.
const photosAhead = 2

// PhotoBatches draws batches of photographs without end: all images in random order, then
// all again in another order. Images that do not fill a batch at the end of a pass are left
// out of it. Files are read and decoded ahead of their use by a goroutine for each worker;
// what is drawn depends on the seed alone, since the random numbers of an image are those of
// the seed, the pass and the image. In the place of a file that cannot be read is the next
// one of the list that can: see [Photos.Warning]. Not safe for concurrent use.
type PhotoBatches struct {
	photos  *Photos
	size    int // images in a batch
	side    int
	augment bool
	seed    uint64
	next    uint64 // number of the batch handed out next
	planned uint64 // number of the batch to be made ready next
	epoch   uint64 // that order is of
	order   []int32
	err     error
	inUse   *photoBatch
	waiting []*photoBatch
	line    *photoLine
}

// Batches returns batches of so many images of side×side pixels. If augment is true they
// are random crops of 8 to 100 % of the image, of a shape from 3:4 to 4:3, half of them
// mirrored; else the middle of the image, as [Photos.InOrder] shows it. It panics unless a
// batch holds at least one image and at most all.
func (p *Photos) Batches(size, side int, augment bool, seed uint64) *PhotoBatches {
	if size < 1 || size > p.Len() || side < 1 {
		panic(fmt.Sprintf("data: Photos.Batches: batch of %d of %d images of %d×%d", size, p.Len(), side, side))
	}
	return &PhotoBatches{photos: p, size: size, side: side, augment: augment, seed: seed}
}

// PerEpoch returns the number of batches of one pass.
func (b *PhotoBatches) PerEpoch() int { return b.photos.Len() / b.size }

// Err returns why the last call of Next had no batch: so many files in a row could not be
// read that the folder must be gone.
func (b *PhotoBatches) Err() error { return b.err }

// Next returns the next batch, x of shape [3, B, side, side], normalised by [PhotoMean] and
// [PhotoDeviation], and the labels. Both are reused by the call after. It returns nothing
// where [PhotoBatches.Err] is not nil.
func (b *PhotoBatches) Next() (x *tensor.Tensor, labels []int32) {
	for len(b.waiting) <= photosAhead {
		b.plan(b.inUse)
		b.inUse = nil
	}
	b.inUse = b.waiting[0]
	b.waiting = append(b.waiting[:0], b.waiting[1:]...)
	<-b.inUse.done
	if b.err = b.inUse.err; b.err != nil {
		return nil, nil
	}
	b.next++
	return b.inUse.x, b.inUse.labels
}

// plan orders the batch that is to be made ready next, in the room of one that is no longer
// in use.
func (b *PhotoBatches) plan(room *photoBatch) {
	n := uint64(b.PerEpoch())
	epoch, at := b.planned/n, int(b.planned%n)*b.size
	if b.order == nil || b.epoch != epoch {
		b.shuffle(epoch)
	}
	if room == nil {
		room = newPhotoBatch(b.photos, b.size, b.side)
	}
	var random func(i, w, h int) crop
	if b.augment {
		seed := b.seed
		random = func(i, w, h int) crop { return randomCrop(w, h, randomOf(seed, epoch, uint64(i)+1)) }
	}
	room.begin(b.order[at:at+b.size], random)
	b.planned++
	b.waiting = append(b.waiting, room)
	if b.line == nil {
		b.line = &photoLine{}
	}
	b.line.add(room)
}

// randomOf returns the random numbers of image i-1 in a pass, or with 0 those of its order.
func randomOf(seed, epoch, i uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(seed+mix(epoch+1)), mix(i)))
}

func (b *PhotoBatches) shuffle(epoch uint64) {
	b.epoch, b.order = epoch, room(b.order, b.photos.Len())
	for i := range b.order {
		b.order[i] = int32(i)
	}
	randomOf(b.seed, epoch, 0).Shuffle(len(b.order), func(i, j int) { b.order[i], b.order[j] = b.order[j], b.order[i] })
}

// MarshalBinary returns the position: the seed, and which batch comes next, whatever has
// been made ready beyond it.
func (b *PhotoBatches) MarshalBinary() ([]byte, error) {
	var out []byte
	for _, v := range []uint64{uint64(b.photos.Len()), uint64(b.size), b.seed, b.next} {
		out = binary.LittleEndian.AppendUint64(out, v)
	}
	return out, nil
}

// UnmarshalBinary goes to a position MarshalBinary returned for the same images.
func (b *PhotoBatches) UnmarshalBinary(p []byte) error {
	if len(p) != 32 {
		return fmt.Errorf("data: position of %d bytes, want 32", len(p))
	}
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(p[8*i:]) }
	if word(0) != uint64(b.photos.Len()) || word(1) != uint64(b.size) {
		return fmt.Errorf("data: position in %d images, %d at a time, but there are %d, %d at a time: the folder has changed",
			word(0), word(1), b.photos.Len(), b.size)
	}
	b.seed, b.next, b.planned = word(2), word(3), word(3)
	b.order, b.waiting, b.inUse, b.err = nil, nil, nil, nil // what is under way ends unseen
	b.line = nil
	return nil
}
