package codecs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/pion/opus"
)

// opusRate is the rate of all Opus sound: positions in the file count its samples,
// whatever was encoded.
const opusRate = 48000

// opusPacket is the longest packet, in samples of each channel: 120 ms.
const opusPacket = opusRate * 120 / 1000

// opusReader decodes Opus in Ogg (RFC 7845), the first stream of a file with one or two
// channels.
type opusReader struct {
	ogg      oggReader
	d        opus.Decoder
	channels int
	gain     float32
	skip     int   // times still to drop at the beginning
	position int64 // of the last sample decoded, those dropped included
	buf      []float32
	ready    []float32
	done     int64
	err      error
}

func newOpusReader(r io.Reader) (*opusReader, error) {
	o := &opusReader{ogg: oggReader{r: r}}
	head, err := o.ogg.packet()
	if err != nil {
		return nil, fmt.Errorf("header: %w", short(err))
	}
	if len(head) < 19 || string(head[:8]) != "OpusHead" {
		return nil, errors.New("the Ogg file holds something other than Opus")
	}
	if head[8]>>4 != 0 {
		return nil, fmt.Errorf("header of version %d", head[8])
	}
	o.channels = int(head[9])
	o.skip = int(binary.LittleEndian.Uint16(head[10:]))
	o.gain = float32(math.Pow(10, float64(int16(binary.LittleEndian.Uint16(head[16:])))/(20*256)))
	if mapping := head[18]; o.channels < 1 || o.channels > 2 || mapping > 1 || mapping == 1 && (len(head) < 21 || head[19] != 1) {
		return nil, fmt.Errorf("%d channels in mapping %d: only mono and stereo can be read", o.channels, mapping)
	}
	if tags, err := o.ogg.packet(); err != nil || len(tags) < 8 || string(tags[:8]) != "OpusTags" {
		return nil, fmt.Errorf("comment header is missing: %w", short(err))
	}
	err = guard(func() (err error) {
		o.d, err = opus.NewDecoderWithOutput(opusRate, o.channels)
		return err
	})
	o.buf = make([]float32, opusPacket*o.channels)
	return o, err
}

func (o *opusReader) Rate() int     { return opusRate }
func (o *opusReader) Channels() int { return o.channels }

func (o *opusReader) Read(dst []float32) (int, error) {
	room(dst, o.channels)
	for len(o.ready) == 0 {
		if o.err == nil {
			o.err = o.next()
		}
		if o.err != nil {
			return 0, o.err
		}
	}
	n := min(len(dst)-len(dst)%o.channels, len(o.ready))
	copy(dst, o.ready[:n])
	o.ready = o.ready[n:]
	o.done += int64(n / o.channels)
	return n, nil
}

// next decodes a packet.
func (o *opusReader) next() error {
	p, err := o.ogg.packet()
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("after sample %d: %w", o.done, short(err))
	}
	if len(p) == 0 {
		return nil
	}
	n := 0
	err = guard(func() (err error) {
		n, err = o.d.DecodeToFloat32(p, o.buf)
		return err
	})
	if err != nil {
		return fmt.Errorf("after sample %d: %w", o.done, err)
	}
	o.position += int64(n)
	// The last page says where the sound ends, inside the last packet.
	if o.ogg.last && o.ogg.granule >= 0 && len(o.ogg.queue) == 0 {
		n -= int(max(0, min(int64(n), o.position-o.ogg.granule)))
	}
	drop := min(o.skip, n)
	o.skip -= drop
	o.ready = o.buf[drop*o.channels : n*o.channels]
	for i, v := range o.ready {
		if v-v != 0 {
			return fmt.Errorf("after sample %d: damaged: sample %v", o.done, v)
		}
		o.ready[i] = v * o.gain
	}
	return nil
}
