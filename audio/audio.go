// Package audio reads and writes sound, and measures it: WAV files and, with package
// [github.com/seed073b5613/filigree/audio/codecs] imported, FLAC; change of sample rate,
// levels, spectra on the mel scale, pitch.
//
// Samples are float32 from -1 to 1.
package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
)

// Sound is a recording: as many slices of equal length as there are channels.
type Sound struct {
	Rate     int // samples a second
	Channels [][]float32
}

// Limits of what is read: rates in samples a second, channels.
const (
	lowestRate   = 1000
	highestRate  = 768_000
	mostChannels = 64
)

// Len returns the samples of a channel.
func (s *Sound) Len() int {
	if len(s.Channels) == 0 {
		return 0
	}
	return len(s.Channels[0])
}

// Seconds returns the length.
func (s *Sound) Seconds() float64 { return float64(s.Len()) / float64(s.Rate) }

// Mono returns the mean of the channels; the only one is returned itself.
func (s *Sound) Mono() []float32 {
	if len(s.Channels) == 1 {
		return s.Channels[0]
	}
	mono := make([]float32, s.Len())
	for _, c := range s.Channels {
		for i, v := range c {
			mono[i] += v / float32(len(s.Channels))
		}
	}
	return mono
}

// At returns the mean of the channels at another sample rate.
func (s *Sound) At(rate int) []float32 { return Resample(s.Mono(), s.Rate, rate) }

// format is a kind of file.
type format struct {
	name, magic string // ? in magic stands for any byte
	decode      func(io.Reader) (*Sound, error)
}

var formats = []format{{"WAV", "RIFF????WAVE", decodeWAV}}

// RegisterFormat adds a kind of file that begins with magic, in which ? stands for any
// byte. It is meant for init functions.
func RegisterFormat(name, magic string, decode func(io.Reader) (*Sound, error)) {
	formats = append(formats, format{name, magic, decode})
}

// ErrFormat is the error of [Decode] for data of no kind it knows.
var ErrFormat = errors.New("neither a WAV file nor another kind of sound file that is known here")

// Decode reads a sound of any known kind. It returns an error for samples that are not numbers.
func Decode(r io.Reader) (*Sound, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for _, f := range formats {
		if head, _ := in.Peek(len(f.magic)); !matches(f.magic, head) {
			continue
		}
		s, err := f.decode(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		return s, s.check()
	}
	if _, err := in.Peek(1); err == io.EOF {
		return nil, errors.New("no data")
	}
	return nil, ErrFormat
}

func matches(magic string, b []byte) bool {
	if len(b) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != b[i] {
			return false
		}
	}
	return true
}

func (s *Sound) check() error {
	for c, x := range s.Channels {
		for i, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return fmt.Errorf("sample %d of channel %d is %v", i, c, v)
			}
		}
	}
	return nil
}

// Open reads a sound file.
func Open(path string) (*Sound, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("audio: open %s: %w", path, err)
	}
	defer f.Close()
	s, err := Decode(f)
	if err != nil {
		return nil, fmt.Errorf("audio: open %s: %w", path, err)
	}
	return s, nil
}

// Known reports whether a file's name has an ending of sounds that can be read.
func Known(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	for _, f := range formats {
		if strings.EqualFold(name[dot+1:], f.name) {
			return true
		}
	}
	return false
}
