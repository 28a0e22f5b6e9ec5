package train

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train/comm"
)

// Source yields training batches, mostly without end. Its binary form is its position:
// which batch comes next, and its random state. One that reads while it is used may have a
// method Err() error, which says why the last Next had no batch.
type Source interface {
	// Next returns the next batch, x of shape [C, ..., B] or [C, B, H, W] and one
	// label a sample. Both may be reused by the call after. A stream that has an end returns
	// nil there, which ends the training.
	Next() (x *tensor.Tensor, labels []int32)
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// A Sharer is a source that can make the part of its batches only that is a process's.
type Sharer interface{ Share(rank, ranks int) }

// Scores are the outcome of an evaluation.
type Scores struct {
	Loss     float64 `json:"loss"`             // mean cross entropy, nats
	Accuracy float64 `json:"accuracy"`         // share of samples whose highest logit is the label
	BLEU     float64 `json:"bleu,omitempty"`   // of translations, 0 to 100
	Length   int     `json:"length,omitempty"` // of the sequences a curriculum has come to
	Quality  float64 `json:"quality"`          // by which models are compared: the higher, the better
	Count    int     `json:"count"`            // samples
}

// EventKind says what an Event reports.
type EventKind int

// The kinds of events.
const (
	Stepped   EventKind = iota // an optimizer step was taken
	Changed                    // the topology changed
	Evaluated                  // Scores are new
	Saved                      // a checkpoint was written
)

// Event is what a loop reports while it runs.
type Event struct {
	Kind    EventKind
	Step    int     // optimizer steps done
	Steps   int     // of so many
	Loss    float64 // of the batch; NaN unless Stepped or Changed
	Rate    float64
	Scores  Scores // latest evaluation; Count is 0 before the first
	Dropped int    // Changed: entries (blocks of weights) that are gone
	Grown   int    // Changed: entries that are new
	Seconds float64
}

// Loop trains a network.
type Loop struct {
	Net     nn.Layer
	Loss    func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var // scalar, mean over the batch
	Data    Source
	Optim   optim.Optimizer
	Rate    optim.Schedule
	Average *optim.Average // of the weights: scored, and left in the network, in their place; nil for none
	Prune   prune.Method   // nil for a network whose topology stays
	Weights []prune.Weight // what Prune works on
	Follow  func()         // called when the topology has changed, for what depends on it besides the optimizer; may be nil
	Random  *rand.PCG      // state of what else is random (first topology, dropout); nil for nothing
	Clip    float64        // highest norm of the gradient, 0 for no limit
	Steps   int            // optimizer steps to take

	// Group is the processes of the training, nil for one. Each draws the same batches; Share
	// cuts out this one's part and says how much it counts; nil for [Columns]. What the loop
	// keeps, logs and evaluates is up to the caller: one process is to have a Dir.
	Group comm.Group
	Share func(x *tensor.Tensor, labels []int32, rank, ranks int) (*tensor.Tensor, []int32, float32)

	// Replica makes another network of the same shape, whose random layers draw from random:
	// for methods that try several at a time.
	Replica func(random *rand.PCG) (nn.Layer, error)

	Evaluate  func(ctx context.Context) (Scores, error) // nil for no evaluation
	EvalEvery int                                       // steps between evaluations; 0 for one at the end
	LogEvery  int                                       // steps between rows of metrics; 0 for 50
	Dir       *Dir                                      // nil to keep nothing
	SaveEvery int                                       // steps between checkpoints; 0 for none but SavePeriod's
	SaveAfter time.Duration                             // longest time between checkpoints; 0 for a minute
	Best      func(path string) error                   // saves the model whenever it scores best; may be nil
	BestFrom  int                                       // scores count as the best from this step on; the last one always does
	Report    func(Event)                               // may be nil

	params  []*nn.Param
	buffers []*nn.Buffer
	members *population
	shared  *shared // where the group has more than one process
	tape    *grad.Tape
	state   Checkpoint
	seen    progress
	began   time.Time // start of this leg
	saved   time.Time
	good    int // step of the last checkpoint, -1 before the first
	times   []float32
}

// progress remembers at which step things were last done, so that each is done
// once however often the loop is resumed.
type progress struct {
	Logged    int  `json:"logged"`
	Evaluated int  `json:"evaluated"`
	Saved     int  `json:"saved"`
	Finished  bool `json:"finished,omitempty"` // the method has decided on the topology
}

// Outcome is what a finished loop leaves.
type Outcome struct {
	Scores
	Best    float64 // highest quality of an evaluation
	Steps   int     // optimizer steps
	Batches int     // batches used
	Updates int     // topology updates among them
	StepMS  float64 // median time of a training step of this process, data excluded, in ms
	Seconds float64 // time of all legs of the run
}

// ErrInterrupted is wrapped by the error of a loop whose context ended. Its
// checkpoint is written.
var ErrInterrupted = errors.New("interrupted")

// NonFiniteError stops a loop whose loss or weights are no longer numbers.
type NonFiniteError struct {
	Step       int
	Loss       float64
	Layer      string // first parameter, from the input, that is not finite; may be empty
	Checkpoint string // last good checkpoint; empty if there is none
	GoodStep   int    // its step
}

func (e *NonFiniteError) Error() string {
	text := fmt.Sprintf("train: step %d: loss is %v", e.Step, e.Loss)
	if e.Layer != "" {
		text += fmt.Sprintf(", first in %s", e.Layer)
	}
	if e.Checkpoint != "" {
		text += fmt.Sprintf("; last good checkpoint: %s (step %d)", e.Checkpoint, e.GoodStep)
	}
	return text + "; a lower learning rate or gradient clipping may help"
}

// Run trains until Steps are done. If resume is not nil the loop goes on from
// that checkpoint. When ctx ends it writes a checkpoint and returns an error
// that wraps ErrInterrupted.
func (l *Loop) Run(ctx context.Context, resume *Checkpoint) (Outcome, error) {
	if err := l.begin(resume); err != nil {
		return Outcome{}, err
	}
	for {
		if err := l.between(ctx); err != nil {
			return l.outcome(), err
		}
		if l.state.Step >= l.Steps {
			break
		}
		if err := l.step(ctx); err != nil {
			return l.outcome(), err
		}
	}
	l.swapAverage()
	return l.outcome(), nil
}

// swapAverage exchanges the weights with their average, where one is kept.
func (l *Loop) swapAverage() {
	if l.Average != nil {
		l.Average.Swap(l.params)
	}
}

func (l *Loop) begin(resume *Checkpoint) error {
	l.params, l.buffers = nn.Params(l.Net), nn.Buffers(l.Net)
	l.tape = &grad.Tape{}
	l.began, l.saved, l.good = time.Now(), time.Now(), -1
	l.seen = progress{Logged: -1, Evaluated: -1, Saved: -1}
	if l.LogEvery == 0 {
		l.LogEvery = 50
	}
	if l.SaveAfter == 0 {
		l.SaveAfter = time.Minute
	}
	if l.Prune != nil {
		if err := l.Prune.Begin(l.Weights, rand.New(l.random())); err != nil {
			return fmt.Errorf("train: first topology: %w", err)
		}
		l.followed()
	}
	if p, ok := l.Prune.(prune.Population); ok {
		var err error
		if l.members, err = l.newPopulation(p, p.Members(0)); err != nil {
			return err
		}
	}
	l.share()
	if resume == nil {
		return l.openLogs(nil)
	}
	if err := l.restore(resume); err != nil {
		return fmt.Errorf("train: resume: %w", err)
	}
	l.good = l.state.Step
	return l.openLogs(resume.Logs)
}

func (l *Loop) random() *rand.PCG {
	if l.Random == nil {
		l.Random = rand.NewPCG(0, 0)
	}
	return l.Random
}

// between does what is due between two steps. Each part is a function of the
// number of steps done, or has no influence on the training, so that it does
// not matter where a run was broken.
func (l *Loop) between(ctx context.Context) error {
	step, end := l.state.Step, l.state.Step >= l.Steps
	if end {
		l.finish()
	}
	if l.Evaluate != nil && l.seen.Evaluated != step && (end || l.EvalEvery > 0 && step > 0 && step%l.EvalEvery == 0) {
		if err := l.evaluate(ctx); err != nil {
			return err
		}
	}
	if step > 0 && l.seen.Logged != step && l.state.Window > 0 && (end || step%l.LogEvery == 0 || l.seen.Evaluated == step) {
		if err := l.logMetrics(); err != nil {
			return err
		}
	}
	due := step == 0 || end || l.SaveEvery > 0 && step%l.SaveEvery == 0
	if l.seen.Saved != step && due || time.Since(l.saved) > l.SaveAfter {
		if err := l.save(); err != nil {
			return err
		}
	}
	if stop := ctx.Err() != nil; !end && (l.shared == nil && stop || l.shared != nil && l.shared.stop) {
		return l.interrupt()
	}
	return nil
}

func (l *Loop) evaluate(ctx context.Context) error {
	scores, err := l.score(ctx)
	if ctx.Err() != nil {
		return l.interrupt()
	}
	if err != nil {
		return err
	}
	l.state.Last = scores
	l.seen.Evaluated = l.state.Step
	l.report(Event{Kind: Evaluated, Loss: math.NaN()})
	return nil
}

// score evaluates the network as it would be if training ended here, and keeps it if it
// is the best so far.
func (l *Loop) score(ctx context.Context) (Scores, error) {
	l.swapAverage()
	defer l.swapAverage()
	if r, ok := l.Prune.(prune.Shower); ok {
		defer r.Show(l.Weights)()
	}
	scores, err := l.Evaluate(ctx)
	if err != nil {
		return scores, fmt.Errorf("train: evaluate after step %d: %w", l.state.Step, err)
	}
	if l.state.Step < min(l.BestFrom, l.Steps) {
		return scores, nil
	}
	if l.Best != nil && l.Dir != nil && (!l.state.Scored || scores.Quality > l.state.Best) {
		if err := l.Best(l.Dir.Best()); err != nil {
			return scores, err
		}
		l.state.Best, l.state.Scored = scores.Quality, true
	}
	return scores, nil
}

func (l *Loop) interrupt() error {
	if err := l.save(); err != nil {
		return errors.Join(err, ErrInterrupted)
	}
	return fmt.Errorf("train: %w at step %d of %d", ErrInterrupted, l.state.Step, l.Steps)
}

// step uses one batch: for a topology update or for an optimizer step, or both. A batch of
// which every label is ignored goes through the network, for the sake of learners that remember
// it, and changes nothing.
func (l *Loop) step(ctx context.Context) error {
	x, labels := l.Data.Next()
	if f, ok := l.Data.(interface{ Err() error }); ok && f.Err() != nil {
		return fmt.Errorf("train: step %d: %w", l.state.Step, f.Err())
	}
	if x == nil {
		if ctx.Err() == nil { // else it was not the stream that ended
			l.Steps = l.state.Step
		}
		return nil
	}
	start := time.Now()
	idle := len(labels) > 0 && !slices.ContainsFunc(labels, func(label int32) bool { return label != grad.Ignored })
	if idle {
		l.backward(ctx, x, labels)
		l.state.Batches++
		l.state.Step++
		l.report(Event{Kind: Stepped, Loss: math.NaN()})
		return nil
	}
	if l.Prune != nil && l.Prune.WantsDense(l.state.Step) {
		if p, ok := l.Prune.(prune.Preparer); ok {
			p.Prepare(l.state.Step, l.Weights)
		}
	}
	loss := l.backward(ctx, x, labels)
	l.state.Batches++
	if l.shared != nil && l.shared.err != nil {
		return l.lost()
	}
	if !finite(loss) {
		return l.nonFinite(loss)
	}
	l.state.Loss += loss
	l.state.Window++
	changed, replaces := l.change(loss)
	if !replaces {
		rate := l.Rate(l.state.Step)
		if l.Clip > 0 {
			optim.ClipNorm(l.params, l.Clip)
		}
		l.Optim.Step(l.params, rate)
		if l.Average != nil {
			l.Average.Update(l.params)
		}
		l.state.Step++
		if !changed {
			l.timed(time.Since(start))
		}
		l.report(Event{Kind: Stepped, Loss: loss, Rate: rate})
	}
	return nil
}

// timed notes the time of a step; of a training without end, that of the latest ones.
func (l *Loop) timed(d time.Duration) {
	const most = 1 << 16
	if len(l.times) == most {
		l.times = append(l.times[:0], l.times[most/2:]...)
	}
	l.times = append(l.times, float32(d.Seconds()))
}

// backward runs the network forward and backward and returns the loss.
func (l *Loop) backward(ctx context.Context, x *tensor.Tensor, labels []int32) float64 {
	if l.members != nil {
		if l.shared != nil {
			l.shared.asked(ctx)
		}
		if l.members.method.Members(l.state.Step) > 0 {
			return l.members.backward(x, labels)
		}
	} else if l.shared != nil {
		x, labels = l.cut(x, labels)
		l.shared.collect(l.Weights)
	}
	l.tape.Reset()
	nn.ZeroGrads(l.params)
	random, ok := l.Prune.(prune.Reparameterizer)
	if ok {
		random.Sample(l.state.Step, l.Weights)
	}
	loss := l.Loss(l.tape, l.Net.Forward(l.tape, l.tape.Input(x)), labels)
	l.tape.Backward(loss)
	value := float64(loss.Value.Data[0])
	if l.shared != nil && l.members == nil {
		value = l.shared.join(ctx, value)
	}
	if ok {
		random.Gather(l.state.Step, l.Weights)
	}
	return value
}

// cut leaves this process's share of a batch.
func (l *Loop) cut(x *tensor.Tensor, labels []int32) (*tensor.Tensor, []int32) {
	if _, ok := l.Data.(Sharer); ok {
		l.shared.weight = weightOf(labels)
		return x, labels
	}
	share := l.Share
	if share == nil {
		share = Columns
	}
	x, labels, l.shared.weight = share(x, labels, l.Group.Rank(), l.Group.Size())
	return x, labels
}

// finish lets a method decide on the topology once all steps are done.
func (l *Loop) finish() {
	f, ok := l.Prune.(prune.Finisher)
	if !ok || l.seen.Finished {
		return
	}
	l.seen.Finished = true
	l.follow(f.Finish(l.Weights), math.NaN())
}

// change lets the method change the topology and the optimizer follow. It
// reports whether anything changed and whether the change takes the place of
// the optimizer's step (RigL, Alg. 1).
func (l *Loop) change(loss float64) (changed, replaces bool) {
	if l.Prune == nil {
		return false, false
	}
	changes := l.Prune.Step(l.state.Step, l.Weights)
	if len(changes) == 0 {
		return false, false
	}
	l.follow(changes, loss)
	r, ok := l.Prune.(prune.Replacer)
	return true, ok && r.ReplacesStep()
}

// follow lets the optimizer follow changes of the topology.
func (l *Loop) follow(changes []prune.Change, loss float64) {
	dropped, grown := 0, 0
	for _, c := range changes {
		l.Optim.Remap(c.Param, c.Moves)
		if l.Average != nil {
			l.Average.Remap(c.Param, c.Moves)
		}
		dropped, grown = dropped+c.Dropped, grown+c.Grown
	}
	l.followed()
	l.state.Updates++
	l.report(Event{Kind: Changed, Loss: loss, Dropped: dropped, Grown: grown})
}

// followed tells who wants to know that the topology has changed.
func (l *Loop) followed() {
	if l.Follow != nil {
		l.Follow()
	}
}

func (l *Loop) report(e Event) {
	if l.Report == nil {
		return
	}
	e.Step, e.Steps, e.Scores, e.Seconds = l.state.Step, l.Steps, l.state.Last, l.seconds()
	l.Report(e)
}

// seconds returns the time of all legs of the run.
func (l *Loop) seconds() float64 { return l.state.Seconds + time.Since(l.began).Seconds() }

func (l *Loop) nonFinite(loss float64) error {
	e := &NonFiniteError{Step: l.state.Step, Loss: loss, Layer: firstNonFinite(l.params)}
	if l.Dir != nil && l.good >= 0 {
		e.Checkpoint, e.GoodStep = l.Dir.Checkpoint(), l.good
	}
	return e
}

// firstNonFinite names the first parameter whose values, or else whose
// gradient, hold something that is not a number.
func firstNonFinite(ps []*nn.Param) string {
	for _, p := range ps {
		if !allFinite(p.Values()) {
			return p.Name
		}
	}
	for _, p := range ps {
		if p.Grad != nil && !allFinite(p.Grad.Data) {
			return "the gradient of " + p.Name
		}
	}
	return ""
}

func allFinite(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return !finite(float64(v)) })
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (l *Loop) outcome() Outcome {
	return Outcome{
		Scores: l.state.Last, Best: l.state.Best, Steps: l.state.Step, Batches: l.state.Batches, Updates: l.state.Updates,
		StepMS: 1e3 * median(l.times), Seconds: l.seconds(),
	}
}

func median(x []float32) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return float64(x[len(x)/2])
}
