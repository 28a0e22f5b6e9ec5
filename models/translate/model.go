// Package translate holds Transformers that translate (Vaswani et al. 2017): networks that
// are built from a [Spec], saved with it and the encoding of their text, rebuilt from the
// file alone, and asked for translations.
package translate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

// Arch is the name of the architecture in files.
const Arch = "transformer"

// Metadata keys of a model's file.
const (
	archKey     = "architecture"
	configKey   = "config"
	encodingKey = "encoding"
)

// Spec says how a network is built.
type Spec struct {
	From       string  `json:"from,omitempty"` // language, for people
	To         string  `json:"to,omitempty"`
	Vocabulary int     `json:"vocabulary"` // tokens of both languages
	Layers     int     `json:"layers"`     // of the encoder, and of the decoder
	Features   int     `json:"features"`   // of the embeddings and all between the layers
	Heads      int     `json:"heads"`
	Hidden     int     `json:"hidden"`         // features inside a feed-forward part
	Tied       bool    `json:"tied,omitempty"` // the last layer's weights are those of the embedding
	Dropout    float64 `json:"dropout,omitempty"`
}

// Base is the base model of Vaswani et al. (2017, table 3): 6 layers of 512 features, 8
// heads, 2048 hidden features, dropout 0.1, one matrix for embeddings and output. width
// multiplies the features.
func Base(vocabulary int, width float64) Spec {
	return Spec{Vocabulary: vocabulary, Layers: 6, Features: 512, Heads: 8, Hidden: 2048, Tied: true, Dropout: 0.1}.Wider(width)
}

// Small is a model that learns short sentences within minutes: 2 layers of 128 features, 4
// heads, 512 hidden features. width multiplies the features.
func Small(vocabulary int, width float64) Spec {
	return Spec{Vocabulary: vocabulary, Layers: 2, Features: 128, Heads: 4, Hidden: 512, Dropout: 0.1}.Wider(width)
}

// Wider multiplies the features by width, rounded to whole features of each head (an even
// number of all), and the hidden ones.
func (s Spec) Wider(width float64) Spec {
	per := max(2, 2*int(math.Round(width*float64(s.Features)/float64(2*s.Heads))))
	s.Features = per * s.Heads
	s.Hidden = max(1, int(math.Round(width*float64(s.Hidden))))
	return s
}

func (s Spec) check() error {
	switch {
	case s.Vocabulary < 4 || s.Vocabulary > 1<<24:
		return fmt.Errorf("vocabulary %d: must be from 4 to 2^24", s.Vocabulary)
	case s.Layers < 1 || s.Layers > 1000 || s.Features < 1 || s.Features > 1<<16 || s.Hidden < 1 || s.Hidden > 1<<20:
		return fmt.Errorf("%d layers of %d features and %d hidden ones: out of range", s.Layers, s.Features, s.Hidden)
	case s.Heads < 1 || s.Features%s.Heads != 0:
		return fmt.Errorf("%d heads do not divide %d features", s.Heads, s.Features)
	case !(s.Dropout >= 0 && s.Dropout < 1):
		return fmt.Errorf("dropout %v: must be from 0 to below 1", s.Dropout)
	}
	return nil
}

// Model is a Transformer. Its layers have their norms in front: see [nn.EncoderLayer].
type Model struct {
	Embedding   *nn.Embedding // of both languages
	Encoder     []*nn.EncoderLayer
	EncoderNorm *nn.LayerNorm
	Decoder     []*nn.DecoderLayer
	DecoderNorm *nn.LayerNorm
	Output      *nn.Linear
	Dropout     *nn.Dropout // one for all layers

	Spec     Spec              `json:"-"`
	BPE      *data.BPE         // how text becomes tokens; nil for a network without text
	Metadata map[string]string // of the file it was opened from

	positions nn.Positions
	views     [2]tensor.Tensor
	lengths   []int32
}

// New builds a network with first weights from rng. bpe may be nil; else the spec's
// vocabulary must be its size. Set the random source of Dropout before training.
func New(s Spec, bpe *data.BPE, rng *rand.Rand) (*Model, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("translate: new: %w", err)
	}
	if bpe != nil && bpe.Size() != s.Vocabulary {
		return nil, fmt.Errorf("translate: new: an encoding of %d tokens for a vocabulary of %d", bpe.Size(), s.Vocabulary)
	}
	m := &Model{Spec: s, BPE: bpe, Dropout: &nn.Dropout{P: float32(s.Dropout)}, Embedding: nn.NewEmbedding(s.Vocabulary, s.Features, rng),
		EncoderNorm: nn.NewLayerNorm(s.Features), DecoderNorm: nn.NewLayerNorm(s.Features)}
	m.positions.Scale = float32(math.Sqrt(float64(s.Features)))
	for range s.Layers {
		m.Encoder = append(m.Encoder, nn.NewEncoderLayer(s.Features, s.Heads, s.Hidden, m.Dropout, rng))
	}
	for range s.Layers {
		m.Decoder = append(m.Decoder, nn.NewDecoderLayer(s.Features, s.Heads, s.Hidden, m.Dropout, rng))
	}
	if s.Tied {
		m.Output = &nn.Linear{Weight: m.Embedding.Weight}
	} else {
		m.Output = nn.NewLinear(s.Features, s.Vocabulary, rng)
		m.Output.Bias = nil // as where it is tied
		nn.Normal(m.Output.Weight, 1/math.Sqrt(float64(s.Features)), rng)
	}
	return m, nil
}

