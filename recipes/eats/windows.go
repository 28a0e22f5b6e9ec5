package eats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/tensor"
)

// edge is how many frames on each side of a window are made but not judged.
const edge = 4

// batch is windows of utterances with all of their tokens.
type batch struct {
	number  int            // of batches before it
	ids     *tensor.Tensor // [B, N]
	mask    []float32      // [B·N], 0 at padding
	lengths *tensor.Tensor // [1, B, N] frames, the aligner's
	totals  []float32      // [B] frames of the utterances
	starts  []int          // [B] first frames made, edges included
	hz      []float32      // [B, T], T frames with edges
	wave    *tensor.Tensor // [1, B, L] recordings, without edges
	target  *tensor.Tensor // the same, jittered
	z       *tensor.Tensor // [Z, B]
}

// windows yields batches of random windows. Its binary form is its position.
type windows struct {
	clips  []*voice.Clip
	size   int
	frames int // of a window, without edges
	latent int
	pcg    *rand.PCG
	count  int // batches so far

	batch *batch
	dummy *tensor.Tensor
}

func newWindows(clips []*voice.Clip, s *Settings, latent int, pcg *rand.PCG) (*windows, error) {
	w := &windows{size: s.Batch, frames: s.Frames, latent: latent, pcg: pcg, dummy: tensor.New(1, 1)}
	for _, c := range clips {
		if c.Frames() >= s.Frames {
			w.clips = append(w.clips, c)
		}
	}
	if len(w.clips) == 0 {
		return nil, fmt.Errorf("eats: all recordings are shorter than a window of %.2f s", float64(s.Frames)/100)
	}
	return w, nil
}

// Next makes the next batch.
func (s *windows) Next() (*tensor.Tensor, []int32) {
	rng := rand.New(s.pcg)
	B, T := s.size, s.frames+2*edge
	clips := make([]*voice.Clip, B)
	N := 0
	for b := range clips {
		clips[b] = s.clips[rng.IntN(len(s.clips))]
		N = max(N, len(clips[b].Tokens))
	}
	L := s.frames * speech.Hop
	u := &batch{number: s.count, ids: tensor.New(B, N), mask: make([]float32, B*N), lengths: tensor.New(1, B, N), totals: make([]float32, B),
		starts: make([]int, B), hz: make([]float32, B*T), wave: tensor.New(1, B, L)}
	for b, c := range clips {
		ids, _ := speech.Inputs(c.Tokens)
		copy(u.ids.Data[b*N:], ids)
		for i, l := range c.Lengths {
			u.mask[b*N+i], u.lengths.Data[b*N+i] = 1, float32(l)
		}
		u.totals[b] = float32(c.Frames())
		at := rng.IntN(c.Frames() - s.frames + 1)
		copy(u.wave.Data[b*L:(b+1)*L], c.Wave[at*speech.Hop:])
		u.starts[b] = at - edge
		for i := range T {
			if f := at - edge + i; f >= 0 && f < c.Frames() {
				u.hz[b*T+i] = c.HZ[f]
			}
		}
	}
	u.target, u.z = model.Jitter(u.wave, rng), gantts.Latents(s.latent, B, rng)
	s.batch = u
	s.count++
	return s.dummy, nil
}

// MarshalBinary returns the position.
func (s *windows) MarshalBinary() ([]byte, error) {
	b, err := s.pcg.MarshalBinary()
	return binary.LittleEndian.AppendUint64(b, uint64(s.count)), err
}

// UnmarshalBinary goes to a position.
func (s *windows) UnmarshalBinary(b []byte) error {
	n := len(b) - 8
	if n < 0 {
		return errors.New("eats: a checkpoint's position is too short")
	}
	s.count = int(binary.LittleEndian.Uint64(b[n:]))
	return s.pcg.UnmarshalBinary(b[:n])
}
