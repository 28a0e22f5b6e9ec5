package vocoder

import (
	"fmt"

	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/tensor"
)

// piece is samples of one stream of a recording, to train on.
type piece struct {
	spec             wavernn.Spec
	frames           []float32
	signal           []int16
	stream, first, n int
}

// newPiece returns n samples of a stream from first on: a multiple of the Hop/Streams samples of a frame.
// frames [Features] and signal are those of the whole recording.
func newPiece(s wavernn.Spec, frames []float32, signal []int16, stream, first, n int) piece {
	if per := s.Hop / s.Subscale.Streams; first%per != 0 || n%per != 0 {
		panic(fmt.Sprintf("vocoder: newPiece: %d samples from %d on, of %d a frame", n, first, per))
	}
	return piece{s, frames, signal, stream, first, n}
}

// fill puts the piece into column b of what [wavernn.Model.ForwardSubscale] takes, and the classes of its bytes.
func (p piece) fill(frames, scalars, context *tensor.Tensor, coarse, fine []int32, b int) {
	sub, B := p.spec.Subscale, scalars.Shape[2]
	per := p.spec.Hop / sub.Streams
	column := make([]float32, p.spec.Width())
	F := p.n / per
	for f := range F {
		p.spec.Stack(column, p.frames, p.first/per+f)
		for k, v := range column {
			frames.Data[(k*F+f)*B+b] = v
		}
	}
	before := int16(0)
	if p.first > 0 {
		before = p.signal[(p.first-1)*sub.Streams+p.stream]
	}
	for i := range p.n {
		v := p.signal[(p.first+i)*sub.Streams+p.stream]
		c0, f0 := wavernn.Split(before)
		c, f := wavernn.Split(v)
		at := i*B + b
		coarse[at], fine[at] = int32(c), int32(f)
		scalars.Data[at], scalars.Data[p.n*B+at], scalars.Data[2*p.n*B+at] = wavernn.Scale(c0), wavernn.Scale(f0), wavernn.Scale(c)
		before = v
	}
	for i := range context.Shape[1] {
		sub.Fill(context.Data[i*B+b:], context.Shape[1]*B, p.signal, p.stream, p.first+i-sub.Field()+1)
	}
}
