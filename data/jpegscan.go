package data

import "encoding/binary"

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
