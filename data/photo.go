package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

// mostPixels bounds the images that are decoded: a small file can claim any size.
const mostPixels = 1 << 26

// plane is one channel of a decoded image, dx and dy times smaller than it.
type plane struct {
	pix          []uint8
	step, stride int // from one value to the next, and from one row to the next
	w, h         int
	dx, dy       float64
}

// picture is a decoded image: one plane of grey, three of colour, or luma and two of colour
// difference (JFIF's YCbCr), which may be smaller.
type picture struct {
	w, h   int
	planes [3]plane
	n      int // planes
	ycc    bool
}

// decoder reads image files. Its room is reused.
type decoder struct {
	file  []byte
	plain jpegFile
	pic   picture
}

// read decodes a JPEG or PNG file; which of the two it is its first bytes tell. The
// orientation an EXIF header asks for is ignored, and what is transparent is black. The
// picture is good until the next call, in the crop that choose returns for its width and
// height; nil chooses all. Errors begin with the path.
func (d *decoder) read(path string, choose func(w, h int) crop) (*picture, error) {
	if err := d.load(path); err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	if err := d.decode(d.file, choose); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &d.pic, nil
}

// load reads a file into the room there is.
func (d *decoder) load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Size() > mostBytes {
		return fmt.Errorf("%d bytes are too many for an image", info.Size())
	}
	n := int(info.Size())
	if cap(d.file) < n {
		d.file = make([]byte, n+n/2)
	}
	d.file = d.file[:n]
	_, err = io.ReadFull(f, d.file)
	return err
}

func (d *decoder) decode(b []byte, choose func(w, h int) crop) error {
	if bytes.HasPrefix(b, []byte("\xff\xd8")) && d.plain.read(b) == nil {
		x0, y0, x1, y1 := 0, 0, d.plain.w, d.plain.h
		if choose != nil {
			x0, y0, x1, y1 = choose(x1, y1).window(x1, y1)
		}
		if d.plain.decode(x0, y0, x1, y1) == nil {
			d.pic = d.plain.picture()
			return nil
		}
	}
	config, whole := jpeg.DecodeConfig, jpeg.Decode
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8")):
	case bytes.HasPrefix(b, []byte("\x89PNG")):
		config, whole = png.DecodeConfig, png.Decode
	case len(b) == 0:
		return errors.New("the file is empty")
	default:
		return errors.New("neither a JPEG nor a PNG file")
	}
	c, err := config(bytes.NewReader(b))
	if err != nil {
		return cutShort(err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > mostPixels/c.Height {
		return fmt.Errorf("an image of %d×%d pixels: must be 1 to %d", c.Width, c.Height, mostPixels)
	}
	m, err := whole(bytes.NewReader(b))
	if err != nil {
		return cutShort(err)
	}
	d.set(m)
	return nil
}

func cutShort(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("the file is cut short: %w", err)
	}
	return err
}

// set takes the planes of an image.
func (d *decoder) set(m image.Image) {
	r := m.Bounds()
	p := &d.pic
	*p = picture{w: r.Dx(), h: r.Dy(), n: 3}
	full := func(pix []uint8, step, stride int) plane {
		return plane{pix, step, stride, p.w, p.h, 1, 1}
	}
	switch m := m.(type) {
	case *image.Gray:
		p.n = 1
		p.planes[0] = full(m.Pix, 1, m.Stride)
	case *image.YCbCr:
		p.ycc = true
		p.planes[0] = full(m.Y, 1, m.YStride)
		w, h, dx, dy := p.w, p.h, 1, 1
		switch m.SubsampleRatio {
		case image.YCbCrSubsampleRatio422:
			dx = 2
		case image.YCbCrSubsampleRatio420:
			dx, dy = 2, 2
		case image.YCbCrSubsampleRatio440:
			dy = 2
		case image.YCbCrSubsampleRatio411:
			dx = 4
		case image.YCbCrSubsampleRatio410:
			dx, dy = 4, 2
		}
		w, h = (w+dx-1)/dx, (h+dy-1)/dy
		for i, pix := range [][]uint8{m.Cb, m.Cr} {
			p.planes[1+i] = plane{pix, 1, m.CStride, w, h, float64(dx), float64(dy)}
		}
	default:
		rgb, ok := m.(*image.RGBA)
		if !ok {
			rgb = image.NewRGBA(image.Rect(0, 0, p.w, p.h))
			draw.Draw(rgb, rgb.Bounds(), m, r.Min, draw.Src)
		}
		for i := range 3 {
			p.planes[i] = full(rgb.Pix[i:], 4, rgb.Stride)
		}
	}
}
