// Package vocoder trains WaveRNN on recordings of one speaker, to turn spectra into sound.
package vocoder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// Settings are what the training of a vocoder can be told.
type Settings struct {
	Data      string        `json:"data" placeholder:"DIR" help:"Folder with metadata.csv and wavs, as LJ Speech has them."`
	Budget    time.Duration `json:"budget" help:"Time the training may take: 15m, 1h, 3h. Decides on the steps unless they are given."`
	Steps     int           `json:"steps" help:"Optimizer steps; 0 for what the budget allows."`
	Units     int           `json:"units" help:"Units of the recurrent layer."`
	Condition int           `json:"condition" help:"Units of the conditioning layer."`
	Method    string        `json:"method" help:"Sparsifier: dense, gradual (magnitude pruning by the paper's schedule, each gate on its own), static (random), rigl (sparse from the first step), or evolution (masks by evolution strategies)."`
	Sparsity  float64       `json:"sparsity" help:"Share of the weights that do not exist, of the recurrent layer and of the first layers behind it."`
	Block     string        `json:"block" help:"Weights exist in blocks of this shape: 1x1, 4x1, 4x4, 16x1 or 16x4."`
	Emphasis  float64       `json:"emphasis" help:"Treble that is modelled too loud and taken away again; 0 for none."`
	Mu        float64       `json:"mu" help:"Samples are companded by this mu law, which makes quiet ones easier to learn; 0 for linear ones, as in the paper."`
	Predict   int           `json:"predict" help:"Order of the linear prediction whose rest is modelled; 0 for none, as in the paper and with several streams."`
	Batch     int           `json:"batch" help:"Pieces of a step."`
	Crop      int           `json:"crop" help:"Samples of a piece: a multiple of 160. Gradients go through all of it."`
	Streams   int           `json:"streams,omitempty" help:"Deal the samples out to 2, 4, 8 or 16 streams that are drawn together (subscale WaveRNN); 0 for a plain model."`
	Horizon   int           `json:"horizon,omitempty" help:"Samples of the future of earlier streams that a stream sees."`
	Rate      float64       `json:"rate" help:"Highest learning rate."`
	Clips     int           `json:"clips,omitempty" help:"Recordings to read; 0 for all."`
	Seed      uint64        `json:"seed" help:"Seed of everything random."`
	Threads   int           `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`

	Population int `json:"population,omitempty" help:"evolution: members of a generation, even; 0 for 4."`
}

// Default are the settings of a vocoder that a laptop can train.
var Default = Settings{Budget: time.Hour, Units: 256, Condition: 192, Method: "gradual", Sparsity: 0.9, Block: "16x1", Emphasis: 0.85, Mu: 255, Predict: 16, Batch: 16, Crop: 960, Horizon: 16, Rate: 2e-3, Seed: 1}

