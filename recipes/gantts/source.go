package gantts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/tensor"
)

// features returns those of a recording's frames, [rows, T].
func features(c *voice.Clip, stats *speech.Stats) []float32 {
	return speech.Conditions(c.Tokens, c.Lengths, stats.Pitch(c.HZ))
}

// batch is pieces of recordings.
type batch struct {
	features, z *tensor.Tensor // [rows, B, T], [Z, B]
	wave        *tensor.Tensor // [1, B, 160·T]
	companded   *tensor.Tensor
}

// crops yields pieces of recordings from anywhere, by their length, and is the source of what
// else is random in a step. Its binary form is its position.
type crops struct {
	clips  []*voice.Clip
	stats  *speech.Stats
	frames int
	size   int
	spec   model.Spec
	pcg    *rand.PCG
	number int // batches so far

	batch *batch
	dummy *tensor.Tensor
}

func newCrops(clips []*voice.Clip, stats *speech.Stats, spec model.Spec, s *Settings, pcg *rand.PCG) (*crops, error) {
	c := &crops{stats: stats, frames: s.Frames, size: s.Batch, spec: spec, pcg: pcg, dummy: tensor.New(1, 1),
		batch: &batch{features: tensor.New(spec.Features, s.Batch, s.Frames), z: tensor.New(spec.Latent, s.Batch),
			wave: tensor.New(1, s.Batch, s.Frames*speech.Hop), companded: tensor.New(1, s.Batch, s.Frames*speech.Hop)}}
	for _, one := range clips {
		if one.Frames() >= s.Frames {
			c.clips = append(c.clips, one)
		}
	}
	if len(c.clips) == 0 {
		return nil, fmt.Errorf("gan-tts: all recordings are shorter than %d frames of 10 ms", s.Frames)
	}
	return c, nil
}

// Next makes the next batch.
func (s *crops) Next() (*tensor.Tensor, []int32) {
	rng := rand.New(s.pcg)
	s.number++
	B, T, b := s.size, s.frames, s.batch
	total := 0
	for _, c := range s.clips {
		total += c.Frames() - T + 1
	}
	for i := range B {
		at, k := rng.IntN(total), 0
		for ; at > s.clips[k].Frames()-T; k++ {
			at -= s.clips[k].Frames() - T + 1
		}
		c := s.clips[k]
		rows := features(c, s.stats)
		for r := range s.spec.Features {
			copy(b.features.Data[(r*B+i)*T:(r*B+i+1)*T], rows[r*c.Frames()+at:])
		}
		copy(b.wave.Data[i*T*speech.Hop:(i+1)*T*speech.Hop], c.Wave[at*speech.Hop:])
	}
	copy(b.companded.Data, b.wave.Data)
	audio.MuLaw(b.companded.Data, s.spec.Mu)
	for i := range b.z.Data {
		b.z.Data[i] = float32(rng.NormFloat64())
	}
	return s.dummy, nil
}

// MarshalBinary returns the position.
func (s *crops) MarshalBinary() ([]byte, error) {
	b, err := s.pcg.MarshalBinary()
	return binary.LittleEndian.AppendUint64(b, uint64(s.number)), err
}

// UnmarshalBinary goes to a position.
func (s *crops) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return errors.New("gan-tts: the position in the recordings is cut short")
	}
	s.number = int(binary.LittleEndian.Uint64(b[len(b)-8:]))
	return s.pcg.UnmarshalBinary(b[:len(b)-8])
}
