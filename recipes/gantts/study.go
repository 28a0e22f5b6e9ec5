package gantts

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/train"
)

// ablation is what the study compares: who judges.
var ablation = []struct{ key, label string }{
	{"full", "ten window discriminators"},
	{"unconditional", "five, none conditional"},
	{"whole", "one that sees whole clips"},
	{"none", "no discriminator"},
}

// comparison is the study under way.
type comparison struct {
	budget   time.Duration
	settings Settings
	corpus   *voice.Corpus
}

// Study returns the paper's ablation of discriminators (section 5, table 1) at a size that fits a
// budget: generators and discriminators that are narrow, clips that are short, and a spectral
// distance in all arms, since trainings this short learn nothing from discriminators alone.
func Study(budget time.Duration) *study.Trials {
	c := &comparison{budget: budget, settings: Default}
	c.settings.Width, c.settings.Narrow, c.settings.Batch, c.settings.Frames, c.settings.Rate, c.settings.Threads = 0.25, 8, 4, 32, 2e-3, 1
	if budget >= 2*time.Hour {
		c.settings.Width, c.settings.Narrow, c.settings.Batch, c.settings.Frames, c.settings.Rate = 0.5, 4, 8, 64, 1e-3
	}
	s := &study.Trials{Name: "gan-tts", Title: "GAN-TTS, at laptop scale",
		Source: "M. Binkowski, J. Donahue, S. Dieleman, A. Clark, E. Elsen, N. Casagrande, L. C. Cobo, K. Simonyan: High Fidelity Speech Synthesis with Adversarial Networks. ICLR 2020, arXiv:1909.11646",
		Seeds:  2,
		Full:   []string{"filigree train gan-tts --data LJSPEECH --width 6 --narrow 1 --batch 1024 --frames 200 --steps 1000000 --rate 5e-5 --critic-rate 2 --spectral 0 --adversarial 1 --warm-up 0 --average 0.9999"},
		Notes: []string{
			fmt.Sprintf("All arms are trained for the same number of updates on the same clips, from the same first weights, with the same spectral distance beside the discriminators, which the paper does without: it has batches of 1024 clips of 2 s for a million updates, here %d clips of %.2f s for the updates that the budget allows. Generators are %g times as wide as the laptop's, which is a sixth of the paper's; discriminators an eighth (a quarter in budgets from two hours). 16 kHz and frames of 10 ms, where the paper has 24 kHz and 5 ms.", c.settings.Batch, float64(c.settings.Frames)/100, c.settings.Width),
			"Speech distances are between means over 2 s of a phone recogniser's last hidden layer: c is for recordings of the same texts, none of which was trained on. The kernel distance has no bias; Fréchet distances have, and are compared at equal numbers of clips.",
		},
		Quantities: []study.Quantity{
			{Key: "ckdsd", Label: "cKDSD", Metric: tasks.Metric{Digits: 3, Lower: true}}, {Key: "cfdsd", Label: "cFDSD", Metric: tasks.Metric{Digits: 2, Lower: true}},
			{Key: "kdsd_floor", Label: "KDSD among recordings", Metric: tasks.Metric{Digits: 3, Lower: true}},
			{Key: "mel_l1", Label: "mel L1", Metric: tasks.Metric{Digits: 3, Lower: true, Unit: " nats"}}, {Key: "lsd2048", Label: "LSD", Metric: tasks.Metric{Digits: 2, Lower: true, Unit: " dB"}},
			{Key: "periodicity_rmse", Label: "periodicity", Metric: tasks.Metric{Digits: 3, Lower: true}}, {Key: "stoi", Label: "STOI", Metric: tasks.Metric{Digits: 3}},
			{Key: "steps", Label: "updates"}, {Key: "step_ms", Label: "an update", Metric: tasks.Metric{Digits: 0, Unit: " ms"}},
		},
		Further: c.further,
	}
	s.Prepare = func(ctx context.Context, o study.Options) error { return c.prepare(ctx, o, s.Seeds*len(ablation)) }
	if budget >= time.Hour {
		s.Seeds = 3
	}
	for _, a := range ablation {
		arm := c.settings
		arm.Discriminators = a.key
		s.Arms = append(s.Arms, study.Arm{Key: a.key, Label: a.label,
			Command: fmt.Sprintf("filigree train gan-tts --discriminators %s --width %g --narrow %d --batch %d --frames %d --rate %g", a.key, arm.Width, arm.Narrow, arm.Batch, arm.Frames, arm.Rate),
			Train: func(ctx context.Context, o study.Options, seed uint64, dir string) error {
				arm := arm // runs go on beside each other
				arm.Seed, arm.Data, arm.Steps = seed, c.settings.Data, c.settings.Steps
				_, err := trainOn(ctx, c.corpus, arm, IO{Dir: dir, Begin: func(string) {}, Report: func(train.Event) {}})
				return err
			}})
	}
	for _, b := range ablation[1:] {
		for _, q := range []string{"ckdsd", "cfdsd"} {
			claim := study.TrialClaim{A: "full", B: b.key, Quantity: q, Kind: study.Above}
			if b.key == "none" {
				claim.Explanation = "Not of the paper, which has no such arm"
			}
			s.Claims = append(s.Claims, claim)
		}
	}
	return s
}

