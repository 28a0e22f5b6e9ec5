package quality

import (
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/testkit"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the FLAC library is talkative
	os.Exit(m.Run())
}

// recordings returns three sentences of a speaker at a fixed level.
func recordings(t *testing.T) [][]float32 {
	dir := testkit.Shared(t, "data/cathy-arctic")
	var out [][]float32
	for _, id := range []string{"a0010", "a0123", "b0301"} {
		s, err := audio.Open(filepath.Join(dir, "wavs", "arctic_"+id+".flac"))
		if err != nil {
			t.Fatal(err)
		}
		x := append([]float32(nil), s.At(Rate)...)
		audio.RemoveDC(x)
		audio.Gain(x, 0.1/audio.ActiveRMS(x, Rate))
		out = append(out, x)
	}
	return out
}

// score compares sentences with what f makes of them.
func score(t *testing.T, xs [][]float32, aligned bool, f func(i int) []float32) Score {
	t.Helper()
	var sum Tally
	for i, x := range xs {
		one, err := Compare(x, f(i), aligned)
		if err != nil {
			t.Fatal(err)
		}
		sum.Merge(one)
	}
	return sum.Score()
}

func noisy(x []float32, db float64) []float32 {
	rng := rand.New(rand.NewPCG(8, 0))
	power := 0.0
	for _, v := range x {
		power += float64(v) * float64(v) / float64(len(x))
	}
	y := append([]float32(nil), x...)
	for i := range y {
		y[i] += float32(rng.NormFloat64() * math.Sqrt(power) * math.Pow(10, -db/20))
	}
	return y
}

// lowPassed leaves what is below 4 kHz.
func lowPassed(x []float32) []float32 {
	return audio.Resample(audio.Resample(x, Rate, 8000), 8000, Rate)[:len(x)]
}

// monotone gives speech the pitch hz by overlapping and adding windows of two periods, and
// leaves its timing and spectra.
func monotone(x []float32, hz float64) []float32 {
	f0 := audio.Pitch(x, Rate, Hop)
	y := make([]float32, len(x))
	from := 0.0 // place of the last window in x
	for at := 0.0; int(at) < len(x); {
		f := float64(f0[int(at)/Hop])
		period, step := Rate/200.0, Rate/200.0
		if f > 0 {
			period, step = Rate/f, Rate/hz
		}
		from += period * math.Round((at-from)/period) // whole periods keep the phase
		n := int(period)
		for i := -n; i < n; i++ {
			if s, d := int(from)+i, int(at)+i; s >= 0 && s < len(x) && d >= 0 && d < len(y) {
				y[d] += x[s] * float32((0.5+0.5*math.Cos(math.Pi*float64(i)/float64(n)))*step/period)
			}
		}
		at += step
	}
	return y
}

// Each control must move its measures the right way, against no change and against a small one.
func TestNegativeControls(t *testing.T) {
	xs := recordings(t)
	same := score(t, xs, true, func(i int) []float32 { return xs[i] })
	for name, v := range map[string]float64{"MCD": same.MCD, "MCD13": same.MCD13, "MCD24": same.MCD24, "LSD1024": same.LSD1024, "LSD2048": same.LSD2048,
		"mel L1": same.MelL1, "periodicity": same.Periodicity, "F0": same.F0, "voicing": same.Voicing, "STOI": 1 - same.STOI, "ESTOI": 1 - same.ESTOI,
		"length": same.LengthRatio - 1, "spread": same.Spread - same.ReferenceSpread, "clipped": same.Clipped} {
		if !(math.Abs(v) < 1e-6) {
			t.Errorf("a recording against itself: %s is off by %g", name, v)
		}
	}
	clean := score(t, xs, true, func(i int) []float32 { return noisy(xs[i], 30) })
	noise := score(t, xs, true, func(i int) []float32 { return noisy(xs[i], 0) })
	low := score(t, xs, true, func(i int) []float32 { return lowPassed(xs[i]) })
	flat := score(t, xs, true, func(i int) []float32 { return monotone(xs[i], 160) })
	kept := score(t, xs, false, func(i int) []float32 { return xs[i] })
	shuffled := score(t, xs, false, func(i int) []float32 { return xs[(i+1)%len(xs)] })
	t.Logf("noise at 30 dB: %s\nnoise at 0 dB: %s\n4 kHz: %s\nmonotone: %s\nshuffled: %s", line(clean), line(noise), line(low), line(flat), line(shuffled))
	larger := func(what string, a, b float64) {
		t.Helper()
		if !(a > b) {
			t.Errorf("%s: %.4f, not above %.4f", what, a, b)
		}
	}
	larger("noise, MCD13", noise.MCD13, 2*clean.MCD13)
	larger("noise, MCD24", noise.MCD24, clean.MCD24+2)
	larger("noise, warped MCD", noise.MCD, clean.MCD+2)
	larger("noise, LSD1024", noise.LSD1024, clean.LSD1024+3)
	larger("noise, LSD2048", noise.LSD2048, clean.LSD2048+3)
	larger("noise, mel L1", noise.MelL1, clean.MelL1+0.5)
	larger("noise, periodicity", noise.Periodicity, 3*clean.Periodicity)
	larger("noise, voicing", noise.Voicing, 2*clean.Voicing)
	larger("noise, STOI", clean.STOI-0.1, noise.STOI)
	larger("noise, ESTOI", clean.ESTOI-0.2, noise.ESTOI)
	larger("low pass, LSD1024", low.LSD1024, 5)
	larger("low pass, mel L1", low.MelL1, 0.5)
	larger("low pass, MCD13", low.MCD13, 2)
	larger("low pass keeps pitch", 20, low.F0)
	larger("low pass keeps periodicity", 0.1, low.Periodicity)
	larger("monotone, spread", flat.ReferenceSpread/2, flat.Spread)
	larger("monotone, F0", flat.F0, 150)
	larger("monotone keeps spectra", noise.MCD13/2, flat.MCD13)
	larger("shuffled, MCD", shuffled.MCD, kept.MCD+4)
	larger("shuffled, MCD24", shuffled.MCD24, kept.MCD24+4)
	larger("shuffled, mel L1", shuffled.MelL1, 0.6)
	larger("shuffled, F0", shuffled.F0, 150)
	larger("shuffled, voicing", shuffled.Voicing, 0.05)
	if !math.IsNaN(shuffled.STOI) || !math.IsNaN(shuffled.MCD13) || !math.IsNaN(shuffled.Periodicity) {
		t.Error("measures of aligned recordings were given for others")
	}
}

