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
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/tensor"
	"golang.org/x/image/draw"
)

// shown returns a crop as bytes.
func shown(p *picture, c crop, side int) (out [3][]float64) {
	var rgb [3][]float32
	for i := range rgb {
		rgb[i] = make([]float32, side*side)
	}
	new(resampler).show(p, c, side, rgb)
	for i := range rgb {
		for _, v := range rgb[i] {
			out[i] = append(out[i], 255*float64(v*PhotoDeviation[i]+PhotoMean[i]))
		}
	}
	return out
}

// Crops of an image are those of golang.org/x/image/draw, which weights by the same triangle.
func TestResampleAgainstDraw(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	m := image.NewRGBA(image.Rect(0, 0, 61, 47))
	for i := range m.Pix {
		m.Pix[i] = uint8(rng.Uint32() | 255*uint32(i%4/3))
	}
	var d decoder
	d.set(m)
	for _, c := range []struct{ x, y, w, h, side int }{{0, 0, 61, 47, 20}, {10, 5, 40, 40, 40}, {3, 7, 11, 9, 32}, {0, 0, 61, 47, 7}, {60, 46, 1, 1, 5}, {20, 0, 3, 47, 16}} {
		got := shown(&d.pic, crop{x0: float64(c.x), y0: float64(c.y), x1: float64(c.x + c.w), y1: float64(c.y + c.h), inside: true}, c.side)
		want := image.NewRGBA(image.Rect(0, 0, c.side, c.side))
		draw.BiLinear.Scale(want, want.Bounds(), m, image.Rect(c.x, c.y, c.x+c.w, c.y+c.h), draw.Src, nil)
		for i := range 3 {
			for j, v := range got[i] {
				if diff := math.Abs(v - float64(want.Pix[4*j+i])); diff > 1.01 { // theirs are rounded down
					t.Fatalf("%v: colour %d at %d is %.2f, want %d", c, i, j, v, want.Pix[4*j+i])
				}
			}
		}
	}
}

// The same of one plane, which lies side by side, at all scales up to the edges.
func TestResampleGreyAgainstDraw(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	for _, size := range [][2]int{{61, 47}, {2, 2}, {1, 3}, {3, 1}, {1, 1}, {40, 5}} {
		m := image.NewGray(image.Rect(0, 0, size[0], size[1]))
		for i := range m.Pix {
			m.Pix[i] = uint8(rng.Uint32())
		}
		var d decoder
		d.set(m)
		for n := range 80 {
			w, h, side := 1+rng.IntN(size[0]), 1+rng.IntN(size[1]), 1+rng.IntN(70)
			x, y := rng.IntN(size[0]-w+1), rng.IntN(size[1]-h+1)
			if n%4 == 0 { // as it is, in the corner
				w = min(w, h)
				h, side, x, y = w, w, size[0]-w, size[1]-w
			}
			got := shown(&d.pic, crop{x0: float64(x), y0: float64(y), x1: float64(x + w), y1: float64(y + h), inside: true, mirror: false}, side)
			want := image.NewGray(image.Rect(0, 0, side, side))
			draw.BiLinear.Scale(want, want.Bounds(), m, image.Rect(x, y, x+w, y+h), draw.Src, nil)
			for j, v := range got[0] {
				if diff := math.Abs(v - float64(want.Pix[j])); diff > 1.01 {
					t.Fatalf("%v: %d×%d at %d, %d as %d: value %d is %.2f, want %d", size, w, h, x, y, side, j, v, want.Pix[j])
				}
			}
		}
	}
}

// A middle is that of the resized image, whose neighbours beyond the crop have a part in it.
func TestCentreCropAgainstDraw(t *testing.T) {
	m := drawn(91, 64, color.RGBA{R: 50})
	var d decoder
	d.set(m)
	const side = 28 // shorter side 32
	got := shown(&d.pic, centreCrop(91, 64, side), side)
	want := image.NewRGBA(image.Rect(0, 0, 46, 32))
	draw.BiLinear.Scale(want, want.Bounds(), m, m.Bounds(), draw.Src, nil)
	for y := range side {
		for x := range side {
			for i := range 3 {
				if diff := math.Abs(got[i][y*side+x] - float64(want.Pix[want.PixOffset(9+x, 2+y)+i])); diff > 3 { // 91/2 is not whole
					t.Fatalf("colour %d at %d, %d is off by %.2f", i, x, y, diff)
				}
			}
		}
	}
}

