package codecs

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// convert runs a program in dir, or skips without it.
func convert(t *testing.T, name string, args ...string) {
	t.Helper()
	prog, err := exec.LookPath(name)
	if err != nil {
		t.Skip(name + " is not installed")
	}
	if msg, err := exec.Command(prog, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, msg)
	}
}

// snr returns the ratio of the power of want to that of the difference, in dB.
func snr(got, want [][]float32, shift int) float64 {
	signal, noise := 0.0, 1e-20
	for c := range want {
		for i := range want[c] {
			if j := i + shift; j >= 0 && j < len(got[c]) {
				d := float64(got[c][j] - want[c][i])
				signal += float64(want[c][i]) * float64(want[c][i])
				noise += d * d
			}
		}
	}
	return 10 * math.Log10(signal/noise)
}

// music is a chord with vibrato, smooth enough for low bit rates.
func music(rate, channels, n int) *audio.Sound {
	a := &audio.Sound{Rate: rate, Channels: make([][]float32, channels)}
	for c := range a.Channels {
		a.Channels[c] = make([]float32, n)
		for i := range n {
			s := float64(i) / float64(rate)
			for k, f := range []float64{220, 331, 440 + 30*float64(c), 1200} {
				a.Channels[c][i] += float32(0.15 * math.Sin(2*math.Pi*f*s+float64(k)+0.5*math.Sin(9*s)) * min(1, 20*s))
			}
		}
	}
	return a
}

// LAME's file, decoded: the length is that of the original to the sample, and the sound
// agrees with it as far as the bit rate allows, at no shift.
func TestMP3(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		rate, channels int
		args           []string
	}{{44100, 2, nil}, {44100, 1, nil}, {48000, 2, []string{"-V", "2"}}, {32000, 1, nil}, {24000, 1, []string{"-b", "96"}},
		{22050, 2, []string{"--add-id3v2", "--tt", "title"}}, {16000, 1, []string{"-V", "2", "--id3v1-only", "--tt", "title"}}} {
		in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.mp3")
		want := music(c.rate, c.channels, c.rate)
		saveWAV(t, in, want)
		convert(t, "lame", append(append([]string{"--quiet"}, c.args...), in, out)...)
		got, err := audio.Open(out)
		if err != nil {
			t.Errorf("%d Hz, %d channels: %v", c.rate, c.channels, err)
			continue
		}
		if got.Rate != c.rate || len(got.Channels) != c.channels || got.Len() != want.Len() {
			t.Errorf("%d Hz, %d channels, %d samples; want %d, %d, %d", got.Rate, len(got.Channels), got.Len(), c.rate, c.channels, want.Len())
			continue
		}
		if db := snr(got.Channels, want.Channels, 0); db < 20 {
			t.Errorf("%d Hz, %d channels: %.1f dB", c.rate, c.channels, db)
		}
		whole, _ := os.ReadFile(out)
		for _, n := range []int{100, 300, len(whole) / 2} {
			if _, err := audio.Decode(bytes.NewReader(whole[:n])); err == nil {
				t.Errorf("%d Hz: %d of %d bytes decode without an error", c.rate, n, len(whole))
			}
		}
	}
}

// The reference decoder's output is the truth: at each rate of the encoder all of SILK,
// hybrid and CELT frames occur.
func TestOpusAgainstTheReferenceProgram(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		channels int
		bitrate  string
		speech   string
	}{{1, "8", "--speech"}, {1, "16", "--speech"}, {1, "24", "--speech"}, {1, "32", "--speech"}, {1, "64", "--music"}, {2, "96", "--music"}, {2, "24", "--speech"}} {
		in, out, ref := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.opus"), filepath.Join(dir, "ref.wav")
		saveWAV(t, in, music(48000, c.channels, 48000))
		convert(t, "opusenc", "--quiet", "--bitrate", c.bitrate, c.speech, in, out)
		convert(t, "opusdec", "--quiet", "--float", "--rate", "48000", out, ref)
		want, err := audio.Open(ref)
		if err != nil {
			t.Fatal(err)
		}
		got, err := audio.Open(out)
		if err != nil {
			t.Errorf("%d channels, %s kbit/s %s: %v", c.channels, c.bitrate, c.speech, err)
			continue
		}
		if got.Rate != 48000 || len(got.Channels) != c.channels || got.Len() != want.Len() {
			t.Errorf("%d Hz, %d channels, %d samples; want 48000, %d, %d", got.Rate, len(got.Channels), got.Len(), c.channels, want.Len())
			continue
		}
		if db := snr(got.Channels, want.Channels, 0); db < 40 {
			t.Errorf("%d channels, %s kbit/s %s: %.1f dB from the reference", c.channels, c.bitrate, c.speech, db)
		} else {
			t.Logf("%d channels, %s kbit/s %s: %.1f dB", c.channels, c.bitrate, c.speech, db)
		}
		whole, _ := os.ReadFile(out)
		for _, n := range []int{10, 60, len(whole) / 2, len(whole) - 1} {
			if _, err := audio.Decode(bytes.NewReader(whole[:n])); err == nil || !strings.Contains(err.Error(), "cut short") {
				t.Errorf("%d of %d bytes: error %v", n, len(whole), err)
			}
		}
		flipped := bytes.Clone(whole)
		flipped[len(whole)/2] ^= 1
		if _, err := audio.Decode(bytes.NewReader(flipped)); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("a flipped bit: error %v", err)
		}
	}
}

// Vorbis is in Ogg files too.
func TestOtherOggIsNamed(t *testing.T) {
	page := []byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x07\x01vorbis")
	sum := oggSum(page)
	page[22], page[23], page[24], page[25] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
	if _, err := audio.Decode(bytes.NewReader(page)); err == nil || !strings.Contains(err.Error(), "other than Opus") {
		t.Errorf("error %v", err)
	}
}
