package speech

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
)

// alike fails where a and b, of like size, differ by more than a share of b's mean square.
func alike(t *testing.T, what string, a, b []float32, share float64) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d values, want %d", what, len(a), len(b))
	}
	power := 0.0
	for _, v := range b {
		power += float64(v) * float64(v)
	}
	most := share * math.Sqrt(power/float64(len(b)))
	for i, v := range a {
		if d := math.Abs(float64(v - b[i])); !(d <= most) {
			t.Fatalf("%s: value %d is %g, want %g", what, i, v, b[i])
		}
	}
}

// A long sentence is the same in pieces as in one: no frame depends on more than the windows show.
func TestPieces(t *testing.T) {
	v := tiny(t)
	u := v.Say(text.Analyze(strings.Repeat("so the kettle is on, and the tea ", 12)), Options{})
	T := len(u.Pitch)
	if T < 2*pieceFrames {
		t.Fatalf("%d frames are one piece", T)
	}
	lengths, tokens := make([]float32, len(u.Tokens)), make([]Token, len(u.Tokens))
	for i, k := range u.Tokens {
		lengths[i], tokens[i] = float32(k.Frames), k.Token
	}
	_, pitch, own, _ := v.Follow(tokens, lengths, u.Pitch)
	alike(t, "pitch", u.Pitch, pitch, 1e-4)
	alike(t, "mel", u.Mel, own, 1e-3)

	rng := rand.New(rand.NewPCG(5, 5))
	hz := make([]float32, T)
	for i := range hz {
		if i/70%2 == 0 {
			hz[i] = 150 + 30*float32(math.Sin(float64(i)/40))
		}
	}
	for i := range u.Mel {
		u.Mel[i] = float32(-3 + rng.NormFloat64())
	}
	got := v.Decode(u.Mel, hz, rand.New(rand.NewPCG(1, 1)))
	e := Excite(hz, 1, T, rand.New(rand.NewPCG(1, 1)))
	tape := &grad.Tape{NoGrad: true}
	whole := v.Decoder.Wave(tape, tape.Input(tensor.Of(u.Mel, MelBands, 1, T)), tensor.Of(v.Config.Stats.Pitch(hz), pitchRows, 1, T), e, &v.Config.Stats)
	alike(t, "samples", got, whole.Value.Data, 1e-3)
}
