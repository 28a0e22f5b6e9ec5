package data

import (
	"encoding/binary"
	"errors"
)

// Photographs for training are mostly sequential JPEG files of which a crop is shown. jpegFile
// reads those faster than image/jpeg: it undoes the cosine transform of the blocks that are
// shown alone. It reads every code of the file, so that whether a file is whole does not
// depend on the crop. Whatever it does not know or does not like (progressive and lossless
// files, CMYK, 12 bits, several scans, damage) it leaves to image/jpeg, which judges.
// ISO/IEC 10918-1 is the standard, whose names of segments are used here.

// errNotPlain is the answer to files that image/jpeg is to read.
var errNotPlain = errors.New("not a plain sequential JPEG file")

// zigzag is where the coefficients of a block lie, in the order of the file.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// jpegColour is one component of a file.
type jpegColour struct {
	id, quant byte
	h, v      int // blocks in an MCU
	dc, ac    *huffman
	last      int32 // DC value of the block before
	pix       []uint8
	stride    int
	x0, x1    int // blocks that are shown
	y0, y1    int
}

// jpegFile is a file whose segments up to its scan are read. Its room is reused.
type jpegFile struct {
	w, h      int
	n         int // components
	colours   [3]jpegColour
	quant     [4][64]int32
	codes     [2][4]huffman // DC and AC
	restart   int           // MCUs between restart markers; 0 for none
	scan      bitReader
	adobe     bool
	transform byte
	block     [64]int32
}

// read reads the segments of a file up to the data of its scan.
func (f *jpegFile) read(b []byte) error {
	f.n, f.restart, f.adobe = 0, 0, false
	f.quant = [4][64]int32{}
	for t := range f.codes {
		for i := range f.codes[t] {
			f.codes[t][i].known = false
		}
	}
	for p := 2; ; {
		if p+4 > len(b) || b[p] != 0xff {
			return errNotPlain
		}
		marker, size := b[p+1], int(binary.BigEndian.Uint16(b[p+2:]))
		if size < 2 || p+2+size > len(b) {
			return errNotPlain
		}
		body := b[p+4 : p+2+size]
		p += 2 + size
		ok := true
		switch {
		case marker == 0xc0 || marker == 0xc1:
			ok = f.frame(body)
		case marker == 0xc4:
			ok = f.tables(body)
		case marker == 0xdb:
			ok = f.quantisers(body)
		case marker == 0xdd:
			if ok = len(body) == 2; ok {
				f.restart = int(binary.BigEndian.Uint16(body))
			}
		case marker == 0xda:
			if !f.scanHead(body) {
				return errNotPlain
			}
			f.scan = bitReader{b: b, pos: p}
			return nil
		case marker == 0xee:
			if len(body) >= 12 && string(body[:5]) == "Adobe" {
				f.adobe, f.transform = true, body[11]
			}
		case marker >= 0xe0 && marker <= 0xef || marker == 0xfe:
		default:
			ok = false
		}
		if !ok {
			return errNotPlain
		}
	}
}

// frame reads a SOF0 or SOF1 segment.
func (f *jpegFile) frame(b []byte) bool {
	if f.n != 0 || len(b) < 6 || b[0] != 8 {
		return false
	}
	f.h, f.w, f.n = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])), int(b[5])
	if f.n != 1 && f.n != 3 || len(b) != 6+3*f.n || f.w < 1 || f.h < 1 || f.w > mostPixels/f.h {
		return false
	}
	for i := range f.n {
		c := &f.colours[i]
		c.id, c.h, c.v, c.quant = b[6+3*i], int(b[7+3*i]>>4), int(b[7+3*i]&15), b[8+3*i]
		if c.quant > 3 || c.h < 1 || c.h > 2 || c.v < 1 || c.v > 2 || i > 0 && (c.h != 1 || c.v != 1) {
			return false
		}
	}
	if f.n == 1 { // its sampling means nothing
		f.colours[0].h, f.colours[0].v = 1, 1
	}
	a, b1, b2 := f.colours[0].id, f.colours[1].id, f.colours[2].id
	return f.n == 1 || a != b1 && a != b2 && b1 != b2
}

