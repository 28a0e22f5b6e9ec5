package codecs

import (
	"bytes"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/internal/testkit"
)

// The FLAC library prints a line for each frame at a rate it has no test file of.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// sound is a decaying chord with some noise, exact in 16 bits.
func sound(channels, frames int) *audio.Sound {
	rng := rand.New(rand.NewPCG(4, 0))
	a := &audio.Sound{Rate: 16000, Channels: make([][]float32, channels)}
	for c := range a.Channels {
		a.Channels[c] = make([]float32, frames)
		for i := range a.Channels[c] {
			v := math.Sin(float64(i)*0.05*float64(c+1))*math.Exp(-float64(i)/5000) + 0.01*rng.NormFloat64()
			s, _ := audio.Int16(float32(0.7 * v))
			a.Channels[c][i] = float32(s) / (1 << 15)
		}
	}
	return a
}

func saveWAV(t *testing.T, path string, a *audio.Sound) {
	t.Helper()
	w, err := audio.CreateWAV(path, a.Rate, len(a.Channels))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Send(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func writeFLAC(t *testing.T, w io.Writer, a *audio.Sound) {
	t.Helper()
	f, err := NewFLACWriter(w, a.Rate, len(a.Channels))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 0))
	for i := 0; i < a.Len(); {
		n := min(1+rng.IntN(3000), a.Len()-i)
		var buf []float32
		for j := i; j < i+n; j++ {
			for _, c := range a.Channels {
				buf = append(buf, c[j])
			}
		}
		if err := f.Write(buf); err != nil {
			t.Fatal(err)
		}
		i += n
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, got, want *audio.Sound) {
	t.Helper()
	if got.Rate != want.Rate || len(got.Channels) != len(want.Channels) || got.Len() != want.Len() {
		t.Fatalf("rate %d, %d channels, %d frames; want %d, %d, %d", got.Rate, len(got.Channels), got.Len(),
			want.Rate, len(want.Channels), want.Len())
	}
	for c := range want.Channels {
		for i, v := range want.Channels[c] {
			if got.Channels[c][i] != v {
				t.Fatalf("channel %d, frame %d: %v, want %v", c, i, got.Channels[c][i], v)
			}
		}
	}
}

func TestFLACRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 2, 8} {
		for _, frames := range []int{1, 4096, 10000} {
			a := sound(channels, frames)
			var b bytes.Buffer
			writeFLAC(t, &b, a)
			got, err := audio.Decode(&b)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, a)
		}
	}
}

// The reference program takes our files, and we take its, at several settings.
func TestFLACAgainstTheReferenceProgram(t *testing.T) {
	prog, err := exec.LookPath("flac")
	if err != nil {
		t.Skip("flac is not installed")
	}
	dir := t.TempDir()
	a := sound(2, 20000)
	ours := filepath.Join(dir, "ours.flac")
	f, err := os.Create(ours)
	if err != nil {
		t.Fatal(err)
	}
	writeFLAC(t, f, a)
	f.Close()
	if msg, err := exec.Command(prog, "-s", "-t", "-w", ours).CombinedOutput(); err != nil {
		t.Errorf("flac -t: %v\n%s", err, msg)
	}
	in := filepath.Join(dir, "in.wav")
	saveWAV(t, in, a)
	for _, level := range []string{"-0", "-5", "-8"} {
		out := filepath.Join(dir, "theirs.flac")
		if msg, err := exec.Command(prog, "-s", "-f", level, "-o", out, in).CombinedOutput(); err != nil {
			t.Fatalf("flac: %v\n%s", err, msg)
		}
		got, err := audio.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, a)
	}
}

// Other widths, many channels and high rates, through the reference program from WAV.
func TestFLACOfOtherWidths(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ bits, rate, channels string }{{"8", "8000", "1"}, {"24", "192000", "8"}, {"24", "44100", "2"}, {"16", "11025", "3"}} {
		wav, out := filepath.Join(dir, "a.wav"), filepath.Join(dir, "a.flac")
		convert(t, "sox", "-n", "-r", c.rate, "-c", c.channels, "-b", c.bits, wav, "synth", "0.3", "pinknoise", "gain", "-3")
		convert(t, "flac", "-s", "-f", "--channel-map=none", "-o", out, wav)
		want, err := audio.Open(wav)
		if err != nil {
			t.Fatal(err)
		}
		got, err := audio.Open(out)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		same(t, got, want)
	}
}

func TestFLACCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.flac")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writeFLAC(t, f, sound(1, 10000))
	f.Close()
	whole, _ := os.ReadFile(path)
	for _, n := range []int{10, 42, 60, len(whole) / 2, len(whole) - 1} {
		_, err := audio.Decode(bytes.NewReader(whole[:n]))
		if err == nil || !strings.Contains(err.Error(), "FLAC") {
			t.Errorf("%d of %d bytes: error %v", n, len(whole), err)
		}
	}
	flipped := bytes.Clone(whole)
	flipped[len(whole)/2] ^= 4
	if _, err := audio.Decode(bytes.NewReader(flipped)); err == nil {
		t.Error("a flipped bit went unnoticed")
	}
}

func TestFLACOfTheRecordings(t *testing.T) {
	dir := testkit.Shared(t, "data/cathy-arctic")
	a, err := audio.Open(filepath.Join(dir, "wavs", "arctic_a0001.flac"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Rate != 24000 || len(a.Channels) != 1 || a.Seconds() < 2 || a.Seconds() > 6 {
		t.Errorf("rate %d, %d channels, %.2f s", a.Rate, len(a.Channels), a.Seconds())
	}
}

func FuzzFLAC(f *testing.F) {
	var b bytes.Buffer
	w, err := NewFLACWriter(&b, 8000, 2)
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range sound(1, 100).Channels {
		if err := w.Write(c); err != nil {
			f.Fatal(err)
		}
	}
	w.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) { drain(t, newAny(newFLACReader(bytes.NewReader(file)))) })
}

// newAny drops a stream that could not be opened.
func newAny[S audio.Stream](s S, err error) audio.Stream {
	if err != nil {
		return nil
	}
	return s
}

// drain reads a stream to its end: it must come, in whole frames.
func drain(t *testing.T, s audio.Stream) {
	if s == nil {
		return
	}
	buf := make([]float32, 1000*s.Channels())
	for range 10000 {
		n, err := s.Read(buf)
		if err != nil {
			return
		}
		if n == 0 || n%s.Channels() != 0 {
			t.Fatalf("%d samples of %d channels", n, s.Channels())
		}
	}
}