// Sub-sampled colours lie where the whole ones do: a gradient keeps its place.
func TestSubsampledColour(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410} {
		m := image.NewYCbCr(image.Rect(0, 0, 43, 37), ratio)
		for i := range m.Y {
			m.Y[i] = 120
		}
		dx, dy := 43.0/float64(m.CStride), 37.0/float64(len(m.Cb)/m.CStride)
		dx, dy = math.Round(dx), math.Round(dy)
		for y := range len(m.Cb) / m.CStride {
			for x := range m.CStride {
				m.Cb[y*m.CStride+x] = uint8(100 + (float64(x)+0.5)*dx)
				m.Cr[y*m.CStride+x] = uint8(100 + (float64(y)+0.5)*dy)
			}
		}
		var d decoder
		d.set(m)
		got := shown(&d.pic, crop{x0: 5, y0: 9, x1: 29, y1: 33, inside: true}, 12)
		for y := 2; y < 10; y++ {
			for x := 2; x < 10; x++ {
				cb, cr := 100+5+2*float64(x)+1-128, 100+9+2*float64(y)+1-128
				for i, want := range []float64{120 + 1.402*cr, 120 - 0.344136*cb - 0.714136*cr, 120 + 1.772*cb} {
					if diff := math.Abs(got[i][y*12+x] - want); diff > 1.5 {
						t.Fatalf("%v: colour %d at %d, %d is %.1f, want %.1f", ratio, i, x, y, got[i][y*12+x], want)
					}
				}
			}
		}
	}
}

func TestMirror(t *testing.T) {
	var d decoder
	d.set(drawn(33, 21, color.RGBA{R: 9}))
	c := crop{x0: 4, y0: 3, x1: 30, y1: 20, inside: true}
	plain := shown(&d.pic, c, 11)
	c.mirror = true
	for i, v := range shown(&d.pic, c, 11) {
		for j := range v {
			if v[j] != plain[i][j/11*11+10-j%11] {
				t.Fatalf("colour %d at %d is not the mirror image's", i, j)
			}
		}
	}
}

func TestRandomCrop(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	area, mirrored, least := 0.0, 0, 1.0
	const n = 4000
	for range n {
		c := randomCrop(400, 300, rng)
		w, h := c.x1-c.x0, c.y1-c.y0
		if c.x0 < 0 || c.y0 < 0 || c.x1 > 400 || c.y1 > 300 || w/h < 0.72 || w/h > 1.38 {
			t.Fatalf("%+v", c)
		}
		a := w * h / 400 / 300
		area, least = area+a/n, min(least, a)
		if c.mirror {
			mirrored++
		}
	}
	// The area is even between 0.08 and 1, the logarithm of the shape too, given that it fits.
	num, den := 0.0, 0.0
	for i := range 1000 {
		shape := math.Exp(math.Log(0.75) + (float64(i)+0.5)/1000*math.Log(16.0/9))
		m := min(shape/(4.0/3), 1)
		num, den = num+(m*m-0.08*0.08)/2, den+m-0.08
	}
	if math.Abs(area-num/den) > 0.015 || least > 0.09 || least < 0.079 || mirrored < n*45/100 || mirrored > n*55/100 {
		t.Errorf("mean area %.3f, want %.3f, least %.3f, %d of %d mirrored", area, num/den, least, mirrored, n)
	}
	for _, c := range [][2]int{{1, 1}, {1, 50}, {3000, 2}} { // nothing fits
		if c := randomCrop(c[0], c[1], rng); c.x1-c.x0 < 1 || c.y1-c.y0 < 1 {
			t.Errorf("%+v", c)
		}
	}
}

