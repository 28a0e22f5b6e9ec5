package voice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/align"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// heldEvery says that every so many clips, one is not trained on but scored.
const heldEvery = 25

// leastPause is the pause without punctuation that gets a symbol of its own, in frames.
const leastPause = 5

// Clip is a recording made ready for training.
type Clip struct {
	ID       string
	Sentence text.Sentence
	Wave     []float32 // at 16 kHz, 160 samples a frame
	Mel      []float32 // [80, T], ln
	HZ       []float32 // [T], 0 where unvoiced
	Tokens   []speech.Token
	Lengths  []int // frames of each token, by the aligner
}

// Frames returns the length in frames of 10 ms.
func (c *Clip) Frames() int { return len(c.HZ) }

// Corpus is a voice's recordings.
type Corpus struct {
	Train, Held []*Clip
	Stats       speech.Stats // of Train
	Warnings    []string     // what is wrong with the others
}

// loading reads clips in parallel.
type loading struct {
	ctx   context.Context
	clips []data.Clip
	out   []*Clip
	errs  []error
	align []align.Utterance
	done  func(n int)
}

// Run reads one clip.
func (l *loading) Run(i int) {
	if l.ctx.Err() != nil {
		return
	}
	l.out[i], l.errs[i] = readClip(l.clips[i])
	if l.out[i] != nil {
		l.align[i] = align.Utterance{Features: align.Features(l.out[i].Wave), Words: phones(l.out[i].Sentence)}
	}
	l.done(i)
}

func readClip(c data.Clip) (*Clip, error) {
	x, err := c.Wave(speech.SampleRate)
	if err != nil {
		return nil, err
	}
	s := text.Analyze(c.Text)
	if len(s.Phonemes()) == 0 {
		return nil, fmt.Errorf("%s: nothing to speak in its text %q", c.ID, c.Text)
	}
	T := len(x) / speech.Hop
	x = x[:T*speech.Hop]
	mel := audio.VoiceMel()
	full := mel.Of(x)
	out := &Clip{ID: c.ID, Sentence: s, Wave: x, HZ: audio.Pitch(x, speech.SampleRate, speech.Hop)[:T]}
	for b := range mel.Bands {
		out.Mel = append(out.Mel, full[b*(T+1):b*(T+1)+T]...)
	}
	return out, nil
}

// phones returns the phonemes of a sentence's words without stress, as the aligner has
// them.
func phones(s text.Sentence) [][]string {
	words := make([][]string, len(s.Words))
	for i, w := range s.Words {
		for _, p := range w.Phonemes {
			words[i] = append(words[i], strings.TrimRight(p, "012"))
		}
	}
	return words
}

// alignment is what is kept of the aligner's work: the segments of each clip.
type alignment map[string][]align.Segment

// OpenCorpus reads, levels and aligns the recordings of a folder. Segments are read from
// the file at path where it has them all, and written there otherwise.
func OpenCorpus(ctx context.Context, dir, path string, progress func(what string, done, of int)) (*Corpus, error) {
	list, err := data.OpenSpeech(dir)
	if err != nil {
		return nil, err
	}
	n := len(list.Clips)
	l := &loading{ctx: ctx, clips: list.Clips, out: make([]*Clip, n), errs: make([]error, n), align: make([]align.Utterance, n)}
	l.done = func(i int) { progress("recordings", i+1, n) }
	parallel.Do(n, l)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &Corpus{Warnings: list.Warnings}
	var clips []*Clip
	var us []align.Utterance
	for i, one := range l.out {
		if l.errs[i] != nil {
			c.Warnings = append(c.Warnings, l.errs[i].Error())
			continue
		}
		clips, us = append(clips, one), append(us, l.align[i])
	}
	if len(clips) == 0 {
		return nil, fmt.Errorf("voice: no recording in %s can be used: %s", dir, c.Warnings[0])
	}
	found, err := readAlignment(path, clips)
	if err != nil {
		if found, err = alignAll(ctx, path, clips, us, progress); err != nil {
			return nil, err
		}
	}
	for _, one := range clips {
		segments := found[one.ID]
		if segments == nil {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %.1f s are too short for its text", one.ID, float64(one.Frames())/align.FrameRate))
			continue
		}
		one.timed(segments)
		if len(c.Train)+len(c.Held)+1 == (len(c.Held)+1)*heldEvery {
			c.Held = append(c.Held, one)
		} else {
			c.Train = append(c.Train, one)
		}
	}
	if len(c.Train) < 10 {
		return nil, fmt.Errorf("voice: %d usable recordings in %s are too few to learn a voice from", len(c.Train), dir)
	}
	c.measure()
	return c, nil
}

