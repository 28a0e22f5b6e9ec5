// Package eats trains EATS (arXiv:2006.03575) on recordings of one speaker: from phonemes to a
// waveform in one network, lengths included.
package eats

import (
	"errors"
	"fmt"
	"slices"
	"time"

	model "github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/sparse"
)

// Settings are what a training can be told.
type Settings struct {
	Data        string        `json:"data" placeholder:"DIR" help:"Folder with metadata.csv and wavs, as LJ Speech has them."`
	Alignment   string        `json:"alignment,omitempty" placeholder:"FILE" help:"Keep the alignment of the recordings in this file, for other runs to use; without it, in the run."`
	Name        string        `json:"name,omitempty" help:"Name of the voice."`
	Budget      time.Duration `json:"budget" help:"Time the training may take: 15m, 1h, 3h. Decides on the steps unless they are given."`
	Steps       int           `json:"steps" help:"Optimizer steps; 0 for what the budget allows."`
	Size        string        `json:"size" help:"Networks: tiny, small, or shaped (the paper's shape, its decoder a sixth as wide)."`
	Durations   string        `json:"durations" help:"Where lengths of phonemes come from at first: aligned (a forced aligner, the network learns them beside) or learned (the network's own from the first step, as in the paper)."`
	Aligned     float64       `json:"aligned" help:"Share of the steps with the aligner's lengths."`
	WarmUp      float64       `json:"warm_up" help:"Share of the steps before the discriminators play."`
	Windows     bool          `json:"windows" negatable:"" help:"Discriminators of random windows of the waveform."`
	Spectrogram bool          `json:"spectrogram" negatable:"" help:"A discriminator of spectra."`
	Warping     bool          `json:"warping" negatable:"" help:"Dynamic time warping in the prediction loss."`
	Prediction  float64       `json:"prediction" help:"Weight of the prediction loss."`
	Length      float64       `json:"length" help:"Weight of the length loss."`
	Adversarial float64       `json:"adversarial" help:"Weight of the discriminators' judgement."`
	Spectral    float64       `json:"spectral" help:"Weight of a loss of sharper spectra than the paper's, while lengths are the aligner's; 0 for none."`
	Narrow      int           `json:"narrow" help:"Divides the channels of the window discriminators."`
	Batch       int           `json:"batch" help:"Windows of a step."`
	Frames      int           `json:"frames" help:"Length of a window in frames of 10 ms."`
	Rate        float64       `json:"rate" help:"Learning rate of the generator."`
	CriticRate  float64       `json:"critic_rate" help:"Learning rate of the discriminators, as a multiple of the generator's."`
	Sparsity    float64       `json:"sparsity" help:"Share of the weights of the generator's large layers that do not exist (RigL)."`
	Block       string        `json:"block" help:"Weights exist in blocks of this shape: 1x1, 2x1, 4x1 or 16x1."`
	From        string        `json:"from,omitempty" placeholder:"FILE" help:"Begin with the networks of a voice of the same size, rather than random ones."`
	Seed        uint64        `json:"seed" help:"Seed of everything random."`
	Threads     int           `json:"threads" help:"Workers; 0 for one a core. Does not change the result."`
}

// Default are the settings of a voice that a laptop can train. The paper has batches of 1024
// windows of 2 s, 500,000 steps, and neither an aligner's lengths nor a spectral loss beside its own.
var Default = Settings{Budget: time.Hour, Size: string(model.Small), Durations: "aligned", Aligned: 0.6, WarmUp: 0.6, Windows: true, Spectrogram: true, Warping: true,
	Prediction: 1, Length: 0.1, Adversarial: 1, Spectral: 10, Narrow: 4, Batch: 8, Frames: 96, Rate: 2e-3, CriticRate: 1, Block: "4x1", Seed: 1}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *Settings) Validate() error {
	if _, err := model.Laptop(model.Size(s.Size)); err != nil {
		return fmt.Errorf("--size %s: not one of tiny, small, shaped", s.Size)
	}
	switch {
	case s.Data == "":
		return errors.New("--data: name the folder of the recordings")
	case !slices.Contains([]string{"aligned", "learned"}, s.Durations):
		return fmt.Errorf("--durations %s: not one of aligned, learned", s.Durations)
	case s.Budget < time.Minute || s.Budget > 1000*time.Hour:
		return fmt.Errorf("--budget %v: must be from 1m to 1000h", s.Budget)
	case s.Steps < 0:
		return fmt.Errorf("--steps %d: must not be negative", s.Steps)
	case !(s.Aligned >= 0 && s.Aligned <= 1) || !(s.WarmUp >= 0 && s.WarmUp <= 1):
		return fmt.Errorf("--aligned %v, --warm-up %v: must be from 0 to 1", s.Aligned, s.WarmUp)
	case !(s.Prediction > 0 && s.Prediction <= 1e3):
		return fmt.Errorf("--prediction %v: must be above 0, without it nothing aligns, and at most 1000", s.Prediction)
	case !(s.Length >= 0 && s.Length <= 1e3) || !(s.Adversarial >= 0 && s.Adversarial <= 1e3) || !(s.Spectral >= 0 && s.Spectral <= 1e3):
		return fmt.Errorf("--length %v, --adversarial %v, --spectral %v: must be from 0 to 1000", s.Length, s.Adversarial, s.Spectral)
	case s.Narrow < 1 || s.Narrow > 16:
		return fmt.Errorf("--narrow %d: must be from 1 to 16", s.Narrow)
	case s.Batch < 1 || s.Batch > 1024:
		return fmt.Errorf("--batch %d: must be from 1 to 1024", s.Batch)
	case s.Frames < 32 || s.Frames > 1000:
		return fmt.Errorf("--frames %d: must be from 32 to 1000", s.Frames)
	case !(s.Rate > 0 && s.Rate <= 1) || !(s.CriticRate > 0 && s.CriticRate <= 100):
		return fmt.Errorf("--rate %v, --critic-rate %v: must be above 0, at most 1 and 100", s.Rate, s.CriticRate)
	case !(s.Sparsity >= 0 && s.Sparsity < 1):
		return fmt.Errorf("--sparsity %v: must be from 0 to below 1", s.Sparsity)
	}
	_, err := sparse.ParseBlock(s.Block)
	return err
}

// teachers returns how many batches have the aligner's lengths.
func (s *Settings) teachers() int {
	if s.Durations == "learned" {
		return 0
	}
	return int(s.Aligned * float64(s.Steps))
}

// plays reports whether there is a discriminator at the batch.
func (s *Settings) plays(batch int) bool {
	return (s.Windows || s.Spectrogram) && batch >= int(s.WarmUp*float64(s.Steps))
}
