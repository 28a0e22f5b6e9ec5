// Package gantts trains GAN-TTS (arXiv:1909.11646) on recordings of one speaker: a generator of
// waveforms from phonemes and pitch against discriminators of random windows.
package gantts

import (
	"errors"
	"fmt"
	"slices"
	"time"

	model "github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/sparse"
)

// Settings are what a training can be told.
type Settings struct {
	Data           string        `json:"data" placeholder:"DIR" help:"Folder with metadata.csv and wavs, as LJ Speech has them."`
	Budget         time.Duration `json:"budget" help:"Time the training may take: 15m, 1h, 3h. Decides on the steps unless they are given."`
	Steps          int           `json:"steps" help:"Steps of the generator, and of the discriminators once they play; 0 for what the budget allows."`
	Discriminators string        `json:"discriminators" help:"Who judges: full (windows of five lengths, without and with the conditioning), unconditional (those without), whole (one that sees clips as a whole), or none."`
	Width          float64       `json:"width" help:"Multiplies the channels of the generator."`
	Narrow         int           `json:"narrow" help:"Divides the channels of the discriminators."`
	Batch          int           `json:"batch" help:"Clips of a step."`
	Frames         int           `json:"frames" help:"Length of a clip in frames of 10 ms."`
	Rate           float64       `json:"rate" help:"Learning rate of the generator."`
	CriticRate     float64       `json:"critic_rate" help:"Learning rate of the discriminators, as a multiple of the generator's."`
	Spectral       float64       `json:"spectral" help:"Weight of the distance of spectra from the recording's, which the paper does without; 0 for the discriminators alone."`
	Adversarial    float64       `json:"adversarial" help:"Weight of the discriminators' judgement."`
	WarmUp         float64       `json:"warm_up" help:"Share of the steps before the discriminators play."`
	Orthogonal     float64       `json:"orthogonal" help:"Weight of the orthogonal penalty on the generator."`
	Average        float64       `json:"average" help:"Decay of the running average of the generator's weights, which is what is kept."`
	Method         string        `json:"method,omitempty" help:"Sparsifier: rigl (sparse from the first step) or gradual (magnitude pruning on the way)."`
	Sparsity       float64       `json:"sparsity" help:"Share of the weights of the generator's blocks that do not exist."`
	Block          string        `json:"block" help:"Weights exist in blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	Seed           uint64        `json:"seed" help:"Seed of everything random."`
	Threads        int           `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`
}

// Default are the settings of a generator that a laptop can train. Where the paper has batches of
// 1024 clips of 2 s for a million steps, rates of 5e-5 and 1e-4 and no spectral distance, batches
// here are small and trainings short.
var Default = Settings{Budget: time.Hour, Discriminators: "full", Width: 1, Narrow: 4, Batch: 8, Frames: 64, Rate: 1e-3, CriticRate: 0.5,
	Spectral: 1, Adversarial: 0.5, WarmUp: 0.3, Orthogonal: 1e-4, Average: 0.995, Method: "rigl", Block: "4x1", Seed: 1}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *Settings) Validate() error {
	switch {
	case s.Data == "":
		return errors.New("--data: name the folder of the recordings")
	case !slices.Contains([]string{"full", "unconditional", "whole", "none"}, s.Discriminators):
		return fmt.Errorf("--discriminators %s: not one of full, unconditional, whole, none", s.Discriminators)
	case s.Discriminators == "none" && s.Spectral == 0:
		return errors.New("--spectral 0: without discriminators nothing is left to learn from")
	case s.Budget < time.Minute || s.Budget > 1000*time.Hour:
		return fmt.Errorf("--budget %v: must be from 1m to 1000h", s.Budget)
	case s.Steps < 0:
		return fmt.Errorf("--steps %d: must not be negative", s.Steps)
	case !(s.Width >= 0.1 && s.Width <= 16):
		return fmt.Errorf("--width %v: must be from 0.1 to 16", s.Width)
	case s.Narrow < 1 || s.Narrow > 16:
		return fmt.Errorf("--narrow %d: must be from 1 to 16", s.Narrow)
	case s.Batch < 1 || s.Batch > 1024:
		return fmt.Errorf("--batch %d: must be from 1 to 1024", s.Batch)
	case s.Frames < 16 || s.Frames > 1000:
		return fmt.Errorf("--frames %d: must be from 16, the longest window, to 1000", s.Frames)
	case !(s.Rate > 0 && s.Rate <= 1) || !(s.CriticRate > 0 && s.CriticRate <= 100):
		return fmt.Errorf("--rate %v, --critic-rate %v: must be above 0, at most 1 and 100", s.Rate, s.CriticRate)
	case !(s.Spectral >= 0 && s.Spectral <= 1e3) || !(s.Adversarial >= 0 && s.Adversarial <= 1e3) || !(s.Orthogonal >= 0 && s.Orthogonal <= 1e3):
		return fmt.Errorf("--spectral %v, --adversarial %v, --orthogonal %v: must be from 0 to 1000", s.Spectral, s.Adversarial, s.Orthogonal)
	case !(s.WarmUp >= 0 && s.WarmUp <= 1):
		return fmt.Errorf("--warm-up %v: must be from 0 to 1", s.WarmUp)
	case !(s.Average >= 0 && s.Average < 1):
		return fmt.Errorf("--average %v: must be from 0 to below 1", s.Average)
	case !(s.Sparsity >= 0 && s.Sparsity < 1):
		return fmt.Errorf("--sparsity %v: must be from 0 to below 1", s.Sparsity)
	case s.Method != "rigl" && s.Method != "gradual":
		return fmt.Errorf("--method %s: neither rigl nor gradual", s.Method)
	}
	_, err := sparse.ParseBlock(s.Block)
	return err
}

// generator returns the generator's sizes.
func (s *Settings) generator(features int) model.Spec {
	spec := model.Laptop(features)
	wide := func(n int) int { return max(4, 4*int(s.Width*float64(n)/4+0.5)) }
	spec.Stem = wide(spec.Stem)
	for i := range spec.Blocks {
		spec.Blocks[i].Channels = wide(spec.Blocks[i].Channels)
	}
	return spec
}

// windows returns the discriminators.
func (s *Settings) windows(features int) []model.WindowSpec {
	all := model.LaptopWindows(features, s.Narrow)
	switch s.Discriminators {
	case "unconditional":
		return all[:len(all)/2]
	case "whole":
		return model.WholeClip(features, s.Narrow)
	case "none":
		return nil
	}
	return all
}