func readAlignment(path string, clips []*Clip) (alignment, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var found alignment
	if err := json.Unmarshal(b, &found); err != nil {
		return nil, err
	}
	for _, c := range clips {
		segments, ok := found[c.ID]
		if !ok {
			return nil, errors.New("other recordings")
		}
		total, spoken := 0, make([][]string, len(c.Sentence.Words))
		for _, s := range segments {
			total += s.Frames
			if s.Word >= len(spoken) {
				return nil, errors.New("other words")
			}
			if s.Word >= 0 {
				spoken[s.Word] = append(spoken[s.Word], s.Phone)
			}
		}
		if segments != nil && total != c.Frames()+1 {
			return nil, errors.New("other lengths")
		}
		if segments != nil && !slices.EqualFunc(spoken, phones(c.Sentence), slices.Equal[[]string]) {
			return nil, errors.New("other pronunciations: the reading of text has changed")
		}
	}
	return found, nil
}

func alignAll(ctx context.Context, path string, clips []*Clip, us []align.Utterance, progress func(string, int, int)) (alignment, error) {
	_, segments, err := align.Train(ctx, us, func(pass, passes int, _ float64) { progress("alignment", pass, passes) })
	if err != nil {
		return nil, err
	}
	found := alignment{}
	for i, c := range clips {
		found[c.ID] = segments[i]
	}
	b, err := json.Marshal(found)
	if err != nil {
		return nil, err
	}
	return found, train.WriteFile(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// timed gives a clip its tokens and their lengths. Silences of the alignment become those
// at the ends, at punctuation or, where longer than 40 ms, other pauses; shorter ones are
// part of the phoneme before.
func (c *Clip) timed(segments []align.Segment) {
	pauses := map[int]int{} // frames of silence after each word; -1 for the start
	word := -1
	phones := map[int][]int{}
	for _, s := range segments {
		if s.Word < 0 {
			pauses[word] += s.Frames
			continue
		}
		word = s.Word
		phones[word] = append(phones[word], s.Frames)
	}
	c.Tokens = speech.Tokens(c.Sentence, func(word int) bool { return pauses[word] >= leastPause })
	c.Lengths = make([]int, len(c.Tokens))
	used := map[int]bool{}
	word = -1
	at := 0
	for i, k := range c.Tokens {
		if !k.Silent() {
			if k.Word != word {
				word, at = k.Word, 0
			}
			c.Lengths[i] = phones[word][at]
			at++
			continue
		}
		c.Lengths[i] = pauses[word]
		used[word] = true
	}
	for i, k := range c.Tokens { // what has no token of its own
		last := !k.Silent() && (i+1 == len(c.Tokens) || c.Tokens[i+1].Word != k.Word)
		if last && !used[k.Word] {
			c.Lengths[i] += pauses[k.Word]
		}
	}
	c.Lengths[len(c.Lengths)-1]-- // of the frame that is centred on the end
	if last := len(c.Lengths) - 1; c.Lengths[last] < 0 {
		c.Lengths[last], c.Lengths[last-1] = 0, c.Lengths[last-1]-1
	}
}

// measure computes the averages of the recordings that are trained on.
func (c *Corpus) measure() {
	sum, frames := make([]float64, speech.MelBands), 0
	for _, one := range c.Train {
		T := one.Frames()
		for b := range sum {
			for _, v := range one.Mel[b*T : (b+1)*T] {
				sum[b] += float64(v)
			}
		}
		frames += T
	}
	c.Stats.MelMean = make([]float32, len(sum))
	for b := range sum {
		c.Stats.MelMean[b] = float32(sum[b] / float64(frames))
	}
	squares := 0.0
	pitch, pitch2, voiced := 0.0, 0.0, 0
	for _, one := range c.Train {
		T := one.Frames()
		for b := range sum {
			for _, v := range one.Mel[b*T : (b+1)*T] {
				d := float64(v - c.Stats.MelMean[b])
				squares += d * d
			}
		}
		for _, h := range one.HZ {
			if h > 0 {
				l := math.Log(float64(h))
				pitch, pitch2, voiced = pitch+l, pitch2+l*l, voiced+1
			}
		}
	}
	c.Stats.MelDeviation = math.Sqrt(squares / float64(frames*len(sum)))
	n := float64(max(voiced, 1))
	c.Stats.PitchMean = pitch / n
	c.Stats.PitchSpread = math.Sqrt(max(pitch2/n-c.Stats.PitchMean*c.Stats.PitchMean, 1e-4))
}
