package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// Of so many recordings, one is not trained on but scored.
const heldRecordings = 25

// sampleFrames is the recording by which work is counted: one second.
const sampleFrames = 100

// phoneErrors is the metric of recognisers: errors for each phone of what was said.
var phoneErrors = Metric{Key: "test_phone_error_rate", Label: "phone error rate", Unit: " %", Scale: 100, Digits: 1, Lower: true,
	Of: func(s train.Scores) float64 { return 1 - s.Accuracy }}

var speechTasks = []Task{{
	Name:    "recognizer",
	Summary: "phone recogniser, by connectionist temporal classification, on recordings and their texts (--data: a folder like LJ Speech)",
	Samples: "recordings", Metric: phoneErrors,
	Default: defaults(func(s *Settings) {
		s.Data, s.Method, s.Dropout, s.Augment = filepath.Join("data", "speech"), "dense", 0.1, true
		s.Sparsity, s.Every, s.Distribution = 0.75, 100, "even"
		s.Optimizer, s.Rate, s.WarmUp, s.Decay, s.Clip = "adamw", 2e-3, 200, 1e-2, 1
		s.Batch, s.Epochs, s.Average = 8, 24, 0.998
	}),
	open: openRecognizer, load: loadRecognizer,
}}

// recording is one made ready for a recogniser.
type recording struct {
	id       string
	features []float32
	phones   []string
}

func (r *recording) frames() int { return len(r.features) / (speech.RecognizerRows - 1) }

// room reports whether the outputs can spell the phones: equal neighbours need a blank
// between them.
func (r *recording) room() bool {
	need := len(r.phones)
	for i := 1; i < len(r.phones); i++ {
		if r.phones[i] == r.phones[i-1] {
			need++
		}
	}
	return need > 0 && need <= speech.RecognizerOutputs(r.frames())
}

// reader reads recordings in parallel.
type reader struct {
	clips []data.Clip
	out   []*recording
	errs  []error
}

// Run reads one.
func (r *reader) Run(i int) {
	x, err := r.clips[i].Wave(speech.RecognizerRate)
	if err != nil {
		r.errs[i] = err
		return
	}
	one := &recording{id: r.clips[i].ID, features: speech.RecognizerFeatures(x)}
	for _, p := range text.Analyze(r.clips[i].Text).Phonemes() {
		one.phones = append(one.phones, strings.TrimRight(p, "012"))
	}
	if r.out[i] = one; !one.room() {
		r.out[i], r.errs[i] = nil, fmt.Errorf("%s: %d frames are too few for its %d phonemes", one.id, one.frames(), len(one.phones))
	}
}

// readRecordings reads those of a folder, and says which could not be used.
func readRecordings(dir string, most int) (training, held []*recording, note string, err error) {
	list, err := data.OpenSpeech(dir)
	if err != nil {
		return nil, nil, "", err
	}
	clips := list.Clips
	if most > 0 {
		clips = clips[:min(most, len(clips))]
	}
	r := &reader{clips: clips, out: make([]*recording, len(clips)), errs: make([]error, len(clips))}
	parallel.Do(len(clips), r)
	problems := list.Warnings
	for i, one := range r.out {
		switch {
		case r.errs[i] != nil:
			problems = append(problems, r.errs[i].Error())
		case i%heldRecordings == heldRecordings-1:
			held = append(held, one)
		default:
			training = append(training, one)
		}
	}
	if len(problems) > 0 {
		note = fmt.Sprintf("%d recordings left out, the first: %s", len(problems), problems[0])
	}
	if len(training) == 0 || len(held) == 0 {
		return nil, nil, "", fmt.Errorf("tasks: %s: %d recordings can be used: need at least %d; %s", dir, len(training)+len(held), heldRecordings, note)
	}
	return training, held, note, nil
}

