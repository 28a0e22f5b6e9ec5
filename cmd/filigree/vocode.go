package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
	"github.com/seed073b5613/filigree/recipes/vocoder"
)

// vocodeCommand takes a recording apart into spectra and makes sound of them again.
type vocodeCommand struct {
	File   string `arg:"" help:"The recording: WAV, FLAC, MP3 or Opus, of any rate and any number of channels."`
	Output string `short:"o" placeholder:"FILE" help:"Write a WAV file, of 16000 samples a second; - writes to standard output. Without it, play."`
	vocoderFlags
	Polish int  `placeholder:"N" help:"Fit the copy's spectra to the recording's, and go on with N iterations of Griffin and Lim: 8 do. Nothing is written before the end."`
	JSON   bool `help:"Print one JSON object."`
}

// vocoderFlags choose what makes sound of spectra.
type vocoderFlags struct {
	Model       string  `default:"voice" placeholder:"FILE" help:"WaveRNN from filigree train vocoder, or wavernn for the one that comes with the program; griffin-lim for 32 fast iterations of Griffin and Lim; voice for the decoder of the voice that comes with the program."`
	Weights     string  `default:"f32" enum:"f32,bf16,int8" help:"How WaveRNN stores its weights: f32, bf16 or int8."`
	Temperature float64 `default:"1" help:"Of WaveRNN's draws: below 1 there is less noise."`
	Voiced      float64 `default:"0.8" help:"Factor on the temperature where the voice has a pitch, for WaveRNN with prediction."`
	Seed        uint64  `default:"1" help:"Seed of the draws, or of the first phases."`
}

// Help shows how the command is used.
func (vocodeCommand) Help() string {
	return `Examples:
  filigree vocode recording.flac -o copy.wav
  filigree vocode recording.flac -o copy.wav --model runs/vocoder/model.safetensors
  filigree vocode recording.flac -o copy.wav --model griffin-lim
  filigree vocode recording.flac -o copy.wav --model wavernn --polish 8
  filigree vocode talk.mp3 --model model.safetensors -o - | aplay

The recording is brought to the level the models were trained at, and its copy back to its own. WaveRNN of
one stream works as the recording is read, in memory that does not grow; with prediction up to 5 s behind; the others read all of it first. An interrupt
leaves a file that ends where it came.`
}

// Validate checks the flags.
func (c *vocodeCommand) Validate() error {
	if !(c.Temperature > 0 && c.Temperature <= 10) {
		return fmt.Errorf("--temperature %v: must be above 0 and at most 10", c.Temperature)
	}
	if c.Polish < 0 || c.Polish > 10000 {
		return fmt.Errorf("--polish %d: must be from 0 to 10000", c.Polish)
	}
	if !(c.Voiced > 0 && c.Voiced <= 10) {
		return fmt.Errorf("--voiced %v: must be above 0 and at most 10", c.Voiced)
	}
	return nil
}

// vocodeReport is the JSON output.
type vocodeReport struct {
	SecondsAudio   float64 `json:"seconds_audio"`
	SecondsCompute float64 `json:"seconds_compute"` // of the vocoder alone
	RTF            float64 `json:"rtf"`
	SampleRate     int     `json:"sample_rate"`
	Model          string  `json:"model"`
	Output         string  `json:"output,omitempty"`
}

// copier makes sound of frames of log mel spectra; it hears the samples they are made of before.
type copier interface {
	hear(x []float32)
	push(dst, frame []float32) []float32
	flush(dst []float32) ([]float32, error)
}

// Run copies.
func (c *vocodeCommand) Run(ctx context.Context, con console) error {
	level, err := measureLevel(ctx, c.File)
	if err != nil {
		return err
	}
	if level.clipped > level.samples/1000 {
		fmt.Fprintf(con.err, "filigree: %s is clipped at %d of %d samples: so will its copy be\n", c.File, level.clipped, level.samples)
	}
	made, err := c.vocoderFlags.open(ctx)
	if err != nil {
		return err
	}
	if c.Polish > 0 {
		made = &polishedCopier{copier: made, iterations: c.Polish}
	}
	out, err := c.sink(con)
	if err != nil {
		return err
	}
	r := vocodeReport{SampleRate: speech.SampleRate, Model: c.Model, Output: c.Output}
	err = c.copy(ctx, con, level, made, out, &r)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if ctx.Err() != nil {
		return fmt.Errorf("vocode: interrupted after %.1f s, which are kept", r.SecondsAudio)
	}
	if err != nil {
		return err
	}
	r.RTF = r.SecondsCompute / r.SecondsAudio
	if c.JSON {
		w := con.out
		if c.Output == "-" {
			w = con.err
		}
		return printJSON(w, r)
	}
	_, err = fmt.Fprintf(con.err, "%.1f s of sound, made in %.2f s\n", r.SecondsAudio, r.SecondsCompute)
	return err
}

