package audio_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// The FLAC library prints a line for each frame at a rate it has no test file of.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func tone(hz float64, rate, n int, amplitude float64) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return x
}

// wave is a WAV file written by hand.
func wave(kind, channels, rate, bits int, data []byte) []byte {
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEfmt "...)
	u16 := func(v int) { b = binary.LittleEndian.AppendUint16(b, uint16(v)) }
	u32 := func(v int) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	u32(16)
	u16(kind)
	u16(channels)
	u32(rate)
	u32(rate * channels * bits / 8)
	u16(channels * bits / 8)
	u16(bits)
	b = append(b, "LIST\x03\x00\x00\x00abc\x00data"...)
	u32(len(data))
	return append(b, data...)
}

func TestReadsEveryKindOfSample(t *testing.T) {
	float64s := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.25)), math.Float64bits(-1))
	float32s := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.25)), math.Float32bits(-1))
	for _, c := range []struct {
		kind, bits int
		data       []byte
	}{
		{1, 8, []byte{160, 0}}, {1, 16, []byte{0, 0x20, 0, 0x80}}, {1, 24, []byte{0, 0, 0x20, 0, 0, 0x80}},
		{1, 32, []byte{0, 0, 0, 0x20, 0, 0, 0, 0x80}}, {3, 32, float32s}, {3, 64, float64s},
	} {
		s, err := audio.Decode(bytes.NewReader(wave(c.kind, 1, 8000, c.bits, c.data)))
		if err != nil {
			t.Errorf("kind %d, %d bits: %v", c.kind, c.bits, err)
			continue
		}
		if x := s.Channels[0]; s.Rate != 8000 || len(x) != 2 || x[0] != 0.25 || x[1] != -1 {
			t.Errorf("kind %d, %d bits: %d samples a second, %v", c.kind, c.bits, s.Rate, x)
		}
	}
}

func TestWAVRoundTrip(t *testing.T) {
	s := &audio.Sound{Rate: 22050, Channels: [][]float32{tone(440, 22050, 5000, 0.5), tone(300, 22050, 5000, 1.5)}}
	var b bytes.Buffer // cannot seek: of unknown length
	if err := audio.EncodeWAV(&b, s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := audio.EncodeWAV(f, s); err != nil {
		t.Fatal(err)
	}
	f.Close()
	piped, err := audio.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	back, err := audio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for c, x := range s.Channels {
		for i, v := range x {
			want := max(-1, min(1, v))
			if d := math.Abs(float64(back.Channels[c][i] - want)); d > 1.0/32768+1e-6 || back.Channels[c][i] != piped.Channels[c][i] {
				t.Fatalf("channel %d, sample %d: %g, piped %g, want %g", c, i, back.Channels[c][i], piped.Channels[c][i], want)
			}
		}
	}
}

func TestBadSound(t *testing.T) {
	good := wave(1, 1, 16000, 16, make([]byte, 100))
	nan := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(math.NaN())))
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "no data"}, {"text", []byte("once upon a time"), "neither"}, {"cut", good[:len(good)-7], "cut short"}, {"cut head", good[:30], "cut short"},
		{"no data", good[:36], "no data chunk"}, {"channels", wave(1, 0, 16000, 16, nil), "channels"}, {"rate", wave(1, 1, 3, 16, nil), "samples a second"},
		{"bits", wave(1, 1, 16000, 12, nil), "bits"}, {"mp3 inside", wave(0x55, 1, 16000, 16, nil), "kind 85"}, {"NaN", wave(3, 1, 16000, 32, nan), "NaN"},
		{"FLAC", []byte("fLaC\x00\x00"), "cut short"},
	} {
		_, err := audio.Decode(bytes.NewReader(c.data))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := audio.Open("testdata/none.wav"); err == nil || !strings.Contains(err.Error(), "none.wav") {
		t.Errorf("missing file: %v", err)
	}
}

// The FLAC files of the shared voice against the same recording as a WAV at another rate.
func TestFLAC(t *testing.T) {
	dir := testkit.Shared(t, "data/cathy-arctic")
	flac, err := audio.Open(filepath.Join(dir, "wavs", "arctic_a0001.flac"))
	if err != nil {
		t.Fatal(err)
	}
	wav, err := audio.Open(filepath.Join(dir, "original-48k-stereo", "arctic_a0001.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if flac.Rate != 24000 || wav.Rate != 48000 || len(wav.Channels) != 2 {
		t.Fatalf("FLAC at %d, WAV at %d with %d channels", flac.Rate, wav.Rate, len(wav.Channels))
	}
	ours := wav.At(24000)
	if d := len(ours) - flac.Len(); d < -1 || d > 1 {
		t.Fatalf("%d samples, want %d", len(ours), flac.Len())
	}
	// Without the band up to 12 kHz, where the files' filter had begun to fall.
	theirs := audio.Resample(flac.Channels[0], 24000, 22000)
	ours = audio.Resample(ours, 24000, 22000)
	power, difference := 0.0, 0.0
	for i, v := range theirs[:min(len(ours), len(theirs))] {
		power += float64(v) * float64(v)
		difference += float64(v-ours[i]) * float64(v-ours[i])
	}
	if db := 10 * math.Log10(difference/power); db > -60 {
		t.Errorf("difference from the FLAC file's samples: %.1f dB", db)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(wave(1, 2, 16000, 24, make([]byte, 60)))
	f.Add(wave(3, 1, 16000, 32, make([]byte, 60)))
	if exe, err := exec.LookPath("flac"); err == nil {
		cmd := exec.Command(exe, "-c", "-s", "-")
		cmd.Stdin = bytes.NewReader(wave(1, 1, 16000, 16, make([]byte, 600)))
		if b, err := cmd.Output(); err == nil {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := audio.Decode(bytes.NewReader(b))
		if err == nil && (s.Rate < 1 || len(s.Channels) == 0) {
			t.Fatalf("%d samples a second, %d channels", s.Rate, len(s.Channels))
		}
	})
}
