package audio

// WAV: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and
// Microsoft, 1991), WAVE_FORMAT_EXTENSIBLE of 2001, and RF64 (EBU Tech 3306) for
// more than 4 GiB.

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

const (
	// unknownLength is what writers to a pipe put in place of the sizes.
	unknownLength = 0xffffffff
	toTheEnd      = math.MaxInt64 // of the file
)

// waveFormat is the fmt chunk.
type waveFormat struct {
	kind, channels, bits int
	rate                 int
	frame                int // bytes of all channels' samples of one time
}

// width returns the bytes of a sample, which fills them from the top: 20 bits in 3 bytes
// read as 24 bits.
func (f waveFormat) width() int { return (f.bits + 7) / 8 }

func (f waveFormat) check() error {
	switch {
	case f.channels < 1 || f.channels > mostChannels:
		return fmt.Errorf("%d channels: must be from 1 to %d", f.channels, mostChannels)
	case f.rate < lowestRate || f.rate > highestRate:
		return fmt.Errorf("%d samples a second: must be from %d to %d", f.rate, lowestRate, highestRate)
	case f.kind == wavePCM && f.bits >= 1 && f.bits <= 32 || f.kind == waveFloat && (f.bits == 32 || f.bits == 64):
		if f.frame != f.width()*f.channels {
			return fmt.Errorf("%d bytes for %d channels of %d bits", f.frame, f.channels, f.bits)
		}
		return nil
	}
	return fmt.Errorf("samples of kind %d with %d bits cannot be read: only 8, 16, 24 and 32-bit integers and 32 and 64-bit floats", f.kind, f.bits)
}

// WAVReader is the [Stream] of a WAV file: integers of 8, 16, 24 or 32 bits or floats of
// 32 or 64. Where the length is unknown, the samples end with the file.
type WAVReader struct {
	r      io.Reader
	format waveFormat
	left   int64 // bytes of samples to come, or toTheEnd
	at     int64 // bytes read of the file
	times  int64 // samples a channel returned
	raw    []byte
	err    error
}

// NewWAVReader reads the head of a WAV file.
func NewWAVReader(r io.Reader) (*WAVReader, error) {
	w := &WAVReader{r: r}
	return w, w.head()
}

// Rate returns the samples a second.
func (w *WAVReader) Rate() int { return w.format.rate }

// Channels returns how many there are.
func (w *WAVReader) Channels() int { return w.format.channels }

// full reads all of b, which is part of what.
func (w *WAVReader) full(b []byte, what string) error {
	n, err := io.ReadFull(w.r, b)
	w.at += int64(n)
	return w.cut(what, err)
}

func (w *WAVReader) skip(n int64, what string) error {
	m, err := io.CopyN(io.Discard, w.r, n)
	w.at += m
	return w.cut(what, err)
}

