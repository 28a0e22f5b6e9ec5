// Package lm holds recurrent language models: networks that predict the next character or
// word from those before, built from a [Spec], saved with it, and rebuilt from the file alone.
package lm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

// Metadata keys of a model's file.
const (
	archKey   = "architecture"
	configKey = "config"
	wordsKey  = "vocabulary"
)

// The architectures.
const (
	CharGRU  = "char-gru"  // Evci et al. 2020, section 4.2 and appendix I: embedding 128, GRU 512, readout 256 and 128
	WordLSTM = "word-lstm" // Zaremba et al. 2014, the medium size: embedding 650, two layers of 650 units; without dropout
	WordGRU  = "word-gru"  // the same with gated recurrent units
	OneCell  = "one-cell"  // Menick et al. 2020: symbols as they are, one recurrent layer, a readout of one hidden layer
)

// Architectures lists the names a Spec can have.
func Architectures() []string { return []string{CharGRU, WordLSTM, WordGRU, OneCell} }

// Spec says how a network is built.
type Spec struct {
	Arch    string  `json:"-"`               // a name from [Architectures]
	Symbols int     `json:"symbols"`         // characters or words there are
	Width   float64 `json:"width,omitempty"` // multiplies the hidden sizes (0: 1)

	// Tied makes the embedding the output matrix too, as in the paper of the char-GRU. The
	// shared matrix is not prunable.
	Tied bool `json:"tied,omitempty"`

	// Of OneCell, whose readout is not prunable.
	Cell   string `json:"cell,omitempty"`   // vanilla, gru or lstm
	Units  int    `json:"units,omitempty"`  // of the recurrent layer
	Hidden int    `json:"hidden,omitempty"` // of the readout
}

// Model is a language model: ids [T, B] in, logits of the next symbol [Symbols, T, B] out.
type Model struct {
	Embedding *nn.Embedding // nil: a symbol is a column with a single one
	Layers    []nn.Layer
	Readout   nn.Sequential

	spec     Spec
	words    []string
	metadata map[string]string
}

// New builds a model with first weights from rng.
func New(s Spec, rng *rand.Rand) (*Model, error) {
	m, err := s.build(rng)
	if err != nil {
		return nil, fmt.Errorf("lm: new %s: %w", s.Arch, err)
	}
	return m, nil
}

func (s Spec) build(rng *rand.Rand) (*Model, error) {
	if s.Symbols < 2 || s.Symbols > 1<<20 {
		return nil, fmt.Errorf("%d symbols: must be from 2 to %d", s.Symbols, 1<<20)
	}
	if !(s.Width >= 0 && s.Width <= 100) {
		return nil, fmt.Errorf("width %v: must be from 0 to 100", s.Width)
	}
	m := &Model{spec: s}
	var out *nn.Linear
	switch s.Arch {
	case CharGRU:
		c, h, r1, r2 := s.units(128), s.units(512), s.units(256), s.units(128)
		m.Embedding = nn.NewEmbedding(s.Symbols, c, rng)
		m.Layers = []nn.Layer{nn.NewGRU(c, h, rng)}
		out = nn.NewLinear(r2, s.Symbols, rng)
		m.Readout = nn.Sequential{nn.NewLinear(h, r1, rng), nn.ReLU{}, nn.NewLinear(r1, r2, rng), nn.ReLU{}, out}
	case WordLSTM, WordGRU:
		h := s.units(650)
		m.Embedding = nn.NewEmbedding(s.Symbols, h, rng)
		for range 2 {
			if s.Arch == WordLSTM {
				m.Layers = append(m.Layers, nn.NewLSTM(h, h, rng))
			} else {
				m.Layers = append(m.Layers, nn.NewGRU(h, h, rng))
			}
		}
		out = nn.NewLinear(h, s.Symbols, rng)
		m.Readout = nn.Sequential{out}
	case OneCell:
		return m, s.oneCell(m, rng)
	default:
		return nil, fmt.Errorf("architecture %q is not known; there are %s", s.Arch, strings.Join(Architectures(), ", "))
	}
	nn.Normal(m.Embedding.Weight, 1, rng) // of the deviations tried, what learns fastest
	nn.GlorotUniform(out.Weight, rng)
	if s.Tied {
		out.Weight = m.Embedding.Weight
	}
	return m, nil
}

// maxUnits bounds the layers of OneCell.
const maxUnits = 1 << 16

// oneCell sets the layers of OneCell.
func (s Spec) oneCell(m *Model, rng *rand.Rand) error {
	if s.Units < 1 || s.Units > maxUnits || s.Hidden < 1 || s.Hidden > maxUnits {
		return fmt.Errorf("%d units and %d of the readout: must be from 1 to %d", s.Units, s.Hidden, maxUnits)
	}
	switch s.Cell {
	case "vanilla":
		m.Layers = []nn.Layer{nn.NewRNN(s.Symbols, s.Units, rng)}
	case "gru":
		m.Layers = []nn.Layer{nn.NewGRU(s.Symbols, s.Units, rng)}
	case "lstm":
		m.Layers = []nn.Layer{nn.NewLSTM(s.Symbols, s.Units, rng)}
	default:
		return fmt.Errorf("cell %q is not known; there are vanilla, gru, lstm", s.Cell)
	}
	hidden, out := nn.NewLinear(s.Units, s.Hidden, rng), nn.NewLinear(s.Hidden, s.Symbols, rng)
	hidden.Weight.Prunable, out.Weight.Prunable = false, false
	nn.GlorotUniform(out.Weight, rng)
	m.Readout = nn.Sequential{hidden, nn.ReLU{}, out}
	return nil
}

