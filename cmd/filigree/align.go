package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/align"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/train"
)

// alignCommand finds when words and phonemes are spoken.
type alignCommand struct {
	File  string `arg:"" optional:"" help:"A recording to align, with --model and --text."`
	Data  string `placeholder:"DIR" help:"Align all recordings of a folder like LJ Speech: metadata.csv with lines id|text, wavs/ID.wav or .flac."`
	Text  string `help:"What is said in the recording."`
	Model string `placeholder:"FILE" help:"An aligner saved before. Without it, one is trained on the folder, and saved as aligner.safetensors with the rest."`
	Out   string `placeholder:"DIR" help:"Where ID.TextGrid and ID.json go, for --data. [aligned]"`
	Check bool   `help:"Compare the boundaries with those of the built-in phone recogniser, and name the recordings where the two differ."`
	JSON  bool   `help:"Print JSON."`
}

// Help shows how the command is used.
func (alignCommand) Help() string {
	return `Examples:
  filigree align --data recordings --out aligned
  filigree align --model aligned/aligner.safetensors one.wav --text "What is said in it."
  filigree align --model aligned/aligner.safetensors --data more --out more-aligned

A folder needs no more than texts and some minutes of one or more voices. TextGrids open in Praat. A recording of
its own is printed as a TextGrid, or as JSON.`
}

// Validate checks the flags.
func (c alignCommand) Validate() error {
	switch {
	case c.File == "" && c.Data == "":
		return errors.New("name a folder with --data, or a recording with --model and --text")
	case c.File != "" && (c.Data != "" || c.Out != ""):
		return errors.New("--data and --out are for folders: name one of them or a recording, not both")
	case c.File != "" && (c.Text == "" || c.Model == ""):
		return errors.New("a recording needs --text, what is said in it, and --model, an aligner trained with --data")
	case c.File != "" && c.Check:
		return errors.New("--check is for folders")
	case c.Data != "" && c.Text != "":
		return errors.New("--text is for a recording: a folder has its texts in metadata.csv")
	}
	return nil
}

func (c alignCommand) Run(ctx context.Context, con console) error {
	var m *align.Model
	if c.Model != "" {
		var err error
		if m, err = align.Open(c.Model); err != nil {
			return err
		}
	}
	if c.File != "" {
		return c.one(con, m)
	}
	if c.Out == "" {
		c.Out = "aligned"
	}
	return c.folder(ctx, con, m)
}

// one aligns a recording and prints its timing.
func (c alignCommand) one(con console, m *align.Model) error {
	id := strings.TrimSuffix(filepath.Base(c.File), filepath.Ext(c.File))
	s, err := newSpoken(id, c.File, c.Text, false)
	if err != nil {
		return err
	}
	segments, score, err := m.Align(s.utterance)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	t := s.timing(segments, score)
	if c.JSON {
		return json.NewEncoder(con.out).Encode(t)
	}
	return t.textGrid(con.out)
}

// spoken is a recording and what is said in it.
type spoken struct {
	id, text  string
	seconds   float64
	words     []text.Word
	utterance align.Utterance
	heard     []float32 // features for a recogniser; nil unless asked for
}

// newSpoken reads a recording and its text, and makes it ready for a recogniser too.
func newSpoken(id, path, said string, check bool) (*spoken, error) {
	const level = 0.1 // of what is loud enough to be speech, RMS
	s := &spoken{id: id, text: said}
	for sentence, err := range text.Sentences(strings.NewReader(said)) {
		if err != nil {
			return nil, err
		}
		s.words = append(s.words, sentence.Words...)
	}
	if len(s.words) == 0 {
		return nil, fmt.Errorf("%s: nothing to speak in %q", id, said)
	}
	sound, err := audio.Open(path)
	if err != nil {
		return nil, err
	}
	x := append([]float32(nil), sound.At(16000)...)
	audio.RemoveDC(x)
	loud := audio.ActiveRMS(x, 16000)
	if loud < 1e-5 {
		return nil, fmt.Errorf("%s: silent", path)
	}
	audio.Gain(x, level/loud)
	s.seconds = float64(len(x)) / 16000
	s.utterance.Features = align.Features(x)
	if check {
		s.heard = speech.RecognizerFeatures(x)
	}
	for _, w := range s.words {
		var phones []string
		for _, p := range w.Phonemes {
			phones = append(phones, strings.TrimRight(p, "012"))
		}
		s.utterance.Words = append(s.utterance.Words, phones)
	}
	return s, nil
}

