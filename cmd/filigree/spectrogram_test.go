package main

import (
	"bytes"
	"context"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

func TestSpectrogram(t *testing.T) {
	dir := t.TempDir()
	wav, out := filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.png")
	x := make([]float32, 8000)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	f, err := os.Create(wav)
	if err != nil {
		t.Fatal(err)
	}
	if err := audio.EncodeWAV(f, &audio.Sound{Rate: 16000, Channels: [][]float32{x}}); err != nil {
		t.Fatal(err)
	}
	f.Close()
	var stdout, stderr bytes.Buffer
	for _, args := range [][]string{{wav, "-o", out}, {wav, "-o", "-"}, {"--mel", wav, "-o", "-"}} {
		stdout.Reset()
		if code := run(context.Background(), append([]string{"spectrogram"}, args...), console{&stdout, &stderr}); code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, &stderr)
		}
		data := stdout.Bytes()
		if args[len(args)-1] == out {
			data, _ = os.ReadFile(out)
		}
		if img, err := png.Decode(bytes.NewReader(data)); err != nil || img.Bounds().Dy() < 300 {
			t.Errorf("%v: %v", args, err)
		}
	}
	missing := filepath.Join(dir, "none.wav")
	if code := run(context.Background(), []string{"spectrogram", missing, "-o", out}, console{&stdout, &stderr}); code != 1 || !strings.Contains(stderr.String(), "none.wav") {
		t.Errorf("a missing file: exit code %d: %s", code, &stderr)
	}
}