// Forward returns the logits [V, T, B] of the target's next tokens for a batch of sources
// and targets as [data.PairBatch] makes it: [1+S+T, B].
func (m *Model) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	shape := x.Value.Shape
	if len(shape) != 2 {
		panic(fmt.Sprintf("translate: Forward: x is %v, want [1+S+T, B]", shape))
	}
	B := shape[1]
	S := m.sourceLengths(x.Value.Data[:B])
	if S < 1 || 1+S >= shape[0] {
		panic(fmt.Sprintf("translate: Forward: x is %v with sources of up to %d tokens, want [1+S+T, B]", shape, S))
	}
	memory := m.encode(t, m.rows(t, x, 0, 1, 1+S), m.lengths)
	h := m.embed(t, m.rows(t, x, 1, 1+S, shape[0]), 0)
	for _, l := range m.Decoder {
		h = l.Forward(t, h, memory, m.lengths)
	}
	return m.Output.Forward(t, m.DecoderNorm.Forward(t, h))
}

// sourceLengths reads the lengths of a batch's sources and returns the greatest.
func (m *Model) sourceLengths(row []float32) int {
	m.lengths = m.lengths[:0]
	longest := 0
	for _, n := range row {
		m.lengths = append(m.lengths, int32(n))
		longest = max(longest, int(n))
	}
	return longest
}

// rows returns rows lo to hi of x as an input; each call of a pass has a view of its own.
func (m *Model) rows(t *grad.Tape, x *grad.Var, view, lo, hi int) *grad.Var {
	B := x.Value.Shape[1]
	v := &m.views[view]
	v.Data, v.Shape = x.Value.Data[lo*B:hi*B], append(v.Shape[:0], hi-lo, B)
	return t.Input(v)
}

// embed returns [C, T, B] for tokens [T, B], the first of which stands at a position.
func (m *Model) embed(t *grad.Tape, tokens *grad.Var, first int) *grad.Var {
	return m.Dropout.Forward(t, m.positions.Forward(t, m.Embedding.Forward(t, tokens), first))
}

// encode returns the encoder's result [C, S, B] for tokens [S, B].
func (m *Model) encode(t *grad.Tape, tokens *grad.Var, lengths []int32) *grad.Var {
	h := m.embed(t, tokens, 0)
	for _, l := range m.Encoder {
		h = l.Forward(t, h, lengths)
	}
	return m.EncoderNorm.Forward(t, h)
}

// Sample returns one input of so many tokens a side, for counting work.
func (m *Model) Sample(tokens int) *tensor.Tensor {
	sentence := make([]int32, tokens)
	for i := range sentence {
		sentence[i] = data.EndToken
	}
	x, _ := data.NewPairBatch([][]int32{sentence}, [][]int32{sentence}).Tensor()
	return x
}

// Save writes the weights, the spec and the encoding, with more metadata, which may be nil:
// see [weights.Save].
func (m *Model) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(m.Spec)
	if err != nil {
		return fmt.Errorf("translate: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = Arch, string(config)
	if m.BPE != nil {
		text, err := m.BPE.MarshalText()
		if err != nil {
			return fmt.Errorf("translate: save %s: %w", path, err)
		}
		all[encodingKey] = string(text)
	}
	return weights.Save(path, m, all)
}

// Open rebuilds a model from a file that Save wrote.
func Open(path string) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := rebuild(f)
	if err != nil {
		return nil, fmt.Errorf("translate: open %s: %w", path, err)
	}
	if err := f.Load(m); err != nil {
		return nil, err
	}
	return m, nil
}

// rebuild makes the network of an open file, without its weights.
func rebuild(f *weights.File) (*Model, error) {
	if arch := f.Metadata[archKey]; arch != Arch {
		return nil, fmt.Errorf("the network of the file is %q, not %q", arch, Arch)
	}
	var s Spec
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, fmt.Errorf("configuration of the network: %w", err)
	}
	var bpe *data.BPE
	if text := f.Metadata[encodingKey]; text != "" {
		bpe = new(data.BPE)
		if err := bpe.UnmarshalText([]byte(text)); err != nil {
			return nil, err
		}
	}
	m, err := New(s, bpe, nil)
	if err != nil {
		return nil, err
	}
	m.Metadata = f.Metadata
	return m, nil
}

// errNoText is returned where text is asked of a network without an encoding.
var errNoText = errors.New("translate: the network has no encoding of text")
