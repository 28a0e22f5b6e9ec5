package train

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
)

// population evaluates the members of a [prune.Population]: each is a network of its own,
// run by one worker, so that as many work at a time as there are workers. Members see the
// same batch and, where layers are random, the same random numbers. It is a
// [parallel.Task] whose chunks are the members of this process.
type population struct {
	loop    *Loop
	method  prune.Population
	members []member
	lo, hi  int // those of this process
	tapes   chan *grad.Tape
	losses  []float64 // of all

	x      *tensor.Tensor
	labels []int32
}

// member is a replica of the network.
type member struct {
	net     nn.Layer
	params  []*nn.Param
	buffers []*nn.Buffer
	random  *rand.PCG
}

// newPopulation makes the replicas for n members.
func (l *Loop) newPopulation(method prune.Population, n int) (*population, error) {
	if l.Replica == nil {
		return nil, fmt.Errorf("train: %T tries several networks at a time, and this training has one only", method)
	}
	p := &population{loop: l, method: method, members: make([]member, n), hi: n, losses: make([]float64, n), tapes: make(chan *grad.Tape, n)}
	if g := l.Group; g != nil {
		if p.lo, p.hi = g.Rank()*n/g.Size(), (g.Rank()+1)*n/g.Size(); n%g.Size() != 0 {
			return nil, fmt.Errorf("train: a population of %d cannot be shared by %d processes", n, g.Size())
		}
	}
	for k := p.lo; k < p.hi; k++ {
		m := &p.members[k]
		m.random = &rand.PCG{}
		var err error
		if m.net, err = l.Replica(m.random); err != nil {
			return nil, err
		}
		m.params, m.buffers = nn.Params(m.net), nn.Buffers(m.net)
	}
	return p, nil
}

// Run evaluates a member.
func (p *population) Run(i int) {
	k := p.lo + i
	m, l := &p.members[k], p.loop
	var tape *grad.Tape
	select {
	case tape = <-p.tapes:
	default:
		tape = &grad.Tape{}
	}
	p.method.Place(l.state.Step, k, l.params, m.params)
	for j, b := range l.buffers {
		copy(m.buffers[j].Data, b.Data)
	}
	m.random.Seed(uint64(l.state.Step), uint64(l.state.Batches))
	nn.ZeroGrads(m.params)
	tape.Reset()
	loss := l.Loss(tape, m.net.Forward(tape, tape.Input(p.x)), p.labels)
	if p.method.Gradients() {
		tape.Backward(loss)
	}
	p.losses[k] = float64(loss.Value.Data[0])
	p.tapes <- tape
}

// backward evaluates all members and leaves the mean of their gradients, or what the method
// has in its place, in the network's. It returns the mean of their losses.
func (p *population) backward(x *tensor.Tensor, labels []int32) float64 {
	l := p.loop
	p.x, p.labels = x, labels
	clear(p.losses)
	parallel.Do(p.hi-p.lo, p)
	var sum func([]float32)
	if l.shared != nil {
		sum = l.shared.sum
		l.shared.sum64(p.losses) // each has those of its own members, and zeros
	}
	p.method.Judge(l.state.Step, l.params, p.losses, p.lo, p.hi, sum)
	if p.method.Gradients() {
		for i, q := range l.params {
			q.NeedGrad()
			p.mean(q.Grad.Data, func(dst []float32, m *member) { addGrad(dst, m.params[i]) })
		}
	}
	for i, b := range l.buffers {
		p.mean(b.Data, func(dst []float32, m *member) { kernel.AddTo(dst, m.buffers[i].Data) })
	}
	mean := 0.0
	for _, loss := range p.losses {
		mean += loss / float64(len(p.losses))
	}
	return mean
}

// mean sets dst to the mean over the members of what add adds for each.
func (p *population) mean(dst []float32, add func(dst []float32, m *member)) {
	n := len(p.members)
	optim.SumMembers(dst, n, p.lo, p.hi, func(dst []float32, lo, hi int) {
		for k := lo; k < hi; k++ {
			add(dst, &p.members[k])
		}
	})
	if s := p.loop.shared; s != nil {
		s.sum(dst)
	}
	kernel.Scale(1/float32(n), dst, dst)
}

// addGrad adds the gradient of a parameter to a dense array, or to one of its own layout.
func addGrad(dst []float32, p *nn.Param) {
	switch {
	case p.Grad == nil:
	case p.Sparse != nil && len(dst) == p.Size():
		p.Sparse.AddTo(dst, p.Grad.Data)
	default:
		kernel.AddTo(dst, p.Grad.Data)
	}
}
