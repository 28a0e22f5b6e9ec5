package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// WAVWriter writes a WAV file.
type WAVWriter struct {
	// Float asks for samples of 32-bit floats in place of 16-bit integers. It is set
	// before the first Write.
	Float bool

	w        io.Writer
	rate     int
	channels int
	frames   int64
	clipped  int64
	buf      []byte
	begun    bool
	at       int64 // where the file began, below 0 where that cannot be sought
	err      error
	temp     *os.File // of CreateWAV
	path     string
}

// NewWAVWriter returns a writer of a file of one or more channels. Where w cannot seek, as
// a pipe, the file says that its length is unknown, which players accept.
func NewWAVWriter(w io.Writer, rate, channels int) *WAVWriter {
	if rate < 1 || channels < 1 || channels > mostChannels {
		panic(fmt.Sprintf("audio: NewWAVWriter: %d samples a second, %d channels", rate, channels))
	}
	return &WAVWriter{w: w, rate: rate, channels: channels}
}

// CreateWAV begins a WAV file under another name in the same folder, which Close changes
// to its own: whoever stops before leaves what was there as it was.
func CreateWAV(path string, rate, channels int) (*WAVWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("audio: create %s: %w", path, err)
	}
	w := NewWAVWriter(f, rate, channels)
	w.temp, w.path = f, path
	return w, nil
}

// width returns the bytes of a sample.
func (w *WAVWriter) width() int {
	if w.Float {
		return 4
	}
	return 2
}

// header returns the file's head for so many frames, those of unknown length below 0.
func (w *WAVWriter) header(frames int64) []byte {
	kind, frame := uint16(wavePCM), w.width()*w.channels
	if w.Float {
		kind = waveFloat
	}
	size, riff := uint32(unknownLength), uint32(unknownLength)
	if n := frames * int64(frame); frames >= 0 && n < unknownLength-36 {
		size, riff = uint32(n), uint32(n)+36
	}
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("RIFF"), riff)
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, uint16(w.channels))
	b = le.AppendUint32(b, uint32(w.rate))
	b = le.AppendUint32(b, uint32(w.rate*frame))
	b = le.AppendUint16(b, uint16(frame))
	b = le.AppendUint16(b, uint16(8*w.width()))
	return le.AppendUint32(append(b, "data"...), size)
}

func (w *WAVWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun, w.at = true, -1
	s, seeks := w.w.(io.Seeker)
	if seeks {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			w.at = at
		}
	}
	head := w.header(-1)
	if _, err := w.w.Write(head); err != nil {
		return err
	}
	if w.at >= 0 { // a file that is appended to does not write where it is told
		if at, err := s.Seek(0, io.SeekCurrent); err != nil || at != w.at+int64(len(head)) {
			w.at = -1
		}
	}
	return nil
}

// Write appends samples, all channels' of a time side by side. Integers clip what lies
// beyond -1 to 1. A sample that is not a finite number is an error, after which nothing
// more is written. It panics where samples does not fill whole times.
func (w *WAVWriter) Write(samples []float32) error {
	if len(samples)%w.channels != 0 {
		panic(fmt.Sprintf("audio: WAVWriter: %d samples for %d channels", len(samples), w.channels))
	}
	if w.err == nil {
		w.err = w.begin()
	}
	if w.err != nil {
		return w.err
	}
	w.buf = w.buf[:0]
	for i, v := range samples {
		if v-v != 0 {
			w.err = fmt.Errorf("audio: write WAV: sample %d of channel %d is %v", w.frames+int64(i/w.channels), i%w.channels, v)
			return w.err
		}
		if w.Float {
			w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
			continue
		}
		s, over := Int16(v)
		if over {
			w.clipped++
		}
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(s))
	}
	if _, w.err = w.w.Write(w.buf); w.err != nil {
		return w.err
	}
	w.frames += int64(len(samples) / w.channels)
	return nil
}

// Int16 returns the nearest 16-bit sample, and whether v lay beyond -1 to 1 and was
// clipped. Samples that were read from 16 bits come back exactly. NaN becomes 0.
func Int16(v float32) (s int16, clipped bool) {
	if v != v {
		return 0, true
	}
	return int16(max(-32768, min(32767, math.RoundToEven(float64(v)*32768)))), v > 1 || v < -1
}

// Clipped returns how many samples so far lay beyond -1 to 1 and were clipped.
func (w *WAVWriter) Clipped() int64 { return w.clipped }

// Close writes the length where the file can be sought, and gives a file of [CreateWAV]
// its name, or removes it after an error. It does not close the writer of [NewWAVWriter].
func (w *WAVWriter) Close() error {
	err := w.err
	if err == nil {
		err = w.finish()
	}
	if w.temp != nil {
		err = errors.Join(err, w.temp.Close())
		if err == nil {
			err = os.Chmod(w.temp.Name(), 0o644)
		}
		if err == nil {
			err = os.Rename(w.temp.Name(), w.path)
		}
		if err != nil {
			os.Remove(w.temp.Name())
			err = fmt.Errorf("audio: create %s: %w", w.path, err)
		}
		w.temp = nil
	}
	w.err = os.ErrClosed
	return err
}

func (w *WAVWriter) finish() error {
	if err := w.begin(); err != nil || w.at < 0 {
		return err
	}
	s := w.w.(io.Seeker)
	if _, err := s.Seek(w.at, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.w.Write(w.header(w.frames)); err != nil {
		return err
	}
	_, err := s.Seek(0, io.SeekEnd)
	return err
}

// EncodeWAV writes a sound with 16-bit samples.
func EncodeWAV(w io.Writer, s *Sound) error {
	out := NewWAVWriter(w, s.Rate, len(s.Channels))
	if err := s.Send(out); err != nil {
		return err
	}
	return out.Close()
}

// Writer takes samples, all channels' of a time side by side.
type Writer interface {
	Write(samples []float32) error
}

// Send hands all samples to w, a few thousand at a time.
func (s *Sound) Send(w Writer) error {
	const block = 4096
	var mixed []float32
	for at := 0; at < s.Len(); at += block {
		mixed = mixed[:0]
		for i := at; i < min(at+block, s.Len()); i++ {
			for _, c := range s.Channels {
				mixed = append(mixed, c[i])
			}
		}
		if err := w.Write(mixed); err != nil {
			return err
		}
	}
	return nil
}
