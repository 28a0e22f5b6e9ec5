package speech

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// RecognizerArch is the architecture named in a recogniser's file.
const RecognizerArch = "phone-recognizer"

// What a recogniser hears.
const (
	RecognizerRate   = 16000   // samples a second
	recognizerBands  = 80      // log mel bands, 100 frames a second
	recognizerStride = 2       // frames to an output: 50 a second
	recognizerTaps   = 11      // outputs a block's filter spans: 220 ms
	mostRecognizer   = 1 << 23 // weights
)

// RecognizerRows is the rows of a recogniser's input: mel bands, and a row that is 1 in
// frames of the recording and 0 in padding.
const RecognizerRows = recognizerBands + 1

// RecognizerSpec says how a recogniser is built.
type RecognizerSpec struct {
	Phones   []string `json:"phones"` // what it tells apart; logit 0 is [grad.Blank], phone i has logit i + 1
	Channels int      `json:"channels"`
	Hidden   int      `json:"hidden"` // inside a block
	Blocks   int      `json:"blocks"`
}

// SmallRecognizer is the network that plays the part of DeepSpeech here: 0.46 million
// weights, 23 million multiply-adds for a second of speech.
func SmallRecognizer(phones []string) RecognizerSpec {
	return RecognizerSpec{Phones: phones, Channels: 128, Hidden: 256, Blocks: 6}
}

// Recognizer hears phones: a convolution that halves the rate of frames to 50 a second,
// blocks of a filter in time for each channel and two products over channels, and a logit for
// each phone and the blank of connectionist temporal classification. x is [81, B, T], see
// [RecognizerRows]; the logits are [1 + phones, B, ⌈T/2⌉]. What a padded recording is heard as
// does not depend on the padding. Methods other than Forward may be called from several
// goroutines.
type Recognizer struct {
	Stem     *nn.Conv1D
	StemNorm *nn.LayerNorm
	Blocks   []*recognizerBlock
	Norm     *nn.LayerNorm
	Out      *nn.Linear
	Dropout  nn.Dropout // in every block, while training

	spec     RecognizerSpec
	metadata map[string]string
	busy     sync.Mutex // a forward pass notes how often weights are used
}

// recognizerBlock is x + Down(GELU(Up(LayerNorm(Depthwise(x))))).
type recognizerBlock struct {
	Depthwise *nn.DepthwiseConv1D
	Norm      *nn.LayerNorm
	Up, Down  *nn.Linear
}

// NewRecognizer returns a recogniser with first weights from rng.
func NewRecognizer(s RecognizerSpec, rng *rand.Rand) (*Recognizer, error) {
	for name, n := range map[string]int{"phones": len(s.Phones), "channels": s.Channels, "hidden": s.Hidden, "blocks": s.Blocks} {
		if n < 1 || n > 1<<12 {
			return nil, fmt.Errorf("speech: recognizer: %d %s: must be from 1 to %d", n, name, 1<<12)
		}
	}
	if n := s.Channels * (s.Blocks*(2*s.Hidden+recognizerTaps) + len(s.Phones)); n > mostRecognizer {
		return nil, fmt.Errorf("speech: recognizer: %d weights are more than %d", n, mostRecognizer)
	}
	if !slices.IsSorted(s.Phones) || len(slices.Compact(slices.Clone(s.Phones))) < len(s.Phones) {
		return nil, errors.New("speech: recognizer: the phones must be sorted, each once")
	}
	C := s.Channels
	r := &Recognizer{spec: s, Stem: nn.NewConv1D(recognizerBands, C, 5, recognizerStride, 2, 1, rng),
		StemNorm: nn.NewLayerNorm(C), Norm: nn.NewLayerNorm(C), Out: nn.NewLinear(C, 1+len(s.Phones), rng)}
	for range s.Blocks {
		b := &recognizerBlock{nn.NewDepthwiseConv1D(C, recognizerTaps, rng), nn.NewLayerNorm(C), nn.NewLinear(C, s.Hidden, rng), nn.NewLinear(s.Hidden, C, rng)}
		nn.Normal(b.Depthwise.Weight, 1/math.Sqrt(recognizerTaps), rng)
		nn.Normal(b.Up.Weight, 1/math.Sqrt(float64(C)), rng)
		nn.Normal(b.Down.Weight, 0.5/math.Sqrt(float64(s.Hidden)), rng)
		r.Blocks = append(r.Blocks, b)
	}
	nn.Normal(r.Out.Weight, 1/math.Sqrt(float64(C)), rng)
	return r, nil
}

// Spec returns how the network is built.
func (r *Recognizer) Spec() RecognizerSpec { return r.spec }

// Metadata returns that of the file the network was read from.
func (r *Recognizer) Metadata() map[string]string { return r.metadata }

// Forward returns the logits. It panics unless x is [81, B, T].
func (r *Recognizer) Forward(t *grad.Tape, x *grad.Var) *grad.Var {
	y := r.Out.Forward(t, r.hidden(t, x))
	r.Out.Weight.Uses = y.Value.Shape[2]
	return y
}

