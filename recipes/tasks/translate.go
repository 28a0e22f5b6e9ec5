package tasks

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/models/translate"
	"github.com/seed073b5613/filigree/train"
)

// How translations are looked for when a network is scored: with the penalty of Vaswani et
// al. (2017, section 6.1), but half their 50 tokens more than the source has at most. Pairs with a side of more tokens than longestPair are
// not trained on; and as many tokens a side as sentences have on average stand for one
// when work is counted.
const (
	lengthPenalty  = 0.6
	extraTokens    = 25
	longestPair    = 128
	sampleTokens   = 15
	translateBatch = 100
	examples       = 5

	leastVocabulary = 300 // bytes and signs are 259
)

// bleu is the metric of translations.
var bleu = Metric{Key: "test_bleu", Label: "BLEU", Scale: 1, Digits: 2, Of: func(s train.Scores) float64 { return s.BLEU }}

var translateTasks = []Task{{
	Name:    "translate",
	Summary: "Transformer on English to German sentences (--data: Multi30k, or train.FROM and train.TO)",
	Samples: "pairs", Metric: bleu,
	Default: defaults(func(s *Settings) {
		s.Data, s.From, s.To = filepath.Join("data", "multi30k"), "en", "de"
		s.Vocabulary, s.Layers, s.Dropout, s.Smoothing, s.Beam = 4000, 2, 0.1, 0.1, 4
		s.Optimizer, s.Rate, s.WarmUp, s.Decay, s.Clip = "adam", 2e-3, 400, 0, 1
		s.Sparsity, s.Batch, s.Epochs, s.Every = 0.8, 64, 8, 100
	}),
	open: openTranslate, load: loadTranslate,
}}

// openTranslate reads parallel text. Its encoding is learned when it is asked for: a
// trained model brings its own.
func openTranslate(c config) (*dataset, error) {
	switch {
	case c.Vocabulary < leastVocabulary || c.Vocabulary > 1<<20:
		return nil, fmt.Errorf("tasks: --vocabulary %d: must be from %d to %d", c.Vocabulary, leastVocabulary, 1<<20)
	case c.Layers < 1 || c.Layers > 100:
		return nil, fmt.Errorf("tasks: --layers %d: must be from 1 to 100", c.Layers)
	}
	set, err := data.Translation(c.Data, c.From, c.To)
	if err != nil {
		return nil, err
	}
	text := set.Train
	if c.Images > 0 {
		text = text.First(c.Images)
	}
	encoding := sync.OnceValue(func() *data.BPE {
		return data.LearnBPE(slices.Concat(text.Source, text.Target), c.Vocabulary)
	})
	training := sync.OnceValue(func() *data.TokenPairs {
		pairs, _ := text.Encode(encoding(), longestPair)
		return pairs
	})
	if c.Batch > text.Len() {
		return nil, fmt.Errorf("tasks: a batch of %d is more than the %d training pairs", c.Batch, text.Len())
	}
	search := translate.Search{Beam: c.Beam, Penalty: lengthPenalty, Extra: extraTokens}
	d := &dataset{
		batches: func(pcg *rand.PCG) (train.Source, int) {
			b := training().Batches(c.Batch, pcg)
			return b, b.PerEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			return scoreTranslations(ctx, net.Layer.(*translate.Model), set.Test, search)
		},
		show: func(ctx context.Context, w io.Writer, net *model) error {
			return showTranslations(ctx, w, net.Layer.(*translate.Model), set, search)
		},
	}
	d.warning = func() string { return d.note }
	d.build = func(rng *rand.Rand) (*model, error) {
		if n := text.Len() - training().Len(); n > 0 {
			d.note = fmt.Sprintf("pairs left out of training, for an empty side or more than %d tokens: %d", longestPair, n)
		}
		if n := training().Len(); c.Batch > n {
			return nil, fmt.Errorf("tasks: a batch of %d is more than the %d training pairs of 1 to %d tokens a side", c.Batch, n, longestPair)
		}
		spec := translate.Small(encoding().Size(), c.Width)
		spec.From, spec.To, spec.Layers, spec.Dropout = c.From, c.To, c.Layers, c.Dropout
		net, err := translate.New(spec, encoding(), rng)
		if err != nil {
			return nil, err
		}
		return translateModel(net), nil
	}
	return d, nil
}

// scoreTranslations scores a network on pairs: the loss and accuracy of the next token, and
// the BLEU of translations.
func scoreTranslations(ctx context.Context, net *translate.Model, text *data.Pairs, search translate.Search) (train.Scores, error) {
	pairs, _ := text.Encode(net.BPE, 1<<20) // none is that long
	s, err := train.Evaluate(ctx, net, pairs.InOrder(translateBatch))
	if err != nil {
		return s, err
	}
	found, err := net.Translate(ctx, text.Source, search)
	if err != nil {
		return s, err
	}
	s.BLEU, s.Count = translate.BLEU(found, text.Target), text.Len()
	return s, nil
}

// showTranslations prints some sentences of the test set.
func showTranslations(ctx context.Context, w io.Writer, net *translate.Model, set *data.PairSet, search translate.Search) error {
	text := set.Test.First(examples)
	found, err := net.Translate(ctx, text.Source, search)
	if err != nil {
		return err
	}
	for i, translation := range found {
		if _, err := fmt.Fprintf(w, "%s: %s\n%s: %s\n    (%s)\n", set.From, text.Source[i], set.To, translation, text.Target[i]); err != nil {
			return err
		}
	}
	return nil
}

func translateModel(net *translate.Model) *model {
	return &model{Layer: net, Arch: translate.Arch, Metadata: net.Metadata, sample: net.Sample(sampleTokens), save: net.Save,
		random: func(rng *rand.Rand) { net.Dropout.Random = rng }}
}

func loadTranslate(path string) (*model, error) {
	net, err := translate.Open(path)
	if err != nil {
		return nil, err
	}
	return translateModel(net), nil
}
