package eats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/train"
)

// The first arms: what the others begin with, and the paper's way.
const (
	taughtArm  = "taught"
	learnedArm = "learned"
)

// ablation is what is taken away.
var ablation = []struct {
	key, label string
	change     func(s *Settings)
}{
	{"full", "all losses", func(*Settings) {}},
	{"no-spectrogram", "no spectrogram discriminator", func(s *Settings) { s.Spectrogram = false }},
	{"no-windows", "no window discriminators", func(s *Settings) { s.Windows = false }},
	{"no-warping", "no time warping", func(s *Settings) { s.Warping = false }},
	{"none", "no discriminators", func(s *Settings) { s.Spectrogram, s.Windows = false, false }},
}

// comparison is the study under way.
type comparison struct {
	corpus        *voice.Corpus
	data          string
	taught, ended int // steps of the first arms, and of the others

	mu sync.Mutex // one first arm at a time: others wait for it
}

// Study returns the paper's ablation (section 4, table 1) at a size that fits a budget. The numbers of
// steps follow from the budget alone.
func Study(budget time.Duration) *study.Trials {
	minutes := budget.Minutes()
	if budget >= time.Hour {
		return (&comparison{taught: int(50 * minutes), ended: int(10 * minutes)}).study(3)
	}
	return (&comparison{taught: int(75 * minutes), ended: int(15 * minutes)}).study(2)
}

func (c *comparison) study(seeds int) *study.Trials {
	percent := tasks.Metric{Scale: 100, Digits: 1, Unit: " %", Lower: true}
	s := &study.Trials{Name: "eats", Title: "EATS, at laptop scale",
		Source: "J. Donahue, S. Dieleman, M. Binkowski, E. Elsen, K. Simonyan: End-to-End Adversarial Text-to-Speech. ICLR 2021, arXiv:2006.03575",
		Seeds:  seeds,
		Full:   []string{"filigree train eats --data LJSPEECH --size shaped --durations learned --warm-up 0 --spectral 0 --batch 1024 --frames 200 --steps 500000 --rate 1e-3 --narrow 1"},
		Notes: []string{
			fmt.Sprintf("The paper trains 500,000 steps of 1024 windows of 2 s from nothing. Here %d steps of 8 windows of 0.96 s with an aligner's lengths and a spectral loss come first, once a seed, and every arm goes on from them for %d steps with lengths of its own and the paper's losses. The arm with learned lengths has the paper's losses alone from the first step on, for half as many steps as the first, discriminators in the last fifth. Networks are tiny: 1.3 M weights, at 16 kHz.", c.taught, c.ended),
			"Speech is made from text and compared with recordings of the same sentences, which were not trained on: phone errors by the built-in recogniser, which was trained on recordings of this speaker, cepstra along a path of time warping. Lengths are compared with the forced aligner's.",
		},
		Quantities: []study.Quantity{
			{Key: "phone_error_rate", Label: "phone errors", Metric: percent}, {Key: "phone_error_rate_natural", Label: "of the recordings", Metric: percent},
			{Key: "mcd_db", Label: "MCD", Metric: tasks.Metric{Digits: 2, Unit: " dB", Lower: true}}, {Key: "length_ratio", Label: "total length", Metric: tasks.Metric{Digits: 3}},
			{Key: "duration_correlation", Label: "correlation of lengths", Metric: tasks.Metric{Digits: 2}}, {Key: "duration_rmse_ms", Label: "RMS error of lengths", Metric: tasks.Metric{Digits: 0, Unit: " ms", Lower: true}},
			{Key: "critics", Label: "hinge loss of discriminators", Metric: tasks.Metric{Digits: 2}},
			{Key: "steps", Label: "steps"}, {Key: "step_ms", Label: "a step", Metric: tasks.Metric{Digits: 0, Unit: " ms"}},
		},
		Prepare: c.prepare, Further: c.further,
	}
	s.Arms = append(s.Arms, study.Arm{Key: taughtArm, Label: "the aligner's lengths", Command: c.settings().command(), Train: c.first})
	for _, a := range ablation {
		arm := c.onward()
		a.change(&arm)
		s.Arms = append(s.Arms, study.Arm{Key: a.key, Label: a.label,
			Command: arm.command() + fmt.Sprintf(" --from %s-SEED/voice.safetensors", taughtArm),
			Train: func(ctx context.Context, o study.Options, seed uint64, dir string) error {
				from := filepath.Join(o.Out, fmt.Sprintf("%s-%d", taughtArm, seed))
				if err := c.first(ctx, o, seed, from); err != nil {
					return err
				}
				arm := arm // runs go on beside each other
				arm.From = filepath.Join(from, "voice.safetensors")
				return c.train(ctx, arm, seed, dir)
			}})
	}
	learned := c.settings()
	learned.Steps /= 2
	learned.Durations, learned.WarmUp, learned.Spectral, learned.Spectrogram, learned.Windows = "learned", 0.8, 0, true, true
	s.Arms = append(s.Arms, study.Arm{Key: learnedArm, Label: "lengths learned from nothing", Command: learned.command(),
		Train: func(ctx context.Context, _ study.Options, seed uint64, dir string) error {
			return c.train(ctx, learned, seed, dir)
		}})
	claim := func(a, b, why string) {
		for _, q := range []string{"phone_error_rate", "mcd_db"} {
			s.Claims = append(s.Claims, study.TrialClaim{A: a, B: b, Quantity: q, Kind: study.Above, Explanation: why})
		}
	}
	claim("full", "no-spectrogram", "Mean opinion 4.08 against 3.53 in the paper")
	claim("no-spectrogram", "no-warping", "3.53 against 2.56")
	claim("no-warping", "none", "2.56 against 1.41")
	claim("full", "no-windows", "4.08 against 2.53")
	claim("full", "none", "4.08 against 1.41")
	claim(taughtArm, learnedArm, "Not of the paper, which has no aligner; others report that lengths are hard to learn from nothing")
	return s
}

