package tasks

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"

	"github.com/seed073b5613/filigree/models/letters"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// The letters network at width 1, and words a batch when it is scored.
const (
	letterSymbols = 48
	letterEncoder = 192
	letterDecoder = 256
	letterBatch   = 200
)

var letterTasks = []Task{{
	Name:    "letters",
	Summary: "letter-to-sound network on the CMU Pronouncing Dictionary (--data, or filigree fetch cmudict)",
	Samples: "words",
	Metric: Metric{Key: "test_accuracy", Label: "words right", Unit: " %", Scale: 100, Digits: 2,
		Of: func(s train.Scores) float64 { return s.Accuracy }},
	Default: defaults(func(s *Settings) {
		s.Data, s.Epochs, s.Batch = filepath.Join("data", "cmudict"), 8, 128
		s.Optimizer, s.Rate, s.WarmUp, s.Clip, s.Decay, s.Average = "adam", 3e-3, 200, 1, 0, 0.999
		s.Sparsity, s.Distribution, s.Every, s.Until = 0.8, "even", 100, 0.75
	}),
	open: openLetters, load: loadLetters,
}}

// openLetters reads the dictionary. Held-out words are scored whole, by beam search with the
// weights in 8 bits, as package text reads them.
func openLetters(c config) (*dataset, error) {
	entries, err := letters.Read(c.Data)
	if err != nil {
		return nil, err
	}
	training, heldOut := letters.Split(entries, letters.HeldOut)
	if c.Images > 0 {
		training = training[:min(c.Images, len(training))]
	}
	corpus := letters.NewCorpus(training)
	test := corpus.With(heldOut)
	if corpus.Len() == 0 || test.Len() == 0 {
		return nil, fmt.Errorf("tasks: %s: too few words to learn from: %d", c.Data, len(entries))
	}
	return &dataset{
		note: fmt.Sprintf("%d words to learn from, %d left out for rare sounds, %d held out", corpus.Len(), len(training)-corpus.Len(), len(heldOut)),
		build: func(rng *rand.Rand) (*model, error) {
			units := func(n int) int { return max(1, int(math.Round(c.Width*float64(n)))) }
			net, err := letters.New(letters.Spec{Chunks: corpus.Chunks, Symbols: letterSymbols,
				Encoder: units(letterEncoder), Decoder: units(letterDecoder)}, rng)
			if err != nil {
				return nil, err
			}
			return letterModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			b := corpus.Batches(c.Batch, pcg)
			return b, b.PerEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			s, err := train.Evaluate(ctx, net.Layer, test.InOrder(letterBatch))
			if err != nil {
				return s, err
			}
			words, err := scoreLetters(ctx, net, heldOut, nil)
			s.Accuracy, s.Count = words.Words, len(heldOut)
			return s, err
		},
		show: func(ctx context.Context, w io.Writer, net *model) error {
			words, err := scoreLetters(ctx, net, heldOut, nil)
			if err != nil {
				return err
			}
			derived, err := scoreLetters(ctx, net, heldOut, training)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "words right without stress: %.2f %%\nwith endings taken from words of the dictionary: %.2f %%, without stress %.2f %%\n",
				100*words.WithoutStress, 100*derived.Words, 100*derived.WithoutStress)
			return err
		},
	}, nil
}

// scoreLetters reads the words held out, as package text reads unknown ones where it is given a
// dictionary.
func scoreLetters(ctx context.Context, net *model, heldOut, dictionary []letters.Entry) (letters.Accuracy, error) {
	reader, err := text.OpenReader(net.Layer.(*letters.Model).Pack())
	if err != nil {
		return letters.Accuracy{}, err
	}
	return letters.Score(ctx, letters.WithEndings(reader.Read, dictionary), heldOut)
}

func letterModel(net *letters.Model) *model {
	var layer nn.Layer = net
	return &model{Layer: layer, Arch: letters.Arch, Metadata: net.Metadata, sample: tensor.New(2, 8, 1), save: net.Save}
}

func loadLetters(path string) (*model, error) {
	net, err := letters.Open(path)
	if err != nil {
		return nil, err
	}
	return letterModel(net), nil
}