var blocks = map[string]prune.Structure{"1x1": {Rows: 1}, "4x1": {Rows: 4}, "4x4": {Rows: 4, Cols: 4}, "16x1": {Rows: 16}, "16x4": {Rows: 16, Cols: 4}}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *Settings) Validate() error {
	_, known := blocks[s.Block]
	switch {
	case s.Data == "":
		return errors.New("--data: name the folder of the recordings")
	case !slices.Contains([]string{"dense", "gradual", "static", "rigl", "evolution"}, s.Method):
		return fmt.Errorf("--method %s: not one of dense, gradual, static, rigl, evolution", s.Method)
	case !known:
		return fmt.Errorf("--block %s: not one of 1x1, 4x1, 4x4, 16x1, 16x4", s.Block)
	case blocks[s.Block].Cols > 1 && s.Method != "gradual" && s.Method != "dense":
		return fmt.Errorf("--block %s: only --method gradual makes blocks of several columns", s.Block)
	case s.Population < 0 || s.Population%2 != 0 || s.Population > 1024:
		return fmt.Errorf("--population %d: must be even, up to 1024", s.Population)
	case s.Units < 32 || s.Units > 4096 || s.Units%32 != 0:
		return fmt.Errorf("--units %d: must be a multiple of 32 up to 4096", s.Units)
	case s.Condition < 1 || s.Condition > 4096:
		return fmt.Errorf("--condition %d: must be from 1 to 4096", s.Condition)
	case s.Budget < time.Minute || s.Budget > 1000*time.Hour:
		return fmt.Errorf("--budget %v: must be from 1m to 1000h", s.Budget)
	case !(s.Sparsity >= 0 && s.Sparsity < 1):
		return fmt.Errorf("--sparsity %v: must be from 0 to below 1", s.Sparsity)
	case !(s.Emphasis >= 0 && s.Emphasis < 1):
		return fmt.Errorf("--emphasis %v: must be from 0 to below 1", s.Emphasis)
	case !(s.Mu >= 0 && s.Mu < 1<<16):
		return fmt.Errorf("--mu %v: must be from 0 to below 65536", s.Mu)
	case s.Predict < 0 || s.Predict > 32:
		return fmt.Errorf("--predict %d: must be from 0 to 32", s.Predict)
	case s.Streams != 0 && !slices.Contains([]int{2, 4, 8, 16}, s.Streams):
		return fmt.Errorf("--streams %d: not 0, 2, 4, 8 or 16", s.Streams)
	case s.Horizon < 0 || s.Horizon > 128:
		return fmt.Errorf("--horizon %d: must be from 0 to 128", s.Horizon)
	case !(s.Rate > 0 && s.Rate <= 1):
		return fmt.Errorf("--rate %v: must be above 0 and at most 1", s.Rate)
	case s.Batch < 1 || s.Batch > 1024:
		return fmt.Errorf("--batch %d: must be from 1 to 1024", s.Batch)
	case s.Crop < speech.Hop || s.Crop > 100*speech.Hop || s.Crop%speech.Hop != 0:
		return fmt.Errorf("--crop %d: must be a multiple of %d up to %d", s.Crop, speech.Hop, 100*speech.Hop)
	case s.Steps < 0 || s.Clips < 0:
		return fmt.Errorf("--steps %d, --clips %d: must not be negative", s.Steps, s.Clips)
	}
	return nil
}

// IO connects a run to its surroundings.
type IO = tasks.SpeechIO

// Result is what a run leaves.
type Result struct {
	Run       string    `json:"run"`
	Model     string    `json:"model"`
	Bits      float64   `json:"bits_per_sample"` // on clips it was not trained on
	NLL       float64   `json:"nll_nats"`        // the same in nats
	Recurrent int       `json:"recurrent_nonzeros"`
	Weights   int       `json:"weights"`
	Nonzeros  int       `json:"nonzeros"`
	Bytes     int64     `json:"bytes"`
	Steps     int       `json:"steps"`
	StepMS    float64   `json:"step_ms"`
	Clips     int       `json:"clips"`
	Held      int       `json:"held_out"`
	Seconds   float64   `json:"seconds"`
	Settings  Settings  `json:"settings"`
	Machine   train.Env `json:"machine"`
}

// Metric is what vocoders are compared by.
var Metric = tasks.Metric{Label: "held-out", Unit: " bits a sample", Scale: 1, Digits: 3, Lower: true, Of: func(s train.Scores) float64 { return s.Loss / math.Ln2 }}

// Streams of random numbers.
const (
	streamWeights = iota
	streamTopology
	streamData
	streamNoise
)

// net is a model whose output is its loss on the batch its source made last, in nats a sample.
type net struct {
	*wavernn.Model
	source *crops
}

// Forward returns the loss.
func (n *net) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	b := n.source.batch
	var coarse, fine *grad.Var
	if b.context != nil {
		coarse, fine = n.ForwardSubscale(t, t.Input(b.frames), b.scalars, b.context)
	} else {
		coarse, fine = n.Model.Forward(t, t.Input(b.frames), b.scalars)
	}
	return grad.Add(t, grad.CrossEntropy(t, coarse, b.coarse, 0), grad.CrossEntropy(t, fine, b.fine, 0))
}

// settled are what a run's directory records: the settings, with the number of steps decided.
type settled struct{ Settings }

// Run trains a vocoder, or goes on with its training, in a run directory.
func Run(ctx context.Context, s Settings, out IO) (Result, error) {
	var c settled
	if train.ReadConfig(out.Dir, &c) == nil { // recordings are read as the run began with them
		c.Threads = s.Threads
		s = c.Settings
	}
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	if s.Streams > 0 {
		s.Predict = 0
	}
	clips, err := openCorpus(ctx, s.Data, s.Clips, max(s.Crop/speech.Hop, heldFrames), s.spec(), s.Seed, out.Progress)
	if err != nil {
		return Result{}, err
	}
	for _, w := range clips.warnings {
		out.Warn(w)
	}
	return runOn(ctx, clips, s, out)
}