// prepare reads the recordings and decides on the length of runs.
func (c *comparison) prepare(ctx context.Context, o study.Options, runs int) (err error) {
	c.settings.Data = o.Data["voice"]
	var last time.Time
	c.corpus, err = voice.OpenCorpus(ctx, c.settings.Data, filepath.Join(o.Out, "alignment.json"), func(what string, done, of int) {
		if o.Progress != nil && (done == of || time.Since(last) > 5*time.Second) {
			last = time.Now()
			fmt.Fprintf(o.Progress, "%s %d of %d\n", what, done, of)
		}
	})
	if err == nil && !o.Merge {
		c.settings.Steps, err = c.steps(o.Out, runs)
	}
	return err
}

// steps returns the number of updates of every run, which is decided once: what the arm with the
// most work can do in its share of the budget.
func (c *comparison) steps(dir string, runs int) (int, error) {
	path := filepath.Join(dir, "plan.json")
	var plan struct {
		Steps int `json:"steps"`
	}
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &plan); err != nil || plan.Steps < 1 {
			return 0, fmt.Errorf("gan-tts: %s does not say how many steps runs have", path)
		}
		return plan.Steps, nil
	}
	s := c.settings
	s.Discriminators, s.Budget = "full", max(time.Minute/10, time.Duration(0.8*float64(c.budget)*float64(runtime.GOMAXPROCS(0))/float64(runs)))
	var err error
	if plan.Steps, err = calibrate(c.corpus, s); err != nil {
		return 0, err
	}
	b, err := json.Marshal(plan)
	if err != nil {
		return 0, err
	}
	return plan.Steps, train.WriteFile(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// further measures what needs no training, and lets one hear the runs.
func (c *comparison) further(ctx context.Context, o study.Options, dir func(string, int) string) (study.Findings, error) {
	var f study.Findings
	cost, holds, err := c.cost()
	if err != nil {
		return f, err
	}
	sanity, rises, err := c.sanity(ctx)
	if err != nil {
		return f, err
	}
	f.Orderings = append(holds, rises...)
	f.Sections = []study.Section{cost, sanity}
	listen := study.Section{Title: "Samples", Text: []string{"A sentence that was not trained on, from its own phonemes, durations and pitch. The page in HTML has the sounds and their spectra."}}
	for _, a := range ablation {
		if len(listen.Sounds) == 0 {
			if s, err := sound("the recording", filepath.Join(dir(a.key, 1), "samples", "recording")); err == nil {
				listen.Sounds = append(listen.Sounds, s)
			}
		}
		last, err := filepath.Glob(filepath.Join(dir(a.key, 1), "samples", "0*.wav"))
		if err != nil || len(last) == 0 {
			continue
		}
		if s, err := sound(a.label, strings.TrimSuffix(last[len(last)-1], ".wav")); err == nil {
			listen.Sounds = append(listen.Sounds, s)
		}
	}
	f.Sections = append(f.Sections, listen)
	return f, nil
}

func sound(title, path string) (study.Sound, error) {
	wav, err := os.ReadFile(path + ".wav")
	if err != nil {
		return study.Sound{}, err
	}
	picture, err := os.ReadFile(path + ".png")
	return study.Sound{Title: title, WAV: wav, PNG: picture}, err
}

// levels are the deviations of noise that the distances are tried on, as the authors' own
// demonstration has them.
var levels = []float64{0, 1e-3, 1e-2, 3e-2, 1e-1}

// bands are the highest frequencies that low-pass filters leave, in Hz.
var bands = []int{8000, 4000, 2000, 1000}

// sanity measures how speech distances rise with what is done to recordings.
func (c *comparison) sanity(ctx context.Context) (study.Section, []study.Ordering, error) {
	s := study.Section{Title: "What the distances say of spoiled recordings", Text: []string{"White noise of a deviation, and low-pass filters, on the recordings that the generators are compared with."}}
	clips := c.corpus.Held
	measure := func(spoil func(x []float32, rng *rand.Rand) []float32) voice.SpeechDistances {
		rng := rand.New(rand.NewPCG(7, 7))
		var made [][]float32
		for _, clip := range clips {
			made = append(made, spoil(clip.Wave, rng))
		}
		return voice.Distances(clips, made, c.corpus.Train)
	}
	table := [][]string{{"", "cKDSD", "cFDSD"}}
	var orderings []study.Ordering
	series := func(name, claim string, n int, label func(i int) string, at func(i int) float64, spoil func(i int, x []float32, rng *rand.Rand) []float32) error {
		o := study.Ordering{Claim: claim, Holds: true, Pairs: len(clips)}
		curve := chart.Series{Name: name}
		for i := range n {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d := measure(func(x []float32, rng *rand.Rand) []float32 { return spoil(i, x, rng) })
			if d.CKDSD == nil {
				return fmt.Errorf("gan-tts: too few recordings to measure distances: %d clips of 2 s", d.Clips)
			}
			table = append(table, []string{label(i), fmt.Sprintf("%.3f", *d.CKDSD), fmt.Sprintf("%.2f", *d.CFDSD)})
			if len(curve.Y) > 0 && *d.CKDSD <= curve.Y[len(curve.Y)-1] {
				o.Holds = false
			}
			curve.X, curve.Y = append(curve.X, at(i)), append(curve.Y, *d.CKDSD)
			o.Figures += map[bool]string{true: ", "}[i > 0] + fmt.Sprintf("%.3f", *d.CKDSD)
		}
		orderings = append(orderings, o)
		s.Charts = append(s.Charts, study.Figure{Name: "gan-tts-" + name, Chart: chart.Chart{Title: "cKDSD against " + name, X: name, Y: "cKDSD", LogX: true, Series: []chart.Series{curve}}})
		return nil
	}
	err := series("noise", "cKDSD rises with noise", len(levels), func(i int) string { return fmt.Sprintf("noise of %g", levels[i]) }, func(i int) float64 { return max(levels[i], 1e-4) },
		func(i int, x []float32, rng *rand.Rand) []float32 {
			y := make([]float32, len(x))
			for j, v := range x {
				y[j] = v + float32(levels[i]*rng.NormFloat64())
			}
			return y
		})
	if err != nil {
		return s, nil, err
	}
	err = series("bandwidth", "cKDSD rises as the band gets narrower", len(bands), func(i int) string { return fmt.Sprintf("up to %d Hz", bands[i]) }, func(i int) float64 { return float64(bands[i]) },
		func(i int, x []float32, _ *rand.Rand) []float32 {
			if 2*bands[i] == speech.SampleRate {
				return x
			}
			y := audio.Resample(audio.Resample(x, speech.SampleRate, 2*bands[i]), 2*bands[i], speech.SampleRate)
			return y[:min(len(x), len(y))]
		})
	s.Tables = [][][]string{table}
	return s, orderings, err
}
