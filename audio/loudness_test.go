package audio_test

import (
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// tones returns seconds of 1 kHz at levels in dB of full scale, one after the other.
func tones(rate, channels int, parts ...float64) *audio.Sound {
	var x []float32
	for i := 0; i < len(parts); i += 2 {
		x = append(x, tone(1000, rate, int(parts[i]*float64(rate)), math.Pow(10, parts[i+1]/20))...)
	}
	s := &audio.Sound{Rate: rate, Channels: make([][]float32, channels)}
	for c := range s.Channels {
		s.Channels[c] = x
	}
	return s
}

// The first, third and fourth cases of EBU Tech 3341, and the same at other rates: -23 LUFS.
func TestLoudnessOfTones(t *testing.T) {
	for _, c := range []struct {
		name  string
		sound *audio.Sound
		want  float64
		tol   float64
	}{
		{"case 1", tones(48000, 2, 10, -23), -23, 0.05},
		{"case 2", tones(48000, 2, 10, -33), -33, 0.05},
		{"case 3", tones(48000, 2, 5, -36, 30, -23, 5, -36), -23, 0.05},
		{"case 4", tones(48000, 2, 5, -72, 5, -36, 30, -23, 5, -36, 5, -72), -23, 0.05},
		{"mono", tones(48000, 1, 5, -20), -23, 0.05},
		{"16 kHz", tones(16000, 2, 5, -23), -23, 0.1},
		{"44.1 kHz", tones(44100, 2, 5, -23), -23, 0.05},
		{"4 kHz", tones(4000, 2, 5, -23), -23, 0.1},
		{"short", tones(48000, 2, 0.05, -23), -23, 0.6},
		{"from behind", &audio.Sound{Rate: 48000, Channels: [][]float32{make([]float32, 96000), make([]float32, 96000), make([]float32, 96000),
			tone(1000, 48000, 96000, 1), tone(1000, 48000, 96000, 0.1), make([]float32, 96000)}}, -23 + 10*math.Log10(1.41), 0.05},
	} {
		if got := audio.Loudness(c.sound); !(math.Abs(got-c.want) < c.tol) {
			t.Errorf("%s: %.2f LUFS, want %.2f", c.name, got, c.want)
		}
	}
	for _, s := range []*audio.Sound{tones(48000, 1, 2, -90), {Rate: 16000, Channels: [][]float32{{}}}, {Rate: 16000, Channels: [][]float32{{0}}}} {
		if got := audio.Loudness(s); !math.IsInf(got, -1) {
			t.Errorf("silence: %g LUFS", got)
		}
		if g := s.Normalize(-20, 1); g != 1 {
			t.Errorf("silence: gain %g", g)
		}
	}
}

func TestNormalize(t *testing.T) {
	s := tones(16000, 1, 2, -40)
	s.Normalize(-20, 0.9)
	if got := audio.Loudness(s); math.Abs(got+20) > 1e-3 {
		t.Errorf("%.3f LUFS, want -20", got)
	}
	s.Normalize(0, 0.9)
	if p := audio.Peak(s.Channels[0]); math.Abs(float64(p)-0.9) > 1e-5 {
		t.Errorf("peak %g, want 0.9", p)
	}
}

// FFmpeg's measure of a recording.
func TestLoudnessAgainstFFmpeg(t *testing.T) {
	prog, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	path := filepath.Join(testkit.Shared(t, "data/cathy-arctic"), "original-48k-stereo", "arctic_a0001.wav")
	said, err := exec.Command(prog, "-hide_banner", "-nostats", "-i", path, "-af", "ebur128", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, said)
	}
	all := regexp.MustCompile(`I:\s+(-[0-9.]+) LUFS`).FindAllSubmatch(said, -1)
	if len(all) == 0 {
		t.Fatalf("no loudness in: %s", said)
	}
	want, err := strconv.ParseFloat(string(all[len(all)-1][1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	s, err := audio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := audio.Loudness(s); math.Abs(got-want) > 0.1 {
		t.Errorf("%.2f LUFS, FFmpeg has %.1f", got, want)
	}
}
