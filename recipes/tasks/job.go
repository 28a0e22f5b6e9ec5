package tasks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/online"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/train"
)

// Streams of random numbers; each has a use of its own, so that a change to one
// leaves the others as they were.
const (
	streamWeights  = iota // first values
	streamTopology        // first topology
	streamData            // order and augmentation
	streamScratch         // first values that are not those of the run that found the topology
)

// weightStream returns the stream of first values of a method.
func weightStream(method string) uint64 {
	if method == "scratch" {
		return streamScratch
	}
	return streamWeights
}

// job is one run made ready.
type job struct {
	dir    *train.Dir
	task   Task
	config config
	data   *dataset
	net    *model
	origin origin // of its first weights
	loop   *train.Loop
	steps  int
	method prune.Method

	topology map[string]*sparse.Mask // of the ticket that the method starts from; nil for none

	learner *online.Learner // in the place of the recurrent layer; nil for none
}

// testPace is how many samples a training sees, for each one of the test set, before it is
// scored again: a large test set beside a few training samples would take most of the time.
const testPace = 5

// newJob builds the network, the method, the optimizer and the loop.
func newJob(dir *train.Dir, c config, set *dataset) (*job, error) {
	task, err := Find(c.Task)
	if err != nil {
		return nil, err
	}
	j := &job{dir: dir, task: task, config: c, data: set, origin: c.first()}
	if j.net, err = j.origin.network(set); err != nil {
		return nil, err
	}
	ps := nn.Params(j.net.Layer)
	source, perEpoch := set.batches(rand.NewPCG(c.Seed, streamData))
	perEpoch *= c.updatesPerSequence()
	samples := max(1, perEpoch*c.whole().Batch)
	j.steps = c.Steps
	if j.steps == 0 {
		j.steps = c.Epochs * perEpoch
	}
	j.steps = max(1, int(c.Multiplier*float64(j.steps)))
	loss := set.loss
	if loss == nil {
		loss = func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
			return grad.CrossEntropy(t, logits, labels, float32(c.Smoothing))
		}
	}
	j.loop = &train.Loop{
		Net: j.net.Layer, Loss: loss, Data: source, Clip: c.Clip, Steps: j.steps,
		Random:   rand.NewPCG(c.Seed, streamTopology),
		Evaluate: j.evaluate, EvalEvery: perEpoch * max(1, testPace*set.tests/samples), Dir: dir,
		SaveEvery: perEpoch, SaveAfter: time.Duration(c.SaveSeconds * float64(time.Second)),
		Best: j.saveModel, Share: set.share,
	}
	if j.net.random != nil {
		j.net.random(rand.New(j.loop.Random))
	}
	j.loop.Rate = j.rate()
	if c.Average > 0 {
		j.loop.Average = &optim.Average{Decay: c.Average}
	}
	if j.loop.Optim, err = optimizer(c.Settings); err != nil {
		return nil, err
	}
	if err := j.learnOnline(); err != nil {
		return nil, err
	}
	return j, j.sparsify(ps, samples)
}

// startFrom gives a network the weights of a trained model of the same shape.
func startFrom(net *model, path string) error {
	m, err := Open(path)
	if err != nil {
		return err
	}
	from, buffers := map[string]*nn.Param{}, map[string]*nn.Buffer{}
	for _, p := range nn.Params(m.Net) {
		p.SetDense()
		from[p.Name] = p
	}
	for _, b := range nn.Buffers(m.Net) {
		buffers[b.Name] = b
	}
	for _, p := range nn.Params(net.Layer) {
		q := from[p.Name]
		if q == nil || !slices.Equal(q.Shape, p.Shape) {
			return fmt.Errorf("tasks: --init %s: it has no weight %s of shape %v", path, p.Name, p.Shape)
		}
		copy(p.Dense.Data, q.Dense.Data)
	}
	for _, b := range nn.Buffers(net.Layer) {
		q := buffers[b.Name]
		if q == nil || len(q.Data) != len(b.Data) {
			return fmt.Errorf("tasks: --init %s: it has no %s of %d values", path, b.Name, len(b.Data))
		}
		copy(b.Data, q.Data)
	}
	return nil
}

// evaluate scores the network as it stands.
func (j *job) evaluate(ctx context.Context) (train.Scores, error) {
	s, err := j.data.evaluate(ctx, j.net)
	s.Quality = j.task.Metric.Of(s)
	if j.task.Metric.Lower {
		s.Quality = -s.Quality
	}
	return s, err
}

// layersOf lists the prunable weights of a network, and what else it has. It runs one
// sample through it to count what each weight multiplies.
func layersOf(net *model) (layers []train.Layer, others train.Layer) {
	net.Forward(nil, &grad.Var{Value: net.sample})
	ps := nn.Params(net.Layer)
	macs := map[string]int64{}
	for _, p := range ps {
		if p.Prunable {
			macs[p.Name] = int64(p.Size()) * int64(p.Uses)
		}
	}
	return train.Layers(ps, macs), train.Others(ps)
}

// summary describes the run in one line.
func (j *job) summary() string {
	s := j.config.Settings
	sparsity := ""
	switch {
	case j.topology != nil && s.Method != "magnitude" && s.Method != "random": // these go on from it
		sparsity = fmt.Sprintf(" from the topology of %s, %.4g %% sparsity", filepath.Base(s.Ticket), 100*j.sparsityOf(j.topology))
	case s.Method != "dense":
		sparsity = fmt.Sprintf(" at %.4g %% sparsity (%s, %s blocks)", 100*s.Sparsity, s.Distribution, s.Block)
	}
	note := ""
	if j.data.note != "" {
		note = "\nnote: " + j.data.note
	}
	ranks := ""
	if j.loop.Group != nil && j.loop.Group.Size() > 1 {
		ranks = fmt.Sprintf("%d processes of ", j.loop.Group.Size())
	}
	return fmt.Sprintf("%s: %s%s, %d steps of %d, seed %d, %s%d threads%s",
		j.config.Task, s.Method, sparsity, j.steps, j.config.whole().Batch, s.Seed, ranks, parallel.Workers(), note)
}
