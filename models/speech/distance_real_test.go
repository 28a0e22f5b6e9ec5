package speech

import (
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/text"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the FLAC library's
	os.Exit(m.Run())
}

// held returns recordings that the built-in recogniser has not learned from, at 16 kHz, and what
// is said in them.
func held(t *testing.T, most int) (waves [][]float32, said [][]string) {
	t.Helper()
	s, err := data.OpenSpeech(testkit.Shared(t, "data/cathy-arctic"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 24; i < len(s.Clips) && len(waves) < most; i += 25 {
		x, err := s.Clips[i].Wave(RecognizerRate)
		if err != nil {
			t.Fatal(err)
		}
		var phones []string
		for _, p := range text.Analyze(s.Clips[i].Text).Phonemes() {
			phones = append(phones, trimStress(p))
		}
		waves, said = append(waves, x), append(said, phones)
	}
	return waves, said
}

func trimStress(p string) string {
	if n := len(p) - 1; p[n] >= '0' && p[n] <= '2' {
		return p[:n]
	}
	return p
}

// The built-in recogniser hears 22 % of the phones of such recordings wrong.
func TestBuiltInRecognizer(t *testing.T) {
	waves, said := held(t, 12)
	errs, phones := 0, 0
	for i, x := range waves {
		heard := DefaultRecognizer().Phones([][]float32{RecognizerFeatures(x)})[0]
		errs += PhoneErrors(heard, said[i])
		phones += len(said[i])
	}
	if rate := float64(errs) / float64(phones); rate > 0.3 {
		t.Errorf("phone error rate %.3f", rate)
	} else {
		t.Logf("phone error rate %.3f", rate)
	}
}

// Distances from recordings stay where only the level changes, rise with noise, and with what a
// low-pass filter takes.
func TestDistancesOfDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	waves, _ := held(t, 40)
	r := DefaultRecognizer()
	embed := func(change func(x []float32) []float32) [][]float64 {
		var out [][]float64
		for _, x := range waves {
			out = append(out, r.Embeddings(change(append([]float32(nil), x...)))...)
		}
		return out
	}
	clean := embed(func(x []float32) []float32 { return x })
	if len(clean) < 30 {
		t.Fatalf("%d clips", len(clean))
	}
	measure := func(what string, change func(x []float32) []float32) (frechet, kernel float64) {
		y := embed(change)
		kernel, _ = KernelDistance(clean, y)
		frechet = FrechetDistance(clean, y)
		t.Logf("%-16s Fréchet %8.4f, kernel %8.4f", what, frechet, kernel)
		return frechet, kernel
	}
	f, k := measure("20 dB quieter", func(x []float32) []float32 { audio.Gain(x, 0.1); return x })
	if f > 0.02 || k > 0.02 {
		t.Errorf("a change of level makes a distance of %v and %v", f, k)
	}
	rng := rand.New(rand.NewPCG(6, 6))
	for _, db := range []float64{40, 30, 20, 10, 0} {
		f2, k2 := measure("noise", func(x []float32) []float32 {
			g := audio.ActiveRMS(x, RecognizerRate) * math.Pow(10, -db/20)
			for i := range x {
				x[i] += float32(g * rng.NormFloat64())
			}
			return x
		})
		if f2 < f || k2 < k {
			t.Errorf("noise at %v dB: %v and %v, less than before", db, f2, k2)
		}
		f, k = f2, k2
	}
	low, lowKernel := measure("up to 3 kHz", func(x []float32) []float32 {
		return audio.Resample(audio.Resample(x, RecognizerRate, 6000), 6000, RecognizerRate)
	})
	if low < 10 || lowKernel < 0.5 { // as noise at 20 dB
		t.Errorf("band up to 3 kHz: %v and %v", low, lowKernel)
	}
	half := len(clean) / 2
	d := Compare(embed(func(x []float32) []float32 { return x })[:half], clean[:half], clean[half:])
	t.Logf("of the same clips %.4f, of others %.4f, floor %.4f", d.CKDSD, d.KDSD, d.FloorKDSD)
	if d.CFDSD > 1e-3 || d.FDSD != d.FloorFDSD || d.KDSD != d.FloorKDSD || d.Clips != half {
		t.Errorf("recordings against themselves: %+v", d)
	}
}
