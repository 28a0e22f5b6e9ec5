package audio

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/seed073b5613/filigree/kernel"
)

// Pixels of a picture: margins for labels, the plot's height and the most it is wide.
const (
	marginLeft, marginBottom = 44, 22
	marginTop, marginRight   = 8, 12
	plotHeight               = 320
	plotWidth                = 1600
)

// Spectrogram draws the magnitudes of a waveform in dB, from 80 dB below the loudest up,
// over time in seconds and frequency in kHz: windows of 40 ms, 200 frames a second, fewer
// where that would take more than 1600 pixels.
func Spectrogram(x []float32, rate int) *image.RGBA {
	window := max(2, rate/25)
	size := 64
	for size < window {
		size *= 2
	}
	hop := max(1, rate/200, (len(x)+plotWidth-1)/plotWidth)
	s := NewSTFT(size, window, hop)
	re, im := s.Forward(x)
	Magnitudes(re, re, im)
	top := max(kernel.MaxAbs(re), 1e-9)
	for i, v := range re {
		re[i] = max(v, top*1e-4)
	}
	kernel.Log(re, re)
	high := float32(math.Log(float64(top)))
	p := plot{values: re, rows: s.Bins(), low: high - 4*math.Ln10, high: high, seconds: float64(len(x)) / float64(rate)}
	nyquist := float64(rate) / 2000
	step := niceStep(nyquist, 8)
	for i := 0; float64(i)*step <= nyquist; i++ {
		f := float64(i) * step
		p.ticks = append(p.ticks, tick{f / nyquist * float64(s.Bins()-1), fmt.Sprintf("%.4g", f)})
	}
	return p.draw()
}

// Picture draws log mel spectra [Bands, T] from their least value to their greatest, the
// centres of bands in kHz beside them.
func (m *Mel) Picture(logMel []float32) *image.RGBA {
	T := len(logMel) / m.Bands
	p := plot{values: logMel, rows: m.Bands, seconds: float64(T*m.Frames.Hop) / float64(m.Rate)}
	if T > 0 {
		p.low, p.high = logMel[0], logMel[0]
	}
	for _, v := range logMel {
		p.low, p.high = min(p.low, v), max(p.high, v)
	}
	// Ticks stand at the bands whose peaks are nearest.
	bins := m.Frames.Size/2 + 1
	for _, khz := range []float64{0.25, 0.5, 1, 2, 4, 8} {
		bin := int(math.Round(khz * 1000 * float64(m.Frames.Size) / float64(m.Rate)))
		if bin >= bins {
			break
		}
		best := 0
		for b := range m.Bands {
			if m.Filters[b*bins+bin] > m.Filters[best*bins+bin] {
				best = b
			}
		}
		if m.Filters[best*bins+bin] > 0 {
			p.ticks = append(p.ticks, tick{float64(best), fmt.Sprintf("%.4g", khz)})
		}
	}
	return p.draw()
}

// tick is a label beside a row.
type tick struct {
	row  float64
	text string
}

// plot is a picture of values [rows, columns], the first row at the bottom.
type plot struct {
	values    []float32
	rows      int
	low, high float32 // values at the ends of the colours
	seconds   float64 // of all columns
	ticks     []tick
}

func (p *plot) draw() *image.RGBA {
	columns := len(p.values) / p.rows
	width := min(max(columns, 160), plotWidth)
	img := image.NewRGBA(image.Rect(0, 0, marginLeft+width+marginRight, marginTop+plotHeight+marginBottom))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	colours := palette()
	scale := float32(len(colours)-1) / max(p.high-p.low, 1e-6)
	for y := range plotHeight {
		r0, r1 := span(plotHeight-1-y, plotHeight, p.rows)
		for x := 0; x < width && columns > 0; x++ {
			c0, c1 := span(x, width, columns)
			v := p.low
			for r := r0; r < r1; r++ { // the loudest of what falls on one pixel
				for c := c0; c < c1; c++ {
					v = max(v, p.values[r*columns+c])
				}
			}
			img.SetRGBA(marginLeft+x, marginTop+y, colours[min(len(colours)-1, int((v-p.low)*scale))])
		}
	}
	p.axes(img, width)
	return img
}

// span returns the cells of n that pixel i of size shows, at least one.
func span(i, size, n int) (from, to int) {
	from = i * n / size
	return from, max(from+1, (i+1)*n/size)
}

// axes draws ticks and labels.
func (p *plot) axes(img *image.RGBA, width int) {
	write := func(x, y int, text string) {
		d := font.Drawer{Dst: img, Src: image.Black, Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
		d.DrawString(text)
	}
	for i, t := range p.ticks {
		y := marginTop + plotHeight - 1 - int((t.row+0.5)/float64(p.rows)*plotHeight)
		for x := marginLeft - 5; x < marginLeft; x++ {
			img.Set(x, y, color.Black)
		}
		if i+1 == len(p.ticks) {
			t.text += "k"
		}
		write(marginLeft-8-7*len(t.text), y+4, t.text)
	}
	bottom := marginTop + plotHeight
	step := niceStep(p.seconds, max(2, width/80))
	for i := 0; p.seconds > 0 && float64(i)*step <= p.seconds; i++ {
		at := float64(i) * step
		x := marginLeft + int(at/p.seconds*float64(width-1))
		for y := bottom; y < bottom+5; y++ {
			img.Set(x, y, color.Black)
		}
		text := fmt.Sprintf("%.4g", at)
		if i == 0 {
			text += " s"
		}
		write(min(max(x-7*len(text)/2, marginLeft), img.Bounds().Dx()-7*len(text)), bottom+17, text)
	}
}

// niceStep returns a step of 1, 2 or 5 times a power of ten, of which at most n make up
// the whole.
func niceStep(whole float64, n int) float64 {
	if whole <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(whole/float64(n))))
	for _, f := range []float64{1, 2, 5} {
		if whole/(f*unit) <= float64(n) {
			return f * unit
		}
	}
	return 10 * unit
}

// palette returns 256 colours that differ by equal steps of lightness, from near black
// over blue, purple and orange to light yellow: a path through the Oklab space (Ottosson
// 2020), in which equal distances look equal.
func palette() (colours [256]color.RGBA) {
	for i := range colours {
		t := float64(i) / 255
		light := 0.12 + 0.84*t
		chroma := 0.02 + 0.17*math.Sin(math.Pi*math.Pow(t, 0.8))
		sin, cos := math.Sincos((270 + 195*t) * math.Pi / 180)
		a, b := chroma*cos, chroma*sin
		cube := func(v float64) float64 { return v * v * v }
		l := cube(light + 0.3963377774*a + 0.2158037573*b)
		m := cube(light - 0.1055613458*a - 0.0638541728*b)
		s := cube(light - 0.0894841775*a - 1.2914855480*b)
		colours[i] = color.RGBA{
			encoded(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
			encoded(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
			encoded(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s), 255}
	}
	return colours
}

// encoded returns the sRGB byte of a linear intensity.
func encoded(v float64) uint8 {
	v = min(max(v, 0), 1)
	if v <= 0.0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * v))
}
