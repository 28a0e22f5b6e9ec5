package eats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	model "github.com/seed073b5613/filigree/models/speech/eats"
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

// Result is what a run leaves.
type Result struct {
	Run          string    `json:"run"`
	Voice        string    `json:"voice"`
	Critics      float64   `json:"critics"` // the discriminators' mean hinge loss towards the end; 2 is chance, 0 where there are none
	Clips        int       `json:"clips"`
	Weights      int       `json:"weights"` // of the generator
	Nonzeros     int       `json:"nonzeros"`
	Bytes        int64     `json:"bytes"`
	Steps        int       `json:"steps"`
	StepMS       float64   `json:"step_ms"`
	Seconds      float64   `json:"seconds"`
	Settings     Settings  `json:"settings"`
	Machine      train.Env `json:"machine"`
	voice.Spoken           // of recordings it was not trained on
}

// Metric is what trainings are compared by.
var Metric = tasks.Metric{Label: "cepstral distance", Unit: " dB", Scale: 1, Digits: 2, Lower: true, Of: func(s train.Scores) float64 { return -s.Quality }}

// Streams of random numbers.
const (
	streamWeights = iota
	streamCritics
	streamTopology
	streamData
	streamSettle
)

// settled are what a run's directory records: the settings, with the number of steps decided.
type settled struct{ Settings }

// run is a training under way.
type run struct {
	Settings
	out    IO
	dir    *train.Dir
	corpus *voice.Corpus
	voice  *model.Voice
	game   *game
}

// Run trains a voice, or goes on with its training, in a run directory.
func Run(ctx context.Context, s Settings, out IO) (Result, error) {
	return trainOn(ctx, nil, s, out)
}

// trainOn is [Run] on recordings that are read already; nil has them read.
func trainOn(ctx context.Context, corpus *voice.Corpus, s Settings, out IO) (Result, error) {
	var c settled
	dir, err := train.Open(out.Dir, &c)
	var checkpoint *train.Checkpoint
	fresh := err != nil
	if !fresh {
		defer dir.Close()
		c.Threads, c.Alignment = s.Threads, cmp.Or(s.Alignment, c.Alignment)
		s = c.Settings
		if checkpoint, err = train.OpenCheckpoint(dir.Checkpoint()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Result{}, err
		}
	}
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	r := &run{Settings: s, out: out, dir: dir, corpus: corpus}
	if corpus == nil {
		if err := r.read(ctx); err != nil {
			return Result{}, err
		}
	}
	if err := r.build(); err != nil {
		return Result{}, err
	}
	if fresh {
		if r.Steps == 0 {
			r.Steps = r.calibrate()
			if err := r.build(); err != nil { // calibration moved norms
				return Result{}, err
			}
		}
		if r.dir, err = train.Create(out.Dir, settled{r.Settings}); err != nil {
			return Result{}, err
		}
		defer r.dir.Close()
	}
	out.Begin(r.summary())
	outcome, err := r.loop().Run(ctx, checkpoint)
	if err != nil {
		return Result{Run: out.Dir}, err
	}
	return r.finish(ctx, outcome)
}

// read reads the recordings.
func (r *run) read(ctx context.Context) (err error) {
	path := r.Alignment
	if path == "" {
		path = filepath.Join(r.out.Dir, "alignment.json")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("eats: %w", err)
	}
	if r.corpus, err = voice.OpenCorpus(ctx, r.Data, path, r.out.Progress); err != nil {
		return err
	}
	for _, w := range r.corpus.Warnings {
		r.out.Warn(w)
	}
	return nil
}

func (r *run) summary() string {
	teachers, play := r.teachers(), "without discriminators"
	if r.Windows || r.Spectrogram {
		_, all := r.game.Critics.count()
		play = fmt.Sprintf("%g discriminators from step %d on", all, int(r.WarmUp*float64(r.Steps)))
	}
	return fmt.Sprintf("EATS, %s: %d steps of %d x %.2f s, the aligner's lengths for %d, %s", r.Size, r.Steps, r.Batch, float64(r.Frames)/100, teachers, play)
}

// build makes the networks.
func (r *run) build() error {
	spec, err := model.Laptop(model.Size(r.Size))
	if err != nil {
		return err
	}
	config := model.Config{Name: r.Name, Spec: spec, Stats: r.corpus.Stats}
	config.Stats.MelMean = nil // no part of it
	if r.voice, err = model.NewVoice(config, rand.New(rand.NewPCG(r.Seed, streamWeights))); err != nil {
		return err
	}
	if r.From != "" {
		before, err := model.Open(r.From)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(before.Config.Spec, r.voice.Config.Spec) {
			return fmt.Errorf("eats: %s is of another size than %s", r.From, r.Size)
		}
		r.voice.Generator = before.Generator
	}
	source, err := newWindows(r.corpus.Train, &r.Settings, spec.Latent, rand.NewPCG(r.Seed, streamData))
	if err != nil {
		return err
	}
	c, err := newCritics(&r.Settings, rand.New(rand.NewPCG(r.Seed, streamCritics)))
	if err != nil {
		return err
	}
	r.game = &game{Generator: r.voice.Generator, Critics: c, settings: &r.Settings, source: source, stats: &r.voice.Config.Stats,
		front: model.NewFront(spec.SampleRate), mel: audio.VoiceMel(), tape: &grad.Tape{}, params: nn.Params(c)}
	nn.Freeze(r.game.params, true)
	return nil
}

