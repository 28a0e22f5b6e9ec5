package data

import (
	"image"
	"image/draw"
	"math"
	"math/rand/v2"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/gofont/gosmallcaps"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// side is the height and width of a drawn digit.
const side = 28

// Digits draws labelled digits, 28×28 in grey like MNIST's: in the faces of the Go
// font, each turned, sheared, scaled and moved at random, bent by a smooth random
// field, unevenly inked and covered with noise. Every image is a
// function of the seed and its index alone; training and test images never share
// one.
func Digits(seed uint64, training, test int) *ImageSet {
	return &ImageSet{
		Train:   drawDigits(seed, 0, training),
		Test:    drawDigits(seed, 1, test),
		Classes: strings.Split("0123456789", ""),
	}
}

func drawDigits(seed, stream uint64, n int) *Images {
	m := &Images{
		C: 1, H: side, W: side, Mean: []float32{0.13}, Deviation: []float32{0.24},
		Pixels: make([]uint8, n*side*side), Labels: make([]uint8, n),
	}
	t := &drawTask{m, glyphs(), seed, stream}
	parallel.Do((n+drawChunk-1)/drawChunk, t)
	return m
}

// drawChunk is how many images a worker draws at a time.
const drawChunk = 64

type drawTask struct {
	m            *Images
	glyphs       [][10][]segment
	seed, stream uint64
}

// Run draws one chunk of images.
func (t *drawTask) Run(chunk int) {
	z := vector.NewRasterizer(side, side)
	ink := image.NewAlpha(image.Rect(0, 0, side, side))
	for i := chunk * drawChunk; i < min((chunk+1)*drawChunk, t.m.Len()); i++ {
		rng := rand.New(rand.NewPCG(t.seed, t.stream<<32|uint64(i)))
		label := rng.IntN(10)
		t.m.Labels[i] = uint8(label)
		glyph := t.glyphs[rng.IntN(len(t.glyphs))][label]
		z.Reset(side, side)
		trace(z, glyph, newWarp(rng))
		clear(ink.Pix)
		z.DrawOp = draw.Src
		z.Draw(ink, ink.Bounds(), image.Opaque, image.Point{})
		expose(t.m.Pixels[i*side*side:(i+1)*side*side], ink.Pix, rng)
	}
}

// expose turns the ink of an outline into a photograph of it: paper that is not
// quite black, ink that is not quite white, grain, and specks.
func expose(dst, ink []uint8, rng *rand.Rand) {
	bright := 0.6 + 0.4*rng.Float64()
	grain := 0.02 + 0.13*rng.Float64()
	for i, v := range ink {
		x := bright*float64(v)/255 + grain*rng.NormFloat64()
		dst[i] = uint8(255*min(1, max(0, x)) + 0.5)
	}
	for range rng.IntN(7) {
		dst[rng.IntN(len(dst))] = uint8(rng.IntN(256))
	}
}

// warp maps points of a glyph in units of its height, centred on 0, to pixels.
type warp struct {
	a, b, c, d float64 // linear part
	x, y       float64 // of the centre
	waves      [3]wave
}

// wave is one part of the smooth field that bends an outline.
type wave struct{ fx, fy, phase, ax, ay float64 }

func newWarp(rng *rand.Rand) warp {
	spread := func(s float64) float64 { return s * (2*rng.Float64() - 1) }
	angle, shear := spread(0.35), spread(0.35)
	height := 19 + spread(4)
	wide := height * (1 + spread(0.2))
	sin, cos := math.Sincos(angle)
	w := warp{
		a: wide * cos, b: wide*shear*cos - height*sin,
		c: wide * sin, d: wide*shear*sin + height*cos,
		x: side/2 + spread(2.5), y: side/2 + spread(2.5),
	}
	for i := range w.waves {
		f := 1.5 + 2*float64(i)
		w.waves[i] = wave{spread(f), spread(f), spread(math.Pi), spread(2.2 / f * 1.5), spread(2.2 / f * 1.5)}
	}
	return w
}

func (w *warp) at(p point) (x, y float32) {
	px := w.a*p.x + w.b*p.y + w.x
	py := w.c*p.x + w.d*p.y + w.y
	for _, v := range w.waves {
		s := math.Sin(2*math.Pi*(v.fx*p.x+v.fy*p.y)/2 + v.phase)
		px += v.ax * s
		py += v.ay * s
	}
	return float32(px), float32(py)
}

type point struct{ x, y float64 }

// segment is a line of an outline, or the start of a new one.
type segment struct {
	move bool
	to   point
}

// trace draws an outline through a warp.
func trace(z *vector.Rasterizer, outline []segment, w warp) {
	for _, s := range outline {
		x, y := w.at(s.to)
		if s.move {
			z.ClosePath()
			z.MoveTo(x, y)
			continue
		}
		z.LineTo(x, y)
	}
	z.ClosePath()
}

// glyphs returns the outlines of the ten digits in each face, cut into short lines
// so that a warp bends them.
var glyphs = sync.OnceValue(func() [][10][]segment {
	var out [][10][]segment
	for _, ttf := range [][]byte{
		goregular.TTF, gobold.TTF, goitalic.TTF, gobolditalic.TTF, gomedium.TTF,
		gomono.TTF, gomonobold.TTF, gomonoitalic.TTF, gosmallcaps.TTF,
	} {
		f, err := sfnt.Parse(ttf)
		if err != nil {
			panic("data: Digits: " + err.Error()) // the fonts are compiled in
		}
		var face [10][]segment
		for digit := range face {
			face[digit] = outline(f, rune('0'+digit))
		}
		out = append(out, face)
	}
	return out
})

// outline returns a glyph in units of its height, centred on 0.
func outline(f *sfnt.Font, r rune) []segment {
	const size = 1024
	var buf sfnt.Buffer
	index, err := f.GlyphIndex(&buf, r)
	if err != nil {
		panic("data: Digits: " + err.Error())
	}
	loaded, err := f.LoadGlyph(&buf, index, fixed.I(size), nil)
	if err != nil {
		panic("data: Digits: " + err.Error())
	}
	bounds, _, err := f.GlyphBounds(&buf, index, fixed.I(size), font.HintingNone)
	if err != nil {
		panic("data: Digits: " + err.Error())
	}
	height := float64(bounds.Max.Y - bounds.Min.Y)
	mid := point{float64(bounds.Max.X+bounds.Min.X) / 2, float64(bounds.Max.Y+bounds.Min.Y) / 2}
	scale := func(p fixed.Point26_6) point {
		return point{(float64(p.X) - mid.x) / height, (float64(p.Y) - mid.y) / height}
	}
	var out []segment
	var last point
	for _, s := range loaded {
		p := scale(s.Args[0])
		if s.Op == sfnt.SegmentOpMoveTo {
			out = append(out, segment{true, p})
			last = p
			continue
		}
		curve := []point{last, p}
		if s.Op == sfnt.SegmentOpQuadTo {
			curve = append(curve, scale(s.Args[1]))
		}
		if s.Op == sfnt.SegmentOpCubeTo {
			curve = append(curve, scale(s.Args[1]), scale(s.Args[2]))
		}
		const pieces = 6
		for i := 1; i <= pieces; i++ {
			out = append(out, segment{false, bezier(curve, float64(i)/pieces)})
		}
		last = curve[len(curve)-1]
	}
	return out
}

// bezier returns the point of a Bézier curve at t by de Casteljau's construction.
func bezier(curve []point, t float64) point {
	p := append([]point(nil), curve...)
	for n := len(p) - 1; n > 0; n-- {
		for i := range n {
			p[i] = point{p[i].x + t*(p[i+1].x-p[i].x), p[i].y + t*(p[i+1].y-p[i].y)}
		}
	}
	return p[0]
}
