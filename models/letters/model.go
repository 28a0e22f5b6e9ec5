package letters

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

// Arch names the network in its file.
const Arch = "letters-gru"

const (
	archKey   = "architecture"
	configKey = "config"
)

// A Spec says how the network is built.
type Spec struct {
	Chunks  []string `json:"chunks"`  // what a letter can sound as
	Symbols int      `json:"symbols"` // numbers a letter, or the chunk before, is embedded in
	Encoder int      `json:"encoder"` // units that read in each direction
	Decoder int      `json:"decoder"` // units that write
}

// Model says for each letter of a word what it sounds as: recurrent units read the letters in
// both directions, others write from left to right, seeing what they wrote for the letter before
// (after Yao and Zweig 2015, arXiv:1506.00196, section 3.3).
type Model struct {
	Letters  *nn.Embedding // [27, Symbols]
	Chunks   *nn.Embedding // [chunks + 1, Symbols]
	Ahead    *nn.GRU
	Back     *nn.GRU
	Decoder  *nn.GRU // of 2·Encoder + Symbols inputs
	Out      *nn.Linear
	Spec     Spec              `json:"-"`
	Metadata map[string]string // of the file it was read from

	back, ids, before tensor.Tensor
}

// New returns a model with first weights from rng, zeros where it is nil.
func New(s Spec, rng *rand.Rand) (*Model, error) {
	const limit = 1 << 13
	n := len(s.Chunks)
	if n < 2 || n > limit || s.Symbols < 1 || s.Symbols > limit || s.Encoder < 1 || s.Encoder > limit || s.Decoder < 1 || s.Decoder > limit {
		return nil, fmt.Errorf("letters: new: %d chunks, %d symbols, %d and %d units: must be from 1 to %d", n, s.Symbols, s.Encoder, s.Decoder, limit)
	}
	m := &Model{Spec: s, Letters: nn.NewEmbedding(len(alphabet), s.Symbols, rng), Chunks: nn.NewEmbedding(n+1, s.Symbols, rng),
		Ahead: nn.NewGRU(s.Symbols, s.Encoder, rng), Back: nn.NewGRU(s.Symbols, s.Encoder, rng),
		Decoder: nn.NewGRU(2*s.Encoder+s.Symbols, s.Decoder, rng), Out: nn.NewLinear(s.Decoder, n, rng)}
	nn.Normal(m.Letters.Weight, 1, rng)
	nn.Normal(m.Chunks.Weight, 1, rng)
	return m, nil
}

// Forward returns the logits of the chunks [chunks, T, B] for letters and the chunks before them
// x [2, T, B]: see [Batches.Next].
func (m *Model) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	shape := x.Value.Shape
	if len(shape) != 3 || shape[0] != 2 {
		panic(fmt.Sprintf("letters: Forward: x is %v, want [2, T, B]", shape))
	}
	T, B := shape[1], shape[2]
	m.ids = tensor.Tensor{Shape: shape[1:], Data: x.Value.Data[:T*B]}
	m.before = tensor.Tensor{Shape: shape[1:], Data: x.Value.Data[T*B:]}
	m.back = tensor.Tensor{Shape: shape[1:], Data: append(m.back.Data[:0], m.ids.Data...)}
	for i := range T {
		copy(m.back.Data[i*B:(i+1)*B], m.ids.Data[(T-1-i)*B:])
	}
	ahead := m.Ahead.Forward(t, m.Letters.Forward(t, t.Input(&m.ids)))
	back := m.Back.Forward(t, m.Letters.Forward(t, t.Input(&m.back)))
	y := m.Decoder.Forward(t, join(t, ahead, back, m.Chunks.Forward(t, t.Input(&m.before))))
	y = m.Out.Forward(t, y)
	m.Out.Weight.Uses = T
	return y
}

// join puts rows of three sequences [*, T, B] below each other, those of the second turned round
// in time.
func join(t *grad.Tape, a, b, c *grad.Var) *grad.Var {
	parts := [3]*grad.Var{a, b, c}
	s := a.Value.Shape
	T, B := s[1], s[2]
	out := t.New(a.Value.Rows()+b.Value.Rows()+c.Value.Rows(), T, B)
	at := 0
	for i, p := range parts {
		turn(out.Value.Data[at:at+len(p.Value.Data)], p.Value.Data, T, B, i == 1, false)
		at += len(p.Value.Data)
	}
	return t.Record(out, func() {
		at := 0
		for i, p := range parts {
			n := len(p.Value.Data)
			if d, acc := t.GradOf(p); d != nil {
				turn(d, out.Grad.Data[at:at+n], T, B, i == 1, acc)
			}
			at += n
		}
	}, a, b, c)
}

// turn copies or adds rows of T steps of B columns, first to last or last to first.
func turn(dst, src []float32, T, B int, round, add bool) {
	for row := 0; row < len(src); row += T * B {
		for i := range T {
			from := i
			if round {
				from = T - 1 - i
			}
			d, s := dst[row+i*B:row+(i+1)*B], src[row+from*B:row+(from+1)*B]
			if !add {
				copy(d, s)
				continue
			}
			for j, v := range s {
				d[j] += v
			}
		}
	}
}

// Save writes the weights and the spec, with more metadata, which may be nil: see [weights.Save].
func (m *Model) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(m.Spec)
	if err != nil {
		return fmt.Errorf("letters: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = Arch, string(config)
	return weights.Save(path, m, all)
}

// Open rebuilds a model from a file that Save wrote.
func Open(path string) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Metadata[archKey] != Arch {
		return nil, fmt.Errorf("letters: open %s: architecture %q, want %q", path, f.Metadata[archKey], Arch)
	}
	var s Spec
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, fmt.Errorf("letters: open %s: configuration: %w", path, err)
	}
	m, err := New(s, nil)
	if err != nil {
		return nil, fmt.Errorf("letters: open %s: %w", path, err)
	}
	if err := f.Load(m); err != nil {
		return nil, err
	}
	m.Metadata = f.Metadata
	return m, nil
}