// hidden returns the activations [C, B, ⌈T/2⌉] that the logits are products of.
func (r *Recognizer) hidden(t *grad.Tape, x *grad.Var) *grad.Var {
	s := x.Value.Shape
	if len(s) != 3 || s[0] != RecognizerRows {
		panic(fmt.Sprintf("speech: Recognizer: x is %v, want [%d, B, T]", s, RecognizerRows))
	}
	mask := outputMask(x.Value)
	y := r.StemNorm.Forward(t, r.Stem.Forward(t, grad.Rows(t, x, 0, recognizerBands)))
	y = grad.MaskColumns(t, y, mask)
	for _, b := range r.Blocks {
		z := b.Up.Forward(t, b.Norm.Forward(t, b.Depthwise.Forward(t, y)))
		z = b.Down.Forward(t, grad.GELU(t, z))
		b.Up.Weight.Uses, b.Down.Weight.Uses = z.Value.Shape[2], z.Value.Shape[2]
		if t.Training() && r.Dropout.P > 0 {
			z = r.Dropout.Forward(t, z)
		}
		y = grad.MaskColumns(t, grad.Add(t, y, z), mask)
	}
	return r.Norm.Forward(t, y)
}

// outputMask returns the last row of x at the rate of outputs: an output is in the recording
// where its middle is.
func outputMask(x *tensor.Tensor) []float32 {
	B, T := x.Shape[1], x.Shape[2]
	row := x.Data[recognizerBands*B*T:]
	n := outputs(T)
	mask := make([]float32, B*n)
	for b := range B {
		for i := range n {
			mask[b*n+i] = row[b*T+i*recognizerStride]
		}
	}
	return mask
}

// outputs returns the outputs of T frames.
func outputs(T int) int { return (T + recognizerStride - 1) / recognizerStride }

// RecognizerOutputs returns how many columns of logits a recording of T frames has.
func RecognizerOutputs(T int) int { return outputs(T) }

// RecognizerFeatures returns what a recogniser hears of a waveform at 16 kHz, [80, T] with
// T = 1 + len(x)/160: log mel spectra of the waveform at full scale, less their mean and
// divided by their deviation over all bands and frames, so that loudness does not matter
// (Binkowski et al. 2020, appendix on DeepSpeech distances).
func RecognizerFeatures(x []float32) []float32 {
	scaled := slices.Clone(x)
	audio.Gain(scaled, 1/(float64(audio.Peak(x))+1e-5))
	f := audio.VoiceMel().Of(scaled)
	sum, squares := 0.0, 0.0
	for _, v := range f {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(f))
	mean := sum / n
	scale := 1 / math.Sqrt(max(squares/n-mean*mean, 1e-6))
	for i, v := range f {
		f[i] = float32((float64(v) - mean) * scale)
	}
	return f
}

// RecognizerInput puts the features of recordings side by side, [81, B, T].
func RecognizerInput(clips [][]float32) *tensor.Tensor {
	longest := 0
	for _, f := range clips {
		longest = max(longest, len(f)/recognizerBands)
	}
	B := len(clips)
	x := tensor.New(RecognizerRows, B, longest)
	for b, f := range clips {
		T := len(f) / recognizerBands
		for c := range recognizerBands {
			copy(x.Data[(c*B+b)*longest:], f[c*T:(c+1)*T])
		}
		for i := range T {
			x.Data[(recognizerBands*B+b)*longest+i] = 1
		}
	}
	return x
}

// Phones returns the phones heard in recordings, given by their features: the most likely
// symbol of each column, repeated ones merged, blanks left out.
func (r *Recognizer) Phones(clips [][]float32) [][]string {
	if len(clips) == 0 {
		return nil
	}
	logits := r.logits(clips)
	out := make([][]string, len(clips))
	for b, f := range clips {
		for _, c := range bestPath(logits, b, outputs(len(f)/recognizerBands)) {
			out[b] = append(out[b], r.spec.Phones[c-1])
		}
	}
	return out
}

// logits returns those of recordings.
func (r *Recognizer) logits(clips [][]float32) *tensor.Tensor {
	x := &grad.Var{Value: RecognizerInput(clips)}
	r.busy.Lock()
	defer r.busy.Unlock()
	return r.Forward(nil, x).Value
}

// bestPath returns the symbols of the first T columns of sequence b.
func bestPath(logits *tensor.Tensor, b, T int) []int {
	C, B, width := logits.Shape[0], logits.Shape[1], logits.Shape[2]
	var out []int
	last := grad.Blank
	for t := range T {
		best := 0
		for c := range C {
			if logits.Data[(c*B+b)*width+t] > logits.Data[(best*B+b)*width+t] {
				best = c
			}
		}
		if best != last && best != grad.Blank {
			out = append(out, best)
		}
		last = best
	}
	return out
}

// PhoneErrors returns the least number of phones to put in, take out or exchange to make one
// sequence the other (Levenshtein's distance).
func PhoneErrors(heard, said []string) int {
	row := make([]int, len(said)+1)
	for j := range row {
		row[j] = j
	}
	for i, h := range heard {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range said {
			cost := diagonal
			if h != s {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(said)]
}