func line(s Score) string {
	return strings.Trim(fmt.Sprintf("%+.3v", s), "{}")
}

// Slower speech costs little after warping and much without.
func TestWarpingFollowsTime(t *testing.T) {
	xs := recordings(t)[:1]
	slow := audio.Resample(xs[0], 15, 16) // also lower by a semitone
	warped := score(t, xs, false, func(int) []float32 { return slow })
	straight, err := Compare(xs[0], slow[:len(xs[0])], true)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := warped.MCD24, straight.Score().MCD24; !(a < 0.75*b) {
		t.Errorf("%.2f dB warped, %.2f dB not", a, b)
	}
	if d := math.Abs(warped.F0 - 1200*math.Log2(16.0/15)); d > 40 {
		t.Errorf("pitch differs by %.0f cents", warped.F0)
	}
	if d := math.Abs(warped.LengthRatio - 16.0/15); d > 0.01 {
		t.Errorf("length ratio %.3f", warped.LengthRatio)
	}
}

// A gain of g moves log spectra by ln g, and cepstra not at all.
func TestGainInClosedForm(t *testing.T) {
	x := noisy(make([]float32, Rate), 0)
	rng := rand.New(rand.NewPCG(9, 0))
	for i := range x {
		x[i] = float32(0.1 * rng.NormFloat64())
	}
	y := append([]float32(nil), x...)
	audio.Gain(y, 2)
	s := score(t, [][]float32{x}, true, func(int) []float32 { return y })
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"LSD1024", s.LSD1024, 20 * math.Log10(2)}, {"LSD2048", s.LSD2048, 20 * math.Log10(2)}, {"mel L1", s.MelL1, math.Ln2}, {"MCD13", s.MCD13, 0}, {"MCD24", s.MCD24, 0}} {
		if math.Abs(c.got-c.want) > 2e-3 {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
}

// A log mel spectrum that differs by a·cos(πk(j+½)/80) has the distance 10/ln 10·√2·|a| dB.
func TestDistanceInClosedForm(t *testing.T) {
	mel := make([]float32, 80)
	for j := range mel {
		mel[j] = float32(0.3 * math.Cos(math.Pi*4*(float64(j)+0.5)/80))
	}
	c := audio.Cepstra(mel, 80, order+1)
	var a, b [order]float32
	for k := range order {
		a[k] = float32(math.Sqrt(2.0/80)) * c[k+1]
	}
	if got, want := distance(a[:13], b[:13]), 10/math.Ln10*math.Sqrt2*0.3; math.Abs(got-want) > 1e-4 {
		t.Errorf("%g dB, want %g", got, want)
	}
}

// Warping against all paths tried out.
func TestWarpIsCheapest(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 0))
	for _, size := range []pair{{1, 1}, {1, 4}, {5, 1}, {6, 4}, {5, 7}} {
		x, y := make([][order]float32, size.a), make([][order]float32, size.b)
		for i := range x {
			x[i][0] = rng.Float32()
		}
		for i := range y {
			y[i][0] = rng.Float32()
		}
		var try func(i, j int) float64
		try = func(i, j int) float64 {
			if i < 0 || j < 0 {
				return math.Inf(1)
			}
			d := distance(x[i][:13], y[j][:13])
			if i == 0 && j == 0 {
				return d
			}
			return d + min(try(i-1, j-1), try(i-1, j), try(i, j-1))
		}
		path, cost := warp(x, y), 0.0
		for i, p := range path {
			cost += distance(x[p.a][:13], y[p.b][:13])
			if i > 0 && (p.a-path[i-1].a < 0 || p.a-path[i-1].a > 1 || p.b-path[i-1].b < 0 || p.b-path[i-1].b > 1 || p == path[i-1]) {
				t.Fatalf("step from %v to %v", path[i-1], p)
			}
		}
		if path[0] != (pair{0, 0}) || path[len(path)-1] != (pair{size.a - 1, size.b - 1}) {
			t.Errorf("path from %v to %v", path[0], path[len(path)-1])
		}
		if want := try(size.a-1, size.b-1); math.Abs(cost-want) > 1e-4 {
			t.Errorf("%v: path of %g, cheapest is %g", size, cost, want)
		}
	}
}

