package translate

import (
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Session writes translations of a batch of sources token by token, all at the same pace.
// What the layers computed for earlier tokens is kept, so a token costs what one column of
// the forward pass does. The model must not change meanwhile; sessions may share it if its
// weights are not trained, but not run at the same time.
type Session struct {
	m      *Model
	tape   *grad.Tape
	B, n   int            // sequences, and tokens each has
	past   []*nn.KeyCache // of each decoder layer: its own keys
	spare  []*nn.KeyCache // as large, to reorder into
	memory []*nn.KeyCache // the encoder's
	tokens tensor.Tensor
}

// NewSession encodes sources. Each is written ways times over, and no longer than longest
// tokens: sequence b·ways+i is the i-th of source b. It panics on an empty batch or
// a token outside the vocabulary.
func NewSession(m *Model, sources [][]int32, ways, longest int) *Session {
	s := &Session{m: m, tape: &grad.Tape{NoGrad: true}, B: len(sources) * ways}
	empty := make([][]int32, len(sources))
	x, _ := data.NewPairBatch(sources, empty).Tensor()
	in := s.tape.Input(x)
	S := m.sourceLengths(x.Data[:len(sources)])
	lengths := append([]int32(nil), m.lengths...)
	memory := m.encode(s.tape, m.rows(s.tape, in, 0, 1, 1+S), lengths)
	from := make([]int32, s.B)
	for i := range from {
		from[i] = int32(i / ways)
	}
	C := m.Spec.Features
	for _, l := range m.Decoder {
		one := nn.NewKeyCache(C, len(sources), S)
		one.Lengths = lengths
		l.Cross.Remember(s.tape, memory, one)
		all := nn.NewKeyCache(C, s.B, S)
		one.Select(all, from)
		s.memory = append(s.memory, all)
		s.past = append(s.past, nn.NewKeyCache(C, s.B, longest))
		s.spare = append(s.spare, nn.NewKeyCache(C, s.B, longest))
	}
	return s
}

// Next takes the newest token of each sequence, [data.BeginToken] at first, and returns the
// logits [V, B] of the one that follows. They are valid until the next call. It panics
// after longest tokens.
func (s *Session) Next(tokens []int32) *tensor.Tensor {
	s.tape.Reset()
	s.tokens.Data, s.tokens.Shape = s.tokens.Data[:0], append(s.tokens.Shape[:0], 1, s.B)
	for _, t := range tokens {
		s.tokens.Data = append(s.tokens.Data, float32(t))
	}
	h := s.m.embed(s.tape, s.tape.Input(&s.tokens), s.n)
	for i, l := range s.m.Decoder {
		h = l.Step(s.tape, h, s.past[i], s.memory[i])
	}
	s.n++
	logits := s.m.Output.Forward(s.tape, s.m.DecoderNorm.Forward(s.tape, h))
	logits.Value.Shape = append(logits.Value.Shape[:1], s.B)
	return logits.Value
}

// Select makes sequence i a copy of sequence from[i], for all i. Only sequences of the same
// source may take each other's place.
func (s *Session) Select(from []int32) {
	for i, past := range s.past {
		past.Select(s.spare[i], from)
		s.past[i], s.spare[i] = s.spare[i], past
	}
}