// Every kind of file gives the colours it was drawn with.
func TestKindsOfFiles(t *testing.T) {
	m := drawn(30, 30, color.RGBA{R: 200})
	grey, deep, palette := image.NewGray(m.Bounds()), image.NewRGBA64(m.Bounds()), image.NewPaletted(m.Bounds(), color.Palette{color.RGBA{200, 10, 20, 255}, color.RGBA{0, 0, 0, 255}})
	clear := image.NewNRGBA(m.Bounds())
	draw.Draw(grey, m.Bounds(), m, image.Point{}, draw.Src)
	draw.Draw(deep, m.Bounds(), m, image.Point{}, draw.Src)
	for name, c := range map[string]struct {
		file []byte
		red  float64
		grey bool
	}{
		"colour JPEG": {asJPEG(t, m), 200, false}, "grey JPEG": {asJPEG(t, grey), 137, true}, "PNG": {asPNG(t, m), 200, false}, "grey PNG": {asPNG(t, grey), 137, true},
		"deep PNG": {asPNG(t, deep), 200, false}, "palette PNG": {asPNG(t, palette), 200, false}, "transparent PNG": {asPNG(t, clear), 0, true},
	} {
		var d decoder
		if err := d.decode(c.file, nil); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		rgb := shown(&d.pic, centreCrop(30, 30, 7), 7)
		if math.Abs(rgb[0][24]-c.red) > 12 {
			t.Errorf("%s: red is %.1f, want %.0f", name, rgb[0][24], c.red)
		}
		if same := math.Abs(rgb[0][24]-rgb[1][24]) < 0.1; same != c.grey {
			t.Errorf("%s: red %.1f, green %.1f", name, rgb[0][24], rgb[1][24])
		}
	}
	huge := asPNG(t, grey)
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536×65536; its checksum is wrong as well
	for name, file := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "cut": asJPEG(t, m)[:300], "huge": huge} {
		if err := new(decoder).decode(file, nil); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// Real photographs, the grey ones among them, look as the library's own decoder and draw's
// scaler show them.
func TestPhotographs(t *testing.T) {
	dir := testkit.Shared(t, "data/imagenet-sample")
	tree, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Classes) != 100 || tree.Train.Len()+tree.Test.Len() != 100 || tree.Test.Len() < 10 {
		t.Errorf("%d classes, %d and %d images", len(tree.Classes), tree.Train.Len(), tree.Test.Len())
	}
	const side = 64
	for i := range tree.Test.Len() {
		file, err := os.ReadFile(tree.Test.path(i))
		if err != nil {
			t.Fatal(err)
		}
		m, err := jpeg.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		r := m.Bounds()
		want := image.NewRGBA(image.Rect(0, 0, side, side))
		draw.BiLinear.Scale(want, want.Bounds(), m, r, draw.Src, nil)
		var d decoder
		p, err := d.read(tree.Test.path(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		rgb := shown(p, crop{x1: float64(r.Dx()), y1: float64(r.Dy()), inside: true}, side)
		sum, worst := 0.0, 0.0
		for c := range 3 {
			for j, v := range rgb[c] {
				diff := math.Abs(v - float64(want.Pix[4*j+c]))
				sum, worst = sum+diff, max(worst, diff)
			}
		}
		if mean := sum / (3 * side * side); mean > 1.2 || worst > 30 { // colour differences are interpolated, theirs repeated
			t.Errorf("%s: colours are off by %.2f on average and %.1f at most", tree.Test.files[i], mean, worst)
		}
	}
}

// drawnBatches returns copies of the next n batches.
func drawnBatches(t *testing.T, next func() (*tensor.Tensor, []int32), n int) (xs [][]float32, labels [][]int32) {
	t.Helper()
	for range n {
		x, l := next()
		if x == nil {
			t.Fatal("no batch")
		}
		xs, labels = append(xs, slices.Clone(x.Data)), append(labels, slices.Clone(l))
	}
	return xs, labels
}

func TestPhotoBatches(t *testing.T) {
	tree, err := OpenTree(tinyTree(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	const side, n = 12, 11
	want, labels := drawnBatches(t, tree.Train.Batches(4, side, true, 7).Next, n)
	seen := map[int32]int{}
	for _, l := range labels[:3] {
		for _, v := range l {
			seen[v]++
		}
	}
	if len(seen) != 3 {
		t.Errorf("a pass shows classes %v", seen)
	}
	for i := range want { // the red of an image tells its class
		for j, l := range labels[i] {
			red := 255 * (want[i][j*side*side]*PhotoDeviation[0] + PhotoMean[0])
			if math.Abs(float64(red)-100*float64(l)) > 1 {
				t.Errorf("batch %d: red %v has label %d", i, red, l)
			}
		}
	}
	if slices.Equal(want[0], want[3]) || slices.Equal(labels[0], labels[3]) && slices.Equal(labels[1], labels[4]) {
		t.Error("two passes are alike")
	}

	// The number of workers has no influence, and neither has where it was broken off.
	for _, workers := range []int{1, 3, 8} {
		old := parallel.SetWorkers(workers)
		b := tree.Train.Batches(4, side, true, 7)
		for i := range n {
			position, err := b.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == workers%2 {
				b = tree.Train.Batches(4, side, true, 99)
			}
			if err := b.UnmarshalBinary(position); err != nil {
				t.Fatal(err)
			}
			x, l := b.Next()
			if !slices.Equal(x.Data, want[i]) || !slices.Equal(l, labels[i]) {
				t.Errorf("%d workers: batch %d differs", workers, i)
			}
		}
		whole, _ := drawnBatches(t, tree.Train.Batches(4, side, true, 7).Next, n)
		if !slices.EqualFunc(whole, want, func(a, b []float32) bool { return slices.Equal(a, b) }) {
			t.Errorf("%d workers draw other batches", workers)
		}
		parallel.SetWorkers(old)
	}
	if other, _ := drawnBatches(t, tree.Train.Batches(4, side, true, 8).Next, 1); slices.Equal(other[0], want[0]) {
		t.Error("another seed draws the same")
	}
	b := tree.Train.Batches(4, side, true, 7)
	position, _ := tree.Train.Batches(5, side, true, 7).MarshalBinary()
	for _, p := range [][]byte{nil, position[:31], position} {
		if err := b.UnmarshalBinary(p); err == nil {
			t.Errorf("position of %d bytes is taken", len(p))
		}
	}
}

// Damaged files are counted and named; their place goes to the next, whatever the number of
// workers; in a test they do not count.
func TestUnreadablePhotos(t *testing.T) {
	dir := tinyTree(t, 5)
	if err := os.Truncate(filepath.Join(dir, "train", "bee", "02.png"), 60); err != nil {
		t.Fatal(err)
	}
	put(t, dir, map[string][]byte{"val/cat/0.JPEG": []byte("not an image")})
	var want [][]float32
	for _, workers := range []int{1, 4} {
		old := parallel.SetWorkers(workers)
		tree, err := OpenTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		b := tree.Train.Batches(5, 8, true, 1)
		xs, labels := drawnBatches(t, b.Next, 3)
		count := [3]int{}
		for _, l := range slices.Concat(labels...) {
			count[l]++
		}
		if count != [3]int{5, 5, 5} || b.Err() != nil {
			t.Errorf("labels %v, %v", count, b.Err())
		}
		if w := tree.Train.Warning(); !strings.Contains(w, "skipped: 1: ") || !strings.Contains(w, filepath.Join("bee", "02.png")) {
			t.Errorf("warning %q", w)
		}
		if want == nil {
			want = xs
		}
		if !slices.EqualFunc(xs, want, func(a, b []float32) bool { return slices.Equal(a, b) }) {
			t.Errorf("%d workers draw other batches", workers)
		}
		_, test := drawnBatches(t, tree.Test.InOrder(4, 8), 2)
		if got := slices.Concat(test...); !slices.Equal(got, []int32{0, 0, 1, 1, grad.Ignored, 2}) {
			t.Errorf("test labels %v", got)
		}
		if w := tree.Test.Warning(); !strings.Contains(w, "neither a JPEG nor a PNG") {
			t.Errorf("warning %q", w)
		}
		parallel.SetWorkers(old)
	}

	// A folder that is gone is an error, not an endless search.
	tree, err := OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := tree.Train.Batches(5, 8, true, 1)
	if err := os.RemoveAll(filepath.Join(dir, "train")); err != nil {
		t.Fatal(err)
	}
	if x, _ := b.Next(); x != nil || b.Err() == nil || !strings.Contains(b.Err().Error(), "cannot be read") {
		t.Errorf("%v", b.Err())
	}
}

func TestPhotosInOrder(t *testing.T) {
	tree, err := OpenTree(tinyTree(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	next := tree.Train.InOrder(4, 8)
	var labels []int32
	for x, l := next(); x != nil; x, l = next() {
		if x.Shape[1] != len(l) {
			t.Errorf("%v for %d labels", x.Shape, len(l))
		}
		labels = append(labels, l...)
	}
	if !slices.Equal(labels, tree.Train.Labels()) {
		t.Errorf("labels %v", labels)
	}
}
