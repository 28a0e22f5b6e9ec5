// Package audio reads and writes sound, and measures it: WAV files and, with package
// [github.com/seed073b5613/filigree/audio/codecs] imported, FLAC, MP3 and Opus; change of
// sample rate, levels, spectra on the mel scale, pitch.
//
// Samples are float32 from -1 to 1.
package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
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

// Stream is sound that is read a piece at a time.
type Stream interface {
	// Rate returns the samples a second.
	Rate() int
	// Channels returns how many there are, at least 1.
	Channels() int
	// Read fills dst with samples, all channels' of a time side by side, and returns
	// how many; always whole times, and more than none without an error. dst must have
	// room for one time. After the last sample it returns 0, io.EOF. Damage is reported
	// once all samples before it have been returned.
	Read(dst []float32) (int, error)
}

// Format is a kind of file.
type Format struct {
	Name    string
	Endings []string // of file names, without the dot
	Magic   []string // beginnings of such files; ? stands for any byte
	// Open reads a file's head.
	Open func(r io.Reader) (Stream, error)
}

var formats = struct {
	sync.RWMutex
	known []Format
}{known: []Format{{"WAV", []string{"wav", "wave"}, []string{"RIFF????WAVE", "RF64????WAVE"},
	func(r io.Reader) (Stream, error) { return NewWAVReader(r) }}}}

// RegisterFormat adds a kind of file. It is meant for init functions.
func RegisterFormat(f Format) {
	formats.Lock()
	defer formats.Unlock()
	formats.known = append(formats.known, f)
}

// ErrFormat is the error of [Decode] for data of no kind it knows.
var ErrFormat = errors.New("neither a WAV file nor another kind of sound file that is known here")

// NewStream reads the head of a sound of any known kind.
func NewStream(r io.Reader) (Stream, error) {
	s, _, err := newStream(r)
	return s, err
}

func newStream(r io.Reader) (Stream, string, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	formats.RLock()
	known := formats.known
	formats.RUnlock()
	for _, f := range known {
		for _, magic := range f.Magic {
			if head, _ := in.Peek(len(magic)); !matches(magic, head) {
				continue
			}
			s, err := f.Open(in)
			if err == nil {
				err = checkStream(s)
			}
			if err != nil {
				return nil, f.Name, fmt.Errorf("%s: %w", f.Name, err)
			}
			return s, f.Name, nil
		}
	}
	if _, err := in.Peek(1); err == io.EOF {
		return nil, "", errors.New("no data")
	} else if err != nil {
		return nil, "", err
	}
	return nil, "", ErrFormat
}

func checkStream(s Stream) error {
	if n := s.Channels(); n < 1 || n > mostChannels {
		return fmt.Errorf("%d channels: must be from 1 to %d", n, mostChannels)
	}
	if r := s.Rate(); r < lowestRate || r > highestRate {
		return fmt.Errorf("%d samples a second: must be from %d to %d", r, lowestRate, highestRate)
	}
	return nil
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

// Decode reads a sound of any known kind. It returns an error for samples that are not
// numbers. Memory grows with the samples that are there, whatever the head promises.
func Decode(r io.Reader) (*Sound, error) {
	s, name, err := newStream(r)
	if err != nil {
		return nil, err
	}
	sound, err := ReadAll(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return sound, nil
}

// ReadAll reads the rest of a stream.
func ReadAll(s Stream) (*Sound, error) {
	C := s.Channels()
	a := &Sound{Rate: s.Rate(), Channels: make([][]float32, C)}
	buf := make([]float32, 4096*C)
	for {
		n, err := s.Read(buf)
		if err == io.EOF {
			return a, nil
		}
		if err != nil {
			return nil, err
		}
		for c := range a.Channels {
			for i := c; i < n; i += C {
				a.Channels[c] = append(a.Channels[c], buf[i])
			}
		}
	}
}

// Open reads a sound file.
func Open(path string) (*Sound, error) {
	f, err := OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f)
}

// File is a sound file that is read a piece at a time. Its errors name the file.
type File struct {
	path, kind string
	stream     Stream
	file       *os.File
}

// OpenFile opens a sound file and reads its head.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("audio: open %s: %w", path, err)
	}
	s, kind, err := newStream(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("audio: open %s: %w", path, err)
	}
	return &File{path, kind, s, f}, nil
}

// Rate returns the samples a second.
func (f *File) Rate() int { return f.stream.Rate() }

// Channels returns how many there are.
func (f *File) Channels() int { return f.stream.Channels() }

// Read is that of [Stream].
func (f *File) Read(dst []float32) (int, error) {
	n, err := f.stream.Read(dst)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("audio: open %s: %s: %w", f.path, f.kind, err)
	}
	return n, err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Known reports whether a file's name has an ending of sounds that can be read.
func Known(name string) bool {
	formats.RLock()
	defer formats.RUnlock()
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return false
	}
	for _, f := range formats.known {
		for _, e := range f.Endings {
			if strings.EqualFold(name[dot+1:], e) {
				return true
			}
		}
	}
	return false
}
