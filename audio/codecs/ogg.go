package codecs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// oggReader takes apart the pages of the first logical stream of an Ogg file (RFC 3533).
type oggReader struct {
	r       io.Reader
	begun   bool
	serial  uint32
	at      int64    // bytes read
	queue   [][]byte // whole packets of the page
	partial []byte   // of a packet that goes on in the next page
	open    bool     // whether one does
	last    bool     // the page was the stream's last
	granule int64    // position at the page's end; -1 where no packet ends in it
}

// mostPacket is more than any packet of Opus, and than reasonable comments.
const mostPacket = 1 << 24

// packet returns the next packet, or io.EOF after the stream's last page.
func (o *oggReader) packet() ([]byte, error) {
	for len(o.queue) == 0 {
		if o.last {
			return nil, io.EOF
		}
		if err := o.page(); err != nil {
			return nil, err
		}
	}
	p := o.queue[0]
	o.queue = o.queue[1:]
	return p, nil
}

// page reads a page.
func (o *oggReader) page() error {
	var b [27 + 255 + 255*255]byte
	start := o.at
	if err := o.full(b[:27]); err != nil {
		return err
	}
	if string(b[:4]) != "OggS" || b[4] != 0 {
		return fmt.Errorf("no Ogg page at byte %d", start)
	}
	segments := int(b[26])
	if err := o.full(b[27 : 27+segments]); err != nil {
		return err
	}
	size := 27 + segments
	for _, l := range b[27:size] {
		size += int(l)
	}
	if err := o.full(b[27+segments : size]); err != nil {
		return err
	}
	sum := binary.LittleEndian.Uint32(b[22:])
	binary.LittleEndian.PutUint32(b[22:], 0)
	if oggSum(b[:size]) != sum {
		return fmt.Errorf("damaged: wrong checksum of the Ogg page at byte %d", start)
	}
	serial, flags := binary.LittleEndian.Uint32(b[14:]), b[5]
	if !o.begun {
		o.begun, o.serial = true, serial
	}
	if serial != o.serial {
		return nil
	}
	if continued := flags&1 != 0; continued != o.open {
		return fmt.Errorf("damaged: a page is missing before the one at byte %d", start)
	}
	o.last = flags&4 != 0
	o.granule = int64(binary.LittleEndian.Uint64(b[6:]))
	return o.split(b[27:27+segments], b[27+segments:size])
}

// split cuts a page's body into packets: a segment of less than 255 bytes ends one.
func (o *oggReader) split(lengths, body []byte) error {
	o.queue = o.queue[:0]
	for _, l := range lengths {
		o.partial = append(o.partial, body[:l]...)
		body = body[l:]
		o.open = l == 255
		if len(o.partial) > mostPacket {
			return errors.New("damaged: a packet of more than 16 MiB")
		}
		if !o.open {
			o.queue = append(o.queue, o.partial)
			o.partial = nil
		}
	}
	return nil
}

// full fills b; a file that ends before its last page is cut short.
func (o *oggReader) full(b []byte) error {
	n, err := io.ReadFull(o.r, b)
	o.at += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("at byte %d: %w", o.at, io.ErrUnexpectedEOF)
	}
	return err
}

var oggTable = func() (t [256]uint32) {
	for i := range t {
		v := uint32(i) << 24
		for range 8 {
			v = v<<1 ^ v>>31*0x04c11db7
		}
		t[i] = v
	}
	return t
}()

// oggSum is the checksum of a page whose own place for it is zero: CRC-32 with the top bit
// first and no inversion.
func oggSum(b []byte) (sum uint32) {
	for _, v := range b {
		sum = sum<<8 ^ oggTable[byte(sum>>24)^v]
	}
	return sum
}
