package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/lm"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/online"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Least number of sequences that score the copy task, and updates between scores.
const (
	copyTest  = 256
	copyEvery = 1000

	copyLongest = 1000 // length at which the search for what a model masters ends
)

var onlineTasks = []Task{{
	Name:    "copy",
	Summary: "copy task: recall ever longer rows of bits, to compare how recurrent nets learn; needs no data",
	Samples: "sequences",
	Metric: Metric{Key: "max_length", Label: "length", Unit: " bits", Scale: 1, Digits: 1,
		Of: func(s train.Scores) float64 { return float64(s.Length) }},
	Default: defaults(func(s *Settings) {
		s.Learner, s.Cell, s.Units, s.Hidden, s.Period = "snap-1", "gru", 128, 128, 1
		s.Method, s.Sparsity, s.Distribution = "static", 0, "even"
		s.Optimizer, s.Rate, s.Schedule, s.Decay, s.Batch, s.Steps = "adam", 1e-3, "constant", 0, 16, 20_000
	}),
	open: openCopy, load: loadLM,
}}

// Bounds of online learning.
const (
	maxPeriod    = 1 << 20 // steps between updates
	maxLayer     = 1 << 16 // units of a layer
	maxUnits     = 1 << 13 // of learners that look at paths between units
	maxInfluence = 2e9     // values kept for all sequences of a batch
)

// validateOnline reports a setting of online learning that makes no sense.
func (s *Settings) validateOnline() error {
	if s.Learner != "" {
		if _, err := online.ParseMethod(s.Learner); err != nil {
			return fmt.Errorf("--learner: %w", err)
		}
	} else if s.Period != 0 {
		return errors.New("--period: needs a --learner")
	}
	if s.Cell != "" && !slices.Contains([]string{"vanilla", "gru", "lstm"}, s.Cell) {
		return fmt.Errorf("--cell %s: not one of vanilla, gru, lstm", s.Cell)
	}
	for flag, n := range map[string]int{"units": s.Units, "hidden": s.Hidden} {
		if n < 0 || n > maxLayer || s.Cell != "" && n == 0 {
			return fmt.Errorf("--%s %d: must be from 1 to %d", flag, n, maxLayer)
		}
	}
	if s.Period < 0 || s.Period > maxPeriod {
		return fmt.Errorf("--period %d: must be from 0 to %d", s.Period, maxPeriod)
	}
	if s.ShareGateMask && s.Method != "static" && s.Method != "dense" {
		return fmt.Errorf("--share-gate-mask: %s gives each gate weights of its own; static can share them", s.Method)
	}
	return nil
}

// openCopy makes the copy task.
func openCopy(c config) (*dataset, error) {
	if c.Learner == "" {
		return nil, errors.New("tasks: --learner: copy needs one")
	}
	spec := lm.Spec{Arch: lm.OneCell, Symbols: data.CopySymbols, Cell: c.Cell, Units: c.Units, Hidden: c.Hidden}
	if _, err := lm.New(spec, nil); err != nil {
		return nil, fmt.Errorf("tasks: %w", err)
	}
	task := data.NewCopy(c.Batch, nil)
	set := &dataset{
		build: func(rng *rand.Rand) (*model, error) {
			net, err := lm.New(spec, rng)
			if err != nil {
				return nil, err
			}
			return lmModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			*task = *data.NewCopy(c.Batch, pcg)
			return task, copyEvery
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			if task.Tokens > 0 {
				return scoreCopy(ctx, net, task)
			}
			// A model from a file: the length is the longest it masters.
			best, err := scoreCopy(ctx, net, task)
			for s := best; err == nil && s.Loss < data.CopyMastered*math.Ln2 && task.Length < copyLongest; best = s {
				task.Length++
				s, err = scoreCopy(ctx, net, task)
			}
			return best, err
		},
	}
	set.curriculum = task
	return set, nil
}

