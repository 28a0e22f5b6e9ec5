package voice

import (
	"context"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// The joint stage: both networks of a voice go on together as in EATS (arXiv:2006.03575, section
// 2.4), with the lengths the voice itself chooses, a spectral loss that forgives differences of
// timing, and one of each utterance's whole length. What tokens are turned into and the pitch stay
// as they are.
const (
	jointRate    = 1e-4
	lengthsShare = 0.1 // of the length loss, as in the paper
)

// jointSource yields windows of utterances.
type jointSource struct {
	*clipSource
	starts []int          // first frame of each window, edges included
	target *tensor.Tensor // [1, B, 160·64] recordings of the judged frames, jittered
}

// Next makes the next batch.
func (s *jointSource) Next() (*tensor.Tensor, []int32) {
	x, labels := s.clipSource.Next()
	rng := rand.New(s.pcg)
	const L = cropFrames * speech.Hop
	wave := tensor.New(1, s.size, L)
	s.starts = make([]int, s.size)
	for b, c := range s.drawn {
		at := rng.IntN(c.Frames() - cropFrames + 1)
		s.starts[b] = at - cropEdge
		copy(wave.Data[b*L:(b+1)*L], c.Wave[at*speech.Hop:])
	}
	s.target = eats.Jitter(wave, rng)
	return x, labels
}

// jointNet is a voice whose output is its loss on the batch its source made last.
type jointNet struct {
	Acoustic *speech.Acoustic
	Decoder  *speech.Decoder

	source *jointSource
	front  *eats.Front
}

// newJointNet returns the network of a voice with what stays as it is frozen.
func newJointNet(v *speech.Voice, source *jointSource) *jointNet {
	n := &jointNet{v.Acoustic, v.Decoder, source, eats.NewFront(speech.SampleRate)}
	learns := nn.Match("acoustic.lengths", "acoustic.stem", "acoustic.fromf0", "acoustic.layers", "acoustic.outnorm", "acoustic.out", "decoder")
	for _, p := range nn.Params(n) {
		p.Frozen = !learns(p.Name)
	}
	return n
}

// Forward returns the loss.
func (n *jointNet) Forward(t *grad.Tape, _ *grad.Var) *grad.Var {
	s, u := n.source, n.source.batch
	const T = cropFrames + 2*cropEdge
	h := n.Acoustic.Encode(t, u.ids, u.places, u.tokens)
	lengths := n.lengths(t, h)
	a := grad.InterpolateFrom(t, h, lengths, speech.KernelWidth, s.starts, T)
	hz := s.stats.Hear(n.Acoustic.PitchOf(t, a, nil).Value.Data)
	pitch := tensor.Of(s.stats.Pitch(hz), 2, u.B, T)
	mel := s.stats.Natural(t, n.Acoustic.Mel(t, a, t.Input(pitch), nil))
	x := n.Decoder.Wave(t, mel, pitch, speech.Excite(hz, u.B, T, rand.New(s.pcg)), s.stats)
	edges := make([]int, u.B)
	totals := make([]float32, u.B)
	for b, c := range s.drawn {
		edges[b], totals[b] = cropEdge*speech.Hop, float32(c.Frames())
	}
	var none *grad.Tape
	target := n.front.Spectra(none, &grad.Var{Value: s.target}).Value
	loss := eats.PredictionLoss(t, n.front.Spectra(t, grad.Slice(t, x, edges, cropFrames*speech.Hop)), target, true)
	return plus(t, loss, lengthsShare, eats.LengthLoss(t, lengths, totals))
}

// lengths returns those of tokens, [1, B, N], corrected as the voice corrects them.
func (n *jointNet) lengths(t *grad.Tape, h *grad.Var) *grad.Var {
	s, u := n.source, n.source.batch
	factors := tensor.New(1, u.B, u.N)
	for b, c := range s.drawn {
		for i, k := range c.Tokens {
			factors.Data[b*u.N+i] = float32(s.stats.Phone())
			if k.Silent() {
				factors.Data[b*u.N+i] = float32(s.stats.Pause())
			}
		}
	}
	return grad.Mul(t, grad.Exp(t, n.Acoustic.LogLengths(t, h)), t.Input(factors))
}

// joint trains both networks of the run, or of the voice that comes with the program, on.
func (r *run) joint(ctx context.Context) error {
	if r.gather() != nil {
		if err := r.begin(); err != nil {
			return err
		}
	}
	r.speaks = true
	var clips []*Clip
	for _, c := range r.corpus.Train {
		if c.Frames() >= cropFrames {
			clips = append(clips, c)
		}
	}
	if len(clips) == 0 {
		return errShort
	}
	source := &jointSource{clipSource: newClipSource(clips, &r.voice.Config.Stats, acousticBatch, rand.NewPCG(r.Seed, streamJoint))}
	net := newJointNet(r.voice, source)
	adam := func() optim.Optimizer { return &optim.Adam{Beta1: 0.9, Beta2: 0.98} }
	return r.train(ctx, stage{name: "joint", metric: tasks.Metric{Label: "cepstral distance", Unit: " dB", Scale: -1}, net: net, source: source,
		rate: jointRate, steps: r.DecoderSteps, share: laterShare, every: 200, save: r.voice.SaveParts,
		players: optim.Split{{Of: "acoustic", Optimizer: adam(), Clip: 1}, {Of: "decoder", Optimizer: adam(), Clip: 1}},
		score: func(ctx context.Context) (train.Scores, error) {
			m, err := MeasureSpoken(ctx, r.voice, r.corpus.Held[:min(12, len(r.corpus.Held))], nil)
			return train.Scores{Loss: m.PER, Quality: -m.MCD, Count: m.Compared}, err
		}})
}
