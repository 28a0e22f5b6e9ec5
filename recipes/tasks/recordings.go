package tasks

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// SpeechIO connects a training on recordings of speech to its surroundings.
type SpeechIO struct {
	Dir      string                          // run directory
	Progress func(what string, done, of int) // of what comes before training
	Begin    func(summary string)            // training begins
	Report   func(train.Event)               // called while it trains
	Warn     func(string)                    // what is wrong with the data
}

// What is hidden of a recording in training (SpecAugment, Park et al. 2019): two spans of up to
// so many mel bands and two of up to so many frames, at most a tenth of all each.
const (
	hiddenSpans  = 2
	hiddenBands  = 14
	hiddenFrames = 20
)

// sortedTogether is how many batches are sorted by length together.
const sortedTogether = 20

// speechBatches yields recordings and what is said in them, for grad.CTC. It is a
// train.Source.
type speechBatches struct {
	all     []*recording
	targets [][]int32
	size    int
	augment bool
	pcg     *rand.PCG
	key     uint64 // of what is hidden: batch n draws from (key, n)
	count   uint64 // batches up to now
	order   []int
	start   []byte // random state the order was made from
	at      int
	labels  []int32
}

func newSpeechBatches(all []*recording, phones []string, size int, augment bool, pcg *rand.PCG) *speechBatches {
	b := &speechBatches{all: all, size: size, augment: augment, pcg: pcg, key: pcg.Uint64(), order: make([]int, len(all))}
	for _, r := range all {
		symbols, _ := symbolsOf(r.phones, phones)
		b.targets = append(b.targets, grad.AppendTarget(nil, speech.RecognizerOutputs(r.frames()), symbols))
	}
	b.shuffle()
	return b
}

// perEpoch returns the batches of one pass; up to size-1 recordings are left for another.
func (b *speechBatches) perEpoch() int { return len(b.order) / b.size }

// shuffle makes the order of a pass: random pools, each sorted by length and cut into
// batches, which are shuffled.
func (b *speechBatches) shuffle() {
	b.start, _ = b.pcg.MarshalBinary() // never fails
	rng := rand.New(b.pcg)
	b.order = rng.Perm(len(b.all))
	whole := b.order[:b.perEpoch()*b.size]
	for pool := range slices.Chunk(whole, sortedTogether*b.size) {
		slices.SortStableFunc(pool, func(i, j int) int { return b.all[i].frames() - b.all[j].frames() })
	}
	batches := slices.Collect(slices.Chunk(slices.Clone(whole), b.size))
	rng.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	copy(whole, slices.Concat(batches...))
	b.at = 0
}

// Next returns the next batch: x [81, B, T] and the targets.
func (b *speechBatches) Next() (*tensor.Tensor, []int32) {
	if b.at+b.size > len(b.order) {
		b.shuffle()
	}
	var clips [][]float32
	b.labels = b.labels[:0]
	for _, i := range b.order[b.at : b.at+b.size] {
		clips = append(clips, b.all[i].features)
		b.labels = append(b.labels, b.targets[i]...)
	}
	x := speech.RecognizerInput(clips)
	if b.augment {
		rng := rand.New(rand.NewPCG(b.key, b.count))
		for i := range clips {
			hide(rng, x, i, b.all[b.order[b.at+i]].frames())
		}
	}
	b.at += b.size
	b.count++
	return x, b.labels
}

// hide sets spans of bands and of frames of sequence i to their mean, 0.
func hide(rng *rand.Rand, x *tensor.Tensor, i, frames int) {
	B, T, bands := x.Shape[1], x.Shape[2], x.Shape[0]-1
	span := func(of, most int) (from, to int) {
		n := rng.IntN(min(most, of) + 1)
		from = rng.IntN(of - n + 1)
		return from, from + n
	}
	for range hiddenSpans {
		low, high := span(bands, hiddenBands)
		for c := low; c < high; c++ {
			clear(x.Data[(c*B+i)*T:][:T])
		}
		from, to := span(frames, min(hiddenFrames, frames/10))
		for c := range bands {
			clear(x.Data[(c*B+i)*T:][from:to])
		}
	}
}

// MarshalBinary returns the position: batches up to now, how much of the pass is done, and the
// state it was shuffled from.
func (b *speechBatches) MarshalBinary() ([]byte, error) {
	out := binary.LittleEndian.AppendUint64(nil, b.count)
	return append(binary.LittleEndian.AppendUint64(out, uint64(b.at)), b.start...), nil
}

// UnmarshalBinary goes to a position MarshalBinary returned for the same recordings.
func (b *speechBatches) UnmarshalBinary(p []byte) error {
	if len(p) < 16 {
		return errPosition
	}
	at := binary.LittleEndian.Uint64(p[8:])
	if at > uint64(len(b.order)) {
		return errPosition
	}
	if err := b.pcg.UnmarshalBinary(p[16:]); err != nil {
		return errPosition
	}
	b.shuffle()
	b.at, b.count = int(at), binary.LittleEndian.Uint64(p)
	return nil
}
