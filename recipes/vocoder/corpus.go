package vocoder

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/tensor"
)

// heldEvery says that every so many clips, one is not trained on but scored.
const heldEvery = 25

func held(i int) bool { return i%heldEvery == heldEvery-1 }

// pastNoise is how far what a recording leaves may be off, as a share of the loudest: as LPCNet's, up to three of
// 128 steps, has it.
const pastNoise = 0.025

// clip is a recording made ready for training.
type clip struct {
	pcm    []int16      // encoded, 160 samples a frame
	past   wavernn.Past // with prediction, what is foretold from
	frames []float32    // [T, Features], normalised
}

// corpus is a voice's recordings.
type corpus struct {
	train, held []*clip
	warnings    []string
}

// loading reads clips in parallel.
type loading struct {
	ctx   context.Context
	spec  wavernn.Spec
	seed  uint64
	clips []data.Clip
	out   []*clip
	errs  []error
	done  func(n int)
}

// Run reads one clip.
func (l *loading) Run(i int) {
	if l.ctx.Err() != nil {
		return
	}
	x, err := l.clips[i].Wave(speech.SampleRate)
	if err != nil {
		l.errs[i] = err
		return
	}
	noise := pastNoise
	if held(i) {
		noise = 0
	}
	l.out[i] = newClip(x, l.spec, noise, rand.New(rand.NewPCG(l.seed<<32+uint64(i), streamNoise)))
	l.done(i)
}

// newClip makes a recording ready. With noise, its past is off by up to so much: how much is drawn.
func newClip(x []float32, spec wavernn.Spec, noise float64, rng *rand.Rand) *clip {
	noise *= rng.Float64()
	T := len(x) / speech.Hop
	x = x[:T*speech.Hop]
	mel, hz := audio.VoiceMel(), []float32(nil)
	if spec.Predict > 0 {
		hz = audio.Pitch(x, speech.SampleRate, speech.Hop)
	}
	frames := spec.Frames(mel.Of(x), hz)[:T*spec.Features]
	if spec.Predict == 0 {
		return &clip{pcm: spec.Encode(x), frames: frames}
	}
	pcm, past := spec.Leave(x, frames, noise, rng)
	return &clip{pcm, past, frames}
}

// openCorpus reads and levels the recordings of a folder, at most so many unless 0, and leaves out
// those not longer than so many frames.
func openCorpus(ctx context.Context, dir string, most, frames int, spec wavernn.Spec, seed uint64, progress func(what string, done, of int)) (*corpus, error) {
	list, err := data.OpenSpeech(dir)
	if err != nil {
		return nil, err
	}
	clips := list.Clips
	if most > 0 {
		clips = clips[:min(most, len(clips))]
	}
	n := len(clips)
	l := &loading{ctx: ctx, spec: spec, seed: seed, clips: clips, out: make([]*clip, n), errs: make([]error, n)}
	l.done = func(i int) { progress("recordings", i+1, n) }
	parallel.Do(n, l)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &corpus{warnings: list.Warnings}
	for i, one := range l.out {
		switch {
		case l.errs[i] != nil:
			c.warnings = append(c.warnings, l.errs[i].Error())
		case len(one.pcm) < (frames+1)*speech.Hop:
			c.warnings = append(c.warnings, fmt.Sprintf("%s is shorter than %d ms", clips[i].ID, (frames+1)*10))
		case held(i):
			c.held = append(c.held, one)
		default:
			c.train = append(c.train, one)
		}
	}
	if len(c.train) == 0 || len(c.held) == 0 {
		return nil, fmt.Errorf("vocoder: %d recordings to learn from and %d to measure by in %s: at least %d are needed", len(c.train), len(c.held), dir, heldEvery)
	}
	return c, nil
}

// heldFrames is the length of the pieces that measure: 960 samples.
const heldFrames = 6

// batch is pieces of recordings.
type batch struct {
	frames, scalars *tensor.Tensor
	context         *tensor.Tensor // of several streams
	coarse, fine    []int32
}

// crops yields pieces of recordings from anywhere. Its binary form is its position.
type crops struct {
	clips  []*clip
	spec   wavernn.Spec
	size   int // pieces
	frames int // of a piece
	random *rand.PCG

	batch *batch
	dummy *tensor.Tensor
}

