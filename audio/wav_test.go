package audio_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/audio"
)

// wavBytes builds a file by hand: the test's own idea of the format.
func wavBytes(tag, channels, rate, bits int, extensible bool, data []byte) []byte {
	var b bytes.Buffer
	le := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	width := (bits + 7) / 8 * channels
	size, t := 16, tag
	if extensible {
		size, t = 40, 0xFFFE
	}
	b.WriteString("RIFF")
	le(uint32(4 + 8 + size + 8 + 10 + 8 + len(data)))
	b.WriteString("WAVELIST\x09\x00\x00\x00INFOodd..\x00fmt ")
	le(uint32(size))
	le(uint16(t))
	le(uint16(channels))
	le(uint32(rate))
	le(uint32(rate * width))
	le(uint16(width))
	le(uint16(bits))
	if extensible {
		le(uint16(22))
		le(uint16(bits))
		le(uint32(3))
		le(uint16(tag))
		b.WriteString("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
	}
	b.WriteString("data")
	le(uint32(len(data)))
	b.Write(data)
	return b.Bytes()
}

func TestWAVReadsEveryEncoding(t *testing.T) {
	values := []float64{0, 0.5, -0.5, -1, 0.25, 127.0 / 128}
	for _, c := range []struct {
		name      string
		tag, bits int
		put       func(b *bytes.Buffer, v float64)
	}{
		{"8", 1, 8, func(b *bytes.Buffer, v float64) { b.WriteByte(byte(v*128 + 128)) }},
		{"16", 1, 16, func(b *bytes.Buffer, v float64) { binary.Write(b, binary.LittleEndian, int16(v*(1<<15))) }},
		{"20 in 24", 1, 20, func(b *bytes.Buffer, v float64) {
			i := int32(v * (1 << 23))
			b.Write([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		}},
		{"24", 1, 24, func(b *bytes.Buffer, v float64) {
			i := int32(v * (1 << 23))
			b.Write([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		}},
		{"32", 1, 32, func(b *bytes.Buffer, v float64) { binary.Write(b, binary.LittleEndian, int32(v*(1<<31))) }},
		{"float", 3, 32, func(b *bytes.Buffer, v float64) { binary.Write(b, binary.LittleEndian, float32(v)) }},
		{"double", 3, 64, func(b *bytes.Buffer, v float64) { binary.Write(b, binary.LittleEndian, v) }},
	} {
		for _, channels := range []int{1, 2, 3} {
			for _, ext := range []bool{false, true} {
				var data bytes.Buffer
				for _, v := range values {
					c.put(&data, v)
				}
				a, err := audio.Decode(bytes.NewReader(wavBytes(c.tag, channels, 44100, c.bits, ext, data.Bytes())))
				if err != nil {
					t.Errorf("%s bits, %d channels, extensible %v: %v", c.name, channels, ext, err)
					continue
				}
				if a.Rate != 44100 || len(a.Channels) != channels || a.Len() != len(values)/channels {
					t.Fatalf("%s: rate %d, %d channels, %d frames", c.name, a.Rate, len(a.Channels), a.Len())
				}
				for i, v := range values {
					if got := a.Channels[i%channels][i/channels]; float64(got) != v {
						t.Errorf("%s bits, %d channels: value %d is %v, want %v", c.name, channels, i, got, v)
					}
				}
			}
		}
	}
}

// A short read, one frame at a time, and a long one give the same samples.
func TestWAVStreamsInAnyPieces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	data := make([]byte, 4*999)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	file := wavBytes(1, 2, 8000, 16, false, data)
	want, err := audio.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := audio.NewWAVReader(iotestOneByte{bytes.NewReader(file)})
	if err != nil {
		t.Fatal(err)
	}
	for frame := 0; ; {
		buf := make([]float32, 2*(1+rng.IntN(5))+rng.IntN(2))
		n, err := s.Read(buf)
		if err == io.EOF {
			if frame != 999 {
				t.Errorf("%d frames, want 999", frame)
			}
			break
		}
		if err != nil || n == 0 || n%2 != 0 {
			t.Fatalf("%d values, %v", n, err)
		}
		for i, v := range buf[:n] {
			if w := want.Channels[i%2][frame+i/2]; v != w {
				t.Fatalf("frame %d: %v, want %v", frame+i/2, v, w)
			}
		}
		frame += n / 2
	}
}

type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }

func TestWAVErrorsNameThePlace(t *testing.T) {
	good := wavBytes(1, 2, 16000, 16, false, make([]byte, 400))
	nan := make([]byte, 4*20)
	binary.LittleEndian.PutUint32(nan[4*13:], math.Float32bits(float32(math.NaN())))
	data := bytes.Index(good, []byte("data"))
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "no data", nil},
		{"text", "neither", []byte("To be, or not to be")},
		{"cut header", "at byte 20", good[:20]},
		{"cut data", "100 bytes are missing", good[:len(good)-100]},
		{"cut in a frame", "33 bytes are missing", good[:len(good)-33]},
		{"NaN", "sample 6 of channel 1 is NaN", wavBytes(3, 2, 16000, 32, false, nan)},
		{"no channels", "0 channels", wavBytes(1, 0, 16000, 16, false, nil)},
		{"no rate", "0 samples a second", wavBytes(1, 1, 0, 16, false, nil)},
		{"mu-law", "kind 7", wavBytes(7, 1, 8000, 8, false, make([]byte, 8))},
		{"float of 16 bits", "kind 3 with 16", wavBytes(3, 1, 8000, 16, false, make([]byte, 8))},
		{"no format", "before the format", append([]byte("RIFF\x00\x00\x00\x00WAVE"), good[data:]...)},
	} {
		_, err := audio.Decode(bytes.NewReader(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	path := filepath.Join(t.TempDir(), "cut.wav")
	if err := os.WriteFile(path, good[:len(good)-1], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := audio.Open(path); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
		t.Errorf("cut file: error %v does not name the file or wrap io.ErrUnexpectedEOF", err)
	}
}

// Streams whose length was never filled in run to the end, and files with no samples but
// other chunks after them hold none.
func TestWAVOfUnknownLength(t *testing.T) {
	for _, c := range []struct{ riff, data uint32 }{{0, 0}, {0xffffffff, 0xffffffff}, {36, 0}} {
		file := wavBytes(1, 1, 16000, 16, false, make([]byte, 9))
		binary.LittleEndian.PutUint32(file[4:], c.riff)
		binary.LittleEndian.PutUint32(file[len(file)-13:], c.data)
		a, err := audio.Decode(bytes.NewReader(file))
		if err != nil || a.Len() != 4 {
			t.Errorf("sizes %d and %d: %v, %v", c.riff, c.data, a, err)
		}
	}
	file := append(wavBytes(1, 1, 16000, 16, false, nil), "LIST\x04\x00\x00\x00abcd"...)
	binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
	if a, err := audio.Decode(bytes.NewReader(file)); err != nil || a.Len() != 0 {
		t.Errorf("no samples, then a chunk: %v, %v", a, err)
	}
	var b bytes.Buffer
	b.WriteString("RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00")
	b.Write(make([]byte, 8))
	binary.Write(&b, binary.LittleEndian, []uint64{6, 3})
	b.Write(make([]byte, 4))
	plain := wavBytes(1, 1, 16000, 16, false, []byte{1, 0, 2, 0, 3, 0, 9, 9})
	binary.LittleEndian.PutUint32(plain[len(plain)-12:], 0xffffffff)
	b.Write(plain[12:])
	if a, err := audio.Decode(&b); err != nil || a.Len() != 3 || a.Channels[0][2] != 3.0/32768 {
		t.Errorf("RF64: %v, %v", a, err)
	}
}

// A header that promises four gigabytes costs no more memory than the file has.
func TestWAVHeaderDoesNotBuyMemory(t *testing.T) {
	file := wavBytes(1, 1, 16000, 16, false, make([]byte, 100))
	binary.LittleEndian.PutUint32(file[len(file)-104:], 0xFFFFFFF0)
	got := testing.AllocsPerRun(1, func() { audio.Decode(bytes.NewReader(file)) })
	if got > 100 {
		t.Errorf("%v allocations", got)
	}
	if _, err := audio.Decode(bytes.NewReader(file)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func save(t *testing.T, path string, a *audio.Sound, floats bool) {
	t.Helper()
	w, err := audio.CreateWAV(path, a.Rate, len(a.Channels))
	if err != nil {
		t.Fatal(err)
	}
	w.Float = floats
	if err := a.Send(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWAVFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	for _, channels := range []int{1, 2, 8} {
		for _, frames := range []int{0, 1, 5000} {
			a := &audio.Sound{Rate: 192000, Channels: make([][]float32, channels)}
			for c := range a.Channels {
				a.Channels[c] = make([]float32, frames)
				for i := range a.Channels[c] {
					a.Channels[c][i] = float32(rng.IntN(1<<16)-1<<15) / (1 << 15)
				}
			}
			for _, floats := range []bool{false, true} {
				path := filepath.Join(t.TempDir(), "a.wav")
				save(t, path, a, floats)
				b, err := audio.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				sameAudio(t, b, a)
				raw, _ := os.ReadFile(path)
				if got := binary.LittleEndian.Uint32(raw[4:]); int(got) != len(raw)-8 {
					t.Errorf("RIFF length %d in a file of %d bytes", got, len(raw))
				}
				left, _ := os.ReadDir(filepath.Dir(path))
				if len(left) != 1 {
					t.Errorf("left behind: %v", left)
				}
			}
		}
	}
}

func sameAudio(t *testing.T, got, want *audio.Sound) {
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

// Through a pipe the lengths stay unknown, and readers go to the end.
func TestWAVThroughAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		o := audio.NewWAVWriter(w, 16000, 1)
		err := o.Write([]float32{0, 0.5, -2, 1, 1.01})
		if err == nil {
			err = o.Close()
		}
		if err != nil || o.Clipped() != 2 {
			t.Errorf("%v, %d clipped", err, o.Clipped())
		}
		w.Close()
	}()
	a, err := audio.Decode(r)
	if err != nil {
		t.Fatal(err)
	}
	top := float32(32767.0 / 32768)
	sameAudio(t, a, &audio.Sound{Rate: 16000, Channels: [][]float32{{0, 0.5, -1, top, top}}})
}

func TestWAVWriterKeepsTheOldFileOnAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := audio.CreateWAV(path, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]float32{0, 0, 0, float32(math.Inf(1))})
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "sample 1 of channel 1 is +Inf") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the file now holds %d bytes", len(b))
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// SoX writes each encoding from one file; what we read agrees to the last bit it kept.
func TestWAVAgainstSoX(t *testing.T) {
	sox, err := exec.LookPath("sox")
	if err != nil {
		t.Skip("sox is not installed")
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 0))
	a := &audio.Sound{Rate: 22050, Channels: [][]float32{make([]float32, 1000), make([]float32, 1000)}}
	for i := range 1000 {
		for c := range a.Channels {
			a.Channels[c][i] = rng.Float32()*1.8 - 0.9
		}
	}
	in := filepath.Join(dir, "in.wav")
	save(t, in, a, true)
	for _, c := range []struct {
		args []string
		tol  float64
	}{
		{[]string{"-b", "8"}, 1.0 / 128}, {[]string{"-b", "16"}, 1.0 / (1 << 15)}, {[]string{"-b", "24"}, 1.0 / (1 << 23)},
		{[]string{"-b", "32"}, 1e-7}, {[]string{"-e", "float", "-b", "32"}, 1e-7}, {[]string{"-e", "float", "-b", "64"}, 1e-7},
	} {
		out := filepath.Join(dir, "out.wav")
		args := append(append([]string{"-D", in}, c.args...), out)
		if msg, err := exec.Command(sox, args...).CombinedOutput(); err != nil {
			t.Fatalf("sox %v: %v\n%s", args, err, msg)
		}
		b, err := audio.Open(out)
		if err != nil {
			t.Errorf("sox %v: %v", c.args, err)
			continue
		}
		worst := 0.0
		for ch := range a.Channels {
			for i, v := range a.Channels[ch] {
				worst = max(worst, math.Abs(float64(b.Channels[ch][i]-v)))
			}
		}
		if worst > c.tol {
			t.Errorf("sox %v: off by %v", c.args, worst)
		}
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(wavBytes(1, 2, 16000, 16, false, make([]byte, 40)))
	f.Add(wavBytes(3, 1, 16000, 64, true, make([]byte, 40)))
	f.Add([]byte("RF64\xff\xff\xff\xffWAVEds64\x10\x00\x00\x00aaaaaaaabbbbbbbbdata\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := audio.NewWAVReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		buf := make([]float32, 3*s.Channels()+1)
		for total := 0; ; {
			n, err := s.Read(buf)
			if err != nil {
				return
			}
			if total += n; n == 0 || n%s.Channels() != 0 || total > len(file) {
				t.Fatalf("%d samples, %d in all, from %d bytes", n, total, len(file))
			}
		}
	})
}