func TestSTOIAgainstNumPy(t *testing.T) {
	golden, err := os.ReadFile("testdata/stoi.tsv")
	if err != nil {
		t.Fatal(err)
	}
	const n = 3 * stoiRate
	for _, row := range strings.Split(strings.TrimSpace(string(golden)), "\n") {
		var gain, want, wantExtended float64
		if _, err := fmt.Sscan(row, &gain, &want, &wantExtended); err != nil {
			t.Fatal(err)
		}
		x, y := make([]float32, n), make([]float32, n)
		state := uint32(1)
		for i := range x {
			s := float64(i) / stoiRate
			v := 0.0
			for k := 1.0; k < 30; k++ {
				v += math.Sin(2*math.Pi*140*k*s+k*k) / k
			}
			v *= 0.1 * (0.55 - 0.45*math.Cos(2*math.Pi*3.1*s)) * (1 + 0.5*math.Sin(2*math.Pi*0.7*s))
			if i >= stoiRate && i < stoiRate+4000 {
				v = 0
			}
			state = state*1664525 + 1013904223
			x[i], y[i] = float32(v), float32(v+gain*(float64(state)/(1<<31)-1))
		}
		stoi, extended, ok := STOI(x, y, stoiRate)
		if !ok || math.Abs(stoi-want) > 1e-4 || math.Abs(extended-wantExtended) > 1e-4 {
			t.Errorf("noise of %g: %.5f and %.5f, want %.5f and %.5f", gain, stoi, extended, want, wantExtended)
		}
	}
}

func TestArtefacts(t *testing.T) {
	x := recordings(t)[0]
	natural := HopComb(x, Hop)
	buzz := append([]float32(nil), x...)
	for i := 40; i < len(buzz); i += Hop {
		buzz[i] += 0.01
	}
	hum := append([]float32(nil), x...)
	for i := range hum { // noise whose level follows the frames
		hum[i] *= float32(1 + 0.3*math.Cos(2*math.Pi*float64(i)/Hop))
	}
	if b, h := HopComb(buzz, Hop), HopComb(hum, Hop); !(natural < 0.15 && b > 1 && h > natural+0.1) {
		t.Errorf("comb %.3f, with clicks %.3f, with a hum %.3f", natural, b, h)
	} else {
		t.Logf("comb %.3f, with clicks %.3f, with a hum %.3f", natural, b, h)
	}
	if c := ClipFraction([]float32{0, 1, -1, 0.5, 1.2}); c != 0.6 {
		t.Errorf("clipped %g", c)
	}
}

func TestBadRecordings(t *testing.T) {
	x := noisy(make([]float32, Rate), 0)
	for i := range x {
		x[i] = float32(i%100) / 200
	}
	for _, c := range []struct {
		name, want string
		x, y       []float32
		aligned    bool
	}{
		{"one sample", "too short", x[:1], x, false}, {"nothing", "too short", x, nil, true},
		{"silence", "silent", make([]float32, Rate), x, false}, {"lengths", "not aligned", x, x[:Rate/2], true},
		{"long", "ten minutes", x, make([]float32, 601*Rate), false},
	} {
		if _, err := Compare(c.x, c.y, c.aligned); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	// Silence is a bad imitation, not an error.
	s := score(t, [][]float32{x}, true, func(int) []float32 { return make([]float32, Rate) })
	if !(s.MCD13 > 1 && s.LSD1024 > 10) || !math.IsNaN(s.F0) || !math.IsNaN(s.Spread) {
		t.Errorf("silence: %+v", s)
	}
}

func BenchmarkCompare(b *testing.B) {
	x := monotone(noisy(make([]float32, 5*Rate), 0), 160)
	rng := rand.New(rand.NewPCG(9, 0))
	for i := range x {
		x[i] = float32(0.1 * rng.NormFloat64())
	}
	for b.Loop() {
		if _, err := Compare(x, x, true); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(5*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
}
