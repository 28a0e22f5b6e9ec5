package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train/comm"
)

// shared is what a loop that is one process of several does besides training on its share of
// each batch: gradients, statistics of batch norms and the wish to stop are those of all.
type shared struct {
	comm.Group
	loop   *Loop
	err    error // of the first sum that failed
	flat   []float32
	list   [][]float32
	dense  []denseGrad
	weight float32 // of this process's share of the batch
	stop   bool    // a process was asked to stop
}

// denseGrad collects the gradient of all entries of a weight, which a method looks at once
// that of all processes is known.
type denseGrad struct {
	scan func(row int, g []float32)
	all  []float32
}

// share readies the loop for a group.
func (l *Loop) share() {
	if l.Group == nil || l.Group.Size() == 1 {
		return
	}
	l.shared = &shared{Group: l.Group, loop: l}
	if l.members != nil {
		return // its members see whole batches
	}
	if s, ok := l.Data.(Sharer); ok {
		s.Share(l.Group.Rank(), l.Group.Size())
	}
	for _, b := range nn.BatchNorms(l.Net) {
		b.Join = l.shared.norm
	}
}

func (s *shared) sum(x []float32) {
	if s.err == nil {
		s.err = s.Sum(x)
	}
}

func (s *shared) sum64(x []float64) {
	if s.err == nil {
		s.err = s.Sum64(x)
	}
}

// norm adds up what the batch norms of all processes have. Gradients are of each one's own
// loss, which is a part of the whole by its weight.
func (s *shared) norm(sums []float64, gradients bool) {
	own := float64(s.weight)
	switch {
	case own == 0:
		clear(sums)
	case gradients:
		for i := range sums[1:] {
			sums[1+i] *= own
		}
	}
	s.sum64(sums)
	if gradients && own > 0 {
		for i := range sums[1:] {
			sums[1+i] /= own
		}
	}
}

// collect takes the place of those who look at dense gradients in the backward pass.
func (s *shared) collect(ws []prune.Weight) {
	s.dense = s.dense[:0]
	for _, w := range ws {
		if w.Scan == nil {
			continue
		}
		K, all := w.K(), make([]float32, w.Size())
		s.dense = append(s.dense, denseGrad{w.Scan, all})
		w.Scan = func(row int, g []float32) { copy(all[row*K:], g) }
	}
}

// join turns the gradients of this process's share of a batch into those of the whole
// batch, and returns its loss. The mean over the batch is that of the shares weighed by
// what each has.
func (s *shared) join(ctx context.Context, loss float64) float64 {
	own := s.weight
	if own == 0 {
		loss = 0
	}
	stop := float32(0)
	if ctx.Err() != nil {
		stop = 1
	}
	s.flat = append(s.flat[:0], own, own*float32(loss), stop)
	for _, g := range s.grads() {
		s.flat = append(s.flat, g...)
	}
	kernel.Scale(own, s.flat[3:], s.flat[3:])
	s.sum(s.flat)
	total := max(s.flat[0], math.SmallestNonzeroFloat32) // none of an idle batch
	s.stop = s.flat[2] > 0
	g := s.flat[3:]
	kernel.Scale(1/total, g, g)
	for _, own := range s.grads() {
		g = g[copy(own, g):]
	}
	for _, d := range s.dense {
		kernel.Scale(own/total, d.all, d.all)
		s.sum(d.all)
		d.scan(0, d.all)
	}
	s.dense = s.dense[:0]
	return float64(s.flat[1] / total)
}

// grads lists the gradients that are shared.
func (s *shared) grads() [][]float32 {
	s.list = s.list[:0]
	for _, p := range s.loop.params {
		if p.Grad != nil {
			s.list = append(s.list, p.Grad.Data)
		}
		if p.Variance != nil {
			s.list = append(s.list, p.Variance.Grad)
		}
	}
	return s.list
}

// asked shares the wish to stop where nothing else is shared.
func (s *shared) asked(ctx context.Context) {
	x := []float64{0}
	if ctx.Err() != nil {
		x[0] = 1
	}
	s.sum64(x)
	s.stop = x[0] > 0
}

// weightOf returns how much the labels of a batch count.
func weightOf(labels []int32) float32 {
	n := 0
	for _, l := range labels {
		if l != grad.Ignored {
			n++
		}
	}
	return float32(n)
}

// Columns returns this process's share of a batch whose samples are the columns of x: its
// second axis where it is an image [C, B, H, W], else its last; labels are rows of so many.
// A process for which none is left gets the first column, of weight 0.
func Columns(x *tensor.Tensor, labels []int32, rank, ranks int) (*tensor.Tensor, []int32, float32) {
	axis := len(x.Shape) - 1
	if len(x.Shape) == 4 {
		axis = 1
	}
	B := x.Shape[axis]
	if len(labels)%B != 0 {
		panic(fmt.Sprintf("train: Columns: %d labels of %d samples", len(labels), B))
	}
	lo, hi := rank*B/ranks, (rank+1)*B/ranks
	empty := lo == hi
	if empty {
		lo, hi = 0, 1
	}
	after := tensor.Size(x.Shape[axis+1:])
	shape := append([]int(nil), x.Shape...)
	shape[axis] = hi - lo
	own := tensor.New(shape...)
	for i, n := 0, (hi-lo)*after; i < len(own.Data)/n; i++ {
		copy(own.Data[i*n:(i+1)*n], x.Data[(i*B+lo)*after:])
	}
	var some []int32
	for i := 0; i < len(labels); i += B {
		some = append(some, labels[i+lo:i+hi]...)
	}
	weight := weightOf(some)
	if empty {
		weight = 0
	}
	return own, some, weight
}

// lost says where a training that has lost a process can go on.
func (l *Loop) lost() error {
	err := fmt.Errorf("train: step %d: %w", l.state.Step, l.shared.err)
	if errors.Is(err, comm.ErrLost) && l.Dir != nil && l.good >= 0 {
		return fmt.Errorf("%w; last checkpoint: %s (step %d)", err, l.Dir.Checkpoint(), l.good)
	}
	return err
}
