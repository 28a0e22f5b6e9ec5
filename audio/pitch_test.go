package audio_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// voice is a buzz of falling harmonics whose pitch at second t is hz(t).
func voice(rate, n int, hz func(t float64) float64) []float32 {
	x := make([]float32, n)
	phase := 0.0
	for i := range x {
		f := hz(float64(i) / float64(rate))
		phase += 2 * math.Pi * f / float64(rate)
		for k := 1.0; k*f < 3500; k++ {
			x[i] += float32(0.2 / k * math.Cos(k*phase))
		}
	}
	return x
}

func TestPitch(t *testing.T) {
	const rate = 16000
	for name, hz := range map[string]func(t float64) float64{
		"low": func(float64) float64 { return 85 }, "high": func(float64) float64 { return 330 },
		"glide": func(t float64) float64 { return 120 + 100*t }, "vibrato": func(t float64) float64 { return 200 * math.Exp2(0.05*math.Sin(2*math.Pi*5*t)) },
	} {
		f0 := audio.Pitch(voice(rate, 2*rate, hz), rate, 160)
		if len(f0) != 201 {
			t.Fatalf("%s: %d frames", name, len(f0))
		}
		for i := 5; i < 195; i++ {
			want := hz(float64(i) / 100)
			if cents := 1200 * math.Abs(math.Log2(float64(f0[i])/want)); !(cents < 25) {
				t.Errorf("%s, frame %d: %g Hz, want %g", name, i, f0[i], want)
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]float32, 2*rate)
	for i := range noise {
		noise[i] = float32(rng.NormFloat64()) * 0.1
	}
	voiced := 0
	for _, f := range audio.Pitch(noise, rate, 160) {
		if f > 0 {
			voiced++
		}
	}
	if voiced > 10 {
		t.Errorf("%d of 201 frames of noise are voiced", voiced)
	}
	for i, f := range audio.Pitch(make([]float32, 3000), rate, 160) {
		if f != 0 {
			t.Errorf("silence, frame %d: %g Hz", i, f)
		}
	}
	if n := len(audio.Pitch(nil, rate, 160)); n != 1 {
		t.Errorf("no samples: %d frames", n)
	}
}

// An elderly woman's voice: about 160 Hz, two thirds of it voiced, moving by 3.6 semitones
// within a sentence by another tracker, which follows more of the room, and without leaps.
func TestPitchOfAVoice(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testkit.Shared(t, "data/cathy-arctic"), "wavs", "arctic_a00?0.flac"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	spread, voiced, frames, leaps, sum := 0.0, 0, 0, 0, 0.0
	for _, name := range files {
		s, err := audio.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var tones []float64
		last := float32(0)
		for _, f := range audio.Pitch(s.At(16000), 16000, 160) {
			if frames++; f > 0 {
				tones = append(tones, 12*math.Log2(float64(f)))
				if last > 0 && math.Abs(math.Log2(float64(f/last))) > 0.5 {
					leaps++
				}
			}
			last = f
		}
		m, q := 0.0, 0.0
		for _, v := range tones {
			m += v / float64(len(tones))
		}
		for _, v := range tones {
			q += (v - m) * (v - m) / float64(len(tones))
		}
		spread += math.Sqrt(q) / float64(len(files))
		sum += m * float64(len(tones))
		voiced += len(tones)
	}
	hz, share := math.Exp2(sum/float64(voiced)/12), float64(voiced)/float64(frames)
	if hz < 140 || hz > 190 || share < 0.5 || share > 0.75 || spread < 2.4 || spread > 4.4 || leaps > voiced/500 {
		t.Errorf("mean pitch %.0f Hz, spread %.2f semitones, %.2f voiced, %d leaps in %d frames", hz, spread, share, leaps, voiced)
	} else {
		t.Logf("mean pitch %.0f Hz, spread %.2f semitones, %.2f voiced, %d leaps in %d frames", hz, spread, share, leaps, voiced)
	}
}

func BenchmarkPitch(b *testing.B) {
	x := voice(16000, 160000, func(float64) float64 { return 180 })
	for b.Loop() {
		audio.Pitch(x, 16000, 160)
	}
	b.ReportMetric(10*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
}
