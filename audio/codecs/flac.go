package codecs

import (
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"

	"github.com/seed073b5613/filigree/audio"
)

// flacReader hands out the samples of one frame after the other.
type flacReader struct {
	s     *flac.Stream
	scale float32
	block []*frame.Subframe
	pos   int    // samples of block already handed out
	done  uint64 // samples a channel handed out in all
	err   error
}

func newFLACReader(r io.Reader) (*flacReader, error) {
	f := &flacReader{}
	err := guard(func() (err error) {
		f.s, err = flac.New(r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("header: %w", short(err))
	}
	i := f.s.Info
	if i.SampleRate == 0 || i.NChannels == 0 || i.BitsPerSample < 4 || i.BitsPerSample > 32 {
		return nil, fmt.Errorf("header: %d samples a second, %d channels, %d bits", i.SampleRate, i.NChannels, i.BitsPerSample)
	}
	f.scale = 1 / float32(uint64(1)<<(i.BitsPerSample-1))
	return f, nil
}

// short makes one error of all the ways to say that a file ends too soon.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("cut short: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func (f *flacReader) Rate() int     { return int(f.s.Info.SampleRate) }
func (f *flacReader) Channels() int { return int(f.s.Info.NChannels) }

func (f *flacReader) Read(dst []float32) (int, error) {
	C := f.Channels()
	room(dst, C)
	for f.block == nil || f.pos == len(f.block[0].Samples) {
		if f.err == nil {
			f.err = f.next()
		}
		if f.err != nil {
			return 0, f.err
		}
	}
	n := min(len(dst)/C, len(f.block[0].Samples)-f.pos)
	for c, s := range f.block {
		for i, v := range s.Samples[f.pos : f.pos+n] {
			dst[i*C+c] = float32(v) * f.scale
		}
	}
	f.pos += n
	f.done += uint64(n)
	return n * C, nil
}

// next decodes a frame.
func (f *flacReader) next() error {
	total := f.s.Info.NSamples // 0 where unknown
	if total != 0 && f.done >= total {
		return io.EOF // what may follow is no sound
	}
	var b *frame.Frame
	err := guard(func() (err error) {
		b, err = f.s.ParseNext()
		return err
	})
	if err == io.EOF && total == 0 {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("after sample %d of %d: %w", f.done, total, short(err))
	}
	if len(b.Subframes) != f.Channels() || b.BitsPerSample != f.s.Info.BitsPerSample && b.BitsPerSample != 0 {
		return fmt.Errorf("after sample %d: %d channels of %d bits, %d of %d before", f.done,
			len(b.Subframes), b.BitsPerSample, f.Channels(), f.s.Info.BitsPerSample)
	}
	for _, s := range b.Subframes {
		if len(s.Samples) != len(b.Subframes[0].Samples) {
			return fmt.Errorf("after sample %d: channels of %d and %d samples", f.done, len(b.Subframes[0].Samples), len(s.Samples))
		}
	}
	f.block, f.pos = b.Subframes, 0
	return nil
}

// flacBlock is the number of samples of each channel in the frames we write.
const flacBlock = 4096

// FLACWriter writes a FLAC file of 16-bit samples.
type FLACWriter struct {
	enc      *flac.Encoder
	channels int
	pending  [][]int32
	written  int64
	clipped  int64
	err      error
}

// flacChannels says how one to eight channels are called.
var flacChannels = []frame.Channels{frame.ChannelsMono, frame.ChannelsLR, frame.ChannelsLRC, frame.ChannelsLRLsRs,
	frame.ChannelsLRCLsRs, frame.ChannelsLRCLfeLsRs, frame.ChannelsLRCLfeCsSlSr, frame.ChannelsLRCLfeLsRsSlSr}

// The library closes what it writes to and seeks wherever there is a method for it.
type (
	onlyWrite struct{ io.Writer }
	onlySeek  struct{ io.WriteSeeker }
)

// NewFLACWriter returns a writer of a file of 1 to 8 channels with at most 655350 samples a
// second; others are an error. Where w can seek and is at its beginning, Close completes
// the header; elsewhere length and checksum stay unknown, which players accept.
func NewFLACWriter(w io.Writer, rate, channels int) (*FLACWriter, error) {
	if channels < 1 || channels > 8 || rate < 1 || rate > 655350 {
		return nil, fmt.Errorf("audio: write FLAC: %d channels with %d samples a second: it holds 1 to 8 with up to 655350", channels, rate)
	}
	out := io.Writer(onlyWrite{w})
	if s, ok := w.(io.WriteSeeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil && at == 0 {
			out = onlySeek{s}
		}
	}
	enc, err := flac.NewEncoder(out, &meta.StreamInfo{BlockSizeMin: flacBlock, BlockSizeMax: flacBlock,
		SampleRate: uint32(rate), NChannels: uint8(channels), BitsPerSample: 16})
	if err != nil {
		return nil, fmt.Errorf("audio: write FLAC: %w", err)
	}
	return &FLACWriter{enc: enc, channels: channels, pending: make([][]int32, channels)}, nil
}

// Write appends samples, all channels' of a time side by side. What lies beyond -1 to 1 is
// clipped; a sample that is not a finite number is an error. It panics where samples does
// not fill whole times.
func (w *FLACWriter) Write(samples []float32) error {
	if len(samples)%w.channels != 0 {
		panic(fmt.Sprintf("codecs: FLACWriter: %d samples for %d channels", len(samples), w.channels))
	}
	for i, v := range samples {
		if w.err != nil {
			return w.err
		}
		c := i % w.channels
		if v-v != 0 {
			w.err = fmt.Errorf("audio: write FLAC: sample %d of channel %d is %v", w.written+int64(len(w.pending[c])), c, v)
			return w.err
		}
		s, over := audio.Int16(v)
		if over {
			w.clipped++
		}
		w.pending[c] = append(w.pending[c], int32(s))
		if c == w.channels-1 && len(w.pending[c]) == flacBlock {
			w.err = w.flush()
		}
	}
	return w.err
}

// Clipped returns how many samples so far lay beyond -1 to 1 and were clipped.
func (w *FLACWriter) Clipped() int64 { return w.clipped }

func (w *FLACWriter) flush() error {
	n := len(w.pending[0])
	if n == 0 {
		return nil
	}
	f := &frame.Frame{Header: frame.Header{HasFixedBlockSize: true, BlockSize: uint16(n),
		SampleRate: w.enc.Info.SampleRate, Channels: flacChannels[w.channels-1], BitsPerSample: 16}}
	for _, p := range w.pending {
		f.Subframes = append(f.Subframes, &frame.Subframe{
			SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: p, NSamples: n})
	}
	if err := w.enc.WriteFrame(f); err != nil {
		return fmt.Errorf("audio: write FLAC: %w", err)
	}
	w.written += int64(n)
	for c := range w.pending {
		w.pending[c] = w.pending[c][:0]
	}
	return nil
}

// Close writes what is left and completes the header. It does not close the writer below.
func (w *FLACWriter) Close() error {
	if w.err == nil {
		w.err = w.flush()
	}
	if w.err != nil {
		return w.err
	}
	w.err = errors.New("audio: write FLAC: already closed")
	if err := w.enc.Close(); err != nil {
		return fmt.Errorf("audio: write FLAC: %w", err)
	}
	return nil
}

// EncodeFLAC writes a sound with 16-bit samples.
func EncodeFLAC(w io.Writer, s *audio.Sound) error {
	out, err := NewFLACWriter(w, s.Rate, len(s.Channels))
	if err != nil {
		return err
	}
	if err := s.Send(out); err != nil {
		return err
	}
	return out.Close()
}
