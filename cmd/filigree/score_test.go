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
)

// buzz writes a second of sound with a pitch, some loudness and a little noise.
func buzz(t *testing.T, path string, rate, channels int, hz, gain float64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	x := make([]float32, rate)
	rng := rand.New(rand.NewPCG(1, 0))
	for i := range x {
		x[i] = float32(0.05 * gain * rng.NormFloat64()) // or rounding would fill the upper band
		s := float64(i) / float64(rate)
		for k := 1.0; k*hz < 6000; k++ {
			x[i] += float32(gain / k * math.Cos(2*math.Pi*k*hz*s) * math.Sin(math.Pi*s))
		}
	}
	w, err := audio.CreateWAV(path, rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]float32, channels)
	for c := range all {
		all[c] = x
	}
	if err := (&audio.Sound{Rate: rate, Channels: all}).Send(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestScoreCommand(t *testing.T) {
	dir := t.TempDir()
	refs, gens := filepath.Join(dir, "refs"), filepath.Join(dir, "gens")
	buzz(t, filepath.Join(refs, "wavs", "a.wav"), 16000, 1, 150, 0.1)
	buzz(t, filepath.Join(refs, "wavs", "b.wav"), 24000, 1, 200, 0.1)
	buzz(t, filepath.Join(refs, "wavs", "unused.wav"), 16000, 1, 200, 0.1)
	buzz(t, filepath.Join(gens, "a.wav"), 16000, 1, 150, 0.05) // quieter is all
	buzz(t, filepath.Join(gens, "b.wav"), 192000, 8, 212, 0.1) // a semitone higher
	score := func(args ...string) (scoreReport, int, string) {
		var out, warn bytes.Buffer
		code := run(context.Background(), append([]string{"score"}, args...), console{&out, &warn})
		var r scoreReport
		if code == 0 {
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
		}
		return r, code, warn.String()
	}
	r, code, warn := score("--reference", refs, "--generated", gens, "--json")
	if code != 0 || r.Files != 2 || r.Skipped != 0 || r.MCD == nil || r.STOI != nil || r.MCD13 != nil {
		t.Fatalf("exit %d, %+v, %s", code, r, warn)
	}
	if want := 1200 * math.Log2(212.0/200) / math.Sqrt2; math.Abs(*r.F0-want) > 15 {
		t.Errorf("pitch differs by %.0f cents, want %.0f", *r.F0, want)
	}
	if r, _, _ = score("--reference", filepath.Join(refs, "wavs", "a.wav"), "--generated", filepath.Join(gens, "a.wav"), "--aligned", "--json"); *r.MCD13 > 0.5 || *r.MelL1 > 0.05 || *r.STOI < 0.99 {
		t.Errorf("the same but quieter: MCD %.2f, mel L1 %.3f, STOI %.3f", *r.MCD13, *r.MelL1, *r.STOI)
	}
	if r, _, _ = score("--reference", refs, "--generated", filepath.Join(gens, "a.wav"), "--aligned", "--json", "--keep-levels"); *r.LSD1024 < 5 {
		t.Errorf("a fifth of the level: LSD %.2f dB", *r.LSD1024)
	}

	// A broken file among others is counted and left out; alone it is an error.
	cut := filepath.Join(gens, "unused.wav")
	whole, err := os.ReadFile(filepath.Join(gens, "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:1000], 0o666); err != nil {
		t.Fatal(err)
	}
	buzz(t, filepath.Join(gens, "stranger.wav"), 16000, 1, 150, 0.1)
	r, code, warn = score("--reference", refs, "--generated", gens, "--json")
	if code != 0 || r.Files != 2 || r.Skipped != 2 || !strings.Contains(warn, "unused.wav") || !strings.Contains(warn, "stranger.wav has no recording") {
		t.Errorf("exit %d, %d files, %d left out; %s", code, r.Files, r.Skipped, warn)
	}
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"cut short", exitFailure, []string{"--reference", refs, "--generated", cut}},
		{"has the name of one", exitFailure, []string{"--reference", filepath.Join(gens, "stranger.wav"), "--generated", refs}},
		{"no such file", exitFailure, []string{"--reference", refs, "--generated", filepath.Join(dir, "none")}},
		{"generated", exitUsage, []string{"--reference", refs}},
	} {
		if _, code, warn := score(c.args...); code != c.code || !strings.Contains(warn, c.want) {
			t.Errorf("%v: exit %d, want %d; %q lacks %q", c.args, code, c.code, warn, c.want)
		}
	}
}
