package voice

import (
	"errors"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/tensor"
)

var errRange = errors.New("voice: a checkpoint's position is out of range: the recordings have changed")

var errShort = errors.New("voice: all recordings are shorter than 0.72 s")

// Crops the decoder is trained on: frames that are judged, and those around them that
// give the judged ones their surroundings.
const (
	cropFrames = 64
	cropEdge   = 4
)

// resolutions of the spectral loss: transforms of 256 to 2048 samples, a quarter apart.
var resolutions = func() (rs []kernel.Frames) {
	for _, n := range []int{256, 512, 1024, 2048} {
		rs = append(rs, kernel.Frames{Size: n, Hop: n / 4, Before: n / 2, Window: audio.Hann(n, n)})
	}
	return rs
}()

// crops is a batch of pieces of recordings.
type crops struct {
	mel   *tensor.Tensor // [80, B, T], ln
	pitch *tensor.Tensor // [2, B, T]
	e     speech.Excitation
	wave  []float32 // [B, 160·64], of the judged frames
}

// cropSource yields pieces of recordings from anywhere.
type cropSource struct {
	clips []*Clip
	stats *speech.Stats
	size  int
	pcg   *rand.PCG

	batch *crops
	dummy *tensor.Tensor
}

func newCropSource(clips []*Clip, stats *speech.Stats, size int, pcg *rand.PCG) (*cropSource, error) {
	s := &cropSource{stats: stats, size: size, pcg: pcg, dummy: tensor.New(1, 1)}
	for _, c := range clips {
		if c.Frames() >= cropFrames+2*cropEdge {
			s.clips = append(s.clips, c)
		}
	}
	if len(s.clips) == 0 {
		return nil, errShort
	}
	return s, nil
}

// Next makes the next batch.
func (s *cropSource) Next() (*tensor.Tensor, []int32) {
	rng := rand.New(s.pcg)
	const T = cropFrames + 2*cropEdge
	B := s.size
	mel, hz := tensor.New(speech.MelBands, B, T), make([]float32, B*T)
	wave := make([]float32, 0, B*cropFrames*speech.Hop)
	for b := range B {
		c := s.clips[rng.IntN(len(s.clips))]
		at := rng.IntN(c.Frames() - T + 1)
		for m := range speech.MelBands {
			copy(mel.Data[(m*B+b)*T:(m*B+b+1)*T], c.Mel[m*c.Frames()+at:])
		}
		copy(hz[b*T:(b+1)*T], c.HZ[at:])
		from := (at + cropEdge) * speech.Hop
		wave = append(wave, c.Wave[from:from+cropFrames*speech.Hop]...)
	}
	s.batch = &crops{mel, tensor.Of(s.stats.Pitch(hz), 2, B, T), speech.Excite(hz, B, T, rng), wave}
	return s.dummy, nil
}

// MarshalBinary returns the position.
func (s *cropSource) MarshalBinary() ([]byte, error) { return s.pcg.MarshalBinary() }

// UnmarshalBinary goes to a position.
func (s *cropSource) UnmarshalBinary(b []byte) error { return s.pcg.UnmarshalBinary(b) }

// decoderNet is a decoder whose output is its loss on the batch its source made last.
type decoderNet struct {
	*speech.Decoder
	source *cropSource
	front  *audio.Mel
}

// Forward returns the loss.
func (n *decoderNet) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	x, y := n.judged(t)
	return SpectralLoss(t, x, y, n.front)
}

// judged returns the judged frames of the batch, as the decoder makes them and recorded, both
// [1, B, 160·64].
func (n *decoderNet) judged(t *grad.Tape) (x, y *grad.Var) {
	b := n.source.batch
	x = n.Wave(t, t.Input(b.mel), b.pitch, b.e, n.source.stats)
	starts := make([]int, n.source.size)
	for i := range starts {
		starts[i] = cropEdge * speech.Hop
	}
	const L = cropFrames * speech.Hop
	return grad.Slice(t, x, starts, L), &grad.Var{Value: tensor.Of(b.wave, 1, n.source.size, L)}
}

// melWeight is the share of the log mel spectrum in the loss.
const melWeight = 2

// SpectralLoss returns how far the spectra of waveforms x are from those of y, both [1, B, L]: the
// spectral distances of several resolutions (mean) and L1 of the log mel spectrum.
func SpectralLoss(t *grad.Tape, x, y *grad.Var, front *audio.Mel) *grad.Var {
	var none *grad.Tape
	var loss *grad.Var
	L := y.Value.Shape[2]
	for _, r := range resolutions {
		T := r.Count(L)
		part := grad.SpectralDistance(t, grad.Magnitude(t, x, r, T), grad.Magnitude(none, y, r, T).Value.Data)
		part = grad.ScaleShift(t, part, 1/float32(len(resolutions)), []float32{0})
		if loss == nil {
			loss = part
		} else {
			loss = grad.Add(t, loss, part)
		}
	}
	T := front.Frames.Count(L)
	mel := func(t *grad.Tape, x *grad.Var) *grad.Var {
		return grad.LogMel(t, grad.Magnitude(t, x, front.Frames, T), front.Filters, front.Floor)
	}
	return plus(t, loss, melWeight, grad.L1(t, mel(t, x), mel(none, y).Value.Data, nil))
}