func newCrops(clips []*clip, spec wavernn.Spec, size, frames int, random *rand.PCG) *crops {
	return &crops{clips: clips, spec: spec, size: size, frames: frames, random: random, dummy: tensor.New(1, 1)}
}

// Next makes the next batch. Clips are drawn by their length.
func (s *crops) Next() (*tensor.Tensor, []int32) {
	rng := rand.New(s.random)
	if s.spec.Subscale.Streams > 0 {
		s.batch = s.pieces(rng)
		return s.dummy, nil
	}
	W, B, F := s.spec.Width(), s.size, s.frames
	T := F * speech.Hop
	frames, cuts, before := tensor.New(W, F, B), make([][]int16, B), make([]int16, B)
	clips, starts := make([]*clip, B), make([]int, B)
	column := make([]float32, W)
	for b := range B {
		c, at := s.anywhere(rng)
		frame := min(at/speech.Hop, len(c.pcm)/speech.Hop-F)
		at = frame * speech.Hop
		clips[b], starts[b] = c, at
		cuts[b] = c.pcm[at : at+T]
		if at > 0 {
			before[b] = c.pcm[at-1]
		}
		for f := range F {
			s.spec.Stack(column, c.frames, frame+f)
			for k, v := range column {
				frames.Data[(k*F+f)*B+b] = v
			}
		}
	}
	s.batch = &batch{frames: frames}
	s.batch.scalars, s.batch.coarse, s.batch.fine = s.spec.Scalars(cuts)
	if s.spec.Predict > 0 {
		for b, c := range clips {
			s.spec.Foretell(s.batch.scalars.Data[wavernn.Scalars*T*B+b:], T*B, B, c.frames, c.past, starts[b], T)
		}
	}
	for b, v := range before {
		if s.spec.Predict > 0 { // the samples before are those of the noisy past
			for i := 1; i < T; i++ {
				c, f := wavernn.Split(clips[b].past.Left[starts[b]+i-1])
				s.batch.scalars.Data[i*B+b], s.batch.scalars.Data[(T+i)*B+b] = wavernn.Scale(c), wavernn.Scale(f)
			}
			if at := starts[b]; at > 0 {
				v = clips[b].past.Left[at-1]
			}
		}
		c, f := wavernn.Split(v)
		s.batch.scalars.Data[b], s.batch.scalars.Data[T*B+b] = wavernn.Scale(c), wavernn.Scale(f)
	}
	return s.dummy, nil
}

// anywhere returns a clip and a place in it. Each sample of all is as likely.
func (s *crops) anywhere(rng *rand.Rand) (*clip, int) {
	total := 0
	for _, c := range s.clips {
		total += len(c.pcm)
	}
	at, i := rng.IntN(total), 0
	for ; at >= len(s.clips[i].pcm); i++ {
		at -= len(s.clips[i].pcm)
	}
	return s.clips[i], at
}

// pieces makes a batch of pieces of one stream each, of as many samples as those of a plain model. Where
// the recording is too short for that, they are of all that the shortest one has.
func (s *crops) pieces(rng *rand.Rand) *batch {
	sub, B := s.spec.Subscale, s.size
	F := s.frames * sub.Streams // a stream has that fraction of a frame's samples
	at, clips := make([]int, B), make([]*clip, B)
	for b := range B {
		clips[b], at[b] = s.anywhere(rng)
		F = min(F, len(clips[b].pcm)/speech.Hop)
	}
	per := speech.Hop / sub.Streams
	T := F * per
	x := &batch{frames: tensor.New(s.spec.Width(), F, B), scalars: tensor.New(wavernn.Scalars, T, B), context: tensor.New(sub.Rows(), T+sub.Field()-1, B),
		coarse: make([]int32, T*B), fine: make([]int32, T*B)}
	for b, c := range clips {
		first := min(at[b]/speech.Hop, len(c.pcm)/speech.Hop-F)
		newPiece(s.spec, c.frames, c.pcm, rng.IntN(sub.Streams), first*per, T).fill(x.frames, x.scalars, x.context, x.coarse, x.fine, b)
	}
	return x
}

// MarshalBinary returns the position.
func (s *crops) MarshalBinary() ([]byte, error) { return s.random.MarshalBinary() }

// UnmarshalBinary goes to a position.
func (s *crops) UnmarshalBinary(b []byte) error { return s.random.UnmarshalBinary(b) }
