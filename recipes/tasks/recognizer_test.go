package tasks

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/models/speech"
)

// toneSpeech writes recordings whose phonemes are tones, and their texts.
func toneSpeech(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "wavs"), 0o777); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 9))
	names := []string{"AA1", "IY1", "S", "UW1", "M"}
	var lines strings.Builder
	for i := range n {
		var x []float32
		sound := func(gain, hz float64, frames int) {
			for range frames * 160 {
				x = append(x, float32(gain*math.Sin(2*math.Pi*hz*float64(len(x))/16000)+0.002*rng.NormFloat64()))
			}
		}
		var said []string
		sound(0, 0, 6)
		last := -1
		for range 3 + rng.IntN(4) {
			p := rng.IntN(len(names))
			if p == last {
				continue
			}
			said, last = append(said, names[p]), p
			sound(0.3, 300*math.Pow(2, float64(p)), 8+rng.IntN(8))
		}
		sound(0, 0, 6)
		w, err := audio.CreateWAV(filepath.Join(dir, "wavs", fmt.Sprintf("%03d.wav", i)), 16000, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&audio.Sound{Rate: 16000, Channels: [][]float32{x}}).Send(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%03d|{%s}\n", i, strings.Join(said, " "))
	}
	lines.WriteString("missing|Nothing.\n")
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRecognizerLearns(t *testing.T) {
	task, err := Find("recognizer")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Data, s.Width, s.Steps, s.WarmUp, s.Average, s.Rate = toneSpeech(t, 100), 0.25, 250, 20, 0, 5e-3
	run := filepath.Join(t.TempDir(), "run")
	var shown bytes.Buffer
	var summary string
	r, err := Run(context.Background(), "recognizer", s, IO{Dir: run, Show: &shown, Started: func(_ Task, _, text string) { summary = text }})
	if err != nil {
		t.Fatal(err)
	}
	if r.TestPhoneErrors == nil || *r.TestPhoneErrors > 0.1 || *r.TestPhoneErrors != 1-r.TestAccuracy {
		t.Errorf("phone error rate of tones: %v, accuracy %v\n%s", r.TestPhoneErrors, r.TestAccuracy, &shown)
	}
	if !strings.Contains(summary, "1 recordings left out") || !strings.Contains(shown.String(), "heard: ") {
		t.Errorf("summary %q, shown %q", summary, &shown)
	}
	m, err := speech.OpenRecognizer(r.Model)
	if err != nil || !slices.Equal(m.Spec().Phones, []string{"AA", "IY", "M", "S", "UW"}) {
		t.Errorf("model: %v", err)
	}
	s.Batch = 1000
	if err := Check("recognizer", s); err == nil || !strings.Contains(err.Error(), "1000") {
		t.Errorf("batch of 1000: %v", err)
	}
	s.Data = t.TempDir()
	if err := Check("recognizer", s); err == nil {
		t.Error("no metadata.csv: no error")
	}
}

// Batches go on where their binary form was taken, what is hidden in them included.
func TestSpeechBatchesResume(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 10))
	var all []*recording
	for range 11 {
		f := make([]float32, 80*(20+rng.IntN(30)))
		for i := range f {
			f[i] = 1 + rng.Float32()
		}
		all = append(all, &recording{features: f, phones: []string{"a", "b"}})
	}
	open := func() *speechBatches { return newSpeechBatches(all, []string{"a", "b"}, 4, true, rand.NewPCG(1, 2)) }
	b := open()
	for range 3 {
		b.Next()
	}
	place, err := b.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	again := open()
	if err := again.UnmarshalBinary(place); err != nil {
		t.Fatal(err)
	}
	hidden := 0
	for range 5 {
		x, labels := b.Next()
		y, same := again.Next()
		if !slices.Equal(x.Data, y.Data) || !slices.Equal(labels, same) {
			t.Fatal("another batch")
		}
		for _, v := range x.Data {
			if v == 0 {
				hidden++
			}
		}
	}
	if hidden == 0 {
		t.Error("nothing is hidden")
	}
	for _, bad := range [][]byte{nil, place[:16], bytes.Repeat([]byte{255}, len(place))} {
		if err := again.UnmarshalBinary(bad); err == nil {
			t.Errorf("position %x: no error", bad)
		}
	}
}
