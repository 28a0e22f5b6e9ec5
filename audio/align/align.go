// Package align finds when each phone of a recording is spoken: forced alignment by hidden
// Markov models with Gaussian mixtures, trained from nothing on the recordings themselves.
//
// Each phone has three states, left to right, each with its mixture; a silence of one state
// may stand at both ends and between words, or not. Training is Viterbi training from a uniform
// segmentation ("flat start", as in HTK): align, estimate, and now and then split each
// Gaussian in two. It needs no transcription in time, no network, and about three minutes of
// one core for an hour of speech.
package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/internal/parallel"
)

// FrameRate is the frames a second of features and segments.
const FrameRate = 100

// Silence is the name of silence among phones.
const Silence = "sil"

const (
	statesPerPhone = 3
	cepstra        = 13
	dimensions     = 3 * cepstra // with first and second differences
)

// Utterance is a recording and what is said in it.
type Utterance struct {
	Features []float32  // [39, T], from Features
	Words    [][]string // phones of each word
}

// frames returns T.
func (u Utterance) frames() int { return len(u.Features) / dimensions }

// Segment is a phone or silence in time.
type Segment struct {
	Phone  string
	Word   int // index of its word; -1 for silence
	Start  int // first frame
	Frames int
}

// Features returns the features [39, T] of a waveform at 16 kHz, 1 + len(x)/160 frames: 13
// mel cepstra less their mean over the recording, and their first and second differences in time.
func Features(x []float32) []float32 {
	mel := audio.NewMel(16000, 26, 512, 400, 160)
	c := audio.Cepstra(mel.Of(x), mel.Bands, cepstra)
	T := len(c) / cepstra
	out := make([]float32, dimensions*T)
	copy(out, c)
	for d := range cepstra {
		row := out[d*T : (d+1)*T]
		sum := 0.0
		for _, v := range row {
			sum += float64(v)
		}
		for t := range row {
			row[t] -= float32(sum / float64(T))
		}
	}
	for d := cepstra; d < dimensions; d++ {
		differences(out[d*T:(d+1)*T], out[(d-cepstra)*T:(d-cepstra+1)*T])
	}
	return out
}

// differences sets dst to the slope of x by regression over two frames at both sides.
func differences(dst, x []float32) {
	at := func(t int) float32 { return x[max(0, min(len(x)-1, t))] }
	for t := range dst {
		dst[t] = (at(t+1) - at(t-1) + 2*(at(t+2)-at(t-2))) / 10
	}
}

// chain is the sequence of states an utterance must pass.
type chain struct {
	states []int  // of the model
	skip   []bool // the state may be left out
	words  []int  // of each state, -1 for silence
	first  []bool // of its phone
}

// chain returns the states of an utterance, with silence where there may be some.
func (m *Model) chain(words [][]string) (chain, error) {
	var c chain
	silence := func() {
		c.states, c.skip = append(c.states, m.silence()), append(c.skip, true)
		c.words, c.first = append(c.words, -1), append(c.first, true)
	}
	silence()
	spoken := 0
	for w, phones := range words {
		for _, p := range phones {
			id, ok := slices.BinarySearch(m.Phones, p)
			if !ok {
				return c, fmt.Errorf("align: phone %q of word %d is not one the model knows", p, w)
			}
			spoken++
			for s := range statesPerPhone {
				c.states, c.skip = append(c.states, id*statesPerPhone+s), append(c.skip, false)
				c.words, c.first = append(c.words, w), append(c.first, s == 0)
			}
		}
		if len(phones) > 0 {
			silence()
		}
	}
	if spoken == 0 {
		return c, errors.New("align: nothing is said")
	}
	return c, nil
}

// Report is called after each pass of a training with the mean log likelihood of a frame.
type Report func(pass, passes int, likelihood float64)

// passes of the training, and those after which Gaussians are split.
const passes = 14

var splits = []int{3, 6, 9}