// quantisers reads a DQT segment.
func (f *jpegFile) quantisers(b []byte) bool {
	for len(b) > 0 {
		wide, id := int(b[0]>>4), b[0]&15
		if b = b[1:]; wide > 1 || id > 3 || len(b) < 64*(1+wide) {
			return false
		}
		for i := range 64 {
			if wide == 0 {
				f.quant[id][i] = int32(b[i])
			} else {
				f.quant[id][i] = int32(binary.BigEndian.Uint16(b[2*i:]))
			}
		}
		b = b[64*(1+wide):]
	}
	return true
}

// tables reads a DHT segment.
func (f *jpegFile) tables(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 17 || b[0]>>4 > 1 || b[0]&15 > 3 {
			return false
		}
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if n == 0 || n > 256 || len(b) < 17+n || !f.codes[b[0]>>4][b[0]&15].set(b[1:17], b[17:17+n]) {
			return false
		}
		b = b[17+n:]
	}
	return true
}

// scanHead reads a SOS segment: all components in one scan of all coefficients.
func (f *jpegFile) scanHead(b []byte) bool {
	if f.n == 0 || len(b) != 4+2*f.n || int(b[0]) != f.n || f.adobe && f.n == 3 && f.transform != 1 {
		return false
	}
	if !f.adobe && f.n == 3 && f.colours[0].id == 'R' { // red, green and blue
		return false
	}
	for i := range f.n {
		c := &f.colours[i]
		dc, ac := b[2+2*i]>>4, b[2+2*i]&15
		if b[1+2*i] != c.id || dc > 3 || ac > 3 {
			return false
		}
		if c.dc, c.ac = &f.codes[0][dc], &f.codes[1][ac]; !c.dc.known || !c.ac.known {
			return false
		}
	}
	end := b[1+2*f.n:]
	return end[0] == 0 && end[1] == 63 && end[2] == 0
}

// decode reads the scan and makes the part of the picture within a window, in pixels; what is
// outside stays as it is.
func (f *jpegFile) decode(x0, y0, x1, y1 int) error {
	hm, vm := f.colours[0].h, f.colours[0].v
	across, down := (f.w+8*hm-1)/(8*hm), (f.h+8*vm-1)/(8*vm)
	for i := range f.n {
		c := &f.colours[i]
		dx, dy := 8*hm/c.h, 8*vm/c.v // pixels of a block
		c.x0, c.x1, c.y0, c.y1 = max(x0, 0)/dx, (x1+dx-1)/dx, max(y0, 0)/dy, (y1+dy-1)/dy
		c.stride, c.last = 8*across*c.h, 0
		c.pix = room(c.pix, c.stride*8*down*c.v)
	}
	left, number := f.restart, 0
	for my := range down {
		for mx := range across {
			if f.restart > 0 && left == 0 {
				if !f.scan.restart(number) {
					return errNotPlain
				}
				for i := range f.n {
					f.colours[i].last = 0
				}
				left, number = f.restart, (number+1)%8
			}
			left--
			if !f.mcu(mx, my) {
				return errNotPlain
			}
		}
		if f.scan.short() {
			return errNotPlain
		}
	}
	if !f.scan.atEnd() {
		return errNotPlain
	}
	return nil
}

// mcu reads the blocks of one MCU.
func (f *jpegFile) mcu(mx, my int) bool {
	for i := range f.n {
		c := &f.colours[i]
		q := &f.quant[c.quant]
		for v := range c.v {
			for h := range c.h {
				x, y := mx*c.h+h, my*c.v+v
				if x < c.x0 || x >= c.x1 || y < c.y0 || y >= c.y1 {
					if !f.scan.skip(c) {
						return false
					}
					continue
				}
				last, ok := f.scan.block(c, q, &f.block)
				if !ok {
					return false
				}
				inverseDCT(&f.block, last, c.pix[8*y*c.stride+8*x:], c.stride)
			}
		}
	}
	return true
}

// picture returns the planes that have been decoded.
func (f *jpegFile) picture() picture {
	p := picture{w: f.w, h: f.h, n: f.n, ycc: f.n == 3}
	for i := range f.n {
		c := &f.colours[i]
		dx, dy := f.colours[0].h/c.h, f.colours[0].v/c.v
		p.planes[i] = plane{c.pix, 1, c.stride, (f.w + dx - 1) / dx, (f.h + dy - 1) / dy, float64(dx), float64(dy)}
	}
	return p
}
