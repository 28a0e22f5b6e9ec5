package tasks

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/models/lm"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/online"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Adapting says how a trained character model goes on learning from a live stream.
type Adapting struct {
	Learner     string  `json:"learner" help:"How the recurrent layer learns: bptt, rtrl, snap-N, uoro or rflo."`
	Period      int     `json:"period" help:"Bytes between updates."`
	Optimizer   string  `json:"optimizer" help:"sgd or adam."`
	Rate        float64 `json:"rate" help:"Learning rate."`
	Clip        float64 `json:"clip" help:"Highest norm of the gradient; 0 for no clipping."`
	Every       int64   `json:"every" help:"Bytes between lines of progress."`
	SaveSeconds float64 `json:"save_seconds" help:"Longest time between checkpoints."`
}

// Adapt is how a model adapts unless told otherwise.
var Adapt = Adapting{Learner: "snap-1", Period: 8, Optimizer: "adam", Rate: 1e-3, Clip: 1, Every: 20_000, SaveSeconds: 60}

// Validate reports the first setting that makes no sense.
func (a *Adapting) Validate() error {
	if _, err := online.ParseMethod(a.Learner); err != nil {
		return fmt.Errorf("--learner: %w", err)
	}
	switch {
	case a.Period < 1 || a.Period > 1<<16:
		return fmt.Errorf("--period %d: must be from 1 to %d", a.Period, 1<<16)
	case a.Optimizer != "sgd" && a.Optimizer != "adam":
		return fmt.Errorf("--optimizer %s: not one of sgd, adam", a.Optimizer)
	case !(a.Rate >= 0 && a.Rate <= 100) || !(a.Clip >= 0 && a.Clip <= math.MaxFloat32):
		return fmt.Errorf("--rate %v, --clip %v: out of range", a.Rate, a.Clip)
	case a.Every < 1:
		return fmt.Errorf("--every %d: must be at least 1", a.Every)
	case !(a.SaveSeconds > 0 && a.SaveSeconds <= 3600):
		return fmt.Errorf("--save-seconds %v: must be above 0 and at most 3600", a.SaveSeconds)
	}
	return nil
}

// Adapted is how well a stream was predicted, each character before it was learned from.
type Adapted struct {
	Model      string    `json:"model"` // as it is now
	Run        string    `json:"run"`
	Bytes      int64     `json:"bytes"`
	Characters int64     `json:"characters"`
	Bits       float64   `json:"bits_per_char"`
	Frozen     float64   `json:"frozen_bits_per_char"` // by the model as it was
	Gain       float64   `json:"gain_bits_per_char"`
	Learner    string    `json:"learner"`
	Period     int       `json:"period"`
	Held       int       `json:"held_bytes"` // weights, gradients, optimizer and learner
	StepMS     float64   `json:"step_ms"`    // of an update
	Warning    string    `json:"warning,omitempty"`
	Command    string    `json:"command"` // repeats it, with another model that was trained like that
	Trained    string    `json:"trained"` // how the model was
	Machine    train.Env `json:"machine"`
}

// adaptConfig is what config.json of the run holds.
type adaptConfig struct {
	Task  string `json:"task"`
	Model string `json:"model"`
	Input string `json:"input"`
	Adapting
}

// frozenModel is the name of the model as it was in the directory of the run.
const frozenModel = "frozen.safetensors"

// RunAdapt reads the stream at input, a file, with .gz or without, or "-" for standard input,
// and learns from it. The run in dir goes on where there is one: files are read from where it
// stopped. report is called after so many bytes with the figures of the bytes since the last call.
func RunAdapt(ctx context.Context, model, input, dir string, a Adapting, report func(now, since Adapted)) (Adapted, error) {
	if err := a.Validate(); err != nil {
		return Adapted{}, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Adapted{}, err
	}
	c := adaptConfig{"adapt", model, input, a}
	var before adaptConfig
	from := filepath.Join(dir, frozenModel)
	switch err := train.ReadConfig(dir, &before); {
	case err == nil:
		if before.Task != c.Task || before.Learner != a.Learner || before.Period != a.Period || before.Optimizer != a.Optimizer {
			return Adapted{}, fmt.Errorf("tasks: %s holds another run, of %s by %s: name another directory", dir, before.Task, before.Learner)
		}
	case errors.Is(err, fs.ErrNotExist):
		from = model
	default:
		return Adapted{}, err
	}
	m, err := Open(from)
	if err != nil {
		return Adapted{}, err
	}
	still, err := Open(from)
	if err != nil {
		return Adapted{}, err
	}
	net, ok := m.Net.(*lm.Model)
	if !ok || len(net.Layers) != 1 || net.Words() != nil || net.Spec().Symbols != 256 {
		return Adapted{}, fmt.Errorf("tasks: adapt %s: it is a model of %s; a character model is needed, from: filigree train charlm", model, m.Task)
	}
	in, err := openStream(input)
	if err != nil {
		return Adapted{}, err
	}
	defer in.Close()
	return adapt(ctx, m, still, in, dir, from == model, c, report)
}

