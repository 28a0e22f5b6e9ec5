package audio_test

import (
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// level returns the RMS of the middle half of x, in dB of a full sine.
func level(x []float32) float64 {
	sum := 1e-30
	for _, v := range x[len(x)/4 : 3*len(x)/4] {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(2*sum/float64(len(x)/2))
}

// Tones up to 95 % of the lower Nyquist frequency pass unchanged, those above it vanish:
// neither images nor aliases are louder than -80 dB.
func TestResampleTones(t *testing.T) {
	for _, c := range []struct{ from, to int }{{48000, 16000}, {24000, 16000}, {22050, 16000}, {16000, 24000}, {8000, 16000},
		{44100, 48000}, {192000, 16000}, {44100, 16000}, {11025, 16001}, {16000, 11027}} {
		n := c.from / 2
		nyquist := float64(min(c.from, c.to)) / 2
		for _, share := range []float64{0, 0.01, 0.4, 0.949} {
			hz := share * nyquist
			y := audio.Resample(tone(hz, c.from, n, 1), c.from, c.to)
			if want := (n*c.to + c.from - 1) / c.from; len(y) != want {
				t.Fatalf("%d to %d: %d samples, want %d", c.from, c.to, len(y), want)
			}
			for i := range y {
				y[i] -= float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(c.to)))
			}
			if db := level(y); db > -80 {
				t.Errorf("%d to %d, %.0f Hz: off by %.1f dB", c.from, c.to, hz, db)
			}
		}
		if c.to < c.from {
			for _, share := range []float64{1.001, 1.05, 1.3, float64(c.from) / float64(c.to) * 0.999} {
				if db := level(audio.Resample(tone(share*nyquist, c.from, n, 1), c.from, c.to)); db > -80 {
					t.Errorf("%d to %d: %.3f of the Nyquist frequency leaves %.1f dB", c.from, c.to, share, db)
				}
			}
		}
	}
}

// Pieces of any size give what the whole gives.
func TestResamplerInPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	for _, c := range []struct{ from, to int }{{24000, 16000}, {44100, 48000}, {16000, 16001}, {7, 5}, {1, 1}} {
		x := make([]float32, 5000)
		for i := range x {
			x[i] = rng.Float32() - 0.5
		}
		want := audio.Resample(x, c.from, c.to)
		r := audio.NewResampler(c.from, c.to)
		for range 2 { // after Flush it begins anew
			var got []float32
			for at := 0; at < len(x); {
				n := min(rng.IntN(400), len(x)-at)
				got = r.Push(got, x[at:at+n])
				at += n
			}
			if early := len(got); early < len(want)-len(want)/4 {
				t.Errorf("%d to %d: only %d of %d samples before the end", c.from, c.to, early, len(want))
			}
			got = r.Flush(got)
			if len(got) != len(want) {
				t.Fatalf("%d to %d: %d samples in pieces, %d whole", c.from, c.to, len(got), len(want))
			}
			for i := range got {
				if math.Abs(float64(got[i]-want[i])) > 1e-5 {
					t.Fatalf("%d to %d, sample %d: %g in pieces, %g whole", c.from, c.to, i, got[i], want[i])
				}
			}
		}
	}
	for _, n := range []int{0, 1, 2} {
		if y := audio.Resample(make([]float32, n), 24000, 16000); len(y) != (2*n+2)/3 {
			t.Errorf("%d samples become %d", n, len(y))
		}
	}
}

// SoX's very high quality: below 95 % of the lower Nyquist frequency the two agree.
func TestResampleAgainstSoX(t *testing.T) {
	sox, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed")
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(7, 0))
	for _, c := range []struct{ from, to int }{{24000, 16000}, {48000, 24000}, {44100, 16000}, {16000, 48000}} {
		// Noise without the highest frequencies: a shaped one would hide errors in them.
		noise := make([]float32, c.from)
		for i := range noise {
			noise[i] = float32(0.1 * rng.NormFloat64())
		}
		low := int(0.9 * float64(min(c.from, c.to)))
		x := audio.Resample(audio.Resample(noise, c.from, low), low, c.from)
		in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
		save(t, in, &audio.Sound{Rate: c.from, Channels: [][]float32{x}}, true)
		args := []string{"-G", in, "-e", "float", "-b", "32", "-r", strconv.Itoa(c.to), out, "rate", "-v"}
		if msg, err := exec.Command(sox, args...).CombinedOutput(); err != nil {
			t.Fatalf("sox: %v\n%s", err, msg)
		}
		want, err := audio.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		got := audio.Resample(x, c.from, c.to)
		if d := len(got) - want.Len(); d < -1 || d > 1 {
			t.Fatalf("%d samples, SoX has %d", len(got), want.Len())
		}
		gap := make([]float32, min(len(got), want.Len()))
		for i := range gap {
			gap[i] = got[i] - want.Channels[0][i]
		}
		if db := level(gap) - level(got); db > -80 {
			t.Errorf("%d to %d: %.1f dB from SoX", c.from, c.to, db)
		} else {
			t.Logf("%d to %d: %.1f dB from SoX", c.from, c.to, db)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, c := range []struct {
		name     string
		from, to int
	}{{"24k-16k", 24000, 16000}, {"44k1-16k", 44100, 16000}, {"odd", 44100, 16001}} {
		x := tone(440, c.from, 5*c.from, 0.5)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				audio.Resample(x, c.from, c.to)
			}
			b.ReportMetric(5*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
		})
	}
}