func openRecognizer(c config) (*dataset, error) {
	training, held, note, err := readRecordings(c.Data, c.Images)
	if err != nil {
		return nil, err
	}
	if c.Batch > len(training) {
		return nil, fmt.Errorf("tasks: a batch of %d is more than the %d training recordings", c.Batch, len(training))
	}
	var phones []string
	for _, r := range slices.Concat(training, held) {
		phones = append(phones, r.phones...)
	}
	slices.Sort(phones)
	phones = slices.Compact(phones)
	return &dataset{
		note: note, warning: func() string { return note },
		share: shareRecordings,
		loss:  func(t *grad.Tape, out *grad.Var, labels []int32) *grad.Var { return grad.CTC(t, out, labels) },
		build: func(rng *rand.Rand) (*model, error) {
			spec := speech.SmallRecognizer(phones)
			if c.Width > 0 {
				spec.Channels, spec.Hidden = max(1, int(c.Width*float64(spec.Channels))), max(1, int(c.Width*float64(spec.Hidden)))
			}
			net, err := speech.NewRecognizer(spec, rng)
			if err != nil {
				return nil, err
			}
			net.Dropout.P = float32(c.Dropout)
			return recognizerModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			b := newSpeechBatches(training, phones, c.Batch, c.Augment, pcg)
			return b, b.perEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			return scoreRecognizer(ctx, net.Layer.(*speech.Recognizer), held)
		},
		show: func(_ context.Context, w io.Writer, net *model) error {
			return showRecognized(w, net.Layer.(*speech.Recognizer), held)
		},
	}, nil
}

// shareRecordings returns a process's part of a batch: recordings x [C, B, T], and the targets of
// [grad.AppendTarget]. It counts by its symbols.
func shareRecordings(x *tensor.Tensor, targets []int32, rank, ranks int) (*tensor.Tensor, []int32, float32) {
	C, B, T := x.Shape[0], x.Shape[1], x.Shape[2]
	lo, hi := rank*B/ranks, max(rank*B/ranks+1, (rank+1)*B/ranks)
	own, some, weight := tensor.New(C, hi-lo, T), []int32(nil), 0
	for c := range C {
		copy(own.Data[c*(hi-lo)*T:], x.Data[(c*B+lo)*T:(c*B+hi)*T])
	}
	for b := 0; len(targets) > 0; b++ {
		n := 2 + int(targets[1])
		if b >= lo && b < hi {
			some, weight = append(some, targets[:n]...), weight+n-2
		}
		targets = targets[n:]
	}
	if lo == (rank+1)*B/ranks { // the batch has none for it
		weight = 0
	}
	return own, some, float32(weight)
}

// scoreRecognizer returns the loss of recordings, in nats for each phone, and, as accuracy,
// one less the phone error rate.
func scoreRecognizer(ctx context.Context, net *speech.Recognizer, held []*recording) (train.Scores, error) {
	var s train.Scores
	phones, errs, loss := 0, 0, 0.0
	for _, r := range held {
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		symbols, ok := symbolsOf(r.phones, net.Spec().Phones)
		if !ok {
			return s, fmt.Errorf("tasks: %s: the model does not know all phonemes of its text", r.id)
		}
		out := net.Forward(nil, &grad.Var{Value: speech.RecognizerInput([][]float32{r.features})})
		l := grad.CTC(nil, out, grad.AppendTarget(nil, out.Value.Shape[2], symbols))
		loss += float64(l.Value.Data[0]) * float64(len(symbols))
		errs += speech.PhoneErrors(net.Phones([][]float32{r.features})[0], r.phones)
		phones += len(symbols)
	}
	s.Loss, s.Accuracy, s.Count = loss/float64(phones), 1-float64(errs)/float64(phones), len(held)
	s.Quality = s.Accuracy
	return s, nil
}

// symbolsOf returns the logits of phones, and whether all are known.
func symbolsOf(phones, known []string) ([]int32, bool) {
	var out []int32
	for _, p := range phones {
		i, ok := slices.BinarySearch(known, p)
		if !ok {
			return nil, false
		}
		out = append(out, int32(i+1))
	}
	return out, true
}

func showRecognized(w io.Writer, net *speech.Recognizer, held []*recording) error {
	for _, r := range held[:min(len(held), 2)] {
		heard := net.Phones([][]float32{r.features})[0]
		if _, err := fmt.Fprintf(w, "%s\n  said:  %s\n  heard: %s\n", r.id, strings.Join(r.phones, " "), strings.Join(heard, " ")); err != nil {
			return err
		}
	}
	return nil
}

func recognizerModel(net *speech.Recognizer) *model {
	return &model{Layer: net, Arch: speech.RecognizerArch, Metadata: net.Metadata(), save: net.Save,
		sample: tensor.New(speech.RecognizerRows, 1, sampleFrames), random: func(rng *rand.Rand) { net.Dropout.Random = rng }}
}

func loadRecognizer(path string) (*model, error) {
	net, err := speech.OpenRecognizer(path)
	if err != nil {
		return nil, err
	}
	return recognizerModel(net), nil
}

var errPosition = errors.New("tasks: position among recordings is damaged")
