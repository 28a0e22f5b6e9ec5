package audio_test

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// A tone of amplitude a in the middle of a band: the window's sum is 320, so its bin has
// the magnitude 160·a.
func TestMelOfATone(t *testing.T) {
	m := audio.VoiceMel()
	x := tone(1000, 16000, 16000, 0.5)
	mel := m.Of(x)
	T := m.Count(len(x))
	if len(mel) != 80*T || T != 101 {
		t.Fatalf("%d values, %d frames", len(mel), T)
	}
	best, band := -100.0, 0
	for b := range 80 {
		if v := float64(mel[b*T+50]); v > best {
			best, band = v, b
		}
	}
	// The corners of band b are b, b+1 and b+2 of 81 equal steps of the mel scale.
	step := audio.HTK.Mel(8000) / 81
	if low, high := audio.HTK.Hertz(float64(band)*step), audio.HTK.Hertz(float64(band+2)*step); low > 1000 || high < 1000 {
		t.Errorf("loudest band %d is from %.0f to %.0f Hz", band, low, high)
	}
	louder := m.Of(tone(1000, 16000, 16000, 1))
	if d := float64(louder[band*T+50] - mel[band*T+50]); math.Abs(d-math.Ln2) > 1e-3 {
		t.Errorf("twice the amplitude adds %g, want ln 2", d)
	}
	if v := m.Of(make([]float32, 4000))[0]; math.Abs(float64(v)-math.Log(1e-4)) > 1e-5 {
		t.Errorf("silence is %g", v)
	}
	magnitudes := m.Magnitudes(x)
	if v := magnitudes[64*T+50]; math.Abs(float64(v)-160*0.5) > 0.01 {
		t.Errorf("bin of the tone is %g, want 80", v)
	}
}

func TestCepstraOfACosine(t *testing.T) {
	const bands, k = 80, 5
	mel := make([]float32, bands)
	for j := range mel {
		mel[j] = float32(math.Cos(math.Pi * k * (float64(j) + 0.5) / bands))
	}
	for i, v := range audio.Cepstra(mel, bands, 13) {
		want := 0.0
		if i == k {
			want = math.Sqrt(bands / 2.0)
		}
		if math.Abs(float64(v)-want) > 1e-4 {
			t.Errorf("c%d is %g, want %g", i, v, want)
		}
	}
}

func TestMuLaw(t *testing.T) {
	x := []float32{0, 1, -1, 0.5, -0.001}
	y := append([]float32(nil), x...)
	audio.MuLaw(y, 65535)
	if want := math.Log1p(65535*0.5) / math.Log1p(65535); math.Abs(float64(y[3])-want) > 1e-6 || y[1] != 1 || y[2] != -1 {
		t.Errorf("companded: %v", y)
	}
	audio.FromMuLaw(y, 65535)
	for i, v := range x {
		if math.Abs(float64(y[i]-v)) > 1e-6 {
			t.Errorf("there and back: %g, want %g", y[i], v)
		}
	}
}

func TestLevels(t *testing.T) {
	x := make([]float32, 16000)
	copy(x[4000:8000], tone(200, 16000, 4000, 0.5))
	if r := audio.ActiveRMS(x, 16000); math.Abs(r-0.5/math.Sqrt2) > 0.01 {
		t.Errorf("active RMS %g", r)
	}
	if n := len(audio.Trim(x, 16000, 40, 0.05)); n < 4000+2*800-320 || n > 4000+2*800+320 {
		t.Errorf("trimmed to %d samples, want about 5600", n)
	}
	if n := len(audio.Trim(make([]float32, 1000), 16000, 40, 0.05)); n != 0 {
		t.Errorf("silence trimmed to %d", n)
	}
	for i := range x {
		x[i] += 0.25
	}
	audio.RemoveDC(x)
	if p := audio.Peak(x); math.Abs(float64(p)-0.5) > 0.01 {
		t.Errorf("peak %g", p)
	}
}

// EATSMel against the definition, in float64.
func TestEATSMel(t *testing.T) {
	m := audio.EATSMel(24000)
	for n, want := range map[int]int{48000: 47, 1024: 1, 1025: 2} {
		if got := m.Count(n); got != want {
			t.Errorf("%d samples are %d frames, want %d", n, got, want)
		}
	}
	x := noise(48000, 5)
	got := m.Of(x)
	for _, frame := range []int{0, 46} { // the last is part zeros
		var magnitude [1025]float64
		for k := range magnitude {
			re, im := 0.0, 0.0
			for i := range min(2048, len(x)-frame*1024) {
				v := float64(x[frame*1024+i]) * math.Pow(math.Sin(math.Pi*float64(i)/2048), 2)
				s, c := math.Sincos(2 * math.Pi * float64(i*k%2048) / 2048)
				re, im = re+v*c, im+v*s
			}
			magnitude[k] = math.Hypot(re, im)
		}
		mel := func(hz float64) float64 { return 1127 * math.Log(1+hz/700) }
		step := (mel(7600) - mel(80)) / 81
		for b := range 80 {
			corner := func(i int) float64 { return 700 * (math.Exp((mel(80)+step*float64(b+i))/1127) - 1) }
			sum := 0.0
			for k, v := range magnitude {
				hz := float64(k) * 24000 / 2048
				sum += v * max(0, min((hz-corner(0))/(corner(1)-corner(0)), (corner(2)-hz)/(corner(2)-corner(1))))
			}
			if want := math.Log(1 + 10000*sum); math.Abs(float64(got[b*47+frame])-want) > 1e-3 {
				t.Fatalf("frame %d, band %d: %g, want %g", frame, b, got[b*47+frame], want)
			}
		}
	}
}