// Train learns a model from recordings and returns it with the segments of each of them, nil
// for those that are too short for what is said. report may be nil.
func Train(ctx context.Context, us []Utterance, report Report) (*Model, [][]Segment, error) {
	m := &Model{}
	for _, u := range us {
		for _, w := range u.Words {
			m.Phones = append(m.Phones, w...)
		}
	}
	slices.Sort(m.Phones)
	m.Phones = slices.Compact(m.Phones)
	if len(m.Phones) == 0 {
		return nil, nil, errors.New("align: there is nothing to learn from")
	}
	t := &training{m: m, us: us, chains: make([]chain, len(us)), paths: make([][]int32, len(us)), scores: make([]float64, len(us))}
	for i, u := range us {
		c, err := m.chain(u.Words)
		if err != nil {
			return nil, nil, fmt.Errorf("utterance %d: %w", i, err)
		}
		t.chains[i] = c
		t.paths[i] = flat(u, c)
	}
	t.start()
	for pass := 1; pass <= passes; pass++ {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		parallel.Do(len(us), t)
		if report != nil {
			report(pass, passes, t.likelihood())
		}
		if pass == passes {
			break
		}
		if slices.Contains(splits, pass) {
			m.split()
		}
		t.estimate()
	}
	all := make([][]Segment, len(us))
	for i := range us {
		if t.paths[i] != nil {
			all[i] = segments(m, t.chains[i], t.paths[i])
		}
	}
	return m, all, nil
}

// Align returns the segments of a recording, and the mean log likelihood of a frame. It
// returns an error for phones the model does not know and for recordings too short for
// what is said.
func (m *Model) Align(u Utterance) ([]Segment, float64, error) {
	c, err := m.chain(u.Words)
	if err != nil {
		return nil, 0, err
	}
	path, score := m.viterbi(u, c)
	if path == nil {
		return nil, 0, fmt.Errorf("align: %d frames are too few for what is said", u.frames())
	}
	return segments(m, c, path), score / float64(u.frames()), nil
}

// segments gathers the frames of each phone and silence on a path.
func segments(m *Model, c chain, path []int32) []Segment {
	var out []Segment
	last := int32(-1)
	for t, at := range path {
		if at != last && c.first[at] {
			s := Segment{Phone: Silence, Word: c.words[at], Start: t}
			if s.Word >= 0 {
				s.Phone = m.Phones[c.states[at]/statesPerPhone]
			}
			out = append(out, s)
		}
		out[len(out)-1].Frames++
		last = at
	}
	return out
}

// flat returns the path of the start: silence where the ends are quiet, and every state in
// between the same time. It is nil for a recording with fewer frames than states.
func flat(u Utterance, c chain) []int32 {
	T := u.frames()
	var must []int32
	for i, skip := range c.skip {
		if !skip {
			must = append(must, int32(i))
		}
	}
	if T < len(must) {
		return nil
	}
	energy := u.Features[:T] // c0
	low, high := slices.Min(energy), slices.Max(energy)
	limit := low + 0.3*(high-low)
	from, to := 0, T
	for from < T && energy[from] < limit {
		from++
	}
	for to > from && energy[to-1] < limit {
		to--
	}
	if to-from < len(must) {
		from, to = 0, T
	}
	path := make([]int32, T)
	for t := range path {
		switch {
		case t < from:
			path[t] = 0
		case t >= to:
			path[t] = int32(len(c.states) - 1)
		default:
			path[t] = must[(t-from)*len(must)/(to-from)]
		}
	}
	return path
}

// viterbi returns the best path of an utterance and its log likelihood; nil where it has
// too few frames.
func (m *Model) viterbi(u Utterance, c chain) ([]int32, float64) {
	T, S := u.frames(), len(c.states)
	scores := m.likelihoods(u.Features, T)
	best, next := make([]float64, S), make([]float64, S)
	from := make([]uint8, T*S) // states gone on since the frame before
	for s := range best {
		best[s] = math.Inf(-1)
	}
	best[0] = float64(scores[c.states[0]*T])
	if S > 1 {
		best[1] = float64(scores[c.states[1]*T]) // without silence at the start
	}
	for t := 1; t < T; t++ {
		for s := range S {
			top, step := best[s], uint8(0)
			if s > 0 && best[s-1] > top {
				top, step = best[s-1], 1
			}
			if s > 1 && c.skip[s-1] && best[s-2] > top {
				top, step = best[s-2], 2
			}
			next[s] = top + float64(scores[c.states[s]*T+t])
			from[t*S+s] = step
		}
		best, next = next, best
	}
	end := S - 1
	if S > 1 && c.skip[S-1] && best[S-2] > best[S-1] {
		end = S - 2
	}
	if T == 0 || math.IsInf(best[end], -1) {
		return nil, 0
	}
	score := best[end]
	path := make([]int32, T)
	for t := T - 1; t >= 0; t-- {
		path[t] = int32(end)
		end -= int(from[t*S+end])
	}
	return path, score
}
