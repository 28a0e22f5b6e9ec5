package audio_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/audio"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/testkit"
)

func noise(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64()) * 0.1
	}
	return x
}

func TestSTFTInverts(t *testing.T) {
	for _, s := range []audio.STFT{audio.NewSTFT(1024, 640, 160), audio.NewSTFT(512, 512, 128), audio.NewSTFT(320, 320, 80)} {
		for _, reflect := range []bool{false, true} {
			s.Reflect = reflect
			for _, n := range []int{1, 2, 700, 5003} {
				x := noise(n, 1)
				re, im := s.Forward(x)
				for i, v := range s.Inverse(re, im, n) {
					if math.Abs(float64(v-x[i])) > 1e-5 {
						t.Fatalf("size %d, reflect %v: sample %d of %d is %g, want %g", s.Size, reflect, i, n, v, x[i])
					}
				}
			}
		}
	}
}

// Reflection takes the place of silence at the ends: frame 0 of an even signal is even.
func TestSTFTReflects(t *testing.T) {
	s := audio.NewSTFT(64, 64, 16)
	s.Reflect = true
	x := noise(40, 2)
	re, im := s.Forward(x)
	T := 1 + len(x)/s.Hop
	for k := range s.Bins() {
		want := 0.0
		for i := -32; i < 32; i++ {
			at := max(i, -i)
			want += float64(x[at]) * (0.5 + 0.5*math.Cos(math.Pi*float64(i)/32)) * math.Cos(math.Pi*float64(k*(i+32))/32)
		}
		if math.Abs(float64(re[k*T])-want) > 1e-5 || math.Abs(float64(im[k*T])) > 1e-5 {
			t.Fatalf("bin %d: %g%+gi, want %g", k, re[k*T], im[k*T], want)
		}
	}
}

// distance is |a - b|/|b|.
func distance(a, b []float32) float64 {
	d, s := 0.0, 0.0
	for i, v := range b {
		d += float64(a[i]-v) * float64(a[i]-v)
		s += float64(v) * float64(v)
	}
	return math.Sqrt(d / s)
}

func TestGriffinLim(t *testing.T) {
	s := audio.NewSTFT(256, 256, 64)
	x := noise(4000, 3)
	re, im := s.Forward(x)
	want := make([]float32, len(re))
	audio.Magnitudes(want, re, im)
	far := func(y []float32) float64 {
		re, im := s.Forward(y)
		audio.Magnitudes(re, re, im)
		return distance(re, want)
	}
	try := func(iterations int, momentum float32) float64 {
		g := audio.GriffinLim{STFT: s, Iterations: iterations, Momentum: momentum}
		return far(g.Waveform(want, len(x), rand.New(rand.NewPCG(4, 0))))
	}
	start, plain, fast := try(0, 0), try(30, 0), try(30, 0.99)
	if !(plain < 0.6*start && fast < 0.8*plain) {
		t.Errorf("distances: %.3f at the start, %.3f after 30 iterations, %.3f with momentum", start, plain, fast)
	}
	if y := audio.NewGriffinLim(s, 3).From(want, x); distance(y, x) > 1e-4 {
		t.Errorf("from its own phases a waveform moves by %g", distance(y, x))
	}
}

// meanDifference is the mean of |a - b|.
func meanDifference(a, b []float32) float64 {
	d := 0.0
	for i, v := range b {
		d += math.Abs(float64(a[i]-v)) / float64(len(b))
	}
	return d
}

// The figures are those of another implementation on other sentences of this speaker: a
// mean difference of log mel spectra of 0.131 after 8 iterations, 0.092 after 32.
func TestWaveformFromMel(t *testing.T) {
	dir := testkit.Shared(t, "data/cathy-arctic")
	s, err := audio.Open(filepath.Join(dir, "wavs", "arctic_a0010.flac"))
	if err != nil {
		t.Fatal(err)
	}
	x := append([]float32(nil), s.At(16000)...)
	audio.RemoveDC(x)
	audio.Gain(x, 0.7/float64(audio.Peak(x)))
	front := audio.VoiceMel()
	mel := front.Of(x)
	if d := meanDifference(front.Log(front.Invert(mel, 60)), mel); d > 0.02 {
		t.Errorf("magnitudes of the mel spectra are off by %.4f", d)
	}
	try := func(what string, most float64, f func() []float32) []float32 {
		began := time.Now()
		y := f()
		took := time.Since(began)
		d := meanDifference(front.Of(y), mel)
		t.Logf("%s: mel L1 %.3f, %.0f times real time", what, d, float64(len(x))/16000/took.Seconds())
		if d > most {
			t.Errorf("%s: mel L1 %.3f, want at most %.3f", what, d, most)
		}
		return y
	}
	rng := rand.New(rand.NewPCG(1, 0))
	rough := try("2 iterations", 0.35, func() []float32 { return front.Waveform(mel, len(x), 2, rng) })
	try("8 iterations", 0.14, func() []float32 { return front.Waveform(mel, len(x), 8, rng) })
	try("32 iterations", 0.1, func() []float32 { return front.Waveform(mel, len(x), 32, rng) })
	try("8 iterations from 2", 0.12, func() []float32 { return front.Polish(rough, mel, 8) })
}
