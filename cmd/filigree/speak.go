package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/eats"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/train"
	"github.com/seed073b5613/filigree/weights"
)

// speakCommand speaks text.
type speakCommand struct {
	Text    []string `arg:"" optional:"" help:"What to say; - reads standard input."`
	File    string   `placeholder:"FILE" help:"Say what stands in this text file."`
	Output  string   `short:"o" placeholder:"FILE" help:"Write a WAV file; - writes to standard output. Without it, play."`
	Voice   string   `placeholder:"FILE" help:"Voice to speak with; without it, the one that comes with the program."`
	Vocoder string   `placeholder:"FILE" help:"WaveRNN from filigree train vocoder, or wavernn for the one that comes with the program, in place of the voice's own decoder."`
	Polish  int      `default:"8" help:"Fit what a vocoder makes to the voice's spectra, and go on with so many iterations of Griffin and Lim; 0 for not."`
	Speed   float64  `default:"1" help:"1.5 speaks half as fast again."`
	Seed    uint64   `default:"1" help:"Seed of the noise in the voice."`
	Timings string   `placeholder:"FILE" help:"Write when each word and phoneme is spoken, as JSON, a line a sentence."`
	Threads int      `help:"Workers; 0 for one a core."`
	JSON    bool     `help:"Print one JSON object."`
	readFlags

	memory int64 // limit of the program
}

// Help shows how the command is used.
func (speakCommand) Help() string {
	return `Examples:
  filigree speak "The kettle is on. Tea at four?" -o kettle.wav
  filigree speak --file book.txt -o book.wav --speed 1.1
  filigree speak '<speak>Wait <break time="1s"/> <prosody rate="slow">and see.</prosody></speak>'
  fortune | filigree speak - -o - | aplay
  filigree speak --voice runs/cathy/voice.safetensors "Good morning."
  filigree speak --vocoder wavernn "Good morning."`
}

