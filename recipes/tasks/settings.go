package tasks

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/sparse"
)

// Settings are what a training run can be told. Their tags make the flags of
// filigree train, and config.json in the run directory.
type Settings struct {
	Data   string `json:"data" placeholder:"DIR" group:"Data" help:"Folder with the data set's files."`
	Images int    `json:"images" group:"Data" help:"Train on so many samples only, the first ones or, of photographs, some of each class; 0 for all."`
	Size   int    `json:"size,omitempty" group:"Data" help:"Pixels of a side of the images the network sees."`

	Method       string  `json:"method" group:"Sparsity" help:"How weights are chosen: dense (all), static (random, fixed), snip (by one batch before training), set (drop the smallest, grow at random), snfs (grow by the gradient's running mean), rigl (grow by the gradient), magnitude (prune a dense network step by step), random (prune it at random), variational (variational dropout), l0 (L0 penalty), lottery (topology of a pruned run, from its first weights), scratch (from new weights), evolution (masks, or weights, by evolution strategies)."`
	Sparsity     float64 `json:"sparsity" group:"Sparsity" help:"Share of the weights that do not exist."`
	Distribution string  `json:"distribution" group:"Sparsity" help:"How sparsity is shared among layers: erk, er, uniform (first layer dense), even or, for magnitude and snip, global (by rank over all layers)."`
	Block        string  `json:"block" group:"Sparsity" help:"Weights exist in blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	Keep         string  `json:"keep" placeholder:"NAMES" group:"Sparsity" help:"Layers that stay dense, on top of the sparsity: names or patterns such as head.*, separated by commas."`
	Begin        float64 `json:"begin" group:"Sparsity" help:"magnitude, random, variational, l0: share of the training after which pruning, or its penalty, begins."`
	Until        float64 `json:"until" group:"Sparsity" help:"Share of the training after which the topology, or the penalty, stays; pruning ends at 0.75 at the latest."`
	Every        int     `json:"every" group:"Sparsity" help:"Steps between changes of the topology; 0 for a twentieth of those in which it changes."`
	DropFraction float64 `json:"drop_fraction" group:"Sparsity" help:"set, snfs, rigl: share of a layer's weights exchanged at the first change."`
	DropSchedule string  `json:"drop_schedule" group:"Sparsity" help:"set, snfs, rigl: how that share falls: cosine, constant, linear or cubic."`
	GrowInit     string  `json:"grow_init" group:"Sparsity" help:"rigl: values of new weights: zero, normal, uniform, shuffled or gradient (a step against it at the highest learning rate)."`
	Redistribute bool    `json:"redistribute" group:"Sparsity" help:"snfs: move weights between layers."`
	Penalty      float64 `json:"penalty" group:"Sparsity" help:"variational, l0: weight of the penalty, in units of one over the number of training samples; 0 for 1 (variational) or one that is steered towards the sparsity (l0)."`
	Threshold    float64 `json:"threshold" group:"Sparsity" help:"variational: with a penalty of its own, weights of at least this log alpha go; else as many as the sparsity takes."`
	Ticket       string  `json:"ticket" placeholder:"RUN" group:"Sparsity" help:"lottery, scratch: the run or model that found the topology; without it, one is pruned first. set, snfs, rigl, magnitude, random: the run or model whose topology comes first."`

	Evolve      string  `json:"evolve,omitempty" group:"Evolution" help:"evolution: what is searched for, masks (weights follow the gradient; the default) or weights (no gradients, under a random mask)."`
	Population  int     `json:"population,omitempty" group:"Evolution" help:"evolution: members of a generation, even; 0 for 8."`
	Sampling    string  `json:"sampling,omitempty" group:"Evolution" help:"evolution: how masks are drawn from scores, gumbel (without replacement; the default), gaussian (the highest under normal noise) or bernoulli."`
	Spread      float64 `json:"spread,omitempty" group:"Evolution" help:"evolution: noise beside the first scores or, for weights, its deviation; 0 for 0.1 or 0.02."`
	EvolveRate  float64 `json:"evolve_rate,omitempty" group:"Evolution" help:"evolution: how far scores move; 0 for 1."`
	Generation  int     `json:"generation,omitempty" group:"Evolution" help:"evolution: steps for which masks stay and are judged; 0 for 1."`
	Separable   bool    `json:"separable,omitempty" negatable:"" group:"Evolution" help:"evolution: noise of a size of its own for each score or weight, which adapts."`
	Independent bool    `json:"independent,omitempty" negatable:"" group:"Evolution" help:"evolution: members do not come in mirrored pairs."`

	Init       string  `json:"init" placeholder:"MODEL" group:"Training" help:"Start from the weights of this model, made dense, rather than from random ones."`
	Epochs     int     `json:"epochs" group:"Training" help:"Passes over the training data."`
	Steps      int     `json:"steps" group:"Training" help:"Optimizer steps; 0 to count epochs."`
	Multiplier float64 `json:"multiplier" group:"Training" help:"Stretches the training with all its schedules: 2 for RigL-2x."`
	Batch      int     `json:"batch" group:"Training" help:"Samples in a batch."`
	Optimizer  string  `json:"optimizer" group:"Training" help:"sgd, adam or adamw."`
	Rate       float64 `json:"rate" group:"Training" help:"Learning rate at its highest."`
	Schedule   string  `json:"schedule" group:"Training" help:"Learning rate over time: constant, cosine or step (a fifth at 1/3, 2/3 and 5/6, or --rate-factor at --drops)."`
	Drops      string  `json:"drops,omitempty" placeholder:"SHARES" group:"Training" help:"step: shares of the training after which the rate falls, rising and separated by commas: 0.3,0.7,0.9."`
	RateFactor float64 `json:"rate_factor,omitempty" group:"Training" help:"step: what the rate is multiplied with when it falls; 0 for 0.2."`
	WarmUp     int     `json:"warm_up" group:"Training" help:"Steps in which the rate rises from 0."`
	Momentum   float64 `json:"momentum" group:"Training" help:"SGD: momentum."`
	Nesterov   bool    `json:"nesterov" negatable:"" group:"Training" help:"SGD: Nesterov momentum."`
	Decay      float64 `json:"decay" group:"Training" help:"Weight decay."`
	Smoothing  float64 `json:"smoothing" group:"Training" help:"Label smoothing."`
	Clip       float64 `json:"clip" group:"Training" help:"Highest norm of the gradient; 0 for no clipping."`
	Average    float64 `json:"average,omitempty" group:"Training" help:"Decay of a running mean of the weights that is scored and saved in their place: 0.999, say; 0 for none."`
	Augment    bool    `json:"augment" negatable:"" group:"Training" help:"Shift and, for photographs, mirror the training images at random."`

	Arch  string  `json:"arch,omitempty" group:"Network" help:"Architecture: lenet-5, wrn, vgg, resnet-50, mobilenet-v1 or mobilenet-v2."`
	Depth int     `json:"depth" group:"Network" help:"Convolution layers of the wide residual network."`
	Width float64 `json:"width" group:"Network" help:"Multiplies the channels of the network's hidden layers; the widening factor of a wide residual network. 0 for 1, or 2 for WRN-22-2."`

	Length     int     `json:"length" group:"Network" help:"Characters or words of a training sequence."`
	Vocabulary int     `json:"vocabulary" group:"Network" help:"Most words the vocabulary has, 0 for no limit; tokens of the byte-pair encoding."`
	From       string  `json:"from,omitempty" group:"Data" help:"Language to translate from: the training text is train.FROM."`
	To         string  `json:"to,omitempty" group:"Data" help:"Language to translate to: train.TO."`
	Layers     int     `json:"layers,omitempty" group:"Network" help:"Layers of the encoder, and of the decoder."`
	Dropout    float64 `json:"dropout,omitempty" group:"Network" help:"Share of activations set to zero at random in training."`
	Beam       int     `json:"beam,omitempty" group:"Network" help:"Translations kept for each sentence while the best is looked for."`

	Cell          string `json:"cell,omitempty" group:"Network" help:"Recurrent cell: vanilla, gru or lstm."`
	Units         int    `json:"units,omitempty" group:"Network" help:"Units of the recurrent layer."`
	Hidden        int    `json:"hidden,omitempty" group:"Network" help:"Units of the readout's hidden layer."`
	Learner       string `json:"learner,omitempty" aliases:"online" placeholder:"NAME" group:"Online" help:"How the recurrent layer learns: bptt, rtrl, snap-N, uoro or rflo."`
	Period        int    `json:"period,omitempty" group:"Online" help:"Time steps between updates of the weights: 1 for an update after each, 0 for one after each sequence."`
	ShareGateMask bool   `json:"share_gate_mask,omitempty" group:"Online" help:"All gates of the cell have the same topology (--method static)."`

	Seed        uint64  `json:"seed" help:"Seed of everything random."`
	SaveSeconds float64 `json:"save_seconds" help:"Longest time between checkpoints."`
	Ranks       int     `json:"ranks,omitempty" kong:"-"` // processes that share batches, each of so many samples; 0 for one
	Threads     int     `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`
}

// Methods are the names a method can have.
var Methods = []string{"dense", "static", "snip", "set", "snfs", "rigl", "magnitude", "random", "variational", "l0", "lottery", "scratch", "evolution"}

// defaults are those of the small networks, changed by a task.
func defaults(change func(*Settings)) Settings {
	s := Settings{
		Method: "rigl", Sparsity: 0.9, Distribution: "erk", Block: "1x1",
		Every: 50, DropFraction: 0.3, DropSchedule: "cosine", GrowInit: "zero", Begin: 0.2, Until: 0.75, Multiplier: 1,
		Width: 1, Epochs: 3, Batch: 64, Optimizer: "sgd", Rate: 0.1, Schedule: "cosine", WarmUp: 0,
		Momentum: 0.9, Nesterov: true, Decay: 5e-4, Seed: 1, SaveSeconds: 60,
	}
	change(&s)
	return s
}

// Validate reports the first setting that makes no sense, or that the method has no use for,
// by its flag's name.
func (s *Settings) Validate() error {
	if err := s.sound(); err != nil {
		return err
	}
	return s.unused()
}

// unused reports a setting that is not the usual one and that the method has no use for.
func (s *Settings) unused() error {
	given := s.Ticket != "" && s.Method != "magnitude" && s.Method != "random" // the topology is
	for _, x := range []struct {
		flag string
		set  bool
		of   []string // methods that use it
	}{
		{"redistribute", s.Redistribute, []string{"snfs"}},
		{"grow-init " + s.GrowInit, s.GrowInit != "zero", []string{"rigl"}},
		{"drop-schedule " + s.DropSchedule, s.DropSchedule != "cosine", []string{"set", "snfs", "rigl"}},
		{fmt.Sprintf("penalty %v", s.Penalty), s.Penalty != 0, []string{"variational", "l0"}},
		{fmt.Sprintf("threshold %v", s.Threshold), s.Threshold != 0, []string{"variational"}},
		{"ticket " + s.Ticket, s.Ticket != "", starters},
		{"evolve " + s.Evolve, s.Evolve != "", []string{"evolution"}},
		{fmt.Sprintf("population %d", s.Population), s.Population != 0, []string{"evolution"}},
		{"sampling " + s.Sampling, s.Sampling != "", []string{"evolution"}},
		{fmt.Sprintf("spread %v", s.Spread), s.Spread != 0, []string{"evolution"}},
		{fmt.Sprintf("evolve-rate %v", s.EvolveRate), s.EvolveRate != 0, []string{"evolution"}},
		{fmt.Sprintf("generation %d", s.Generation), s.Generation != 0, []string{"evolution"}},
		{"separable", s.Separable, []string{"evolution"}},
		{"independent", s.Independent, []string{"evolution"}},
	} {
		if x.set && !slices.Contains(x.of, s.Method) {
			return fmt.Errorf("--%s: --method %s has no use for it; it is for %s", x.flag, s.Method, strings.Join(x.of, ", "))
		}
	}
	switch {
	case s.Threshold != 0 && s.Penalty == 0:
		return fmt.Errorf("--threshold %v: needs a --penalty; without one the sparsity decides which weights go", s.Threshold)
	case s.Method == "dense" && s.Keep != "":
		return fmt.Errorf("--keep %s: --method dense keeps all weights", s.Keep)
	case s.Method == "dense" && s.Block != "1x1":
		return fmt.Errorf("--block %s: --method dense keeps all weights", s.Block)
	case given && s.Keep != "":
		return fmt.Errorf("--keep %s: the topology is that of --ticket %s", s.Keep, s.Ticket)
	}
	return nil
}

// sound reports the first setting that makes no sense, by its flag's name.
func (s *Settings) sound() error {
	oneOf := func(flag, value string, allowed ...string) error {
		if !slices.Contains(allowed, value) {
			return fmt.Errorf("--%s %s: not one of %s", flag, value, strings.Join(allowed, ", "))
		}
		return nil
	}
	within := func(flag string, value, low, high float64, open bool) error {
		if !(value >= low && (value < high || !open && value == high)) {
			end := "to"
			if open {
				end = "to below"
			}
			return fmt.Errorf("--%s %v: must be from %v %s %v", flag, value, low, end, high)
		}
		return nil
	}
	least := func(flag string, value, low int) error {
		if value < low {
			return fmt.Errorf("--%s %d: must be at least %d", flag, value, low)
		}
		return nil
	}
	for _, err := range []error{
		oneOf("method", s.Method, Methods...),
		oneOf("distribution", s.Distribution, "erk", "er", "uniform", "even", "global"),
		oneOf("drop-schedule", s.DropSchedule, "cosine", "constant", "linear", "cubic"),
		oneOf("grow-init", s.GrowInit, "zero", "normal", "uniform", "shuffled", "gradient"),
		oneOf("block", s.Block, sparse.BlockNames...),
		oneOf("optimizer", s.Optimizer, "sgd", "adam", "adamw"),
		oneOf("schedule", s.Schedule, "constant", "cosine", "step"),
		within("sparsity", s.Sparsity, 0, 1, true),
		within("drop-fraction", s.DropFraction, 0, 1, true),
		within("begin", s.Begin, 0, 1, false), within("until", s.Until, 0, 1, false),
		within("penalty", s.Penalty, 0, 1e6, false), within("threshold", s.Threshold, 0, 8, false),
		within("multiplier", s.Multiplier, 0.01, 1000, false),
		within("rate", s.Rate, 0, math.MaxFloat32, false),
		within("rate-factor", s.RateFactor, 0, 1, true),
		within("momentum", s.Momentum, 0, 1, true),
		within("decay", s.Decay, 0, math.MaxFloat32, false),
		within("width", s.Width, 0, 100, false),
		within("smoothing", s.Smoothing, 0, 1, true),
		within("average", s.Average, 0, 1, true), within("clip", s.Clip, 0, math.MaxFloat32, false),
		within("save-seconds", s.SaveSeconds, 0, 600, false),
		within("dropout", s.Dropout, 0, 1, true),
		within("size", float64(s.Size), 0, 2048, false),
		least("layers", s.Layers, 0), least("beam", s.Beam, 0),
		least("every", s.Every, 0), least("steps", s.Steps, 0), least("epochs", s.Epochs, 1),
		least("batch", s.Batch, 1), least("warm-up", s.WarmUp, 0), least("threads", s.Threads, 0),
		least("images", s.Images, 0), least("depth", s.Depth, 0), least("length", s.Length, 0), least("vocabulary", s.Vocabulary, 0),
	} {
		if err != nil {
			return err
		}
	}
	if s.Drops != "" && s.Schedule != "step" {
		return fmt.Errorf("--drops %s: only with --schedule step", s.Drops)
	}
	if s.RateFactor != 0 && s.Schedule != "step" {
		return fmt.Errorf("--rate-factor %v: only with --schedule step", s.RateFactor)
	}
	if _, err := s.drops(); err != nil {
		return err
	}
	if photos := vision.Architectures()[1:]; s.Arch != "" && !slices.Contains(photos, s.Arch) {
		return fmt.Errorf("--arch %s: not one of %s", s.Arch, strings.Join(photos, ", "))
	}
	if starts := []string{"magnitude", "random", "variational", "l0", "lottery", "scratch"}; s.Begin > s.Until && slices.Contains(starts, s.Method) {
		return fmt.Errorf("--begin %v: must not be after --until %v", s.Begin, s.Until)
	}
	if s.Method == "evolution" {
		if err := s.validateEvolution(); err != nil {
			return err
		}
	}
	if s.Distribution == "global" && s.Method != "magnitude" && s.Method != "snip" && s.Method != "lottery" && s.Method != "scratch" {
		return fmt.Errorf("--distribution global: only magnitude, snip, lottery and scratch rank over all layers, not %s", s.Method)
	}
	if err := s.validateOnline(); err != nil {
		return err
	}
	if s.Depth != 0 && (s.Depth < 10 || s.Depth%6 != 4) {
		return fmt.Errorf("--depth %d: must be 6n+4: for example 10, 16, 22, 28 or 40", s.Depth)
	}
	return nil
}

// drops returns the shares of the training after which the rate falls.
func (s *Settings) drops() ([]float64, error) {
	if s.Drops == "" {
		return []float64{1. / 3, 2. / 3, 5. / 6}, nil
	}
	var out []float64
	last := 0.0
	for _, text := range strings.Split(s.Drops, ",") {
		share, err := strconv.ParseFloat(text, 64)
		if err != nil || !(share > last && share < 1) {
			return nil, fmt.Errorf("--drops %s: %q is not a share between %v and 1", s.Drops, text, last)
		}
		out, last = append(out, share), share
	}
	return out, nil
}

// validateEvolution checks the settings of evolution strategies.
func (s *Settings) validateEvolution() error {
	switch {
	case s.Learner != "":
		return fmt.Errorf("--learner %s: a population learns by gradients through the whole network, or without", s.Learner)
	case !slices.Contains([]string{"", "masks", "weights"}, s.Evolve):
		return fmt.Errorf("--evolve %s: not one of masks, weights", s.Evolve)
	case !slices.Contains([]string{"", "gaussian", "bernoulli", "gumbel"}, s.Sampling):
		return fmt.Errorf("--sampling %s: not one of gaussian, bernoulli, gumbel", s.Sampling)
	case s.Population < 0 || s.Population%2 != 0 || s.Population > 1<<16:
		return fmt.Errorf("--population %d: must be even, up to %d", s.Population, 1<<16)
	case !(s.Spread >= 0 && s.Spread <= 100):
		return fmt.Errorf("--spread %v: must be from 0 to 100", s.Spread)
	case !(s.EvolveRate >= 0 && s.EvolveRate <= 1e6):
		return fmt.Errorf("--evolve-rate %v: must be from 0 to 1e6", s.EvolveRate)
	case s.Generation < 0:
		return fmt.Errorf("--generation %d: must not be negative", s.Generation)
	case s.Separable && s.Evolve != "weights" && s.Sampling != "gaussian":
		return errors.New("--separable: for --evolve weights, or masks with --sampling gaussian")
	}
	return nil
}
