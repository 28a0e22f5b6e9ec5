package codecs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// mp3Reader decodes MPEG-1 and MPEG-2 layer III. The library always gives two channels and
// also decodes the frame that holds the encoder's notes; both are put right here.
type mp3Reader struct {
	d              *mp3.Decoder
	rate, channels int
	skip           int64 // times still to drop at the beginning
	left           int64 // times to hand out, below 0 where unknown
	done           int64
	raw            []byte
	err            error
}

// newMP3Reader begins behind tags.
func newMP3Reader(in *bufio.Reader) (*mp3Reader, error) {
	head, err := firstFrame(in)
	if err != nil {
		return nil, err
	}
	m := &mp3Reader{channels: 2, left: -1}
	if head[3]>>6 == 3 {
		m.channels = 1
	}
	m.gapless(head)
	err = guard(func() (err error) {
		m.d, err = mp3.NewDecoder(in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("header: %w", short(err))
	}
	m.rate = m.d.SampleRate()
	return m, nil
}

// skipID3 skips tags at the beginning, which may hold megabytes of pictures.
func skipID3(in *bufio.Reader) error {
	for {
		b, err := in.Peek(10)
		if err != nil || string(b[:3]) != "ID3" {
			return nil
		}
		n := 0
		for _, v := range b[6:10] { // seven bits a byte
			n = n<<7 | int(v&0x7f)
		}
		if b[5]&0x10 != 0 {
			n += 10 // a footer
		}
		if _, err := io.CopyN(io.Discard, in, int64(n)+10); err != nil {
			return fmt.Errorf("ID3 tag of %d bytes: %w", n, short(err))
		}
	}
}

// firstFrame goes to the first frame and returns its beginning.
func firstFrame(in *bufio.Reader) ([]byte, error) {
	for skipped := 0; skipped < 1<<16; skipped++ {
		b, err := in.Peek(4)
		if err != nil {
			return nil, fmt.Errorf("no frame: %w", short(err))
		}
		if b[0] == 0xff && b[1]&0xe6 == 0xe2 && b[1]&0x18 != 0x08 && b[2]>>4 != 15 && b[2]&0x0c != 0x0c {
			b, _ = in.Peek(200)
			return b, nil
		}
		if _, err := in.Discard(1); err != nil {
			return nil, fmt.Errorf("no frame: %w", short(err))
		}
	}
	return nil, errors.New("no frame in the first 64 KiB")
}

// decoderDelay is that of every layer III decoder, in samples.
const decoderDelay = 529

// gapless reads the notes of the encoder in the first frame: the number of frames, and the
// silence before and after the sound ("Xing" or "Info", with LAME's extension).
func (m *mp3Reader) gapless(head []byte) {
	perFrame, side := int64(1152), [3]int{0, 17, 32}[m.channels]
	if head[1]&0x08 == 0 { // MPEG-2
		perFrame, side = 576, [3]int{0, 9, 17}[m.channels]
	}
	at := 4 + side
	if len(head) < at+120+24 || string(head[at:at+4]) != "Xing" && string(head[at:at+4]) != "Info" {
		return
	}
	m.skip = perFrame // the frame of the notes itself
	flags := binary.BigEndian.Uint32(head[at+4:])
	if flags&1 == 0 {
		return
	}
	m.left = int64(binary.BigEndian.Uint32(head[at+8:])) * perFrame
	if flags&15 != 15 {
		return
	}
	lame := head[at+120:]
	if string(lame[:4]) != "LAME" && string(lame[:4]) != "Lavc" && string(lame[:4]) != "Lavf" {
		return
	}
	delay := int64(lame[21])<<4 | int64(lame[22])>>4
	padding := int64(lame[22]&15)<<8 | int64(lame[23])
	m.skip += delay + decoderDelay
	m.left -= delay + padding
}

func (m *mp3Reader) Rate() int     { return m.rate }
func (m *mp3Reader) Channels() int { return m.channels }

func (m *mp3Reader) Read(dst []float32) (int, error) {
	room(dst, m.channels)
	for m.err == nil {
		want := min(len(dst)/m.channels, 4096)
		if m.left >= 0 {
			want = int(min(int64(want), m.left))
		}
		if want == 0 {
			m.err = io.EOF
			break
		}
		if len(m.raw) < 4*want {
			m.raw = make([]byte, 4*want)
		}
		n, err := 0, error(nil)
		panicked := guard(func() error {
			n, err = io.ReadFull(m.d, m.raw[:4*want])
			return nil
		})
		if err == nil {
			err = panicked
		}
		if err != nil {
			m.err = m.end(err, int64(n/4))
		}
		b := m.raw[:n/4*4]
		drop := min(m.skip, int64(len(b)/4))
		m.skip -= drop
		b = b[4*drop:]
		if len(b) == 0 {
			continue
		}
		times := len(b) / 4
		for i := range times {
			for c := range m.channels {
				dst[i*m.channels+c] = float32(int16(binary.LittleEndian.Uint16(b[4*i+2*c:]))) / (1 << 15)
			}
		}
		m.done += int64(times)
		if m.left >= 0 {
			m.left -= int64(times)
		}
		return times * m.channels, nil
	}
	return 0, m.err
}

// end says whether the file may end after n more times. The decoder's delay is missing at
// the end of files that are whole.
func (m *mp3Reader) end(err error, n int64) error {
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return fmt.Errorf("after sample %d: %w", m.done, err)
	case m.left >= 0 && m.left+m.skip-n > decoderDelay+1152:
		return fmt.Errorf("cut short after sample %d of %d: %w", m.done+n, m.done+m.left, io.ErrUnexpectedEOF)
	}
	return io.EOF
}