// scoreCopy scores a network on new sequences of the curriculum's length.
func scoreCopy(ctx context.Context, net *model, task *data.Copy) (train.Scores, error) {
	left, rng := copyTest, rand.New(rand.NewPCG(1, uint64(task.Length)))
	s, err := train.Evaluate(ctx, net.Layer, func() (*tensor.Tensor, []int32) {
		if left <= 0 {
			return nil, nil
		}
		x, labels := task.Longest(rng)
		left -= x.Shape[1]
		return x, labels
	})
	s.Length = task.Length
	return s, err
}

// updatesPerSequence returns how many updates a batch of sequences of one length makes.
func (s *Settings) updatesPerSequence() int {
	if s.Learner == "" || s.Period == 0 || s.Length == 0 {
		return 1
	}
	return (s.Length + s.Period - 1) / s.Period
}

// stream cuts the sequences of a source into chunks of some steps, after each of which the
// weights are updated, and has the learners begin anew with each sequence.
type stream struct {
	train.Source
	period     int
	learners   []*online.Learner
	curriculum *data.Copy // told what is learned; nil for none

	x      *tensor.Tensor // the sequence under way, [T,B]
	labels []int32
	at     int    // its steps that are done
	before []byte // state of the source before it
	loss   float64
	count  int // labels the loss is of

	part tensor.Tensor
	err  error
}

// Err says why there is no next chunk, nil where there is one.
func (s *stream) Err() error { return s.err }

// Next returns the next chunk.
func (s *stream) Next() (*tensor.Tensor, []int32) {
	if s.x == nil || s.at == s.x.Shape[0] {
		s.begin()
	}
	B := s.x.Shape[1]
	lo := s.at
	s.at = s.x.Shape[0]
	if s.period > 0 {
		s.at = min(lo+s.period, s.at)
	}
	s.part = tensor.Tensor{Data: s.x.Data[lo*B : s.at*B], Shape: append(s.part.Shape[:0], s.at-lo, B)}
	return &s.part, s.labels[lo*B : s.at*B]
}

// begin goes to the next sequence.
func (s *stream) begin() {
	if s.curriculum != nil && s.count > 0 {
		s.curriculum.Learned(s.loss / float64(s.count) / math.Ln2)
	}
	s.loss, s.count = 0, 0
	state, err := s.Source.MarshalBinary()
	if err != nil {
		panic(fmt.Sprintf("tasks: position of the data: %v", err)) // of a generator: it has no reason to fail
	}
	s.before, s.at = state, 0
	s.x, s.labels = s.Source.Next()
	for _, l := range s.learners {
		l.Reset()
	}
}

// learned notes the mean loss of a chunk.
func (s *stream) learned(loss float32, labels []int32) {
	n := 0
	for _, l := range labels {
		if l != grad.Ignored {
			n++
		}
	}
	s.loss, s.count = s.loss+float64(loss)*float64(n), s.count+n
}

// streamState is what MarshalBinary writes.
type streamState struct {
	Source   []byte // before the sequence under way, or as it stands where there is none
	At       int
	Loss     float64
	Count    int
	Learners [][]byte
}

