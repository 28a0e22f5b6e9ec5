// Package voice trains a voice on recordings of one speaker: recordings are read and brought
// to a level, aligned with their text, and two networks learn from them, one to turn
// phonemes into spectra, one to turn spectra into sound.
package voice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/train"
)

// Settings are what the training of a voice can be told.
type Settings struct {
	Data          string        `json:"data" placeholder:"DIR" help:"Folder with metadata.csv and wavs, as LJ Speech has them."`
	Name          string        `json:"name,omitempty" help:"Name of the voice."`
	Budget        time.Duration `json:"budget" help:"Time the training may take: 15m, 1h, 3h."`
	Stage         string        `json:"stage" help:"Part of the work: all, acoustic (phonemes to spectra), decoder (spectra to sound), adversarial (the decoder goes on against discriminators) and joint (both go on together with the voice's own lengths), which are no part of all, or voice (put the best so far in one file)."`
	Critics       string        `json:"critics,omitempty" help:"Who judges in the adversarial stage: all (ten window discriminators and one of spectrograms), or none (the same training without, to compare with)."`
	Method        string        `json:"method,omitempty" help:"Sparsifier: rigl (sparse from the first step) or gradual (magnitude pruning of dense networks, slower and better)."`
	Sparsity      float64       `json:"sparsity" help:"Share of the weights of large layers that do not exist."`
	Block         string        `json:"block" help:"Weights exist in blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	Width         float64       `json:"width" help:"Multiplies the channels of frames in both networks."`
	Acoustic      string        `json:"acoustic,omitempty" help:"Network from phonemes to spectra: wide (with the sparsity and width given), narrow (5/8 of that width, dense: learns more in a short time), or auto (narrow for budgets below half an hour)."`
	AcousticSteps int           `json:"acoustic_steps" help:"Steps of the acoustic model; 0 for what the budget allows."`
	DecoderSteps  int           `json:"decoder_steps" help:"Steps of the decoder; 0 for what the budget allows."`
	Seed          uint64        `json:"seed" help:"Seed of everything random."`
	Threads       int           `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`
}

// Default are the settings of the voice that comes with the program, but for its budget.
var Default = Settings{Budget: 15 * time.Minute, Stage: "all", Critics: "all", Method: "rigl", Sparsity: 0.8, Block: "4x1", Width: 1, Acoustic: "auto", Seed: 1}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *Settings) Validate() error {
	switch {
	case s.Data == "":
		return errors.New("--data: name the folder of the recordings")
	case !slices.Contains([]string{"all", "acoustic", "decoder", "adversarial", "joint", "voice"}, s.Stage):
		return fmt.Errorf("--stage %s: not one of all, acoustic, decoder, adversarial, joint, voice", s.Stage)
	case s.Critics != "all" && s.Critics != "none":
		return fmt.Errorf("--critics %s: neither all nor none", s.Critics)
	case s.Budget < time.Minute || s.Budget > 1000*time.Hour:
		return fmt.Errorf("--budget %v: must be from 1m to 1000h", s.Budget)
	case !(s.Sparsity >= 0 && s.Sparsity < 1):
		return fmt.Errorf("--sparsity %v: must be from 0 to below 1", s.Sparsity)
	case s.Method != "rigl" && s.Method != "gradual":
		return fmt.Errorf("--method %s: neither rigl nor gradual", s.Method)
	case !(s.Width >= 0.1 && s.Width <= 8):
		return fmt.Errorf("--width %v: must be from 0.1 to 8", s.Width)
	case !slices.Contains([]string{"auto", "wide", "narrow"}, s.Acoustic):
		return fmt.Errorf("--acoustic %s: not one of auto, wide, narrow", s.Acoustic)
	case s.AcousticSteps < 0 || s.DecoderSteps < 0:
		return fmt.Errorf("--acoustic-steps %d, --decoder-steps %d: must not be negative", s.AcousticSteps, s.DecoderSteps)
	}
	_, err := sparse.ParseBlock(s.Block)
	return err
}

// IO connects a run to its surroundings.
type IO struct {
	Dir      string                          // run directory
	Progress func(what string, done, of int) // of what comes before training
	Stage    func(name, summary string)      // a training begins
	Report   func(train.Event)               // called while it trains
	Warn     func(string)                    // what is wrong with the data
}

// Result is what a run leaves.
type Result struct {
	Run      string    `json:"run"`
	Voice    string    `json:"voice"`
	Clips    int       `json:"clips"`
	Held     int       `json:"held_out"`
	Hours    float64   `json:"hours"`
	Acoustic Measures  `json:"acoustic"`
	Decoder  Copies    `json:"decoder"`
	Weights  int       `json:"weights"`
	Nonzeros int       `json:"nonzeros"`
	Bytes    int64     `json:"bytes"`
	Seconds  float64   `json:"seconds"`
	Settings Settings  `json:"settings"`
	Machine  train.Env `json:"machine"`
}

// choose settles on networks: those which the run in dir began with, or an acoustic model for the budget.
func (s *Settings) choose(dir string) {
	for _, stage := range []string{"acoustic", "decoder"} {
		c := settled{Settings: Settings{Acoustic: "wide", Method: "rigl"}} // what there was before there was a choice
		if train.ReadConfig(filepath.Join(dir, stage), &c) == nil {
			s.Acoustic, s.Method, s.Sparsity, s.Block, s.Width = c.Acoustic, c.Method, c.Sparsity, c.Block, c.Width
			return
		}
	}
	if s.Acoustic != "auto" {
		return
	}
	if s.Acoustic = "wide"; s.Budget < 30*time.Minute {
		s.Acoustic = "narrow"
	}
}

func (s *Settings) narrow() bool { return s.Acoustic == "narrow" }

// Shares of the budget, of which the acoustic model's includes what the recordings took. What is understood is its work: a
// decoder is intelligible after a minute. What is left over is for measuring.
const (
	acousticShare = 0.71
	decoderShare  = 0.17
	laterShare    = 0.65 // of stages that go on from both
)

// Streams of random numbers.
const (
	streamWeights = iota
	streamTopology
	streamAcoustic
	streamDecoder
	streamCalibration
	streamAdversarial
	streamCritics
	streamJoint
)

const (
	acousticBatch = 8
	decoderBatch  = 8
	dropShare     = 0.1 // of what the blocks of the acoustic model add
)

// run is a training under way.
type run struct {
	Settings
	out    IO
	corpus *Corpus
	voice  *speech.Voice
	speaks bool // the acoustic model is trained
	begun  time.Time
}

// Run trains a voice, or goes on with its training, in a run directory.
func Run(ctx context.Context, s Settings, out IO) (Result, error) {
	if err := s.Validate(); err != nil {
		return Result{}, err
	}
	if err := os.MkdirAll(out.Dir, 0o755); err != nil {
		return Result{}, fmt.Errorf("voice: %w", err)
	}
	s.choose(out.Dir)
	r := &run{Settings: s, out: out, begun: time.Now()}
	var err error
	if r.corpus, err = OpenCorpus(ctx, s.Data, filepath.Join(out.Dir, "alignment.json"), out.Progress); err != nil {
		return Result{}, err
	}
	for _, w := range r.corpus.Warnings {
		out.Warn(w)
	}
	if r.voice, err = speech.NewVoice(r.config(), rand.New(rand.NewPCG(s.Seed, streamWeights))); err != nil {
		return Result{}, err
	}
	if s.Stage == "all" || s.Stage == "acoustic" {
		if err := r.acoustic(ctx); err != nil {
			return Result{Run: out.Dir}, err
		}
	}
	if s.Stage == "all" || s.Stage == "decoder" {
		if err := r.decoder(ctx); err != nil {
			return Result{Run: out.Dir}, err
		}
	}
	if s.Stage == "adversarial" {
		if err := r.adversarial(ctx); err != nil {
			return Result{Run: out.Dir}, err
		}
	}
	if s.Stage == "joint" {
		if err := r.joint(ctx); err != nil {
			return Result{Run: out.Dir}, err
		}
	}
	return r.finish(ctx)
}

// config returns the sizes of the networks.
func (r *run) config() speech.Config {
	wide := func(n int) int { return max(16, 16*int(r.Width*float64(n)/16+0.5)) }
	frames := 256
	if r.narrow() {
		frames = 160
	}
	return speech.Config{Name: r.Name, Stats: r.corpus.Stats,
		Acoustic: speech.AcousticSpec{Tokens: 128, Blocks: 3, Pitch: 128, Frames: wide(frames), Hidden: 3 * wide(frames), Layers: 6},
		Decoder:  speech.DecoderSpec{Channels: wide(256), Hidden: 3 * wide(256), Layers: 6},
	}
}

// stage is the training of one network.
type stage struct {
	name   string
	metric tasks.Metric
	net    nn.Layer
	source train.Source
	rate   float64
	dense  bool
	steps  int
	share  float64
	every  int // steps between evaluations
	score  func(ctx context.Context) (train.Scores, error)
	save   func(path string) error

	players optim.Split // optimizers of a stage that leaves the topology as it is; nil for Adam and RigL
}

// acoustic trains the acoustic model.
func (r *run) acoustic(ctx context.Context) error {
	source := newClipSource(r.corpus.Train, &r.voice.Config.Stats, acousticBatch, rand.NewPCG(r.Seed, streamAcoustic))
	net := &acousticNet{r.voice.Acoustic, source}
	r.speaks = true
	return r.train(ctx, stage{name: "acoustic", metric: tasks.Metric{Label: "cepstral distance", Unit: " dB", Scale: -1}, net: net, source: source, rate: 2e-3, dense: r.narrow(), steps: r.AcousticSteps, share: acousticShare, every: 400,
		score: func(ctx context.Context) (train.Scores, error) {
			m, err := measureAcoustic(ctx, r.voice, r.corpus.Held)
			return train.Scores{Loss: m.MelL1, Quality: -m.MCD, Count: m.Frames}, err
		}, save: r.voice.SaveParts})
}

// decoder trains the decoder.
func (r *run) decoder(ctx context.Context) error {
	source, err := newCropSource(r.corpus.Train, &r.voice.Config.Stats, decoderBatch, rand.NewPCG(r.Seed, streamDecoder))
	if err != nil {
		return err
	}
	if path, err := r.part("acoustic"); err == nil && !r.speaks {
		r.speaks = r.voice.LoadPart(path, false) == nil // without it, recordings are what is heard
	}
	net := &decoderNet{r.voice.Decoder, source, audio.VoiceMel()}
	return r.train(ctx, stage{name: "decoder", metric: tasks.Metric{Label: "spectral distance", Unit: " nats", Scale: -1}, net: net, source: source, rate: 1e-3, steps: r.DecoderSteps, share: decoderShare, every: 1000,
		score: r.spectral(source), save: r.voice.SaveParts})
}

// settled are what a stage's own directory records: the settings and the number of steps,
// which is decided once.
type settled struct {
	Settings
	Steps int `json:"steps"`
}

// train runs a stage in a directory of its own, or goes on with it.
func (r *run) train(ctx context.Context, s stage) error {
	path := filepath.Join(r.out.Dir, s.name)
	var c settled
	dir, err := train.Open(path, &c)
	var checkpoint *train.Checkpoint
	switch {
	case err == nil:
		checkpoint, err = train.OpenCheckpoint(dir.Checkpoint())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	default:
		c = settled{r.Settings, s.steps}
		if c.Steps == 0 {
			c.Steps = r.calibrate(s)
		}
		if dir, err = train.Create(path, c); err != nil {
			return err
		}
	}
	defer dir.Close()
	save := s.save
	s.save = func(path string) error {
		defer nn.Params(s.net) // checkpoints know parameters by the names they have in this network
		return save(path)
	}
	step := 0
	if checkpoint != nil {
		step = checkpoint.Step
	}
	report := func(e train.Event) {
		step = e.Step
		if r.out.Report != nil {
			r.out.Report(e)
		}
	}
	score := s.score
	s.score = func(ctx context.Context) (train.Scores, error) {
		scores, err := score(ctx)
		return scores, errors.Join(err, r.listen(s.name, step), tasks.Plot(dir, s.metric))
	}
	random := rand.NewPCG(r.Seed, streamTopology)
	r.voice.Acoustic.Drop = nn.Dropout{P: dropShare, Random: rand.New(random)}
	loop := &train.Loop{Net: s.net, Data: s.source, Steps: c.Steps, Clip: 1, Dir: dir,
		Loss:     func(_ *grad.Tape, out *grad.Var, _ []int32) *grad.Var { return out },
		Optim:    &optim.Adam{Beta1: 0.9, Beta2: 0.98, Decay: 0.01},
		Rate:     optim.WarmUp(optim.Cosine(s.rate, c.Steps), min(200, c.Steps/10)),
		Average:  &optim.Average{Decay: 0.998},
		Random:   random,
		Evaluate: s.score, EvalEvery: s.every, SaveAfter: 2 * time.Minute, Best: s.save, Report: report,
	}
	if ps := nn.Params(s.net); s.players == nil {
		loop.Prune, loop.Weights = r.method(s, c.Steps), prune.Weights(ps)
	} else {
		loop.Optim, loop.Clip = s.players, 0
		loop.Average.Decay = max(0, min(loop.Average.Decay, 1-10/float64(c.Steps))) // a short stage is not to keep what it began with
	}
	if r.out.Stage != nil {
		kind := fmt.Sprintf("%g %% sparse by %s", 100*r.Sparsity, r.Method)
		switch {
		case s.players != nil:
			kind = "weights stay where they are"
		case r.Sparsity == 0 || s.dense:
			kind = "dense"
		}
		if s.name == "acoustic" {
			kind = r.Acoustic + ", " + kind
		}
		r.out.Stage(s.name, fmt.Sprintf("%s, %d steps", kind, c.Steps))
	}
	if _, err := loop.Run(ctx, checkpoint); err != nil {
		return err
	}
	if err := tasks.Plot(dir, s.metric); err != nil {
		return err
	}
	return s.save(dir.Model())
}

// method returns the sparsifier, or nothing to do for dense networks.
func (r *run) method(s stage, steps int) prune.Method {
	if r.Sparsity == 0 || s.dense {
		return prune.Dense{}
	}
	R, _ := sparse.ParseBlock(r.Block) // checked
	if r.Method == "gradual" {
		return prune.Magnitude{Sparsity: r.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
			Schedule: prune.Cubic{From: steps / 10, Until: max(1, steps*6/10), Every: max(1, steps/200)}}
	}
	until := max(1, steps*3/4)
	return &prune.RigL{Rewiring: prune.Rewiring{Sparsity: r.Sparsity, Distribution: prune.ERK, Structure: prune.Structure{Rows: R},
		Until: until, Every: 100, DropFraction: 0.3, Drop: prune.CosineDrop(0.3, until)}}
}

// calibrate returns how many steps fit the stage's share of the budget, by the time a few take.
func (r *run) calibrate(s stage) int {
	tape := &grad.Tape{}
	ps := nn.Params(s.net)
	began, n := time.Now(), 0
	for ; n < 6 || time.Since(began) < 6*time.Second && n < 50; n++ { // batches are of different lengths
		if n == 2 {
			began = time.Now() // buffers are there
		}
		s.source.Next()
		tape.Reset()
		nn.ZeroGrads(ps)
		tape.Backward(s.net.Forward(tape, nil))
	}
	each := time.Since(began).Seconds() / float64(n-2)
	if r.Sparsity > 0 && !s.dense && s.players == nil {
		saved := 0.6 * r.Sparsity // measured dense
		if r.Method == "gradual" {
			saved *= 0.7 // on the average of the schedule
		}
		each *= 1 - saved
	}
	left := s.share * r.Budget.Seconds()
	if s.name == "acoustic" {
		left -= time.Since(r.begun).Seconds()
	}
	return max(100, int(left/each))
}

// part returns the newest model of a stage: the finished one, or the best so far.
func (r *run) part(name string) (string, error) {
	dir := filepath.Join(r.out.Dir, name)
	for _, file := range []string{"model.safetensors", "checkpoints/best.safetensors"} {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("voice: %s has no model yet: train it with --stage %s", dir, name)
}

// gather gives the voice the best networks so far.
func (r *run) gather() error {
	start := filepath.Join(r.out.Dir, startFile)
	if v, err := speech.Open(start); err == nil {
		r.voice = v
	}
	for _, stage := range []struct {
		name              string
		acoustic, decoder bool // what it trains
		needed            bool
	}{{"acoustic", true, false, true}, {"decoder", false, true, true}, {"adversarial", false, true, false}, {"joint", true, true, false}} {
		path, err := r.part(stage.name)
		switch {
		case err != nil && stage.needed && !exists(start):
			return err
		case err != nil:
			continue
		}
		for decoder, trained := range map[bool]bool{false: stage.acoustic, true: stage.decoder} {
			if trained {
				if err := r.voice.LoadPart(path, decoder); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// finish puts the networks together, corrects their means, and measures and writes the
// voice.
func (r *run) finish(ctx context.Context) (Result, error) {
	if err := r.gather(); err != nil {
		return Result{Run: r.out.Dir}, err
	}
	sample := r.corpus.Train[:min(200, len(r.corpus.Train))]
	if err := adjust(ctx, r.voice, sample); err != nil {
		return Result{Run: r.out.Dir}, err
	}
	res := Result{Run: r.out.Dir, Voice: filepath.Join(r.out.Dir, "voice.safetensors"), Clips: len(r.corpus.Train), Held: len(r.corpus.Held),
		Settings: r.Settings, Machine: train.Environment()}
	for _, c := range r.corpus.Train {
		res.Hours += float64(c.Frames()) / 360000
	}
	if err := r.voice.Save(res.Voice, nil); err != nil {
		return res, err
	}
	v, err := speech.Open(res.Voice) // what is measured is what was written
	if err != nil {
		return res, err
	}
	held := r.corpus.Held
	if len(held) == 0 {
		held = sample[:1]
	}
	if res.Acoustic, err = measureAcoustic(ctx, v, held); err != nil {
		return res, err
	}
	if res.Decoder, err = measureDecoder(ctx, v, held, r.corpus.Train); err != nil {
		return res, err
	}
	for _, p := range nn.Params(v) {
		res.Weights, res.Nonzeros = res.Weights+p.Size(), res.Nonzeros+p.NNZ()
	}
	if stat, err := os.Stat(res.Voice); err == nil {
		res.Bytes = stat.Size()
	}
	res.Seconds = time.Since(r.begun).Seconds()
	return res, writeResult(filepath.Join(r.out.Dir, "result.json"), res)
}

func writeResult(path string, r Result) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return train.WriteFile(path, func(w io.Writer) error { _, err := w.Write(append(b, 10)); return err })
}
