package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/models/lm"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Language models are scored on the whole test text, cut into so many streams that are read
// side by side, so many symbols at a time.
const (
	evalStreams = 32
	evalLength  = 32
)

// The sample shown at the end of a training.
const (
	sampleBytes       = 400
	sampleWords       = 60
	sampleTemperature = 0.8
)

var textTasks = []Task{
	{
		Name:    "charlm",
		Summary: "character model: GRU of 256 units on Tiny Shakespeare (--data, or filigree fetch tiny-shakespeare)",
		Samples: "characters",
		Metric: Metric{Key: "test_bits_per_char", Label: "bits per character", Scale: 1, Digits: 3, Lower: true,
			Of: func(s train.Scores) float64 { return s.Loss / math.Ln2 }},
		Default: defaults(func(s *Settings) {
			languageModel(s)
			s.Data, s.Epochs, s.Length, s.Width = filepath.Join("data", "tiny-shakespeare"), 10, 64, 0.5
			s.Rate, s.Schedule, s.Sparsity, s.Distribution = 5e-3, "constant", 0.75, "even"
		}),
		open: openChars, load: loadLM,
	},
	{
		Name:    "wordlm",
		Summary: "word model: two LSTM layers on WikiText-2 (--data, or filigree fetch wikitext-2)",
		Samples: "words",
		Metric: Metric{Key: "test_perplexity", Label: "perplexity", Scale: 1, Digits: 1, Lower: true,
			Of: func(s train.Scores) float64 { return math.Exp(s.Loss) }},
		Default: defaults(func(s *Settings) {
			languageModel(s)
			s.Data, s.Epochs, s.Length, s.Width = filepath.Join("data", "wikitext-2"), 3, 35, 0.3
			s.Rate, s.Sparsity, s.Distribution, s.Vocabulary = 2e-3, 0.75, "even", 10_000
		}),
		open: openWords, load: loadLM,
	},
}

// languageModel is what the tasks share: Adam, gradients clipped at 10, a tenth of a layer
// changed at a time until the very end, after RigL (arXiv:1911.11134, section 4.2).
func languageModel(s *Settings) {
	s.Optimizer, s.Batch, s.Clip, s.Decay = "adam", 32, 10, 0
	s.Every, s.DropFraction, s.Until = 100, 0.1, 1
}

func openChars(c config) (*dataset, error) {
	text, err := data.ReadText(c.Data)
	if err != nil {
		return nil, err
	}
	spec := lm.Spec{Arch: lm.CharGRU, Symbols: 256, Width: c.Width, Tied: true}
	set, err := language(c, spec, nil, text.Note, data.Bytes(text.Train), func(*lm.Model) ([]int32, error) { return data.Bytes(text.Test), nil })
	if err != nil {
		return nil, err
	}
	perByte := set.evaluate
	set.evaluate = func(ctx context.Context, net *model) (train.Scores, error) {
		s, err := perByte(ctx, net)
		s.Loss *= float64(len(text.Test)) / float64(utf8.RuneCountInString(text.Test)) // per character
		return s, err
	}
	return set, nil
}

func openWords(c config) (*dataset, error) {
	text, err := data.ReadText(c.Data)
	if err != nil {
		return nil, err
	}
	if c.Vocabulary == 1 {
		return nil, errors.New("tasks: --vocabulary 1: must be 0 or at least 2")
	}
	words := data.NewVocabulary(text.Train, c.Vocabulary)
	spec := lm.Spec{Arch: lm.WordLSTM, Symbols: len(words.Words), Width: c.Width}
	return language(c, spec, words.Words, text.Note, words.Encode(text.Train), func(net *lm.Model) ([]int32, error) {
		v, err := data.VocabularyOf(net.Words()) // the model's own: it may have learned from other files
		if err != nil {
			return nil, err
		}
		return v.Encode(text.Test), nil
	})
}

// language is the data of a language model that learns from training and is scored on test.
func language(c config, spec lm.Spec, words []string, note string, training []int32, test func(*lm.Model) ([]int32, error)) (*dataset, error) {
	if c.Length < 1 {
		return nil, fmt.Errorf("tasks: --length %d: must be at least 1", c.Length)
	}
	if len(training) <= c.Length {
		return nil, fmt.Errorf("tasks: %s: %d characters or words to train on are too few for --length %d", c.Data, len(training), c.Length)
	}
	return &dataset{
		note: note,
		build: func(rng *rand.Rand) (*model, error) {
			net, err := lm.New(spec, rng)
			if err != nil {
				return nil, err
			}
			if words != nil {
				net.SetWords(words)
			}
			return lmModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			crops := data.NewCrops(training, c.Length, c.Batch, pcg)
			return crops, crops.PerEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			m := net.Layer.(*lm.Model)
			ids, err := test(m)
			if err != nil {
				return train.Scores{}, err
			}
			m.Carry(true)
			defer m.Carry(false)
			return train.Evaluate(ctx, m, data.Streams(ids, evalLength, evalStreams))
		},
		show: func(_ context.Context, w io.Writer, net *model) error {
			_, err := fmt.Fprintf(w, "\n%s\n\n", sample(net.Layer.(*lm.Model), rand.New(rand.NewPCG(c.Seed, 0))))
			return err
		},
	}, nil
}

// sample returns text drawn from a model.
func sample(m *lm.Model, rng *rand.Rand) string {
	words := m.Words()
	if words == nil {
		b := make([]byte, 0, sampleBytes)
		for _, id := range m.Sample(rng, []int32{'\n'}, sampleBytes, sampleTemperature) {
			b = append(b, byte(id))
		}
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	start := int32(0)
	for i, w := range words {
		if w == data.EndOfLine {
			start = int32(i)
		}
	}
	var b strings.Builder
	for _, id := range m.Sample(rng, []int32{start}, sampleWords, sampleTemperature) {
		if words[id] == data.EndOfLine {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(words[id] + " ")
	}
	return b.String()
}

func lmModel(net *lm.Model) *model {
	return &model{Layer: net, Arch: net.Spec().Arch, Metadata: net.Metadata(), sample: tensor.New(evalLength, 1), save: net.Save}
}

func loadLM(path string) (*model, error) {
	net, err := lm.Open(path)
	if err != nil {
		return nil, err
	}
	return lmModel(net), nil
}