// loop returns the training.
func (r *run) loop() *train.Loop {
	ps := nn.Params(r.game)
	var own []*nn.Param
	generator := nn.Match("generator")
	for _, p := range ps {
		if generator(p.Name) {
			own = append(own, p)
		}
	}
	save := func(path string) error {
		defer nn.Params(r.game) // checkpoints know parameters by the names they have in this network
		return r.voice.Save(path, nil)
	}
	step := 0
	return &train.Loop{Net: r.game, Data: r.game.source, Steps: r.Steps, Dir: r.dir,
		Loss: func(_ *grad.Tape, out *grad.Var, _ []int32) *grad.Var { return out },
		Optim: optim.Split{
			{Of: "generator", Optimizer: &optim.Adam{Beta1: 0.9, Beta2: 0.98, Decay: 0.01}, Clip: 1},
			{Of: "critics", Optimizer: &optim.Adam{Beta1: 1e-6, Beta2: 0.99}, Rate: r.CriticRate}}, // the paper's first moment: none
		Rate:    optim.WarmUp(optim.Cosine(r.Rate, r.Steps), min(200, max(1, r.Steps/10))),
		Average: &optim.Average{Decay: 0.995},
		Random:  rand.NewPCG(r.Seed, streamTopology),
		Prune:   r.method(), Weights: prune.Weights(own),
		Evaluate: func(ctx context.Context) (train.Scores, error) {
			m, err := r.measure(ctx, quick)
			if err != nil {
				return train.Scores{}, err
			}
			return train.Scores{Loss: m.PER, Quality: -m.MCD, Count: m.Compared}, errors.Join(r.listen(step), tasks.Plot(r.dir, Metric))
		},
		EvalEvery: max(1, r.Steps/3), SaveAfter: 2 * time.Minute, Best: save,
		Report: func(e train.Event) {
			step = e.Step
			r.out.Report(e)
		},
	}
}

// method returns RigL, or nothing to do for dense networks.
func (r *run) method() prune.Method {
	if r.Sparsity == 0 {
		return prune.Dense{}
	}
	R, _ := sparse.ParseBlock(r.Block) // checked
	until := max(1, r.Steps*3/4)
	return &prune.RigL{Rewiring: prune.Rewiring{Sparsity: r.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
		Until: until, Every: 100, DropFraction: 0.3, Drop: prune.CosineDrop(0.3, until)}}
}

// calibrate returns how many steps fit the budget, by the time a few take, of both kinds.
func (r *run) calibrate() int {
	r.Steps = 1 << 20 // far from its end
	tape, ps := &grad.Tape{}, nn.Params(r.game)
	each := func(at int) float64 {
		best := math.Inf(1)
		for i := range 5 {
			r.game.source.count = at
			begin := time.Now()
			r.game.source.Next()
			tape.Reset()
			nn.ZeroGrads(ps)
			tape.Backward(r.game.Forward(tape, nil))
			if i > 0 { // buffers are there
				best = min(best, time.Since(begin).Seconds())
			}
		}
		return best
	}
	alone, playing := each(0), each(r.Steps-1)
	share := 0.0
	if r.Windows || r.Spectrogram {
		share = 1 - r.WarmUp
	}
	return max(100, int(0.9*r.Budget.Seconds()/(1.1*(alone*(1-share)+playing*share))))
}

// finish measures and writes the voice.
func (r *run) finish(ctx context.Context, o train.Outcome) (Result, error) {
	res := Result{Run: r.dir.Path, Voice: filepath.Join(r.dir.Path, "voice.safetensors"), Critics: r.game.judged, Clips: len(r.corpus.Train),
		Steps: o.Steps, StepMS: o.StepMS, Seconds: o.Seconds, Settings: r.Settings, Machine: train.Environment()}
	r.settle()
	if err := r.voice.Save(res.Voice, nil); err != nil {
		return res, err
	}
	var err error
	if r.voice, err = model.Open(res.Voice); err != nil { // what is measured is what was written
		return res, err
	}
	for _, p := range nn.Params(r.voice) {
		res.Weights, res.Nonzeros = res.Weights+p.Size(), res.Nonzeros+p.NNZ()
	}
	if stat, err := os.Stat(res.Voice); err == nil {
		res.Bytes = stat.Size()
	}
	if res.Spoken, err = r.measure(ctx, len(r.corpus.Held)); err != nil {
		return res, err
	}
	return res, r.dir.WriteResult(res)
}
