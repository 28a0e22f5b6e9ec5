package tasks

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/sparse"
)

// Settings are what a training run can be told. Their tags make the flags of
// filigree train, and config.json in the run directory.
type Settings struct {
	Data         string  `json:"data" placeholder:"DIR" help:"Folder with the data set's files."`
	Images       int     `json:"images" help:"Train on the first so many images only; 0 for all."`
	Method       string  `json:"method" help:"How weights are chosen: dense (all), static (random, fixed), rigl (drop the smallest, grow where the gradient is largest), magnitude (prune a dense network step by step)."`
	Sparsity     float64 `json:"sparsity" help:"Share of the weights that do not exist."`
	Distribution string  `json:"distribution" help:"How sparsity is shared among layers: erk, er, uniform (the first layer dense) or even."`
	Block        string  `json:"block" help:"Weights exist in blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	Every        int     `json:"every" help:"Steps between changes of the topology."`
	DropFraction float64 `json:"drop_fraction" help:"RigL: share of a layer's weights dropped at the first change."`
	Until        float64 `json:"until" help:"Share of the training after which the topology stays."`
	Epochs       int     `json:"epochs" help:"Passes over the training images."`
	Steps        int     `json:"steps" help:"Optimizer steps; 0 to count epochs."`
	Batch        int     `json:"batch" help:"Images in a batch."`
	Optimizer    string  `json:"optimizer" help:"sgd, adam or adamw."`
	Rate         float64 `json:"rate" help:"Learning rate at its highest."`
	Schedule     string  `json:"schedule" help:"Learning rate over time: constant, cosine or step (a fifth at 1/3, 2/3 and 5/6)."`
	WarmUp       int     `json:"warm_up" help:"Steps in which the rate rises from 0."`
	Momentum     float64 `json:"momentum" help:"SGD: momentum."`
	Nesterov     bool    `json:"nesterov" negatable:"" help:"SGD: Nesterov momentum."`
	Decay        float64 `json:"decay" help:"Weight decay."`
	Smoothing    float64 `json:"smoothing" help:"Label smoothing."`
	Clip         float64 `json:"clip" help:"Highest norm of the gradient; 0 for no clipping."`
	Augment      bool    `json:"augment" negatable:"" help:"Shift and, for photographs, mirror the training images at random."`
	Depth        int     `json:"depth" help:"Convolution layers of the wide residual network."`
	Width        float64 `json:"width" help:"Multiplies the channels of the network's hidden layers; the widening factor of a wide residual network."`
	Length       int     `json:"length" help:"Characters or words of a training sequence."`
	Vocabulary   int     `json:"vocabulary" help:"Most words the vocabulary has, 0 for no limit; tokens of the byte-pair encoding."`
	From         string  `json:"from,omitempty" help:"Language to translate from: the training text is train.FROM."`
	To           string  `json:"to,omitempty" help:"Language to translate to: train.TO."`
	Layers       int     `json:"layers,omitempty" help:"Layers of the encoder, and of the decoder."`
	Dropout      float64 `json:"dropout,omitempty" help:"Share of activations set to zero at random in training."`
	Beam         int     `json:"beam,omitempty" help:"Translations kept for each sentence while the best is looked for."`
	Seed         uint64  `json:"seed" help:"Seed of everything random."`
	SaveSeconds  float64 `json:"save_seconds" help:"Longest time between checkpoints."`
	Threads      int     `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`
}

// defaults are those of the small networks, changed by a task.
func defaults(change func(*Settings)) Settings {
	s := Settings{
		Method: "rigl", Sparsity: 0.9, Distribution: "erk", Block: "1x1",
		Every: 50, DropFraction: 0.3, Until: 0.75,
		Width: 1, Epochs: 3, Batch: 64, Optimizer: "sgd", Rate: 0.1, Schedule: "cosine", WarmUp: 0,
		Momentum: 0.9, Nesterov: true, Decay: 5e-4, Seed: 1, SaveSeconds: 60,
	}
	change(&s)
	return s
}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *Settings) Validate() error {
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
		oneOf("method", s.Method, "dense", "static", "rigl", "magnitude"),
		oneOf("distribution", s.Distribution, "erk", "er", "uniform", "even"),
		oneOf("block", s.Block, sparse.BlockNames...),
		oneOf("optimizer", s.Optimizer, "sgd", "adam", "adamw"),
		oneOf("schedule", s.Schedule, "constant", "cosine", "step"),
		within("sparsity", s.Sparsity, 0, 1, true),
		within("drop-fraction", s.DropFraction, 0, 1, true),
		within("until", s.Until, 0, 1, false),
		within("rate", s.Rate, 0, math.MaxFloat32, false),
		within("momentum", s.Momentum, 0, 1, true),
		within("decay", s.Decay, 0, math.MaxFloat32, false),
		within("width", s.Width, 0, 100, false),
		within("smoothing", s.Smoothing, 0, 1, true),
		within("clip", s.Clip, 0, math.MaxFloat32, false),
		within("save-seconds", s.SaveSeconds, 0, 600, false),
		within("dropout", s.Dropout, 0, 1, true),
		least("layers", s.Layers, 0), least("beam", s.Beam, 0),
		least("every", s.Every, 1), least("steps", s.Steps, 0), least("epochs", s.Epochs, 1),
		least("batch", s.Batch, 1), least("warm-up", s.WarmUp, 0), least("threads", s.Threads, 0),
		least("images", s.Images, 0), least("depth", s.Depth, 0), least("length", s.Length, 0), least("vocabulary", s.Vocabulary, 0),
	} {
		if err != nil {
			return err
		}
	}
	if s.Depth != 0 && (s.Depth < 10 || s.Depth%6 != 4) {
		return fmt.Errorf("--depth %d: must be 6n+4: for example 10, 16, 22, 28 or 40", s.Depth)
	}
	return nil
}
