package speech

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
	"github.com/seed073b5613/filigree/weights"
)

// tiny is an untrained voice.
func tiny(t testing.TB) *Voice {
	t.Helper()
	stats := Stats{MelMean: make([]float32, MelBands), MelDeviation: 2, PitchMean: math.Log(180), PitchSpread: 0.2}
	for i := range stats.MelMean {
		stats.MelMean[i] = -3
	}
	v, err := NewVoice(Config{Name: "tiny", Stats: stats,
		Acoustic: AcousticSpec{Tokens: 16, Blocks: 1, Pitch: 16, Frames: 16, Hidden: 32, Layers: 1},
		Decoder:  DecoderSpec{Channels: 16, Hidden: 32, Layers: 1}}, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func symbolsOf(tokens []Token) string {
	var s []string
	for _, k := range tokens {
		s = append(s, k.Symbol)
	}
	return strings.Join(s, " ")
}

func TestTokens(t *testing.T) {
	for line, want := range map[string]string{
		"No.":          "< N OW1 .",
		"Tea, now?":    "< T IY1 , N AW1 ?",
		"\"At four?\"": "< AE1 T F AO1 R ?",
		"...":          "",
	} {
		if got := symbolsOf(Tokens(text.Analyze(line), nil)); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	tokens := Tokens(text.Analyze("Go on now."), func(word int) bool { return word == 0 })
	if got := symbolsOf(tokens); got != "< G OW1 _ AA1 N N AW1 ." {
		t.Errorf("a pause after the first word: %s", got)
	}
	for i, want := range []int{noPlace, firstPlace, lastPlace, noPlace, firstPlace, lastPlace} {
		if tokens[i].place != want {
			t.Errorf("token %d: place %d, want %d", i, tokens[i].place, want)
		}
	}
}

func TestVoiceRoundTrip(t *testing.T) {
	v := tiny(t)
	ps := nn.Params(v)
	m := prune.Static{Sparsity: 0.5, Distribution: prune.ERK, Structure: prune.Structure{Rows: 4}}
	if err := m.Begin(prune.Weights(ps), rand.New(rand.NewPCG(1, 1))); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps { // what 16 bits hold
		for i, w := range p.Values() {
			p.Values()[i] = float32(math.Round(float64(w)*512) / 512)
		}
	}
	s := text.Analyze("Good morning, everyone.")
	want := v.Say(s, Options{})
	samples := slices.Clone(want.Samples)
	path := filepath.Join(t.TempDir(), "v.safetensors")
	if err := v.Save(path, map[string]string{"licence": "CC0"}); err != nil {
		t.Fatal(err)
	}
	back, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.Say(s, Options{}); !slices.Equal(got.Samples, samples) || back.Config.Name != "tiny" {
		t.Error("a saved voice speaks differently")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.safetensors")
	if err := os.WriteFile(cut, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cut); err == nil || !strings.Contains(err.Error(), "cut.safetensors") {
		t.Errorf("cut short: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.safetensors")
	if err := weights.Save(other, v, map[string]string{archKey: "gru"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(other); err == nil || !strings.Contains(err.Error(), "not a voice") {
		t.Errorf("another architecture: %v", err)
	}
}

func TestSay(t *testing.T) {
	v := tiny(t)
	u := v.Say(text.Analyze("One, two."), Options{})
	frames := 0
	for i, k := range u.Tokens {
		if k.Start != frames || k.Frames < 1 {
			t.Errorf("token %d is %d frames from %d, want from %d", i, k.Frames, k.Start, frames)
		}
		frames += k.Frames
	}
	if len(u.Samples) != frames*Hop || len(u.Pitch) != frames || len(u.Mel) != frames*MelBands {
		t.Errorf("%d frames, %d samples, %d of pitch, %d of mel", frames, len(u.Samples), len(u.Pitch), len(u.Mel))
	}
	for i, s := range u.Samples {
		if math.IsNaN(float64(s)) || math.Abs(float64(s)) > 100 {
			t.Fatalf("sample %d is %v", i, s)
		}
	}
	slow := v.Say(text.Analyze("One, two."), Options{Speed: 0.5})
	if r := float64(len(slow.Pitch)) / float64(frames); r < 1.8 || r > 2.2 {
		t.Errorf("at half the speed it takes %.2f times as long", r)
	}
	if e := v.Say(text.Analyze("?!"), Options{}); len(e.Samples) != 0 {
		t.Errorf("punctuation is %d samples", len(e.Samples))
	}
}

// A long text without any punctuation is spoken in parts, and all of it.
func TestSpeakInParts(t *testing.T) {
	v := tiny(t)
	words, spoken := 0, 0
	long := strings.Repeat("tea ", 300)
	for u, err := range v.Speak(context.Background(), strings.NewReader(long+". Yes."), Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n := len(u.Sentence.Words); n > mostWords {
			t.Errorf("%d words at once", n)
		}
		words += len(u.Sentence.Words)
		spoken += len(u.Samples)
	}
	if words != 301 || spoken == 0 {
		t.Errorf("%d words, want 301; %d samples", words, spoken)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	for _, err := range v.Speak(ctx, strings.NewReader("Yes."), Options{}) {
		if err == nil {
			t.Error("spoken after the end of the context")
		}
	}
}

func TestPulsesAreTheSumOfHarmonics(t *testing.T) {
	for _, K := range []int{1, 2, 7, 40} {
		for _, phase := range []float64{0, 1e-9, 0.01, 0.25, 0.5, 0.77, 1 - 1e-9} {
			want := 0.0
			for k := 1; k <= K; k++ {
				want += math.Cos(2 * math.Pi * float64(k) * phase)
			}
			want *= math.Sqrt(2 / float64(K))
			if got := pulses(phase, K); math.Abs(got-want) > 1e-4 {
				t.Errorf("%d harmonics at %g: %g, want %g", K, phase, got, want)
			}
		}
	}
}

// The excitation has the pitch it is asked for, and its power is 1, voiced or not.
func TestExcite(t *testing.T) {
	hz := make([]float32, 100)
	for i := range 60 {
		hz[i] = 200
	}
	out := make([]float32, 100*Hop)
	excite(hz, 0.3, rand.New(rand.NewPCG(1, 1)), out)
	for i, f := range audio.Pitch(out, SampleRate, Hop)[5:50] {
		if math.Abs(float64(f)-200) > 2 {
			t.Errorf("frame %d: %g Hz, want 200", i+5, f)
		}
	}
	for _, part := range [][]float32{out[:50*Hop], out[65*Hop:]} {
		power := 0.0
		for _, v := range part {
			power += float64(v * v)
		}
		if power /= float64(len(part)); power < 0.85 || power > 1.15 {
			t.Errorf("power %g, want 1", power)
		}
	}
}

// The prior of noise is its magnitude, bin by bin.
func TestPrior(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	x := make([]float32, 4*SampleRate)
	for i := range x {
		x[i] = float32(0.1 * rng.NormFloat64())
	}
	mel := audio.VoiceMel().Of(x)
	T := len(mel) / MelBands
	logs := prior(nil, &grad.Var{Value: tensor.Of(mel, MelBands, len(mel)/MelBands)}).Value.Data
	// A window of 40 ms has a power of 240; the mean magnitude is √(π/4) of its root.
	want := math.Log(0.1 * math.Sqrt(240*math.Pi/4))
	for _, k := range []int{4, 40, 160, 300} {
		sum := 0.0
		for _, v := range logs[k*T : (k+1)*T] {
			sum += float64(v)
		}
		if got := sum / float64(T); math.Abs(got-want) > 0.2 {
			t.Errorf("bin %d: %.2f, want %.2f", k, got, want)
		}
	}
}

func FuzzSay(f *testing.F) {
	v := tiny(f)
	f.Add("Hello there, {HH AH0} 12.")
	f.Add("\xff?")
	f.Fuzz(func(t *testing.T, line string) {
		if len(line) > 200 {
			return
		}
		u := v.Say(text.Analyze(line), Options{})
		if len(u.Samples)%Hop != 0 {
			t.Errorf("%d samples", len(u.Samples))
		}
	})
}
