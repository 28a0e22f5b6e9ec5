package eats

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/weights"
)

// voices are small ones with both decoders.
func voices(t testing.TB) map[string]*Voice {
	t.Helper()
	out := map[string]*Voice{}
	stats := speech.Stats{PitchMean: math.Log(180), PitchSpread: 0.2}
	for name, s := range map[string]Spec{
		"frames": {Frames: &speech.DecoderSpec{Channels: 16, Hidden: 32, Layers: 1}},
		"samples": {Samples: &gantts.Spec{Features: 12, Latent: 3, Stem: 8, Mu: 255,
			Blocks: []gantts.BlockSpec{{Channels: 8, Upsample: 8}, {Channels: 4, Upsample: 20}}}},
	} {
		s.Latent, s.Channels, s.Blocks, s.FrameRate, s.SampleRate, s.Mu = 3, 12, 1, 100, 16000, 255
		v, err := NewVoice(Config{Name: "tiny", Spec: s, Stats: stats}, random(1))
		if err != nil {
			t.Fatal(err)
		}
		stir(v)
		for _, p := range nn.Params(v) { // what 16 bits hold
			for i, w := range p.Values() {
				p.Values()[i] = float32(math.Round(float64(w)*512) / 512)
			}
		}
		out[name] = v
	}
	return out
}

func TestVoiceRoundTrip(t *testing.T) {
	s := text.Analyze("Good morning, everyone.")
	for name, v := range voices(t) {
		want := slices.Clone(v.Say(s, speech.Options{}).Samples)
		path := filepath.Join(t.TempDir(), "voice.safetensors")
		if err := v.Save(path, map[string]string{"note": "x"}); err != nil {
			t.Fatal(err)
		}
		again, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got := again.Say(s, speech.Options{}).Samples
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("%s: %d samples, before %d", name, len(got), len(want))
		}
		for i := range got {
			if d := math.Abs(float64(got[i] - want[i])); d > 2e-2 {
				t.Fatalf("%s: sample %d differs by %g", name, i, d)
			}
		}
		if len(again.Say(text.Analyze("..."), speech.Options{}).Samples) != 0 {
			t.Errorf("%s: speaks without words", name)
		}
	}
}

// Tokens follow each other, their times are those of the samples, speed divides them, and another
// latent vector gives other ones.
func TestTiming(t *testing.T) {
	v := voices(t)["frames"]
	s := text.Analyze("The kettle is on, and tea is at four.")
	total := func(o speech.Options) int {
		u := v.Say(s, o)
		at := 0
		for _, k := range u.Tokens {
			if k.Start != at || k.Frames < 0 {
				t.Fatalf("token %s starts at %d and lasts %d, want %d", k.Symbol, k.Start, k.Frames, at)
			}
			at += k.Frames
		}
		if len(u.Samples) != at*160 {
			t.Errorf("%d samples of %d frames", len(u.Samples), at)
		}
		return at
	}
	normal := total(speech.Options{})
	if fast := total(speech.Options{Speed: 2}); fast < normal/2 || fast > normal/2+1 {
		t.Errorf("%d frames, %d at twice the speed", normal, fast)
	}
	other := v.Say(s, speech.Options{Rand: rand.New(rand.NewPCG(9, 9))})
	if slices.Equal(other.Tokens, v.Say(s, speech.Options{}).Tokens) {
		t.Error("the latent vector does not matter")
	}
	n := 0
	for u, err := range v.Speak(context.Background(), strings.NewReader("One. Two."), speech.Options{}) {
		if err != nil || len(u.Samples) == 0 {
			t.Errorf("%d samples, %v", len(u.Samples), err)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d sentences, want 2", n)
	}
}

func TestBadFiles(t *testing.T) {
	v := voices(t)["samples"]
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := v.Save(good, nil); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"short": whole[:len(whole)/2],
		"other": []byte(strings.Replace(string(whole), `"eats"`, `"oats"`, 1)),
		"wide":  []byte(strings.Replace(string(whole), `\"channels\":12`, `\"channels\":16`, 1)),
		"huge":  []byte(strings.Replace(string(whole), `\"blocks\":1,`, `\"blocks\":9,`, 1)),
		"rate":  []byte(strings.Replace(string(whole), `\"frame_rate\":100`, `\"frame_rate\":900`, 1)),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.Generator.Aligner.Length.Bias.Dense.Data[0] = float32(math.NaN())
	if err := weights.Save(good, v, map[string]string{archKey: Arch, configKey: config(t, v)}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(good); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("a weight that is not a number: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	for name, v := range voices(f) {
		path := filepath.Join(dir, name)
		if err := v.Save(path, nil); err != nil {
			f.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := weights.Read("fuzz", b)
		if err != nil {
			return
		}
		if v, err := load(file, "fuzz"); err == nil {
			v.Say(text.Analyze("No."), speech.Options{})
		}
	})
}

func config(t *testing.T, v *Voice) string {
	t.Helper()
	b, err := json.Marshal(v.Config)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