// units returns how many units a hidden layer has that has n at width 1: at least one.
func (s Spec) units(n int) int {
	if s.Width == 0 {
		return n
	}
	return max(1, int(math.Round(s.Width*float64(n))))
}

// Forward returns the logits. It panics on an id outside 0 to Symbols-1.
func (m *Model) Forward(t *grad.Tape, ids *grad.Var) *grad.Var {
	var x *grad.Var
	if m.Embedding != nil {
		x = m.Embedding.Forward(t, ids)
	} else {
		x = m.oneHot(t, ids)
	}
	for _, l := range m.Layers {
		x = l.Forward(t, x)
	}
	y := m.Readout.Forward(t, x)
	m.count(ids.Value.Shape)
	return y
}

// oneHot returns a column [Symbols] of zeros and a one for each id.
func (m *Model) oneHot(t *grad.Tape, ids *grad.Var) *grad.Var {
	v := ids.Value
	x := t.New(append([]int{m.spec.Symbols}, v.Shape...)...)
	clear(x.Value.Data)
	for i, id := range v.Data {
		if !(id >= 0 && int(id) < m.spec.Symbols) {
			panic(fmt.Sprintf("lm: Forward: id %v of %d symbols", id, m.spec.Symbols))
		}
		x.Value.Data[int(id)*len(v.Data)+i] = 1
	}
	return x
}

// count says of the readout's weights that they are used at each time step.
func (m *Model) count(shape []int) {
	for _, l := range m.Readout {
		if l, ok := l.(*nn.Linear); ok && len(shape) == 2 {
			l.Weight.Uses = shape[0]
		}
	}
}

// Carry makes the recurrent layers go on with the state they have, from zero now, or begin
// each sequence from zero: see [nn.Recurrent.Carry].
func (m *Model) Carry(on bool) {
	for _, l := range m.Layers {
		l.(interface{ Carry(bool) }).Carry(on)
	}
}

// Sample continues a prompt of at least one symbol by n symbols drawn from the model's
// probabilities to the power 1/temperature; 0 takes the most probable. It leaves the layers
// beginning from zero.
func (m *Model) Sample(rng *rand.Rand, prompt []int32, n int, temperature float64) []int32 {
	m.Carry(true)
	defer m.Carry(false)
	tape := &grad.Tape{NoGrad: true}
	x := tensor.New(1, 1)
	out := make([]int32, 0, n)
	p := make([]float64, m.spec.Symbols)
	for i := range len(prompt) + n - 1 {
		if i < len(prompt) {
			x.Data[0] = float32(prompt[i])
		} else {
			x.Data[0] = float32(out[len(out)-1])
		}
		tape.Reset()
		logits := m.Forward(tape, tape.Input(x))
		if i >= len(prompt)-1 {
			out = append(out, draw(rng, logits.Value.Data, p, temperature))
		}
	}
	return out
}

// draw returns a symbol by its logits. p is room.
func draw(rng *rand.Rand, logits []float32, p []float64, temperature float64) int32 {
	best := 0
	for i, v := range logits {
		if v > logits[best] {
			best = i
		}
	}
	if temperature == 0 {
		return int32(best)
	}
	sum := 0.0
	for i, v := range logits {
		p[i] = math.Exp(float64(v-logits[best]) / temperature)
		sum += p[i]
	}
	at := rng.Float64() * sum
	for i, v := range p {
		if at -= v; at < 0 {
			return int32(i)
		}
	}
	return int32(best)
}

// Spec returns how the model was built.
func (m *Model) Spec() Spec { return m.spec }

// Metadata returns that of the file the model was opened from.
func (m *Model) Metadata() map[string]string { return m.metadata }

// Words returns the words the symbols stand for, nil where they are bytes.
func (m *Model) Words() []string { return m.words }

// SetWords says what the symbols stand for; the words are saved with the model. It panics
// unless there is a word, without line breaks, for each symbol.
func (m *Model) SetWords(words []string) {
	if len(words) != m.spec.Symbols {
		panic(fmt.Sprintf("lm: SetWords: %d words for %d symbols", len(words), m.spec.Symbols))
	}
	m.words = words
}

// Save writes the weights, the spec and the words, with more metadata, which may be nil: see
// [weights.Save].
func (m *Model) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(m.spec)
	if err != nil {
		return fmt.Errorf("lm: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = m.spec.Arch, string(config)
	if m.words != nil {
		all[wordsKey] = strings.Join(m.words, "\n")
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
	m, err := modelOf(f)
	if err != nil {
		return nil, fmt.Errorf("lm: open %s: %w", path, err)
	}
	if err := f.Load(m); err != nil {
		return nil, err
	}
	m.metadata = f.Metadata
	return m, nil
}

// modelOf builds the network an open file names.
func modelOf(f *weights.File) (*Model, error) {
	arch, ok := f.Metadata[archKey]
	if !ok {
		return nil, errors.New("the file does not say which network it holds")
	}
	s := Spec{Arch: arch}
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, fmt.Errorf("configuration of the network: %w", err)
	}
	m, err := s.build(nil)
	if err != nil {
		return nil, err
	}
	if text, ok := f.Metadata[wordsKey]; ok {
		words := strings.Split(text, "\n")
		if len(words) != s.Symbols {
			return nil, fmt.Errorf("vocabulary of %d words for %d symbols", len(words), s.Symbols)
		}
		m.words = words
	}
	return m, nil
}
