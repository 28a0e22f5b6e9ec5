package data

import (
	"fmt"
	"sync"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/tensor"
)

// photoBatch is a batch in the making.
type photoBatch struct {
	photos *Photos
	side   int
	x      *tensor.Tensor
	labels []int32
	err    error
	done   chan struct{} // closed once all images are there

	images []int32 // of the list
	random func(image, w, h int) crop
	exact  bool // a file that cannot be read leaves its place black and its label ignored
	given  int  // images that a producer has taken
	left   int  // images that are not there yet
}

func newPhotoBatch(p *Photos, size, side int) *photoBatch {
	return &photoBatch{photos: p, side: side, x: tensor.New(3, size, side, side), labels: make([]int32, size)}
}

// begin orders images; those of which nothing is random are shown from the middle.
func (b *photoBatch) begin(images []int32, random func(image, w, h int) crop) {
	b.images = append(b.images[:0], images...)
	b.random, b.given, b.left, b.err = random, 0, len(images), nil
	b.done = make(chan struct{})
}

// put puts its image at position j, or the next of the list that can be read.
func (b *photoBatch) put(d *photoRoom, j int) error {
	image := int(b.images[j])
	rgb := colours(b.x, j, b.side)
	tries := min(mostBad, b.photos.Len())
	if b.exact {
		tries = 1
	}
	var last error
	for k := range tries {
		i := (image + k) % b.photos.Len()
		choose := func(w, h int) crop {
			if b.random == nil {
				return centreCrop(w, h, b.side)
			}
			return b.random(image, w, h)
		}
		pic, err := d.open(b.photos, i, choose)
		if err != nil {
			last = err
			continue
		}
		b.labels[j] = b.photos.labels[i]
		d.show(pic, choose(pic.w, pic.h), b.side, rgb)
		return nil
	}
	if b.exact {
		b.labels[j] = grad.Ignored
		for _, v := range rgb {
			clear(v)
		}
		return nil
	}
	return fmt.Errorf("data: images: %d files in a row cannot be read; the last: %w", tries, last)
}

// colours returns the red, green and blue of image j of a batch.
func colours(x *tensor.Tensor, j, side int) (rgb [3][]float32) {
	area := side * side
	for c := range rgb {
		rgb[c] = x.Data[(c*x.Shape[1]+j)*area:][:area]
	}
	return rgb
}

// photoRoom is what one goroutine needs to read images.
type photoRoom struct {
	decoder
	resampler
}

// open reads image i, or of it what is shown, unless that has failed before.
func (d *photoRoom) open(p *Photos, i int, choose func(w, h int) crop) (*picture, error) {
	path := p.path(i)
	if err := p.trouble.of(path); err != nil {
		return nil, err
	}
	pic, err := d.read(path, choose)
	if err != nil {
		p.trouble.add(path, err)
	}
	return pic, err
}

// photoLine is the batches that are to be made, and the goroutines that make them, one a
// worker. They end when there is nothing to make, so that batches nobody wants any more leave
// nothing behind.
type photoLine struct {
	mu      sync.Mutex
	batches []*photoBatch
	running int
	rooms   []*photoRoom // of goroutines that have ended
}

// add adds a batch at the end of the line.
func (l *photoLine) add(b *photoBatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batches = append(l.batches, b)
	for l.running < parallel.Workers() {
		room := &photoRoom{}
		if n := len(l.rooms); n > 0 {
			room, l.rooms = l.rooms[n-1], l.rooms[:n-1]
		}
		l.running++
		go l.work(room)
	}
}

// work makes images until there are none to make.
func (l *photoLine) work(room *photoRoom) {
	for {
		b, j := l.take(room)
		if b == nil {
			return
		}
		b.finish(l, b.put(room, j))
	}
}

// take returns the next image to make, a batch and a position in it, or none; then the
// goroutine whose room that is has ended.
func (l *photoLine) take(room *photoRoom) (*photoBatch, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.batches) == 0 {
		l.running--
		l.rooms = append(l.rooms, room)
		return nil, 0
	}
	b := l.batches[0]
	j := b.given
	if b.given++; b.given == len(b.images) {
		l.batches = append(l.batches[:0], l.batches[1:]...)
	}
	return b, j
}

// finish counts an image that is there.
func (b *photoBatch) finish(l *photoLine, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && b.err == nil {
		b.err = err
	}
	if b.left--; b.left == 0 {
		close(b.done)
	}
}

// InOrder returns a function that yields batches of all images in order, the last one
// shorter, and then none. Each shows the middle of its image: a square of side pixels once
// the shorter side of the image is 256/224 of that. A file that cannot be read has the label
// [grad.Ignored], so that it does not count: see [Photos.Warning].
func (p *Photos) InOrder(size, side int) func() (x *tensor.Tensor, labels []int32) {
	at := 0
	var line photoLine
	var waiting []*photoBatch
	var inUse *photoBatch
	return func() (*tensor.Tensor, []int32) {
		for at < p.Len() && len(waiting) <= photosAhead {
			images := make([]int32, min(size, p.Len()-at))
			for i := range images {
				images[i] = int32(at + i)
			}
			b := inUse
			if inUse = nil; b == nil || len(b.labels) != len(images) {
				b = newPhotoBatch(p, len(images), side)
			}
			b.exact = true
			b.begin(images, nil)
			line.add(b)
			waiting = append(waiting, b)
			at += len(images)
		}
		if len(waiting) == 0 {
			return nil, nil
		}
		inUse = waiting[0]
		waiting = append(waiting[:0], waiting[1:]...)
		<-inUse.done
		return inUse.x, inUse.labels
	}
}
