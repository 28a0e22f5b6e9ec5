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

// lookBits is how many bits of a code one look into a table decides on.
const lookBits = 9

// huffman is a table of codes.
type huffman struct {
	known bool
	look  [1 << lookBits]uint16 // length·256 + value by the first bits; 0 for longer codes
	most  [17]int32             // largest code of each length, or -1
	shift [17]int32             // what to add to a code for the position of its value
	value [256]uint8
}

// set makes a table of the number of codes of each length and their values.
func (t *huffman) set(counts, values []byte) bool {
	*t = huffman{known: true}
	copy(t.value[:], values)
	code, k := int32(0), int32(0)
	for l := 1; l <= 16; l++ {
		n := int32(counts[l-1])
		t.most[l], t.shift[l] = -1, k-code
		if n > 0 {
			if code+n > 1<<l {
				return false
			}
			t.most[l] = code + n - 1
			for i := range n {
				if l <= lookBits {
					first := (code + i) << (lookBits - l)
					for j := range int32(1) << (lookBits - l) {
						t.look[first+j] = uint16(l)<<8 | uint16(t.value[k+i])
					}
				}
			}
		}
		code, k = (code+n)<<1, k+n
	}
	return true
}

// bitReader reads the data of a scan.
type bitReader struct {
	b    []byte
	pos  int
	acc  uint64 // the next bits, from the highest
	n    int    // how many
	none int    // how many zeros were added after the last
}

// fill makes at least 57 bits ready.
func (r *bitReader) fill() {
	if r.pos+8 <= len(r.b) {
		w := binary.BigEndian.Uint64(r.b[r.pos:])
		if (^w-0x0101010101010101)&w&0x8080808080808080 == 0 { // no byte is 0xff
			k := (64 - r.n) / 8
			r.acc |= w >> (64 - 8*k) << (64 - r.n - 8*k)
			r.n, r.pos = r.n+8*k, r.pos+k
			return
		}
	}
	for r.n <= 56 {
		c := byte(0)
		switch {
		case r.pos < len(r.b) && r.b[r.pos] != 0xff:
			c = r.b[r.pos]
			r.pos++
		case r.pos+1 < len(r.b) && r.b[r.pos+1] == 0:
			c = 0xff
			r.pos += 2
		default: // a marker
			r.none += 8
		}
		r.acc |= uint64(c) << (56 - r.n)
		r.n += 8
	}
}

// short reports whether bits were used that are not there.
func (r *bitReader) short() bool { return r.none > r.n }

// restart goes beyond a restart marker.
func (r *bitReader) restart(number int) bool {
	r.fill()
	if r.short() || r.n-r.none >= 8 || r.pos+1 >= len(r.b) || r.b[r.pos] != 0xff || int(r.b[r.pos+1]) != 0xd0+number {
		return false
	}
	r.acc, r.n, r.none, r.pos = 0, 0, 0, r.pos+2
	return true
}

// atEnd reports whether the scan and the file end here.
func (r *bitReader) atEnd() bool {
	r.fill()
	return !r.short() && r.n-r.none < 8 && r.pos+1 < len(r.b) && r.b[r.pos] == 0xff && r.b[r.pos+1] == 0xd9
}

// next returns the value of the next code. 16 bits must be ready.
func (r *bitReader) next(t *huffman) (value uint8, ok bool) {
	if e := t.look[r.acc>>(64-lookBits)]; e != 0 {
		r.acc <<= e >> 8
		r.n -= int(e >> 8)
		return uint8(e), true
	}
	for l := lookBits + 1; l <= 16; l++ {
		if code := int32(r.acc >> (64 - l)); code <= t.most[l] {
			r.acc <<= l
			r.n -= l
			return t.value[uint8(code+t.shift[l])], true
		}
	}
	return 0, false
}

// signed returns the next number of s bits, which says in its first bit whether it is
// positive. s is at least 1; s bits must be ready.
func (r *bitReader) signed(s uint8) int32 {
	v := int32(r.acc >> (64 - s))
	r.acc <<= s
	r.n -= int(s)
	if v < 1<<(s-1) {
		v += -1<<s + 1
	}
	return v
}

// first reads the DC value of a block.
func (r *bitReader) first(c *jpegColour) bool {
	r.fill()
	s, ok := r.next(c.dc)
	if !ok || s > 11 {
		return false
	}
	if s > 0 {
		c.last += r.signed(s)
	}
	return c.last >= -1<<15 && c.last < 1<<15
}

// skip reads a block that is not shown.
func (r *bitReader) skip(c *jpegColour) bool {
	if !r.first(c) {
		return false
	}
	t, acc, n := c.ac, r.acc, r.n // in registers
	for k := 1; k < 64; k++ {
		if n < 32 {
			r.acc, r.n = acc, n
			r.fill()
			acc, n = r.acc, r.n
		}
		e := t.look[acc>>(64-lookBits)]
		if e == 0 {
			r.acc, r.n = acc, n
			v, ok := r.next(t)
			if !ok {
				return false
			}
			acc, n, e = r.acc, r.n, uint16(v)
		}
		s := uint(e & 15)
		k += int(e >> 4 & 15)
		bits := uint(e>>8) + s
		acc <<= bits
		n -= int(bits)
		if s == 0 {
			if e&0xff == 0xf0 {
				continue
			}
			r.acc, r.n = acc, n
			return e&0xff == 0
		}
		if k > 63 || s > 10 {
			return false
		}
	}
	r.acc, r.n = acc, n
	return true
}