// Validate checks the flags.
func (c *speakCommand) Validate() error {
	switch {
	case !(c.Speed >= 0.25 && c.Speed <= 4):
		return fmt.Errorf("--speed %v: must be from 0.25 to 4", c.Speed)
	case len(c.Text) == 0 && c.File == "":
		return errors.New("nothing to say: give a text, - for standard input, or --file")
	case len(c.Text) > 0 && c.File != "":
		return errors.New("--file: the text is given already")
	case c.Polish < 0 || c.Polish > 10000:
		return fmt.Errorf("--polish %d: must be from 0 to 10000", c.Polish)
	case c.Threads < 0:
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	return nil
}

// speakReport is the JSON output.
type speakReport struct {
	SecondsAudio   float64 `json:"seconds_audio"`
	SecondsCompute float64 `json:"seconds_compute"`
	RTF            float64 `json:"rtf"`
	SampleRate     int     `json:"sample_rate"`
	Voice          string  `json:"voice"`
	Sentences      int     `json:"sentences"`
	Output         string  `json:"output,omitempty"`
}

// Run speaks.
func (c *speakCommand) Run(ctx context.Context, con console) error {
	setThreads(c.Threads)
	collect := debug.SetGCPercent(400) // what opens a voice lives on: until it speaks, collecting garbage only delays it
	defer debug.SetGCPercent(collect)
	c.memory = debug.SetMemoryLimit(-1) // the user's
	debug.SetMemoryLimit(min(c.memory, 64<<20))
	defer debug.SetMemoryLimit(c.memory)
	in, name, err := c.input()
	if err != nil {
		return err
	}
	defer in.Close()
	voice, voiceName, err := c.open()
	if err != nil {
		return err
	}
	report := speakReport{SampleRate: speech.SampleRate, Voice: voiceName}
	out := &lazySink{open: func() (sink, error) { return c.sink(con) }}
	err = c.speak(ctx, con, voice, in, out, &report)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if report.Output = c.Output; err == nil && ctx.Err() == nil && report.SecondsAudio == 0 {
		return fmt.Errorf("speak: nothing to speak in %s: no word or number", name)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("speak: interrupted after %.1f s of speech, which are kept", report.SecondsAudio)
	}
	if err != nil {
		return err
	}
	report.RTF = report.SecondsCompute / report.SecondsAudio
	if c.JSON {
		w := con.out
		if c.Output == "-" {
			w = con.err
		}
		return printJSON(w, report)
	}
	where := ""
	if c.Output != "" && c.Output != "-" {
		where = " in " + c.Output
	}
	_, err = fmt.Fprintf(con.err, "%.1f s of speech%s, made in %.2f s\n", report.SecondsAudio, where, report.SecondsCompute)
	return err
}

// input opens the text and says what it is.
func (c *speakCommand) input() (io.ReadCloser, string, error) {
	switch {
	case c.File != "":
		f, err := os.Open(c.File)
		if err != nil {
			return nil, "", fmt.Errorf("speak: %w", err)
		}
		return f, c.File, nil
	case len(c.Text) == 1 && c.Text[0] == "-":
		return io.NopCloser(os.Stdin), "standard input", nil
	}
	return io.NopCloser(strings.NewReader(strings.Join(c.Text, " "))), "the text", nil
}

// speaker is a voice of any architecture.
type speaker interface {
	Speak(ctx context.Context, r io.Reader, o speech.Options) iter.Seq2[speech.Utterance, error]
}

// open returns the voice and its name.
func (c *speakCommand) open() (speaker, string, error) {
	if c.Voice == "" {
		v, err := speech.Default()
		if err != nil {
			return nil, "", err
		}
		return v, v.Config.Name, nil
	}
	f, err := weights.Open(c.Voice)
	if err != nil {
		return nil, "", err
	}
	arch := f.Metadata["architecture"]
	if err := f.Close(); err != nil {
		return nil, "", err
	}
	if arch == gantts.Arch { // a generator needs a voice that knows lengths and pitch
		timing, err := speech.Default()
		if err != nil {
			return nil, "", err
		}
		v, err := gantts.OpenVoice(c.Voice, timing)
		return v, gantts.Arch, err
	}
	if arch != eats.Arch {
		v, err := speech.Open(c.Voice)
		if err != nil {
			return nil, "", err
		}
		return v, v.Config.Name, nil
	}
	v, err := eats.Open(c.Voice)
	if err != nil {
		return nil, "", err
	}
	if s := v.Config.Spec; s.SampleRate != speech.SampleRate || s.Hop() != speech.Hop {
		return nil, "", fmt.Errorf("speak: %s has %d samples a second and %d a frame, what can be spoken has %d and %d", c.Voice, s.SampleRate, s.Hop(), speech.SampleRate, speech.Hop)
	}
	return v, v.Config.Name, nil
}

// sink takes samples until it is closed.
type sink interface {
	audio.Writer
	Close() error
}

// lazySink opens a sink when the first samples are there, so that a text without any leaves no
// file behind.
type lazySink struct {
	open func() (sink, error)
	sink sink
}

// Write hands samples on.
func (l *lazySink) Write(samples []float32) error {
	if l.sink == nil {
		s, err := l.open()
		if err != nil {
			return err
		}
		l.sink = s
	}
	return l.sink.Write(samples)
}

// Close closes what was opened.
func (l *lazySink) Close() error {
	if l.sink == nil {
		return nil
	}
	return l.sink.Close()
}

// sink returns where the speech goes. Where nothing can play it goes to a file.
func (c *speakCommand) sink(con console) (sink, error) {
	switch c.Output {
	case "-":
		return audio.NewWAVWriter(con.out, speech.SampleRate, 1), nil
	case "":
		player, err := codecs.NewPlayer(speech.SampleRate, 1)
		if err == nil {
			return player, nil
		}
		c.Output = "speech.wav"
		fmt.Fprintf(con.err, "filigree: %v; writing %s\n", err, c.Output)
	}
	return audio.CreateWAV(c.Output, speech.SampleRate, 1)
}

// spokenTime is a word or phoneme in time, in seconds.
type spokenTime struct {
	Text  string  `json:"text"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// spokenTimes is a sentence of the file of --timings.
type spokenTimes struct {
	Sentence string       `json:"sentence"`
	Start    float64      `json:"start"`
	End      float64      `json:"end"`
	Words    []spokenTime `json:"words"`
	Phonemes []spokenTime `json:"phonemes"`
}

func (c *speakCommand) speak(ctx context.Context, con console, voice speaker, in io.Reader, out sink, report *speakReport) error {
	options := speech.Options{Speed: c.Speed, Rand: rand.New(rand.NewPCG(c.Seed, 0))}
	var err error
	if options.Text, err = c.options(); err != nil {
		return err
	}
	if c.Vocoder != "" {
		if _, ok := voice.(*speech.Voice); !ok {
			return fmt.Errorf("speak: --vocoder %s: %s makes no spectra that a vocoder could take", c.Vocoder, c.Voice)
		}
		made, err := (&vocoderFlags{Model: c.Vocoder, Weights: "f32", Temperature: 1, Voiced: 0.8, Seed: c.Seed}).vocoder()
		if err != nil {
			return err
		}
		front := audio.VoiceMel()
		options.Decode = func(logMel, hz []float32) []float32 { return front.Polish(made.Decode(logMel, hz), logMel, c.Polish) }
		if c.Polish == 0 {
			options.Decode = made.Decode
		}
	}
	if c.Timings == "" {
		return c.sentences(ctx, con, voice, in, out, report, options, func(spokenTimes) error { return nil })
	}
	return train.WriteFile(c.Timings, func(w io.Writer) error {
		return c.sentences(ctx, con, voice, in, out, report, options, func(t spokenTimes) error { return printJSON(w, t) })
	})
}

func (c *speakCommand) sentences(ctx context.Context, con console, voice speaker, in io.Reader, out sink, report *speakReport, o speech.Options, note func(spokenTimes) error) error {
	began, warned, shown := time.Now(), 0, time.Now()
	for u, err := range voice.Speak(ctx, in, o) {
		report.SecondsCompute += time.Since(began).Seconds()
		if err != nil {
			if ctx.Err() != nil {
				return nil // what is spoken is kept
			}
			return err
		}
		for _, w := range u.Sentence.Warnings {
			if warned++; warned <= 10 {
				fmt.Fprintln(con.err, "filigree:", w)
			}
		}
		if len(u.Samples) == 0 {
			began = time.Now()
			continue
		}
		if err := out.Write(u.Samples); err != nil {
			return err
		}
		if err := note(timesOf(u, report.SecondsAudio)); err != nil {
			return err
		}
		if report.Sentences == 0 {
			debug.SetGCPercent(25) // books are spoken in little memory
			debug.SetMemoryLimit(c.memory)
		}
		report.SecondsAudio += float64(len(u.Samples)) / speech.SampleRate
		report.Sentences++
		if time.Since(shown) > 2*time.Second && !c.JSON {
			shown = time.Now()
			fmt.Fprintf(con.err, "%d sentences, %.0f s of speech\n", report.Sentences, report.SecondsAudio)
		}
		began = time.Now()
	}
	return nil
}

// timesOf returns the times of an utterance that begins at start.
func timesOf(u speech.Utterance, start float64) spokenTimes {
	const frame = float64(speech.Hop) / speech.SampleRate
	t := spokenTimes{Sentence: u.Sentence.Text, Start: start, End: start + float64(len(u.Samples))/speech.SampleRate}
	last := -1
	for _, k := range u.Tokens {
		from, to := start+frame*float64(k.Start), start+frame*float64(k.Start+k.Frames)
		if k.Silent() {
			continue
		}
		t.Phonemes = append(t.Phonemes, spokenTime{k.Symbol, from, to})
		if k.Word != last {
			last = k.Word
			t.Words = append(t.Words, spokenTime{u.Sentence.Words[k.Word].Text, from, to})
		}
		t.Words[len(t.Words)-1].End = to
	}
	return t
}