// folder aligns the recordings of a folder.
func (c alignCommand) folder(ctx context.Context, con console, m *align.Model) error {
	list, err := data.OpenSpeech(c.Data)
	if err != nil {
		return err
	}
	r := &alignReader{ctx: ctx, check: c.Check, clips: list.Clips, out: make([]*spoken, len(list.Clips)), errs: make([]error, len(list.Clips)), bar: newFileBar(con, len(list.Clips))}
	parallel.Do(len(list.Clips), r)
	r.bar.close()
	if err := ctx.Err(); err != nil {
		return err
	}
	warnings := list.Warnings
	var all []*spoken
	for i, s := range r.out {
		if r.errs[i] != nil {
			warnings = append(warnings, r.errs[i].Error())
			continue
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return fmt.Errorf("align: no recording in %s can be used: %s", c.Data, warnings[0])
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return err
	}
	if m == nil {
		if m, err = c.learn(ctx, con, all); err != nil {
			return err
		}
		if err := m.Save(filepath.Join(c.Out, "aligner.safetensors")); err != nil {
			return err
		}
	}
	return c.write(ctx, con, m, all, warnings)
}

// learn trains an aligner.
func (c alignCommand) learn(ctx context.Context, con console, all []*spoken) (*align.Model, error) {
	us := make([]align.Utterance, len(all))
	for i, s := range all {
		us[i] = s.utterance
	}
	m, _, err := align.Train(ctx, us, func(pass, passes int, likelihood float64) {
		fmt.Fprintf(con.err, "pass %d of %d: log likelihood of a frame %.3f\n", pass, passes, likelihood)
	})
	return m, err
}

// write aligns the recordings once more, writes their files and sums up.
func (c alignCommand) write(ctx context.Context, con console, m *align.Model, all []*spoken, warnings []string) error {
	w := &alignWriter{ctx: ctx, dir: c.Out, model: m, all: all, out: make([]*timing, len(all)), errs: make([]error, len(all))}
	parallel.Do(len(all), w)
	if err := ctx.Err(); err != nil {
		return err
	}
	var timings []*timing
	for i, t := range w.out {
		var unwritten *os.PathError
		switch err := w.errs[i]; {
		case errors.As(err, &unwritten):
			return err
		case err != nil:
			warnings = append(warnings, err.Error())
		default:
			timings = append(timings, t)
		}
	}
	for i, text := range warnings {
		if i == 10 {
			fmt.Fprintf(con.err, "filigree: %d warnings in all\n", len(warnings))
			break
		}
		fmt.Fprintf(con.err, "filigree: left out: %s\n", text)
	}
	if len(timings) == 0 {
		return errors.New("align: none of the recordings could be aligned")
	}
	s := summarize(timings)
	s.Skipped, s.Out = len(warnings), c.Out
	if c.JSON {
		return json.NewEncoder(con.out).Encode(s)
	}
	return s.print(con.out)
}

// alignReader reads clips in parallel.
type alignReader struct {
	ctx   context.Context
	check bool
	clips []data.Clip
	out   []*spoken
	errs  []error
	bar   fileBar
}

// Run reads one clip.
func (r *alignReader) Run(i int) {
	if r.ctx.Err() == nil {
		r.out[i], r.errs[i] = newSpoken(r.clips[i].ID, r.clips[i].Path, r.clips[i].Text, r.check)
		r.bar.step()
	}
}

// alignWriter aligns in parallel.
type alignWriter struct {
	ctx   context.Context
	dir   string
	model *align.Model
	all   []*spoken
	out   []*timing
	errs  []error
}

// Run aligns one recording and writes its files.
func (w *alignWriter) Run(i int) {
	if w.ctx.Err() != nil {
		return
	}
	s := w.all[i]
	segments, score, err := w.model.Align(s.utterance)
	if err != nil {
		w.errs[i] = fmt.Errorf("%s: %w", s.id, err)
		return
	}
	t := s.timing(segments, score)
	if s.heard != nil {
		t.off = offBy(s, segments)
	}
	w.out[i] = t
	path := filepath.Join(w.dir, s.id)
	if err := train.WriteFile(path+".TextGrid", t.textGrid); err != nil {
		w.errs[i] = err
		return
	}
	w.errs[i] = train.WriteFile(path+".json", func(out io.Writer) error { return json.NewEncoder(out).Encode(t) })
}