// openStream opens a file, unpacking it where it is compressed, or standard input.
func openStream(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	f, err := os.Open(path)
	if err == nil {
		if info, serr := f.Stat(); serr == nil && info.IsDir() {
			err = errors.New("a folder, not a stream")
		}
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("tasks: read %s: %w", path, err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return f, nil
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("tasks: read %s: %w", path, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

func adapt(ctx context.Context, m, still *Model, in io.Reader, path string, first bool, c adaptConfig, report func(now, since Adapted)) (Adapted, error) {
	net := m.Net.(*lm.Model)
	method, err := online.ParseMethod(c.Learner)
	if err != nil {
		return Adapted{}, err
	}
	learner := online.New(net.Layers[0], method, 1)
	net.Layers[0] = learner
	ps := nn.Params(net)
	opt, slots := optim.Optimizer(&optim.Adam{}), 2
	if c.Optimizer == "sgd" {
		opt, slots = &optim.SGD{}, 0
	}
	s := newLiveText(learner, still.Net.(*lm.Model), c.Period)
	var dir *train.Dir
	var checkpoint *train.Checkpoint
	if first {
		if dir, err = train.Create(path, c); err == nil {
			err = still.model.save(filepath.Join(path, frozenModel), still.model.Metadata)
		}
	} else {
		var before adaptConfig
		if dir, err = train.Open(path, &before); err == nil {
			if checkpoint, err = train.OpenCheckpoint(dir.Checkpoint()); errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
		}
	}
	if err != nil {
		return Adapted{}, err
	}
	defer dir.Close()
	s.open = func(at int64) (*data.Live, error) {
		if at > 0 && c.Input != "-" {
			if n, err := io.CopyN(io.Discard, in, at); err != nil {
				return nil, fmt.Errorf("tasks: %s has %d bytes, the run had read %d", c.Input, n, at)
			}
		}
		return data.NewLive(ctx, in), nil
	}
	if checkpoint == nil {
		if s.live, err = s.open(0); err != nil {
			return Adapted{}, err
		}
	}
	outcome := func() Adapted {
		r := s.figures(liveSums{})
		r.Model, r.Run, r.Learner, r.Period = dir.Model(), dir.Path, c.Learner, c.Period
		r.Warning, r.Machine = s.live.Warning(), train.Environment()
		r.Command = fmt.Sprintf("filigree adapt MODEL %s --learner %s --period %d --optimizer %s --rate %v --clip %v", filepath.Base(c.Input), c.Learner, c.Period, c.Optimizer, c.Rate, c.Clip)
		r.Trained = Command(still.Task, still.Settings)
		for _, p := range ps {
			r.Held += p.Bytes() + 4*slots*len(p.Values())
		}
		r.Held += learner.Bytes()
		return r
	}
	last := liveSums{}
	loop := &train.Loop{
		Net: net, Loss: s.loss, Data: s, Optim: opt, Rate: optim.Constant(c.Rate), Clip: c.Clip, Steps: math.MaxInt, Dir: dir,
		LogEvery: max(1, int(c.Every)/c.Period), SaveAfter: time.Duration(c.SaveSeconds * float64(time.Second)),
		Report: func(e train.Event) {
			if e.Kind == train.Stepped && s.live.Bytes/c.Every != last.Bytes/c.Every {
				if report != nil && last != (liveSums{}) || report != nil && s.live.Bytes >= c.Every {
					report(outcome(), s.figures(last))
				}
				last = s.sums()
			}
		},
	}
	out, err := loop.Run(ctx, checkpoint)
	if err != nil && !errors.Is(err, train.ErrInterrupted) {
		return Adapted{Run: dir.Path}, err
	}
	r := outcome()
	r.StepMS = out.StepMS
	if serr := m.model.save(dir.Model(), m.model.Metadata); serr != nil {
		return r, serr
	}
	if err != nil {
		return r, err
	}
	return r, dir.WriteResult(r)
}

// liveText shows a learner a stream, and the model as it was the same.
type liveText struct {
	live    *data.Live
	open    func(at int64) (*data.Live, error)
	learner *online.Learner
	frozen  *lm.Model
	period  int
	last    byte // before the next
	err     error

	learned, still float64 // nats so far

	tape   *grad.Tape
	text   []byte
	x      *tensor.Tensor
	labels []int32
}

func newLiveText(learner *online.Learner, frozen *lm.Model, period int) *liveText {
	frozen.Carry(true)
	return &liveText{learner: learner, frozen: frozen, period: period, last: '\n', tape: &grad.Tape{NoGrad: true},
		x: tensor.New(period, 1), labels: make([]int32, period)}
}

// Err says why the stream broke off.
func (s *liveText) Err() error { return s.err }

// Next returns the next bytes, and has the model as it was predict them.
func (s *liveText) Next() (*tensor.Tensor, []int32) {
	s.text, s.err = s.live.Next(s.text[:0], s.period)
	n := len(s.text)
	if n == 0 || s.err != nil {
		return nil, nil
	}
	s.x.Data, s.x.Shape[0], s.labels = s.x.Data[:n], n, s.labels[:n]
	for i, b := range s.text {
		s.x.Data[i], s.labels[i] = float32(s.last), int32(b)
		s.last = b
	}
	s.tape.Reset()
	l := nn.CrossEntropy(s.tape, s.frozen.Forward(s.tape, s.tape.Input(s.x)), s.labels)
	s.still += float64(l.Value.Data[0]) * float64(n)
	return s.x, s.labels
}

// loss is that of the bytes before they are learned from.
func (s *liveText) loss(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
	l := nn.CrossEntropy(t, logits, labels)
	s.learned += float64(l.Value.Data[0]) * float64(len(labels))
	return l
}

// liveSums are what figures are made of.
type liveSums struct {
	Bytes, Characters int64
	Learned, Still    float64
}

func (s *liveText) sums() liveSums {
	return liveSums{s.live.Bytes, s.live.Characters, s.learned, s.still}
}

// figures returns those of the stream since the sums were taken.
func (s *liveText) figures(since liveSums) Adapted {
	now := s.sums()
	r := Adapted{Bytes: now.Bytes - since.Bytes, Characters: now.Characters - since.Characters}
	if n := float64(r.Characters) * math.Ln2; n > 0 {
		r.Bits, r.Frozen = (now.Learned-since.Learned)/n, (now.Still-since.Still)/n
	}
	r.Gain = r.Frozen - r.Bits
	return r
}

// liveTextState is what MarshalBinary writes.
type liveTextState struct {
	Live           data.LiveState
	Last           byte
	Learned, Still float64
	Learner        []byte
	Frozen         []float32
}

// MarshalBinary returns the place in the stream and what both models remember of it.
func (s *liveText) MarshalBinary() ([]byte, error) {
	learner, err := s.learner.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(liveTextState{s.live.State(), s.last, s.learned, s.still, learner, s.frozen.Layers[0].(*nn.GRU).State()})
}

// UnmarshalBinary opens the stream at a place MarshalBinary returned.
func (s *liveText) UnmarshalBinary(p []byte) error {
	var state liveTextState
	err := json.Unmarshal(p, &state)
	if err != nil {
		return fmt.Errorf("place in the stream: %w", err)
	}
	if s.live, err = s.open(state.Live.Bytes); err != nil {
		return err
	}
	if err := s.live.Resume(state.Live); err != nil {
		return err
	}
	cell := s.frozen.Layers[0].(*nn.GRU)
	if n := len(state.Frozen); n != 0 && n != cell.Units() {
		return fmt.Errorf("place in the stream: state of %d units for %d", n, cell.Units())
	}
	if len(state.Frozen) > 0 {
		cell.SetState(state.Frozen)
	}
	s.last, s.learned, s.still = state.Last, state.Learned, state.Still
	return s.learner.UnmarshalBinary(state.Learner)
}
