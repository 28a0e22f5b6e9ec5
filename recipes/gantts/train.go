package gantts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/train"
)

// IO connects a run to its surroundings.
type IO = tasks.SpeechIO

// Streams of random numbers.
const (
	streamWeights = iota
	streamTopology
	streamData
	streamCritics
	streamSettle
)

// Metric is what trainings are compared by while they run.
var Metric = tasks.Metric{Label: "mel distance", Unit: " nats", Scale: 1, Digits: 3, Lower: true, Of: func(s train.Scores) float64 { return s.Loss }}

// net is a generator and its discriminators. Its output is the generator's loss on the batch its
// source made last; on the way the discriminators get their own gradients.
type net struct {
	Generator *model.Generator
	Critics   *model.Ensemble // nil for none

	Settings
	source *crops
	front  *audio.Mel
	warm   int // batches before the discriminators play
	tape   *grad.Tape
	critic time.Duration // time of the discriminators' steps
	played int           // how many
}

// Forward returns the loss.
func (n *net) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	b := n.source.batch
	fake := n.Generator.Forward(t, t.Input(b.features), t.Input(b.z))
	var loss *grad.Var
	if n.Spectral > 0 {
		loss = voice.SpectralLoss(t, grad.FromMuLaw(t, fake, n.Generator.Spec.Mu), &grad.Var{Value: b.wave}, n.front)
		loss = scaled(t, loss, n.Spectral)
	}
	if n.Orthogonal > 0 && t.Training() {
		nn.OrthogonalPenalty(n.Orthogonal, n.Generator.Convolutions()...)
	}
	switch {
	case n.Critics == nil || n.source.number <= n.warm:
		if loss == nil { // nothing to learn from yet
			loss = scaled(t, grad.L1(t, fake, b.companded.Data, nil), 0)
		}
		return loss
	case t.Training():
		start := time.Now()
		rng := rand.New(n.source.pcg)
		n.teach(fake, rng)
		n.critic += time.Since(start)
		n.played++
		judged := scaled(t, n.Critics.GeneratorLoss(t, fake, b.features, n.Critics.Draw(n.source.size, n.source.frames, rng)), n.Adversarial)
		if loss == nil {
			return judged
		}
		return grad.Add(t, loss, judged)
	}
	return loss
}

// teach adds to the discriminators' gradients.
func (n *net) teach(fake *grad.Var, rng *rand.Rand) {
	b, ps := n.source.batch, nn.Params(n.Critics)
	defer nn.Params(n) // their names in this network
	nn.Freeze(ps, false)
	n.tape.Reset()
	n.tape.Backward(n.Critics.CriticLoss(n.tape, b.companded, fake.Value, b.features, n.Critics.Draw(n.source.size, n.source.frames, rng)))
	nn.Freeze(ps, true) // the generator learns through them, not they from its loss
}

func scaled(t *grad.Tape, x *grad.Var, by float64) *grad.Var {
	return grad.ScaleShift(t, x, float32(by), []float32{0})
}

// settled are what a run's directory records: the settings, with the number of steps decided.
type settled struct{ Settings }

// Run trains a generator, or goes on with its training, in a run directory.
func Run(ctx context.Context, s Settings, out IO) (Result, error) {
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(out.Dir, 0o755); err != nil {
		return Result{}, fmt.Errorf("gan-tts: %w", err)
	}
	corpus, err := voice.OpenCorpus(ctx, s.Data, filepath.Join(out.Dir, "alignment.json"), out.Progress)
	if err != nil {
		return Result{}, err
	}
	for _, w := range corpus.Warnings {
		out.Warn(w)
	}
	return trainOn(ctx, corpus, s, out)
}

// trainOn trains a generator on recordings that were read.
func trainOn(ctx context.Context, corpus *voice.Corpus, s Settings, out IO) (Result, error) {
	var c settled
	dir, err := train.Open(out.Dir, &c)
	var checkpoint *train.Checkpoint
	fresh := err != nil
	if !fresh {
		defer dir.Close()
		c.Threads, c.Data = s.Threads, s.Data
		s = c.Settings
		if checkpoint, err = train.OpenCheckpoint(dir.Checkpoint()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Result{}, err
		}
	}
	r, err := newRun(corpus, s)
	if err != nil {
		return Result{}, err
	}
	if fresh {
		if s.Steps == 0 {
			if s.Steps, err = calibrate(corpus, s); err != nil {
				return Result{}, err
			}
		}
		if dir, err = train.Create(out.Dir, settled{s}); err != nil {
			return Result{}, err
		}
		defer dir.Close()
	}
	r.begin(s, dir)
	out.Begin(fmt.Sprintf("%s discriminators, %g %% of the generator's weights left out; %d steps of %d clips of %.2f s", s.Discriminators, 100*s.Sparsity, s.Steps, s.Batch, float64(s.Frames)/100))
	outcome, err := r.loop(out).Run(ctx, checkpoint)
	if err != nil {
		return Result{Run: out.Dir}, err
	}
	return r.finish(ctx, outcome)
}

