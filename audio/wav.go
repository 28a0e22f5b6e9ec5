package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Kinds of samples in a WAV file.
const (
	wavePCM        = 1
	waveFloat      = 3
	waveExtensible = 0xfffe // the kind follows in the first bytes of a GUID
)

// unknownLength is what writers to a pipe put in place of the sizes.
const unknownLength = 0xffffffff

// waveFormat is the fmt chunk.
type waveFormat struct {
	kind, channels, bits int
	rate                 int
}

func (f waveFormat) bytes() int { return f.bits / 8 }

func (f waveFormat) check() error {
	switch {
	case f.channels < 1 || f.channels > mostChannels:
		return fmt.Errorf("%d channels: must be from 1 to %d", f.channels, mostChannels)
	case f.rate < lowestRate || f.rate > highestRate:
		return fmt.Errorf("%d samples a second: must be from %d to %d", f.rate, lowestRate, highestRate)
	case f.kind == wavePCM && (f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32):
		return nil
	case f.kind == waveFloat && (f.bits == 32 || f.bits == 64):
		return nil
	}
	return fmt.Errorf("samples of kind %d with %d bits cannot be read: only 8, 16, 24 and 32-bit integers and 32 and 64-bit floats", f.kind, f.bits)
}

// sample reads one sample.
func (f waveFormat) sample(b []byte) float32 {
	switch {
	case f.kind == waveFloat && f.bits == 32:
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	case f.kind == waveFloat:
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	switch f.bits {
	case 8:
		return (float32(b[0]) - 128) / 128
	case 16:
		return float32(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case 24:
		return float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
	}
	return float32(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
}

// decodeWAV reads a RIFF file. A data chunk whose length is unknown ends with the file.
func decodeWAV(r io.Reader) (*Sound, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, cut("header", err)
	}
	var format waveFormat
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if err == io.EOF {
				return nil, errors.New("no data chunk")
			}
			return nil, cut("a chunk's header", err)
		}
		id, size := string(head[:4]), binary.LittleEndian.Uint32(head[4:])
		switch {
		case id == "fmt ":
			var err error
			if format, err = readFormat(r, size); err != nil {
				return nil, err
			}
		case id == "data" && format.rate == 0:
			return nil, errors.New("data before the format chunk")
		case id == "data":
			return readSamples(r, format, size)
		default:
			if _, err := io.CopyN(io.Discard, r, int64(size)+int64(size&1)); err != nil {
				return nil, cut(fmt.Sprintf("chunk %q", id), err)
			}
		}
	}
}

func cut(where string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("cut short in %s", where)
	}
	return fmt.Errorf("%s: %w", where, err)
}

func readFormat(r io.Reader, size uint32) (waveFormat, error) {
	if size < 16 || size > 1<<16 {
		return waveFormat{}, fmt.Errorf("format chunk of %d bytes", size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return waveFormat{}, cut("the format chunk", err)
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	f := waveFormat{kind: u16(0), channels: u16(2), rate: int(binary.LittleEndian.Uint32(b[4:])), bits: u16(14)}
	if f.kind == waveExtensible {
		if size < 40 {
			return f, fmt.Errorf("extensible format chunk of %d bytes", size)
		}
		f.kind = u16(24)
	}
	return f, f.check()
}

func readSamples(r io.Reader, f waveFormat, size uint32) (*Sound, error) {
	frame := f.bytes() * f.channels
	s := &Sound{Rate: f.rate, Channels: make([][]float32, f.channels)}
	buf := make([]byte, 1024*frame)
	left := int64(size)
	if size == unknownLength || size == 0 {
		left = math.MaxInt64
	}
	for left >= int64(frame) {
		n, err := io.ReadFull(r, buf[:min(left-left%int64(frame), int64(len(buf)))])
		for at := 0; at+frame <= n; at += frame {
			for c := range s.Channels {
				s.Channels[c] = append(s.Channels[c], f.sample(buf[at+c*f.bytes():]))
			}
		}
		left -= int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if size == unknownLength || size == 0 {
				return s, nil
			}
			return nil, fmt.Errorf("cut short: %d of %d bytes of samples are there", int64(size)-left, size)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// WAVWriter writes a WAV file of 16-bit samples.
type WAVWriter struct {
	w        io.Writer
	rate     int
	channels int
	frames   int64
	buf      []byte
	begun    bool
	at       int64 // where the file began, for one that can be sought
}

// NewWAVWriter returns a writer of a file of one or more channels. Where w cannot seek, as
// a pipe, the file says that its length is unknown, which players accept.
func NewWAVWriter(w io.Writer, rate, channels int) *WAVWriter {
	return &WAVWriter{w: w, rate: rate, channels: channels}
}

// header returns the file's head for so many frames, those of unknown length below 0.
func (w *WAVWriter) header() []byte {
	size := uint32(unknownLength)
	if n := w.frames * int64(2*w.channels); w.frames >= 0 && n < unknownLength-36 {
		size = uint32(n)
	}
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	riff := size
	if size != unknownLength {
		riff += 36
	}
	binary.LittleEndian.PutUint32(b[4:], riff)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, wavePCM)
	b = binary.LittleEndian.AppendUint16(b, uint16(w.channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(w.rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(2*w.rate*w.channels))
	b = binary.LittleEndian.AppendUint16(b, uint16(2*w.channels))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}

func (w *WAVWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	b := w.header()
	if s, ok := w.w.(io.Seeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			w.at = at
		} else {
			w.at = -1
		}
	} else {
		w.at = -1
	}
	if w.at < 0 {
		frames := w.frames
		w.frames = -1
		b = w.header()
		w.frames = frames
	}
	_, err := w.w.Write(b)
	return err
}

// Write appends samples, all channels' of a time side by side. Those beyond -1 to 1 are
// clipped, and what is not a number is silence. It panics where samples does not fill
// whole times.
func (w *WAVWriter) Write(samples []float32) error {
	if len(samples)%w.channels != 0 {
		panic(fmt.Sprintf("audio: WAVWriter: %d samples for %d channels", len(samples), w.channels))
	}
	if err := w.begin(); err != nil {
		return err
	}
	w.buf = w.buf[:0]
	for _, v := range samples {
		w.buf = binary.LittleEndian.AppendUint16(w.buf, uint16(sample16(v)))
	}
	_, err := w.w.Write(w.buf)
	w.frames += int64(len(samples) / w.channels)
	return err
}

func sample16(v float32) int16 {
	switch {
	case v != v:
		return 0
	case v >= 32767.0/32768:
		return 32767
	case v <= -1:
		return -32768
	}
	return int16(math.RoundToEven(float64(v) * 32768))
}

// Close writes the length where the file can be sought. It does not close what is written
// to.
func (w *WAVWriter) Close() error {
	if err := w.begin(); err != nil || w.at < 0 {
		return err
	}
	s := w.w.(io.Seeker)
	if _, err := s.Seek(w.at, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.w.Write(w.header()); err != nil {
		return err
	}
	_, err := s.Seek(0, io.SeekEnd)
	return err
}

// EncodeWAV writes a sound with 16-bit samples.
func EncodeWAV(w io.Writer, s *Sound) error {
	out := NewWAVWriter(w, s.Rate, len(s.Channels))
	const block = 4096
	var mixed []float32
	for at := 0; at < s.Len(); at += block {
		mixed = mixed[:0]
		for i := at; i < min(at+block, s.Len()); i++ {
			for _, c := range s.Channels {
				mixed = append(mixed, c[i])
			}
		}
		if err := out.Write(mixed); err != nil {
			return err
		}
	}
	return out.Close()
}
