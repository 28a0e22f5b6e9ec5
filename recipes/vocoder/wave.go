package vocoder

import (
	"context"
	"slices"

	"github.com/seed073b5613/filigree/models/speech/wavernn"
)

// Wave returns the waveform of frames [T, Features] of a whole recording, by a plain or a subscale model.
func Wave(ctx context.Context, m *wavernn.Model, frames []float32, o wavernn.Options) ([]float32, error) {
	if m.Spec().Subscale.Streams > 0 {
		s, err := wavernn.NewStreams(m, o)
		if err != nil {
			return nil, err
		}
		samples, err := s.Sample(ctx, frames)
		if err != nil {
			return nil, err
		}
		x := make([]float32, len(samples))
		m.Spec().NewDecoder().Decode(x, samples)
		return x, nil
	}
	v, err := wavernn.NewVocoder(m, o)
	if err != nil {
		return nil, err
	}
	var x []float32
	for frame := range slices.Chunk(frames, m.Spec().Features) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		x = v.Push(x, frame)
	}
	return v.Flush(x), nil
}
