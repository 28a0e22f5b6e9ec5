package voice

import (
	"bytes"
	"encoding/gob"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/tensor"
)

// Weights of the parts of the acoustic model's loss beside that of spectra.
const (
	lengthWeight  = 0.1
	pitchWeight   = 0.1
	voicingWeight = 0.1
)

// utterances is a batch of clips, padded to the longest.
type utterances struct {
	B, N, S int
	ids     *tensor.Tensor // [B, N]
	places  *tensor.Tensor
	tokens  []float32      // [B·N] mask
	lengths *tensor.Tensor // [1, B, N] frames
	logs    []float32      // their logarithms
	spoken  []float32      // [B·N], 1 where a length is learned
	frames  []float32      // [B·S] mask
	mel     []float32      // [80, B, S], normalised
	pitch   *tensor.Tensor // [2, B, S]
	voiced  []float32      // [B·S]
}

func newUtterances(clips []*Clip, stats *speech.Stats) *utterances {
	u := &utterances{B: len(clips)}
	for _, c := range clips {
		u.N, u.S = max(u.N, len(c.Tokens)), max(u.S, c.Frames())
	}
	B, N, S := u.B, u.N, u.S
	u.ids, u.places, u.lengths = tensor.New(B, N), tensor.New(B, N), tensor.New(1, B, N)
	u.tokens, u.logs, u.spoken = make([]float32, B*N), make([]float32, B*N), make([]float32, B*N)
	u.frames, u.mel = make([]float32, B*S), make([]float32, speech.MelBands*B*S)
	hz := make([]float32, B*S)
	for b, c := range clips {
		ids, places := speech.Inputs(c.Tokens)
		for i := range ids {
			at := b*N + i
			u.ids.Data[at], u.places.Data[at], u.tokens[at] = ids[i], places[i], 1
			if l := c.Lengths[i]; l > 0 {
				u.lengths.Data[at], u.logs[at], u.spoken[at] = float32(l), float32(math.Log(float64(l))), 1
			}
		}
		T := c.Frames()
		normal := stats.Normalize(c.Mel)
		for m := range speech.MelBands {
			copy(u.mel[(m*B+b)*S:], normal[m*T:(m+1)*T])
		}
		copy(hz[b*S:], c.HZ)
		for s := range T {
			u.frames[b*S+s] = 1
		}
	}
	u.pitch = tensor.Of(stats.Pitch(hz), 2, B, S)
	u.voiced = make([]float32, B*S)
	for i, h := range hz {
		if h > 0 {
			u.voiced[i] = 1
		}
	}
	return u
}

// acousticNet is an acoustic model whose output is its loss on the batch its source made
// last.
type acousticNet struct {
	*speech.Acoustic
	source *clipSource
}

// Forward returns the loss.
func (n *acousticNet) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	u := n.source.batch
	h := n.Encode(t, u.ids, u.places, u.tokens)
	a := grad.Interpolate(t, h, t.Input(u.lengths), speech.KernelWidth, 0, u.S)
	pitch := n.PitchOf(t, a, u.frames)
	loss := grad.L1(t, n.Mel(t, a, t.Input(u.pitch), u.frames), u.mel, u.frames)
	S := u.B * u.S
	loss = plus(t, loss, lengthWeight, grad.L2(t, n.LogLengths(t, h), u.logs, u.spoken))
	loss = plus(t, loss, pitchWeight, grad.L2(t, grad.Rows(t, pitch, 0, 1), u.pitch.Data[:S], u.voiced))
	return plus(t, loss, voicingWeight, grad.Logistic(t, grad.Rows(t, pitch, 1, 2), u.voiced, u.frames))
}

// plus returns a + weight·b of scalars.
func plus(t *grad.Tape, a *grad.Var, weight float32, b *grad.Var) *grad.Var {
	return grad.Add(t, a, grad.ScaleShift(t, b, weight, []float32{0}))
}

// clipSource yields batches of whole clips of like length, in a random order.
type clipSource struct {
	clips []*Clip // by length
	stats *speech.Stats
	size  int
	pcg   *rand.PCG

	order []int   // batches left of this round, by the index of their first clip
	drawn []*Clip // those of batch
	batch *utterances
	dummy *tensor.Tensor
}

func newClipSource(clips []*Clip, stats *speech.Stats, size int, pcg *rand.PCG) *clipSource {
	clips = slices.Clone(clips)
	slices.SortStableFunc(clips, func(a, b *Clip) int { return a.Frames() - b.Frames() })
	return &clipSource{clips: clips, stats: stats, size: min(size, len(clips)), pcg: pcg, dummy: tensor.New(1, 1)}
}

// Next makes the next batch: a run of clips that begins anywhere, so that neighbours vary.
func (s *clipSource) Next() (*tensor.Tensor, []int32) {
	if len(s.order) == 0 {
		rng := rand.New(s.pcg)
		shift := rng.IntN(s.size)
		for at := shift; at+s.size <= len(s.clips); at += s.size {
			s.order = append(s.order, at)
		}
		if len(s.order) == 0 {
			s.order = append(s.order, 0)
		}
		rng.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	}
	at := s.order[len(s.order)-1]
	s.order = s.order[:len(s.order)-1]
	s.drawn = s.clips[at : at+s.size]
	s.batch = newUtterances(s.drawn, s.stats)
	return s.dummy, nil
}

// position is where a source is.
type position struct {
	PCG   []byte
	Order []int
}

// MarshalBinary returns the position.
func (s *clipSource) MarshalBinary() ([]byte, error) {
	pcg, err := s.pcg.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(position{pcg, s.order})
	return b.Bytes(), err
}

// UnmarshalBinary goes to a position.
func (s *clipSource) UnmarshalBinary(b []byte) error {
	var p position
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&p); err != nil {
		return err
	}
	for _, at := range p.Order {
		if at < 0 || at+s.size > len(s.clips) {
			return errRange
		}
	}
	s.order = p.Order
	return s.pcg.UnmarshalBinary(p.PCG)
}
