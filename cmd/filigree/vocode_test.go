package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/wavernn"
)

// smallVocoder writes an untrained WaveRNN to a file.
func smallVocoder(t *testing.T, features, streams int) string {
	t.Helper()
	var subscale wavernn.Subscale
	if streams > 0 {
		subscale = wavernn.Subscale{Streams: streams, Horizon: 3, Context: 4, Layers: 2}
	}
	predict := 0
	if features == wavernn.PredictingFeatures {
		predict = 16
	}
	m, err := wavernn.New(wavernn.Spec{Units: 32, Predict: predict, Features: features, Condition: 8, Hop: speech.Hop, Around: 2, Emphasis: 0.85, Mu: 255,
		Subscale: subscale}, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := m.Save(path, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func vocode(args ...string) (vocodeReport, int, string) {
	var out, warn bytes.Buffer
	code := run(context.Background(), append([]string{"vocode", "--json"}, args...), console{&out, &warn})
	var r vocodeReport
	if code == 0 {
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			code = -1
		}
	}
	return r, code, warn.String()
}

// A copy is as long as the recording whatever its rate and channels, and as loud; that of Griffin
// and Lim's algorithm has nearly its spectra, which shows that frames and samples stand together.
func TestVocode(t *testing.T) {
	dir, model := t.TempDir(), smallVocoder(t, speech.MelBands, 0)
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	for _, c := range []struct {
		model          string
		rate, channels int
		gain           float64
	}{{smallVocoder(t, speech.MelBands, 4), 16000, 1, 0.1}, {smallVocoder(t, wavernn.PredictingFeatures, 0), 44100, 2, 0.1}, {model, 16000, 1, 0.1}, {model, 192000, 8, 0.3}, {"griffin-lim", 24000, 2, 0.05}, {"voice", 16000, 1, 0.1}} {
		buzz(t, in, c.rate, c.channels, 150, c.gain)
		args := []string{in, "-o", out, "--model", c.model}
		if c.model == "voice" {
			args = append(args[:3], "--polish", "4") // what is used where nothing is said
		}
		r, code, warn := vocode(args...)
		got, err := audio.Open(out)
		if code != 0 || err != nil || got.Rate != 16000 || got.Len() != 16000 || math.Abs(r.SecondsAudio-1) > 1e-9 || r.RTF <= 0 {
			t.Fatalf("%+v: exit %d, %v, %+v; %s", c, code, err, r, warn)
		}
		if c.model != "griffin-lim" && c.model != "voice" {
			continue
		}
		want, err := audio.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		mel, sum := audio.VoiceMel(), 0.0
		a, b := mel.Of(want.At(16000)), mel.Of(got.Mono())
		for i, v := range a {
			sum += math.Abs(float64(v - b[i]))
		}
		if sum/float64(len(a)) > 0.4 {
			t.Errorf("log mel spectra differ by %v on average", sum/float64(len(a)))
		}
	}
}

func TestVocodeBadInput(t *testing.T) {
	dir, model := t.TempDir(), smallVocoder(t, speech.MelBands, 0)
	file := func(name string, x []float32) string {
		path := filepath.Join(dir, name)
		w, err := audio.CreateWAV(path, 16000, 1)
		if err == nil {
			err = w.Write(x)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	tone := make([]float32, 8000)
	for i := range tone {
		tone[i] = float32(1.5 * math.Sin(float64(i)/10))
	}
	whole, err := os.ReadFile(file("clipped.wav", tone))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cut.wav"), whole[:5000], 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.wav")
	for _, c := range []struct{ file, model, says string }{
		{file("silent.wav", make([]float32, 8000)), model, "silent.wav is silent"},
		{file("one.wav", tone[:1]), model, "has 1 samples"},
		{filepath.Join(dir, "cut.wav"), model, "cut short"},
		{filepath.Join(dir, "none.wav"), model, "no such file"},
		{file("fine.wav", tone), smallVocoder(t, 40, 0), "takes frames of 40 values"},
		{file("fine.wav", tone), filepath.Join(dir, "fine.wav"), "not a safetensors file"},
	} {
		_, code, says := vocode(c.file, "-o", out, "--model", c.model)
		if _, err := os.Stat(out); code != exitFailure || !strings.Contains(says, c.says) || strings.Count(says, "filigree:") != 1+strings.Count(says, "is clipped") || err == nil {
			t.Errorf("%s: exit %d, %q, file %v", c.file, code, says, err)
		}
	}
	if _, code, says := vocode(filepath.Join(dir, "clipped.wav"), "-o", out, "--model", model); code != 0 || !strings.Contains(says, "is clipped") {
		t.Errorf("clipped: exit %d, %s", code, says)
	}
	if _, code, _ := vocode(out, "-o", out, "--model", model, "--temperature", "0"); code != exitUsage {
		t.Errorf("temperature of 0: exit %d", code)
	}
	// An interrupt leaves a file that can be read.
	ctx, stop := context.WithCancel(context.Background())
	c := vocodeCommand{File: filepath.Join(dir, "fine.wav"), Output: filepath.Join(dir, "broken.wav"), vocoderFlags: vocoderFlags{Model: model, Weights: "f32", Temperature: 1}}
	level, err := measureLevel(ctx, c.File)
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.CreateWAV(c.Output, 16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	var r vocodeReport
	if err := c.copy(ctx, console{&bytes.Buffer{}, &bytes.Buffer{}}, level, made, stopping{w, stop}, &r); err == nil || r.SecondsAudio == 0 || r.SecondsAudio >= 0.5 {
		t.Errorf("interrupted after %v s: %v", r.SecondsAudio, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := audio.Open(c.Output); err != nil || s.Seconds() != r.SecondsAudio {
		t.Errorf("the interrupted copy: %v", err)
	}
}

// stopping interrupts at the first samples it gets.
type stopping struct {
	*audio.WAVWriter
	stop func()
}

func (s stopping) Write(x []float32) error {
	if len(x) > 0 {
		s.stop()
	}
	return s.WAVWriter.Write(x)
}

// TestSpeakVocoder speaks through WaveRNN: as long as the voice's own decoder makes it, but other sound.
func TestSpeakVocoder(t *testing.T) {
	dir := t.TempDir()
	var lengths [4]int
	for i, args := range [][]string{nil, {"--vocoder", smallVocoder(t, speech.MelBands, 0)}, {"--vocoder", smallVocoder(t, wavernn.PredictingFeatures, 0)}, {"--vocoder", "wavernn"}} {
		path := filepath.Join(dir, "x.wav")
		var out, warn bytes.Buffer
		if code := run(context.Background(), append([]string{"speak", "Tea.", "-o", path}, args...), console{&out, &warn}); code != 0 {
			t.Fatalf("exit %d: %s", code, warn.String())
		}
		s, err := audio.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		lengths[i] = s.Len()
	}
	if lengths[0] == 0 || lengths != [4]int{lengths[0], lengths[0], lengths[0], lengths[0]} {
		t.Errorf("%v samples, by the voice's decoder and by vocoders", lengths)
	}
}