// MarshalBinary returns the position, and what the learners know of the sequence under way.
func (s *stream) MarshalBinary() ([]byte, error) {
	state := streamState{Source: s.before, At: s.at, Loss: s.loss, Count: s.count}
	if s.x == nil {
		var err error
		if state.Source, err = s.Source.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	for _, l := range s.learners {
		b, err := l.MarshalBinary()
		if err != nil {
			return nil, err
		}
		state.Learners = append(state.Learners, b)
	}
	return json.Marshal(state)
}

// UnmarshalBinary goes to a state MarshalBinary returned.
func (s *stream) UnmarshalBinary(p []byte) error {
	var state streamState
	if err := json.Unmarshal(p, &state); err != nil {
		return fmt.Errorf("position in the data: %w", err)
	}
	if err := s.Source.UnmarshalBinary(state.Source); err != nil {
		return err
	}
	s.x = nil
	if state.At > 0 {
		s.begin()
		if state.At > s.x.Shape[0] {
			return fmt.Errorf("position in the data: step %d of a sequence of %d", state.At, s.x.Shape[0])
		}
	}
	s.at, s.loss, s.count = state.At, state.Loss, state.Count
	if len(state.Learners) != len(s.learners) {
		return fmt.Errorf("state of %d learners for %d", len(state.Learners), len(s.learners))
	}
	for i, l := range s.learners {
		if err := l.UnmarshalBinary(state.Learners[i]); err != nil {
			return err
		}
	}
	return nil
}

// learnOnline puts learners in the place of the recurrent layers and cuts the data into chunks.
func (j *job) learnOnline() error {
	c := j.config
	if c.Learner == "" {
		return nil
	}
	net, ok := j.net.Layer.(*lm.Model)
	if !ok || len(net.Layers) != 1 {
		return fmt.Errorf("tasks: --learner: %s has no single recurrent layer; copy and charlm have", c.Task)
	}
	method, err := online.ParseMethod(c.Learner)
	if err != nil {
		return err
	}
	for _, p := range nn.Params(net.Layers[0]) {
		p.Parts = 0
		if n := layerUnits(net.Layers[0]); c.ShareGateMask && n > 0 {
			p.Parts = p.M() / n
		}
	}
	if n := layerUnits(net.Layers[0]); n > maxUnits && method.Rule != online.BPTT && method != (online.Method{Rule: online.SnAp, Order: 1}) {
		return fmt.Errorf("tasks: --learner %s: for at most %d units, not %d", c.Learner, maxUnits, n)
	}
	learner := online.New(net.Layers[0], method, c.Seed)
	net.Layers[0] = learner
	s := &stream{Source: j.loop.Data, period: c.Period, learners: []*online.Learner{learner}, curriculum: j.data.curriculum}
	loss := j.loop.Loss
	j.loop.Data, j.learner = s, learner
	j.loop.Follow = func() {
		learner.Follow()
		n := learner.Least() * int64(c.Batch)
		if n <= maxInfluence {
			n = max(n, int64(learner.Entries())*int64(c.Batch))
		}
		if n > maxInfluence {
			s.err = fmt.Errorf("tasks: %s of %d units and %d sequences would keep at least %.1f GB of influence: take fewer units or sequences, more sparsity, or snap-1", c.Learner, c.Units, c.Batch, 4*float64(n)/1e9)
		}
	}
	j.loop.Loss = func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
		l := loss(t, logits, labels)
		s.learned(l.Value.Data[0], labels)
		return l
	}
	return nil
}

// layerUnits returns the number of units of a recurrent layer.
func layerUnits(l nn.Layer) int {
	if r, ok := l.(interface{ Units() int }); ok {
		return r.Units()
	}
	return 0
}

// OnlineCost is what a learner kept and did.
type OnlineCost struct {
	Learner    string `json:"learner"`
	Period     int    `json:"period"` // steps between updates, 0 for whole sequences
	Tokens     int64  `json:"tokens,omitempty"`
	Entries    int    `json:"influence_entries"`         // of one sequence
	Multiplies int64  `json:"influence_multiplications"` // a step of one sequence
	Bytes      int    `json:"bytes"`                     // of all sequences of a batch, weights and gradients apart
}

// costs returns what the learner of a run kept and did, nil for a run without one.
func (j *job) costs() *OnlineCost {
	if j.learner == nil {
		return nil
	}
	o := &OnlineCost{Learner: j.config.Learner, Period: j.config.Period, Entries: j.learner.Entries(), Multiplies: j.learner.Work(), Bytes: j.learner.Bytes()}
	if t := j.data.curriculum; t != nil {
		o.Tokens = t.Tokens
	}
	return o
}