// run is a training under way.
type run struct {
	*net
	dir    *train.Dir
	corpus *voice.Corpus
	held   []*voice.Clip
}

func newRun(corpus *voice.Corpus, s Settings) (*run, error) {
	spec := s.generator(speech.ConditionRows)
	g, err := model.NewGenerator(spec, rand.New(rand.NewPCG(s.Seed, streamWeights)))
	if err != nil {
		return nil, err
	}
	r := &run{net: &net{Generator: g, Settings: s, front: audio.VoiceMel(), tape: &grad.Tape{}}, corpus: corpus, held: corpus.Held}
	if len(r.held) == 0 {
		r.held = corpus.Train[:1]
	}
	if windows := s.windows(spec.Features); windows != nil {
		if r.Critics, err = model.NewEnsemble(windows, speech.Hop, rand.New(rand.NewPCG(s.Seed, streamCritics))); err != nil {
			return nil, err
		}
	}
	r.source, err = newCrops(corpus.Train, &corpus.Stats, spec, &s, rand.NewPCG(s.Seed, streamData))
	return r, err
}

// begin tells the run where it is kept and how long it is.
func (r *run) begin(s Settings, dir *train.Dir) {
	r.Settings, r.dir, r.warm = s, dir, int(s.WarmUp*float64(s.Steps))
}

// loop returns the training. The paper's rates are constant; the generator's here warms up, and
// both end in half a cosine, as trainings so short need.
func (r *run) loop(out IO) *train.Loop {
	s := r.Settings
	step := 0
	l := &train.Loop{Net: r.net, Data: r.source, Steps: s.Steps, Dir: r.dir,
		Loss: func(_ *grad.Tape, out *grad.Var, _ []int32) *grad.Var { return out },
		Optim: optim.Split{
			{Of: "generator", Optimizer: &optim.Adam{Beta1: 0.5, Beta2: 0.99}, Clip: 1},
			{Of: "critics", Optimizer: &optim.Adam{Beta1: 1e-9, Beta2: 0.99}, Rate: s.CriticRate}, // the paper's first beta is 0
		},
		Rate:    optim.WarmUp(optim.Cosine(s.Rate, s.Steps), min(100, max(1, s.Steps/10))),
		Average: &optim.Average{Decay: s.Average},
		Random:  rand.NewPCG(s.Seed, streamTopology),
		Evaluate: func(ctx context.Context) (train.Scores, error) {
			r.settle()
			m, err := r.melDistance(ctx)
			return train.Scores{Loss: m, Quality: -m, Count: len(r.held)}, errors.Join(err, r.listen(step), tasks.Plot(r.dir, Metric))
		},
		EvalEvery: max(1, min(500, s.Steps/4)), SaveAfter: 2 * time.Minute, Best: r.save,
		Report: func(e train.Event) {
			step = e.Step
			out.Report(e)
		},
		Prune: r.method(), Weights: prune.Weights(nn.Params(r.net)),
	}
	return l
}

// save writes the generator.
func (r *run) save(path string) error {
	defer nn.Params(r.net) // checkpoints know parameters by the names they have in this network
	stats, err := json.Marshal(r.corpus.Stats)
	if err != nil {
		return err
	}
	return r.Generator.Save(path, map[string]string{model.StatsKey: string(stats)})
}

// method returns the sparsifier, or nothing to do for dense networks.
func (r *run) method() prune.Method {
	if r.Sparsity == 0 {
		return prune.Dense{}
	}
	R, _ := sparse.ParseBlock(r.Block) // checked
	if r.Method == "gradual" {
		return prune.Magnitude{Sparsity: r.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
			Schedule: prune.Cubic{From: r.Steps / 20, Until: r.Steps * 3 / 4, Every: max(1, r.Steps/200)}}
	}
	until := max(1, r.Steps*3/4)
	return &prune.RigL{Rewiring: prune.Rewiring{Sparsity: r.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
		Until: until, Every: 100, DropFraction: 0.3, Drop: prune.CosineDrop(0.3, until)}}
}

// calibrate returns how many steps fit the budget, by the time a few of both kinds take.
func calibrate(corpus *voice.Corpus, s Settings) (int, error) {
	r, err := newRun(corpus, s)
	if err != nil {
		return 0, err
	}
	tape, ps := &grad.Tape{}, nn.Params(r.net)
	measure := func(warm int) float64 {
		best := math.Inf(1)
		r.warm = warm
		for began, i := time.Now(), 0; i < 3 || time.Since(began) < 2*time.Second && i < 20; i++ {
			begin := time.Now()
			r.source.Next()
			tape.Reset()
			nn.ZeroGrads(ps)
			tape.Backward(r.Forward(tape, nil))
			if i > 0 { // buffers are there
				best = min(best, time.Since(begin).Seconds())
			}
		}
		return best
	}
	each := s.WarmUp*measure(math.MaxInt) + (1-s.WarmUp)*measure(0)
	return max(50, int(0.9*s.Budget.Seconds()/(1.15*each))), nil
}