func (w *WAVReader) cut(what string, err error) error {
	switch err {
	case nil:
		return nil
	case io.EOF, io.ErrUnexpectedEOF:
		return fmt.Errorf("cut short in %s, at byte %d: %w", what, w.at, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%s, at byte %d: %w", what, w.at, err)
}

func (w *WAVReader) head() error {
	var riff [12]byte
	if err := w.full(riff[:], "the header"); err != nil {
		return err
	}
	if !matches("RIFF????WAVE", riff[:]) && !matches("RF64????WAVE", riff[:]) {
		return fmt.Errorf("%w: begins with %q", ErrFormat, riff[:])
	}
	whole := binary.LittleEndian.Uint32(riff[4:])
	long := int64(toTheEnd) // length of the data in an RF64 file
	for {
		var head [8]byte
		switch n, err := io.ReadFull(w.r, head[:]); {
		case err == io.EOF:
			return fmt.Errorf("no data chunk: %w", io.ErrUnexpectedEOF)
		case err != nil:
			w.at += int64(n)
			return w.cut("a chunk's header", err)
		}
		w.at += 8
		id, size := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		var err error
		switch {
		case id == "data" && w.format.rate == 0:
			return errors.New("data before the format chunk")
		case id == "data":
			w.left = size
			if size == unknownLength {
				w.left = long
			} else if size == 0 && (whole == unknownLength || int64(whole)+8 <= w.at) {
				w.left = toTheEnd // the writer never came back to fill it in
			}
			return nil
		case id == "fmt ":
			w.format, err = w.readFormat(size)
		case id == "ds64":
			long, err = w.longSize(size)
		default:
			err = w.skip(size+size&1, fmt.Sprintf("chunk %q", id))
		}
		if err != nil {
			return err
		}
	}
}

func (w *WAVReader) readFormat(size int64) (waveFormat, error) {
	if size < 16 || size > 1<<16 {
		return waveFormat{}, fmt.Errorf("format chunk of %d bytes", size)
	}
	b := make([]byte, size+size&1)
	if err := w.full(b, "the format chunk"); err != nil {
		return waveFormat{}, err
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	f := waveFormat{kind: u16(0), channels: u16(2), rate: int(binary.LittleEndian.Uint32(b[4:])), frame: u16(12), bits: u16(14)}
	if f.kind == waveExtensible {
		if size < 40 {
			return f, fmt.Errorf("extensible format chunk of %d bytes", size)
		}
		f.kind = u16(24)
	}
	return f, f.check()
}

// longSize reads the chunk with the lengths that do not fit elsewhere.
func (w *WAVReader) longSize(size int64) (int64, error) {
	var b [16]byte
	if size < 16 {
		return 0, fmt.Errorf("ds64 chunk of %d bytes", size)
	}
	if err := w.full(b[:], "the ds64 chunk"); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(b[8:])
	if n > math.MaxInt64/2 {
		n = toTheEnd
	}
	return int64(n), w.skip(size-16+size&1, "the ds64 chunk")
}

// Read is that of [Stream]. A file that ends before its samples do, and a sample that is
// not a number or infinite, are errors.
func (w *WAVReader) Read(dst []float32) (int, error) {
	f := w.format
	times := int64(min(len(dst)/f.channels, 1<<16))
	if times == 0 {
		panic(fmt.Sprintf("audio: WAVReader: room for %d samples of %d channels", len(dst), f.channels))
	}
	if w.err == nil && w.left < int64(f.frame) { // what is left over is no sample
		w.err = io.EOF
	}
	if w.err != nil {
		return 0, w.err
	}
	size := min(times, w.left/int64(f.frame)) * int64(f.frame)
	if int64(cap(w.raw)) < size {
		w.raw = make([]byte, size)
	}
	n, err := io.ReadFull(w.r, w.raw[:size])
	w.at += int64(n)
	if w.left != toTheEnd {
		w.left -= int64(n)
	}
	if err != nil {
		w.err = w.cut("the samples", err)
		if (err == io.EOF || err == io.ErrUnexpectedEOF) && w.left == toTheEnd {
			w.err = io.EOF
		} else if w.left != toTheEnd {
			w.err = fmt.Errorf("%w: %d bytes are missing", w.err, w.left)
		}
	}
	count := n / f.frame * f.channels
	if bad := f.convert(dst[:count], w.raw); bad >= 0 {
		w.err = fmt.Errorf("sample %d of channel %d is %v", w.times+int64(bad/f.channels), bad%f.channels, dst[bad])
		count = bad - bad%f.channels
	}
	w.times += int64(count / f.channels)
	if count > 0 {
		return count, nil
	}
	return 0, w.err
}

// convert returns the place of the first sample that is no finite number, or -1.
func (f waveFormat) convert(dst []float32, raw []byte) int {
	le := binary.LittleEndian
	switch {
	case f.kind == waveFloat:
		for i := range dst {
			if f.bits == 32 {
				dst[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
			} else {
				dst[i] = float32(math.Float64frombits(le.Uint64(raw[8*i:])))
			}
			if dst[i]-dst[i] != 0 {
				return i
			}
		}
	case f.width() == 1: // without a sign, alone of all
		for i := range dst {
			dst[i] = (float32(raw[i]) - 128) / 128
		}
	case f.width() == 2:
		for i := range dst {
			dst[i] = float32(int16(le.Uint16(raw[2*i:]))) / (1 << 15)
		}
	case f.width() == 3:
		for i := range dst {
			b := raw[3*i:]
			dst[i] = float32(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
		}
	default:
		for i := range dst {
			dst[i] = float32(int32(le.Uint32(raw[4*i:]))) / (1 << 31)
		}
	}
	return -1
}
