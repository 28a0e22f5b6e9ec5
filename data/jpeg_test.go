package data

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// samePlanes compares a decoded file with what image/jpeg makes of it: rounding may differ.
func samePlanes(t *testing.T, name string, b []byte) {
	t.Helper()
	var f jpegFile
	if err := f.read(b); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if err := f.decode(0, 0, f.w, f.h); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	m, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Errorf("%s: image/jpeg: %v", name, err)
		return
	}
	var d decoder
	d.set(m)
	got, want := f.picture(), &d.pic
	if got.w != want.w || got.h != want.h || got.n != want.n || got.ycc != want.ycc {
		t.Errorf("%s: %d×%d of %d planes, want %d×%d of %d", name, got.w, got.h, got.n, want.w, want.h, want.n)
		return
	}
	for i := range got.n {
		g, w := &got.planes[i], &want.planes[i]
		if g.w != w.w || g.h != w.h || g.dx != w.dx || g.dy != w.dy {
			t.Errorf("%s: plane %d is %d×%d, want %d×%d", name, i, g.w, g.h, w.w, w.h)
			return
		}
		sum, worst := 0.0, 0.0
		for y := range g.h {
			for x := range g.w {
				diff := math.Abs(float64(g.pix[y*g.stride+x]) - float64(w.pix[y*w.stride+x]))
				sum, worst = sum+diff, max(worst, diff)
			}
		}
		if mean := sum / float64(g.w*g.h); worst > 2 || mean > 0.1 {
			t.Errorf("%s: plane %d is off by %.3f on average, %.0f at most", name, i, mean, worst)
		}
	}
}

func TestJPEGAgainstLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, size := range [][2]int{{1, 1}, {8, 8}, {16, 17}, {65, 33}, {7, 100}} {
		for _, quality := range []int{1, 30, 75, 100} {
			m := image.NewRGBA(image.Rect(0, 0, size[0], size[1]))
			for i := range m.Pix {
				m.Pix[i] = uint8(rng.Uint32())
			}
			grey := image.NewGray(m.Rect)
			copy(grey.Pix, m.Pix)
			for name, m := range map[string]image.Image{"colour": m, "grey": grey} {
				var b bytes.Buffer
				if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
					t.Fatal(err)
				}
				samePlanes(t, name, b.Bytes())
			}
		}
	}
}

// Files of another encoder: all samplings, restart markers, and a progressive file, which is
// left to image/jpeg.
func TestJPEGGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.jpg"))
	if err != nil || len(paths) < 6 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Base(path) {
		case "progressive.jpg", "cmyk.jpg":
			if err := new(jpegFile).read(b); err == nil {
				t.Errorf("%s is read", path)
			}
			if err := new(decoder).decode(b, nil); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		default:
			samePlanes(t, path, b)
			// Nothing that is cut short or lacks its end is read.
			for n := range len(b) {
				var f jpegFile
				if f.read(b[:n]) == nil && f.decode(0, 0, f.w, f.h) == nil {
					t.Fatalf("%s: %d bytes of %d are enough", path, n, len(b))
				}
			}
		}
	}
}

func TestJPEGPhotographs(t *testing.T) {
	l, err := list(testkit.Shared(t, "data/imagenet-sample") + "/val")
	if err != nil {
		t.Fatal(err)
	}
	p := l.photos(l.classes)
	for i := 0; i < p.Len(); i += 4 {
		b, err := os.ReadFile(p.path(i))
		if err != nil {
			t.Fatal(err)
		}
		samePlanes(t, p.path(i), b)
	}
}

// What a crop shows does not depend on the blocks that were left out for it.
func TestJPEGWindow(t *testing.T) {
	b := asJPEG(t, drawn(211, 163, color.RGBA{R: 80}))
	var whole, part photoRoom
	if err := whole.decode(b, nil); err != nil {
		t.Fatal(err)
	}
	show := func(r *photoRoom, c crop, side int) (rgb [3][]float32) {
		for i := range rgb {
			rgb[i] = make([]float32, side*side)
		}
		r.show(&r.pic, c, side, rgb)
		return rgb
	}
	rng := rand.New(rand.NewPCG(1, 9))
	for n := range 60 {
		side := 1 + rng.IntN(120)
		var c crop
		if err := part.decode(b, func(w, h int) crop {
			if c = randomCrop(w, h, rng); n%2 == 1 {
				c = centreCrop(w, h, side)
			}
			for i := range part.plain.colours { // what was left by the picture before
				pix := part.plain.colours[i].pix
				for j := range pix {
					pix[j] = uint8(rng.Uint32())
				}
			}
			return c
		}); err != nil {
			t.Fatal(err)
		}
		got, want := show(&part, c, side), show(&whole, c, side)
		for i := range got {
			if !slices.Equal(got[i], want[i]) {
				t.Fatalf("%+v at %d pixels: colour %d differs", c, side, i)
			}
		}
	}
}

// FuzzJPEG holds the reader to image/jpeg: it reads nothing that one refuses.
func FuzzJPEG(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join("testdata", "*.jpg"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(asJPEG(f, drawn(20, 9, color.RGBA{R: 80})))
	var file jpegFile
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 || file.read(b) != nil || file.w*file.h > 1<<20 || file.decode(0, 0, file.w, file.h) != nil {
			return
		}
		m, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("image/jpeg: %v", err)
		}
		if m.Bounds().Dx() != file.w || m.Bounds().Dy() != file.h {
			t.Errorf("%d×%d, want %v", file.w, file.h, m.Bounds())
		}
	})
}
