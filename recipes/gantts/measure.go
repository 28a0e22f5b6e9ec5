package gantts

import (
	"context"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/quality"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Result is what a run leaves. Measures are of recordings it was not trained on, from their own
// phonemes, durations and pitch, see [quality.Score] and [speech.Distances].
type Result struct {
	Run         string   `json:"run"`
	Model       string   `json:"model"`
	MelL1       float64  `json:"mel_l1"`
	MCD13       float64  `json:"mcd13"`
	LSD2048     float64  `json:"lsd2048"`
	Periodicity *float64 `json:"periodicity_rmse"` // null where not defined
	Voicing     float64  `json:"voicing_error"`
	STOI        *float64 `json:"stoi"`
	voice.SpeechDistances
	RTF      float64   `json:"rtf"`
	Weights  int       `json:"weights"`
	Nonzeros int       `json:"nonzeros"`
	Bytes    int64     `json:"bytes"`
	Steps    int       `json:"steps"`
	StepMS   float64   `json:"step_ms"`
	CriticMS float64   `json:"critic_ms"` // the discriminators' own step
	Held     int       `json:"held_out"`
	Seconds  float64   `json:"seconds"`
	Settings Settings  `json:"settings"`
	Machine  train.Env `json:"machine"`
}

// settleBatches are how many batches the statistics of norms are taken over.
const settleBatches = 20

// settle gives the generator's norms the statistics of its present weights.
func (r *run) settle() {
	defer nn.Params(r.net)
	s := r.Settings
	source, err := newCrops(r.corpus.Train, &r.corpus.Stats, r.Generator.Spec, &s, rand.NewPCG(0, streamSettle))
	if err != nil {
		panic(err) // the run has one like it
	}
	var batches []*tensor.Tensor
	for range settleBatches {
		source.Next()
		x := source.batch.features
		batches = append(batches, tensor.Of(append([]float32(nil), x.Data...), x.Shape...))
	}
	r.Generator.Settle(batches, rand.New(rand.NewPCG(1, streamSettle)))
}

// decode returns what the generator makes of a recording's features, at the middle of the latent
// space.
func (r *run) decode(c *voice.Clip) []float32 {
	x := tensor.Of(features(c, &r.corpus.Stats), r.Generator.Spec.Features, 1, c.Frames())
	var wave []float32
	for chunk := range r.Generator.Decode(x, make([]float32, r.Generator.Spec.Latent), 0) {
		wave = append(wave, chunk...)
	}
	return wave
}

// quick is how many held-out recordings are decoded at an evaluation on the way.
const quick = 6

// melDistance returns the mean difference of log mel spectra of a few recordings.
func (r *run) melDistance(ctx context.Context) (float64, error) {
	sum, n := 0.0, 0
	for _, c := range r.held[:min(quick, len(r.held))] {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		y := r.front.Of(r.decode(c))
		T, W := c.Frames(), len(y)/speech.MelBands
		for b := range speech.MelBands {
			for t := range T {
				sum += math.Abs(float64(y[b*W+t] - c.Mel[b*T+t]))
			}
		}
		n += T * speech.MelBands
	}
	return sum / float64(n), nil
}

// listen writes what the generator makes of a recording after a step, and a picture of it.
func (r *run) listen(step int) error {
	dir := filepath.Join(r.dir.Path, "samples")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("gan-tts: %w", err)
	}
	sound := func(name string, wave []float32) error {
		err := train.WriteFile(filepath.Join(dir, name+".wav"), func(w io.Writer) error {
			return audio.EncodeWAV(w, &audio.Sound{Rate: speech.SampleRate, Channels: [][]float32{wave}})
		})
		if err != nil {
			return err
		}
		return train.WriteFile(filepath.Join(dir, name+".png"), func(w io.Writer) error {
			return png.Encode(w, r.front.Picture(r.front.Of(wave)))
		})
	}
	c := r.held[0]
	if _, err := os.Stat(filepath.Join(dir, "recording.wav")); err != nil {
		if err := sound("recording", c.Wave); err != nil {
			return err
		}
	}
	return sound(fmt.Sprintf("%06d", step), r.decode(c))
}

// finish measures and writes the model.
func (r *run) finish(ctx context.Context, o train.Outcome) (Result, error) {
	res := Result{Run: r.dir.Path, Model: r.dir.Model(), Steps: o.Steps, StepMS: o.StepMS, Held: len(r.held), Seconds: o.Seconds, Settings: r.Settings, Machine: train.Environment()}
	if r.played > 0 {
		res.CriticMS = 1e3 * r.critic.Seconds() / float64(r.played)
	}
	r.settle()
	if err := r.measure(ctx, &res); err != nil {
		return res, err
	}
	if err := tasks.Plot(r.dir, Metric); err != nil {
		return res, err
	}
	if err := r.save(res.Model); err != nil {
		return res, err
	}
	for _, p := range nn.Params(r.Generator) {
		res.Weights, res.Nonzeros = res.Weights+p.Size(), res.Nonzeros+p.NNZ()
	}
	if stat, err := os.Stat(res.Model); err == nil {
		res.Bytes = stat.Size()
	}
	kept := res
	kept.Run, kept.Model = ".", filepath.Base(res.Model) // of the directory the file is in
	return res, r.dir.WriteResult(kept)
}

// measure compares held-out recordings with what the generator makes of them.
func (r *run) measure(ctx context.Context, res *Result) error {
	var tally quality.Tally
	var made [][]float32
	began, seconds := 0.0, 0.0
	for _, c := range r.held {
		if err := ctx.Err(); err != nil {
			return err
		}
		start := time.Now()
		y := r.decode(c)
		began, seconds = began+time.Since(start).Seconds(), seconds+float64(len(y))/speech.SampleRate
		made = append(made, y)
		one, err := quality.Compare(c.Wave, y, true)
		if err != nil {
			return err
		}
		tally.Merge(one)
	}
	s := tally.Score()
	res.MelL1, res.MCD13, res.LSD2048, res.Voicing, res.RTF = s.MelL1, s.MCD13, s.LSD2048, s.Voicing, began/seconds
	res.Periodicity, res.STOI = known(s.Periodicity), known(s.STOI)
	res.SpeechDistances = voice.Distances(r.held, made, r.corpus.Train)
	return nil
}

// known returns a figure that is a number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
