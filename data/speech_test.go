package data_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// tone writes a tone with silence around it.
func tone(t *testing.T, path string, gain float64, seconds, silence float64) {
	t.Helper()
	var x []float32
	for i := range int(16000 * (seconds + 2*silence)) {
		s := float64(i) / 16000
		v := 0.01 // an offset
		if s > silence && s < silence+seconds {
			v += gain * math.Sin(2*math.Pi*300*s)
		}
		x = append(x, float32(v))
	}
	w, err := audio.CreateWAV(path, 16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&audio.Sound{Rate: 16000, Channels: [][]float32{x}}).Send(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSpeechFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "wavs"), 0o777); err != nil {
		t.Fatal(err)
	}
	tone(t, filepath.Join(dir, "wavs", "a.wav"), 0.02, 1, 0.5)
	tone(t, filepath.Join(dir, "wavs", "hush.wav"), 0, 1, 0.5)
	tone(t, filepath.Join(dir, "wavs", "short.wav"), 0.1, 0.01, 0)
	lines := []string{"\ufeffa|It costs $1.|It costs one dollar.", "hush|Hush.|", "", "short|Oh.", "a|Again.", "none|There is none.", "empty|", "../a|Elsewhere.", "bad|\xff", "no text"}
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(strings.Join(lines, "\r\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := data.OpenSpeech(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Clips) != 3 || s.Clips[0].Text != "It costs one dollar." || s.Clips[1].Text != "Hush." || len(s.Warnings) != 6 {
		t.Fatalf("clips %+v, warnings %q", s.Clips, s.Warnings)
	}
	for i, want := range []string{"line 5: a comes twice", "none", "empty has no text", `"../a"`, "UTF-8", "id|text"} {
		if !strings.Contains(s.Warnings[i], want) {
			t.Errorf("warning %q does not say %q", s.Warnings[i], want)
		}
	}
	x, err := s.Clips[0].Wave(16000)
	if err != nil {
		t.Fatal(err)
	}
	if seconds := float64(len(x)) / 16000; seconds < 1 || seconds > 1.3 {
		t.Errorf("%.2f s are left of one second of sound", seconds)
	}
	if rms := audio.ActiveRMS(x, 16000); math.Abs(rms-0.1) > 0.005 {
		t.Errorf("level %v, want 0.1", rms)
	}
	for _, c := range s.Clips[1:] {
		if _, err := c.Wave(16000); err == nil || !strings.Contains(err.Error(), c.ID+".wav") {
			t.Errorf("%s: error %v", c.ID, err)
		}
	}
	if _, err := data.OpenSpeech(t.TempDir()); err == nil {
		t.Error("no metadata.csv: no error")
	}
}

func TestRealSpeechFolder(t *testing.T) {
	s, err := data.OpenSpeech(testkit.Shared(t, "data/cathy-arctic"))
	if err != nil || len(s.Clips) != 1090 || len(s.Warnings) != 0 {
		t.Fatalf("%d clips, warnings %q, %v", len(s.Clips), s.Warnings, err)
	}
}

func FuzzSpeechFolder(f *testing.F) {
	f.Add([]byte("a|text\nb|one|two\n"))
	f.Add([]byte("../../etc|x\n\xff|\n|||\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "wavs"), 0o777); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a.wav", "metadata.csv"} {
			if err := os.WriteFile(filepath.Join(dir, strings.Replace("wavs/"+name, "wavs/metadata", "metadata", 1)), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		s, err := data.OpenSpeech(dir)
		if err != nil {
			return
		}
		for _, c := range s.Clips {
			if c.Text == "" || filepath.Dir(c.Path) != filepath.Join(dir, "wavs") {
				t.Errorf("clip %+v", c)
			}
		}
	})
}