// copy reads the recording once more and writes its copy.
func (c *vocodeCommand) copy(ctx context.Context, con console, level soundLevel, made copier, out sink, r *vocodeReport) error {
	f, err := audio.OpenFile(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	gain := float32(data.SpeechRMS / level.active)
	mel, total := audio.VoiceMel().Stream(), 0
	var sound []float32
	write := func() error {
		sound = sound[:min(len(sound), total-int(r.SecondsAudio*speech.SampleRate+0.5))]
		for i, v := range sound {
			sound[i] = v / gain
		}
		r.SecondsAudio += float64(len(sound)) / speech.SampleRate
		err := out.Write(sound)
		sound = sound[:0]
		return err
	}
	use := func(frame []float32) {
		began := time.Now()
		sound = made.push(sound, frame)
		r.SecondsCompute += time.Since(began).Seconds()
	}
	shown := time.Now()
	err = readMono(ctx, f, speech.SampleRate, func(x []float32) error {
		for i, v := range x {
			x[i] = (v - float32(level.mean)) * gain
		}
		made.hear(x)
		total += len(x)
		mel.Push(x, use)
		if time.Since(shown) > 2*time.Second && !c.JSON {
			shown = time.Now()
			fmt.Fprintf(con.err, "%.0f of %.0f s\n", float64(total)/speech.SampleRate, level.seconds)
		}
		return write()
	})
	if err != nil {
		return err
	}
	mel.Flush(use)
	began := time.Now()
	if sound, err = made.flush(sound); err != nil {
		return err
	}
	r.SecondsCompute += time.Since(began).Seconds()
	return write()
}

// open returns what makes sound.
func (v *vocoderFlags) open(ctx context.Context) (copier, error) {
	rng := rand.New(rand.NewPCG(v.Seed, 0))
	switch v.Model {
	case "griffin-lim":
		return &wholeCopier{make: func(x, logMel []float32) ([]float32, error) {
			return audio.VoiceMel().Waveform(logMel, len(x), 32, rng), nil
		}}, nil
	case "voice":
		voice, err := speech.Default()
		if err != nil {
			return nil, err
		}
		return &wholeCopier{make: func(x, logMel []float32) ([]float32, error) {
			return voice.Decode(logMel, pitchOf(x, logMel), rng), nil
		}}, nil
	}
	m, o, err := v.wavernn()
	if err != nil {
		return nil, err
	}
	if m.Spec().Subscale.Streams > 0 {
		if _, err := wavernn.NewStreams(m, o); err != nil {
			return nil, err
		}
		return &wholeCopier{make: func(_, logMel []float32) ([]float32, error) {
			return vocoder.Wave(ctx, m, m.Spec().Frames(logMel, nil), o)
		}}, nil
	}
	made, err := wavernn.NewVocoder(m, o)
	c := &frameCopier{made: made, spec: m.Spec()}
	if c.spec.Predict > 0 {
		c.pitch = audio.NewPitchStream(speech.SampleRate, speech.Hop)
	}
	return c, err
}

// pitchOf returns the pitch of the frames of log mel spectra.
func pitchOf(x, logMel []float32) []float32 {
	T := len(logMel) / speech.MelBands
	return append(audio.Pitch(x, speech.SampleRate, speech.Hop), make([]float32, T)...)[:T]
}

// vocoder opens a WaveRNN of one stream.
func (v *vocoderFlags) vocoder() (*wavernn.Vocoder, error) {
	m, o, err := v.wavernn()
	if err != nil {
		return nil, err
	}
	return wavernn.NewVocoder(m, o)
}

// wavernn opens a model, and says how it is sampled.
func (v *vocoderFlags) wavernn() (*wavernn.Model, wavernn.Options, error) {
	open := func() (*wavernn.Model, error) { return wavernn.Open(v.Model) }
	if v.Model == "wavernn" {
		open = wavernn.Default
	}
	m, err := open()
	if err != nil {
		return nil, wavernn.Options{}, err
	}
	if s := m.Spec(); s.Predict == 0 && s.Features != speech.MelBands || s.Hop != speech.Hop {
		return nil, wavernn.Options{}, fmt.Errorf("vocode: %s takes frames of %d values and %d samples, not of %d and %d", v.Model, s.Features, s.Hop, speech.MelBands, speech.Hop)
	}
	p, err := kernel.ParsePrecision(v.Weights)
	return m, wavernn.Options{Weights: p, Temperature: v.Temperature, Voiced: v.Voiced, Seed: v.Seed}, err
}

// frameCopier copies frame by frame: at once, or when their pitch is known.
type frameCopier struct {
	made  *wavernn.Vocoder
	spec  wavernn.Spec
	pitch *audio.PitchStream // of models that predict
	mels  [][]float32        // frames whose pitch is not known yet
	hz    []float32          // pitch whose frames are not there yet
}

func (c *frameCopier) hear(x []float32) {
	if c.pitch != nil {
		c.pitch.Push(x, c.told)
	}
}

func (c *frameCopier) told(hz float32) { c.hz = append(c.hz, hz) }

func (c *frameCopier) push(dst, frame []float32) []float32 {
	if c.pitch == nil {
		return c.made.Push(dst, c.spec.Frames(frame, nil))
	}
	c.mels = append(c.mels, slices.Clone(frame))
	return c.join(dst)
}

// join copies the frames of which all is known.
func (c *frameCopier) join(dst []float32) []float32 {
	n := min(len(c.mels), len(c.hz))
	for i, mel := range c.mels[:n] {
		dst = c.made.Push(dst, c.spec.Frames(mel, c.hz[i:]))
	}
	c.mels, c.hz = slices.Delete(c.mels, 0, n), slices.Delete(c.hz, 0, n)
	return dst
}

func (c *frameCopier) flush(dst []float32) ([]float32, error) {
	if c.pitch != nil {
		c.pitch.Flush(c.told)
		dst = c.join(dst)
	}
	return c.made.Flush(dst), nil
}

// wholeCopier copies when it has all.
type wholeCopier struct {
	x      []float32
	frames []float32 // [T, bands]
	make   func(x, logMel []float32) ([]float32, error)
}

func (c *wholeCopier) hear(x []float32) { c.x = append(c.x, x...) }

func (c *wholeCopier) push(dst, frame []float32) []float32 {
	c.frames = append(c.frames, frame...)
	return dst
}

func (c *wholeCopier) flush(dst []float32) ([]float32, error) {
	sound, err := c.make(c.x, spectrum(c.frames))
	return append(dst, sound...), err
}

// spectrum turns frames [T, bands] into log mel spectra [bands, T].
func spectrum(frames []float32) []float32 {
	T := len(frames) / speech.MelBands
	logMel := make([]float32, len(frames))
	for t := range T {
		for b := range speech.MelBands {
			logMel[b*T+t] = frames[t*speech.MelBands+b]
		}
	}
	return logMel
}

// polishedCopier fits what another copier makes to the spectra it was made of.
type polishedCopier struct {
	copier
	iterations    int
	frames, sound []float32
}

func (c *polishedCopier) push(dst, frame []float32) []float32 {
	c.frames = append(c.frames, frame...)
	c.sound = c.copier.push(c.sound, frame)
	return dst
}

func (c *polishedCopier) flush(dst []float32) ([]float32, error) {
	sound, err := c.copier.flush(c.sound)
	if err != nil {
		return dst, err
	}
	return append(dst, audio.VoiceMel().Polish(sound, spectrum(c.frames), c.iterations)...), nil
}

// sink returns where the copy goes.
func (c *vocodeCommand) sink(con console) (sink, error) {
	switch c.Output {
	case "-":
		return audio.NewWAVWriter(con.out, speech.SampleRate, 1), nil
	case "":
		player, err := codecs.NewPlayer(speech.SampleRate, 1)
		if err != nil {
			return nil, fmt.Errorf("vocode: %w; name a file with -o", err)
		}
		return player, nil
	}
	return audio.CreateWAV(c.Output, speech.SampleRate, 1)
}

// soundLevel is how loud a recording is.
type soundLevel struct {
	mean, active     float64 // its offset; root mean square of what is loud enough to be speech
	seconds          float64
	samples, clipped int
}

// measureLevel reads a recording once. Silence, and what is too short to have a spectrum, are errors.
func measureLevel(ctx context.Context, path string) (soundLevel, error) {
	f, err := audio.OpenFile(path)
	if err != nil {
		return soundLevel{}, err
	}
	defer f.Close()
	var l soundLevel
	sum, n := 0.0, 0
	blocks := audio.LevelMeter{Rate: speech.SampleRate}
	err = readMono(ctx, f, speech.SampleRate, func(x []float32) error {
		for _, v := range x {
			sum += float64(v)
			if v >= 0.999 || v <= -0.999 {
				l.clipped++
			}
		}
		n += len(x)
		blocks.Push(x)
		return nil
	})
	switch {
	case err != nil:
		return l, err
	case n < speech.Hop:
		return l, fmt.Errorf("vocode: %s has %d samples at %d Hz: at least %d are needed", path, n, speech.SampleRate, speech.Hop)
	}
	l.mean, l.samples, l.seconds = sum/float64(n), n, float64(n)/speech.SampleRate
	if l.active = math.Sqrt(max(0, blocks.Active()-l.mean*l.mean)); l.active < 1e-4 {
		return l, fmt.Errorf("vocode: %s is silent", path)
	}
	return l, nil
}

// readMono calls use with the mean of a stream's channels at a rate, a few thousand samples at a time.
func readMono(ctx context.Context, s audio.Stream, rate int, use func(x []float32) error) error {
	C := s.Channels()
	buf, mixed, out := make([]float32, 2048*C), make([]float32, 2048), []float32(nil)
	r := audio.NewResampler(s.Rate(), rate)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := s.Read(buf)
		if errors.Is(err, io.EOF) {
			return use(r.Flush(out[:0]))
		}
		if err != nil {
			return err
		}
		for t := range n / C {
			sum := float32(0)
			for _, v := range buf[t*C : (t+1)*C] {
				sum += v
			}
			mixed[t] = sum / float32(C)
		}
		out = r.Push(out[:0], mixed[:n/C])
		if err := use(out); err != nil {
			return err
		}
	}
}