// runOn is Run on recordings that are read.
func runOn(ctx context.Context, clips *corpus, s Settings, out IO) (Result, error) {
	var c settled
	dir, err := train.Open(out.Dir, &c)
	var checkpoint *train.Checkpoint
	fresh := err != nil
	if !fresh {
		defer dir.Close()
		c.Threads = s.Threads
		s = c.Settings
		if checkpoint, err = train.OpenCheckpoint(dir.Checkpoint()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Result{}, err
		}
	}
	model, err := wavernn.New(s.spec(), rand.New(rand.NewPCG(s.Seed, streamWeights)))
	if err != nil {
		return Result{}, err
	}
	n := &net{model, newCrops(clips.train, model.Spec(), s.Batch, s.Crop/speech.Hop, rand.NewPCG(s.Seed, streamData))}
	if fresh {
		if s.Steps == 0 {
			s.Steps = calibrate(n, s)
		}
		if dir, err = train.Create(out.Dir, settled{s}); err != nil {
			return Result{}, err
		}
		defer dir.Close()
	}
	what := "samples"
	if s.Predict > 0 {
		what = fmt.Sprintf("what prediction of order %d leaves", s.Predict)
	}
	out.Begin(fmt.Sprintf("WaveRNN of %d units for %s, %s, %g %% in blocks of %s; %d steps of %d x %d samples", s.Units, what, s.Method, 100*s.Sparsity, s.Block, s.Steps, s.Batch, s.Crop))
	outcome, err := loop(n, clips, s, dir, out).Run(ctx, checkpoint)
	if err != nil {
		return Result{Run: out.Dir}, err
	}
	return finish(n, clips, s, dir, outcome)
}

// loop returns the training.
func loop(n *net, clips *corpus, s Settings, dir *train.Dir, out IO) *train.Loop {
	held := newCrops(clips.held, n.Spec(), heldPieces, heldFrames, nil)
	save := func(path string) error {
		defer nn.Params(n) // checkpoints know parameters by the names they have in this network
		return n.Save(path, nil)
	}
	l := &train.Loop{Net: n, Data: n.source, Steps: s.Steps, Clip: 1, Dir: dir,
		Loss:    func(_ *grad.Tape, out *grad.Var, _ []int32) *grad.Var { return out },
		Optim:   &optim.Adam{Beta1: 0.9, Beta2: 0.99},
		Rate:    optim.WarmUp(optim.Cosine(s.Rate, s.Steps), min(200, max(1, s.Steps/20))),
		Average: &optim.Average{Decay: 0.995},
		Random:  rand.NewPCG(s.Seed, streamTopology),
		Evaluate: func(ctx context.Context) (train.Scores, error) {
			nll, err := measure(ctx, &net{n.Model, held})
			return train.Scores{Loss: nll, Quality: -nll, Count: held.size * measured * heldFrames * speech.Hop}, err
		},
		EvalEvery: max(1, min(250, s.Steps/4)), SaveAfter: 2 * time.Minute, Best: save, Report: out.Report,
		Prune: s.method(), Weights: prune.Weights(nn.Params(n)),
		Replica: func(*rand.PCG) (nn.Layer, error) {
			model, err := wavernn.New(n.Spec(), nil)
			return &net{model, n.source}, err
		},
	}
	return l
}

// Held-out recordings are measured by so many batches of so many pieces.
const measured, heldPieces = 6, 16

// measure returns the negative log-likelihood of held-out pieces in nats a sample.
func measure(ctx context.Context, n *net) (float64, error) {
	n.source.random = rand.NewPCG(0, 0) // always the same pieces
	tape := &grad.Tape{NoGrad: true}
	sum := 0.0
	for range measured {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		tape.Reset()
		n.source.Next()
		sum += float64(n.Forward(tape, nil).Value.Data[0])
	}
	return sum / measured, nil
}

