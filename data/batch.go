package data

import "github.com/seed073b5613/filigree/tensor"

// view says how an image is moved before it goes into a batch. Pixels from beyond
// its edge are black.
type view struct {
	dy, dx int
	mirror bool
}

// abreast is how many images are turned around at a time, so that writes fill
// whole cache lines.
const abreast = 16

// batchWriter turns images around and normalises them.
type batchWriter struct {
	images *Images
	o      Options
	x      *tensor.Tensor
	labels []int32
	table  [][256]float32 // normalised value of a byte, by channel

	first   int // position of the first waiting image in the batch
	waiting [abreast][]uint8
	n       int
	moved   []uint8 // room for images that were moved
}

// begin starts a batch of n images.
func (w *batchWriter) begin(m *Images, o Options, n int) (*tensor.Tensor, []int32) {
	if w.images != m {
		w.images, w.o = m, o
		w.table = make([][256]float32, m.C)
		for c := range w.table {
			for v := range 256 {
				w.table[c][v] = (float32(v)/255 - m.Mean[c]) / m.Deviation[c]
			}
		}
		w.moved = make([]uint8, abreast*m.Size())
	}
	if len(w.labels) != n {
		w.labels = make([]int32, n)
		if o.Flat {
			w.x = tensor.New(m.Size(), n)
		} else {
			w.x = tensor.New(m.C, n, m.H, m.W)
		}
	}
	w.first, w.n = 0, 0
	return w.x, w.labels
}

// put puts image i at position j of the batch; positions ascend by one.
func (w *batchWriter) put(j, i int, v view) {
	m := w.images
	w.labels[j] = int32(m.Labels[i])
	p := m.Pixels[i*m.Size() : (i+1)*m.Size()]
	if v != (view{}) {
		room := w.moved[w.n*m.Size() : (w.n+1)*m.Size()]
		m.move(room, p, v)
		p = room
	}
	w.waiting[w.n] = p
	if w.n++; w.n == abreast {
		w.flush()
	}
}

// flush writes the waiting images.
func (w *batchWriter) flush() {
	m, B, n := w.images, len(w.labels), w.n
	area := m.H * m.W
	for c := range m.C {
		table := &w.table[c]
		if w.o.Flat {
			for k := c * area; k < (c+1)*area; k++ {
				row := w.x.Data[k*B+w.first:]
				for j, p := range w.waiting[:n] {
					row[j] = table[p[k]]
				}
			}
			continue
		}
		for j, p := range w.waiting[:n] {
			dst := w.x.Data[(c*B+w.first+j)*area:][:area]
			for k, v := range p[c*area : (c+1)*area] {
				dst[k] = table[v]
			}
		}
	}
	w.first, w.n = w.first+n, 0
}

// move writes an image as a view of it shows it.
func (m *Images) move(dst, src []uint8, v view) {
	clear(dst)
	for c := range m.C {
		for y := range m.H {
			from := y + v.dy
			if from < 0 || from >= m.H {
				continue
			}
			line := src[(c*m.H+from)*m.W:][:m.W]
			out := dst[(c*m.H+y)*m.W:][:m.W]
			for x := range out {
				at := x + v.dx
				if v.mirror {
					at = m.W - 1 - x + v.dx
				}
				if at >= 0 && at < m.W {
					out[x] = line[at]
				}
			}
		}
	}
}