// settings are those of the first arm.
func (c *comparison) settings() Settings {
	s := Default
	s.Size, s.Threads, s.Steps, s.Aligned, s.Windows, s.Spectrogram = "tiny", 1, c.taught, 1, false, false
	return s
}

// onward are those of the arms that go on from the first one.
func (c *comparison) onward() Settings {
	s := Default
	s.Size, s.Threads, s.Steps, s.Durations, s.WarmUp, s.Rate = "tiny", 1, c.ended, "learned", 0, 5e-4
	return s
}

// command returns the settings as a command.
func (s Settings) command() string {
	line := fmt.Sprintf("filigree train eats --size %s --steps %d --durations %s --aligned %g --warm-up %g --spectral %g --rate %g", s.Size, s.Steps, s.Durations, s.Aligned, s.WarmUp, s.Spectral, s.Rate)
	for _, f := range []struct {
		name string
		on   bool
	}{{"spectrogram", s.Spectrogram}, {"windows", s.Windows}, {"warping", s.Warping}} {
		if !f.on {
			line += " --no-" + f.name
		}
	}
	return line
}

// prepare reads the recordings.
func (c *comparison) prepare(ctx context.Context, o study.Options) (err error) {
	c.data = o.Data["voice"]
	var last time.Time
	c.corpus, err = voice.OpenCorpus(ctx, c.data, filepath.Join(o.Out, "alignment.json"), func(what string, done, of int) {
		if o.Progress != nil && (done == of || time.Since(last) > 5*time.Second) {
			last = time.Now()
			fmt.Fprintf(o.Progress, "%s %d of %d\n", what, done, of)
		}
	})
	return err
}

func (c *comparison) train(ctx context.Context, s Settings, seed uint64, dir string) error {
	s.Seed, s.Data = seed, c.data
	_, err := trainOn(ctx, c.corpus, s, IO{Dir: dir, Begin: func(string) {}, Report: func(train.Event) {}})
	return err
}

// first trains the first arm unless that is done.
func (c *comparison) first(ctx context.Context, _ study.Options, seed uint64, dir string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := os.Stat(filepath.Join(dir, "result.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return c.train(ctx, c.settings(), seed, dir)
	}
	return err
}

// further measures the staged voice that comes with the program, and lets one hear all.
func (c *comparison) further(ctx context.Context, _ study.Options, dir func(string, int) string) (study.Findings, error) {
	var f study.Findings
	staged, err := speech.Default()
	if err != nil {
		return f, err
	}
	listen := study.Section{Title: "Samples", Text: []string{"A sentence that was not trained on, from its text. The page in HTML has the sounds and their spectra."}}
	first := true
	m, err := voice.MeasureSpoken(ctx, staged, c.corpus.Held, func(one *voice.Clip, u speech.Utterance) error {
		if !first {
			return nil
		}
		first = false
		for title, wave := range map[string][]float32{"the recording": one.Wave, "the staged voice": u.Samples} {
			s, err := heard(title, wave)
			if err != nil {
				return err
			}
			listen.Sounds = append(listen.Sounds, s)
		}
		return nil
	})
	if err != nil {
		return f, err
	}
	f.Sections = append(f.Sections, study.Section{Title: "Beside the staged voice", Text: []string{
		fmt.Sprintf("The voice that comes with the program, trained in stages (phonemes to spectra, spectra to sound; longer, with more weights, and on some of these sentences), by the same measures: phone errors %.1f %%, of the recordings %.1f %%; MCD %.2f dB; total length %.3f; correlation of lengths %.2f, RMS error %.0f ms.",
			100*m.PER, 100*m.NaturalPER, m.MCD, m.LengthRatio, m.DurationCorrelation, m.DurationRMSE)}})
	arms := []struct{ key, label string }{{taughtArm, "the aligner's lengths"}}
	for _, a := range ablation {
		arms = append(arms, struct{ key, label string }{a.key, a.label})
	}
	for _, a := range append(arms, struct{ key, label string }{learnedArm, "lengths learned from nothing"}) {
		last, err := filepath.Glob(filepath.Join(dir(a.key, 1), "samples", "0*.wav"))
		if err != nil || len(last) == 0 {
			continue
		}
		s, err := read(a.label+": "+sentence, strings.TrimSuffix(last[len(last)-1], ".wav"))
		if err != nil {
			return f, err
		}
		listen.Sounds = append(listen.Sounds, s)
	}
	f.Sections = append(f.Sections, listen)
	return f, nil
}

// heard makes a sound of a waveform.
func heard(title string, wave []float32) (study.Sound, error) {
	var wav, picture bytes.Buffer
	err := errors.Join(encode(&wav, wave), draw(&picture, wave))
	return study.Sound{Title: title, WAV: wav.Bytes(), PNG: picture.Bytes()}, err
}

// read reads what a run wrote.
func read(title, name string) (study.Sound, error) {
	wav, err := os.ReadFile(name + ".wav")
	if err != nil {
		return study.Sound{}, err
	}
	picture, err := os.ReadFile(name + ".png")
	return study.Sound{Title: title, WAV: wav, PNG: picture}, err
}