// spec says how the model is built.
func (s *Settings) spec() wavernn.Spec {
	spec := wavernn.Spec{Units: s.Units, Features: speech.MelBands, Condition: s.Condition, Hop: speech.Hop, Around: 2, Emphasis: s.Emphasis, Mu: s.Mu, Predict: s.Predict}
	if s.Predict > 0 {
		spec.Features = wavernn.PredictingFeatures
	}
	if s.Streams > 0 {
		layers := max(1, bits.Len(uint(s.Horizon))) // a field of more than the horizon, at most twice as much
		spec.Predict, spec.Features = 0, speech.MelBands
		spec.Subscale = wavernn.Subscale{Streams: s.Streams, Horizon: s.Horizon, Context: 48, Layers: layers}
	}
	return spec
}

const members = 4 // of a population, unless told

// method returns the sparsifier. The paper prunes from step 1000 over 200,000 of its 500,000
// steps, every 500: shares of the training here.
func (s *Settings) method() prune.Method {
	structure := blocks[s.Block]
	every := max(1, s.Steps/1000)
	switch {
	case s.Method == "dense" || s.Sparsity == 0:
		return prune.Dense{}
	case s.Method == "gradual":
		return prune.Magnitude{Sparsity: s.Sparsity, Distribution: prune.Even, Structure: structure,
			Schedule: prune.Cubic{From: s.Steps / 50, Until: s.Steps * 2 / 5, Every: every}}
	}
	until := max(1, s.Steps*3/4)
	switch s.Method {
	case "static":
		return prune.Static{Sparsity: s.Sparsity, Distribution: prune.Even, Structure: structure}
	case "evolution":
		population := s.Population
		if population == 0 {
			population = members
		}
		return &prune.Evolution{Sparsity: s.Sparsity, Distribution: prune.Even, Structure: structure, Sampling: prune.Gumbel,
			Population: population, Rate: 5, Every: 10, Until: until}
	}
	return &prune.RigL{Rewiring: prune.Rewiring{Sparsity: s.Sparsity, Distribution: prune.Even, Structure: structure,
		Until: until, Every: 100, DropFraction: 0.3, Drop: prune.CosineDrop(0.3, until)}}
}

// calibrate returns how many steps fit the budget, by the time a few dense ones take.
func calibrate(n *net, s Settings) int {
	tape, ps := &grad.Tape{}, nn.Params(n)
	best := math.Inf(1)
	state, err := n.source.MarshalBinary()
	if err != nil {
		panic(err) // PCG has none
	}
	for began, i := time.Now(), 0; i < 4 || time.Since(began) < 3*time.Second && i < 30; i++ {
		begin := time.Now()
		n.source.Next()
		tape.Reset()
		nn.ZeroGrads(ps)
		tape.Backward(n.Forward(tape, nil))
		if i > 1 { // buffers are there
			best = min(best, time.Since(begin).Seconds())
		}
	}
	if err := n.source.UnmarshalBinary(state); err != nil {
		panic(err)
	}
	nn.ZeroGrads(ps)
	return max(100, int(0.95*s.Budget.Seconds()/(1.15*best)))
}

// finish measures and writes the model.
func finish(n *net, clips *corpus, s Settings, dir *train.Dir, o train.Outcome) (Result, error) {
	r := Result{Run: dir.Path, Model: dir.Model(), Recurrent: n.Cell.Recurrent.Recurrent.NNZ(),
		Steps: o.Steps, StepMS: o.StepMS, Clips: len(clips.train), Held: len(clips.held), Seconds: o.Seconds, Settings: s, Machine: train.Environment()}
	for _, p := range nn.Params(n.Model) {
		r.Weights, r.Nonzeros = r.Weights+p.Size(), r.Nonzeros+p.NNZ()
	}
	if err := tasks.Plot(dir, Metric); err != nil {
		return r, err
	}
	if err := n.SaveHalf(r.Model, nil); err != nil {
		return r, err
	}
	m, err := wavernn.Open(r.Model) // what is measured is what was written
	if err != nil {
		return r, err
	}
	if r.NLL, err = measure(context.Background(), &net{m, newCrops(clips.held, m.Spec(), heldPieces, heldFrames, nil)}); err != nil {
		return r, err
	}
	r.Bits = r.NLL / math.Ln2
	if stat, err := os.Stat(r.Model); err == nil {
		r.Bytes = stat.Size()
	}
	return r, dir.WriteResult(r)
}