// block reads a block and returns the place, in the file's order, of its last coefficient
// that may not be zero.
func (r *bitReader) block(c *jpegColour, q *[64]int32, out *[64]int32) (last int, ok bool) {
	if !r.first(c) {
		return 0, false
	}
	*out = [64]int32{0: c.last * q[0]}
	t, acc, n := c.ac, r.acc, r.n // in registers
	for k := 1; k < 64; k++ {
		if n < 32 {
			r.acc, r.n = acc, n
			r.fill()
			acc, n = r.acc, r.n
		}
		e := t.look[acc>>(64-lookBits)]
		if e == 0 {
			r.acc, r.n = acc, n
			v, ok := r.next(t)
			if !ok {
				return 0, false
			}
			acc, n, e = r.acc, r.n, uint16(v)
		}
		acc <<= e >> 8
		n -= int(e >> 8)
		s := uint(e & 15)
		k += int(e >> 4 & 15)
		if s == 0 {
			if e&0xff == 0xf0 {
				continue
			}
			r.acc, r.n = acc, n
			return last, e&0xff == 0
		}
		if k > 63 || s > 10 {
			return 0, false
		}
		v := int32(acc >> (64 - s))
		acc <<= s
		n -= int(s)
		if v < 1<<(s-1) {
			v += -1<<s + 1
		}
		out[zigzag[k&63]&63] = v * q[k&63]
		last = k
	}
	r.acc, r.n = acc, n
	return last, true
}

// fixBits is how many bits after the point the constants of the inverse cosine transform have.
const fixBits = 13

// inverseDCT writes a block of 8×8 pixels.
func inverseDCT(b *[64]int32, last int, out []uint8, stride int) {
	if last == 0 {
		v := pixel((b[0] + 4) >> 3)
		w := uint64(v) * 0x0101010101010101
		for y := range 8 {
			binary.LittleEndian.PutUint64(out[y*stride:], w)
		}
		return
	}
	for x := range 8 { // columns, kept with two bits after the point
		col := b[x : x+57]
		if col[8]|col[16]|col[24]|col[32]|col[40]|col[48]|col[56] == 0 {
			v := col[0] << 2
			for y := 0; y < 64; y += 8 {
				col[y] = v
			}
			continue
		}
		const half, shift = 1 << (fixBits - 3), fixBits - 2
		y0, y1, y2, y3, y4, y5, y6, y7 := inverse8(col[0], col[8], col[16], col[24], col[32], col[40], col[48], col[56])
		col[0], col[8], col[16], col[24] = (y0+half)>>shift, (y1+half)>>shift, (y2+half)>>shift, (y3+half)>>shift
		col[32], col[40], col[48], col[56] = (y4+half)>>shift, (y5+half)>>shift, (y6+half)>>shift, (y7+half)>>shift
	}
	for y := range 8 {
		row := b[8*y:][:8]
		line := out[y*stride:][:8]
		const half, shift = 1 << (fixBits + 4), fixBits + 5
		y0, y1, y2, y3, y4, y5, y6, y7 := inverse8(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7])
		line[0], line[1], line[2], line[3] = pixel((y0+half)>>shift), pixel((y1+half)>>shift), pixel((y2+half)>>shift), pixel((y3+half)>>shift)
		line[4], line[5], line[6], line[7] = pixel((y4+half)>>shift), pixel((y5+half)>>shift), pixel((y6+half)>>shift), pixel((y7+half)>>shift)
	}
}

// pixel is a value around zero as a byte.
func pixel(v int32) uint8 {
	v += 128
	if uint32(v) > 255 {
		return uint8(^v >> 31) // 0 or 255
	}
	return uint8(v)
}

// inverse8 is the inverse cosine transform of eight coefficients after Loeffler, Ligtenberg and
// Moschytz (1989). The result has fixBits bits after the point and is √8 times too large. The
// constants are √2 times sums of cosines of multiples of π/16, in units of 2^-fixBits.
func inverse8(x0, x1, x2, x3, x4, x5, x6, x7 int32) (y0, y1, y2, y3, y4, y5, y6, y7 int32) {
	// Even coefficients: a rotation by 3π/8 and butterflies.
	z := (x2 + x6) * 4433
	e2, e3 := z-x6*15137, z+x2*6270
	e0, e1 := (x0+x4)<<fixBits, (x0-x4)<<fixBits
	a0, a3, a1, a2 := e0+e3, e0-e3, e1+e2, e1-e2

	// Odd coefficients: rotations that share their products.
	z1, z2, z3, z4 := (x7+x1)*-7373, (x5+x3)*-20995, x7+x3, x5+x1
	z5 := (z3 + z4) * 9633
	z3, z4 = z3*-16069+z5, z4*-3196+z5
	o0, o1, o2, o3 := x7*2446+z1+z3, x5*16819+z2+z4, x3*25172+z2+z3, x1*12299+z1+z4

	return a0 + o3, a1 + o2, a2 + o1, a3 + o0, a3 - o0, a2 - o1, a1 - o2, a0 - o3
}
