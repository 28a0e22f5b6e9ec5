// Package chart draws small line and scatter charts as SVG: what the reports of recipes and
// the plot of a run need, and no more.
package chart

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Chart is one set of axes.
type Chart struct {
	Title, X, Y string // labels; X may be empty
	Series      []Series
	LogX        bool
	Names       []string // of the places 0, 1, ... on the x axis, instead of numbers
}

// Series is a curve, or a cloud of points.
type Series struct {
	Name   string
	X, Y   []float64
	Spread []float64 // half the height of an error bar, where not nil
	Colour string    // empty for the next of the palette
	Points bool      // no line between them
	Level  bool      // a dashed line from side to side at Y[0]; it has no X
}

// Sizes in the chart's own units.
const (
	Width  = 640
	Height = 300

	left, right, top, bottom = 64, 20, 34, 44
	legendLine               = 15
)

var palette = []string{"#2e6db4", "#b4472e", "#3a8f4f", "#8c5ab4", "#c28a1e", "#4aa3a8", "#8a8a8a", "#c24d86", "#5f6b2d", "#222222", "#7fb3e6", "#e69f84", "#a6d3a8", "#cbb2de"}

// Write draws charts one above the other as one SVG picture.
func Write(w io.Writer, charts ...Chart) error {
	var b strings.Builder
	y := 0
	for _, c := range charts {
		y += c.height()
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", Width, y)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", Width, y)
	y = 0
	for _, c := range charts {
		fmt.Fprintf(&b, `<g transform="translate(0 %d)">`+"\n", y)
		c.draw(&b)
		b.WriteString("</g>\n")
		y += c.height()
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Chart) height() int {
	h := Height
	if c.named() {
		h += legendLine * ((len(c.Series)+3)/4 + 1)
	}
	if len(c.Names) > 0 {
		h += 70
	}
	return h
}

func (c Chart) named() bool { return len(c.Series) > 1 || len(c.Series) == 1 && c.Series[0].Name != "" }

// axes maps values to places.
type axes struct {
	x0, x1, y0, y1 float64
	log            bool
}

func (a axes) px(x float64) float64 {
	if a.log {
		x = math.Log10(x)
	}
	return left + (x-a.x0)/(a.x1-a.x0)*(Width-left-right)
}

func (a axes) py(y float64) float64 {
	return top + (a.y1-y)/(a.y1-a.y0)*(Height-top-bottom)
}

// axes returns the limits of the data, widened a little.
func (c Chart) axes() (a axes, any bool) {
	a = axes{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1), c.LogX}
	for _, s := range c.Series {
		for i, y := range s.Y {
			spread := 0.0
			if s.Spread != nil {
				spread = s.Spread[i]
			}
			a.y0, a.y1 = min(a.y0, y-spread), max(a.y1, y+spread)
		}
		for _, x := range s.X {
			if c.LogX {
				x = math.Log10(x)
			}
			a.x0, a.x1 = min(a.x0, x), max(a.x1, x)
		}
	}
	if math.IsInf(a.x0, 0) {
		return a, false
	}
	switch size := max(math.Abs(a.x0), math.Abs(a.x1)); {
	case size == 0:
		a.x0, a.x1 = -0.5, 0.5
	case a.x1-a.x0 < 0.005*size: // as good as one place
		a.x0, a.x1 = a.x0-0.05*size, a.x1+0.05*size
	}
	if a.y1 == a.y0 {
		a.y0, a.y1 = a.y0-0.5, a.y1+0.5
	}
	pad := 0.04 * (a.y1 - a.y0)
	a.y0, a.y1 = a.y0-pad, a.y1+pad
	return a, true
}

func (c Chart) draw(b *strings.Builder) {
	fmt.Fprintf(b, `<text x="%d" y="18" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(c.Title))
	a, any := c.axes()
	if !any {
		return
	}
	for _, y := range ticks(a.y0, a.y1, 5) {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, a.py(y), Width-right, left-6, a.py(y)+4, number(y))
	}
	c.drawX(b, a)
	fmt.Fprintf(b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+Height-bottom)/2, html.EscapeString(c.Y))
	for i, s := range c.Series {
		colour := s.Colour
		if colour == "" {
			colour = palette[i%len(palette)]
		}
		s.draw(b, a, colour)
		if c.named() {
			x, y := left+i%4*((Width-left-right)/4), c.height()-legendLine*((len(c.Series)+3)/4-i/4)
			mark := fmt.Sprintf(`<rect x="%d" y="%d" width="10" height="10" fill="%s"/>`, x, y-9, colour)
			if s.Level {
				mark = fmt.Sprintf(`<path d="M%d %dh11" stroke="%s" stroke-dasharray="4 3"/>`, x, y-4, colour)
			}
			fmt.Fprintf(b, `%s<text x="%d" y="%d">%s</text>`+"\n", mark, x+14, y, html.EscapeString(s.Name))
		}
	}
}

func (c Chart) drawX(b *strings.Builder, a axes) {
	if len(c.Names) > 0 {
		for i, name := range c.Names {
			fmt.Fprintf(b, `<text transform="translate(%.1f %d) rotate(-40)" text-anchor="end" font-size="10">%s</text>`+"\n",
				a.px(float64(i)), Height-bottom+14, html.EscapeString(name))
		}
		return
	}
	xs := ticks(a.x0, a.x1, 6)
	for _, x := range xs {
		at := left + (x-a.x0)/(a.x1-a.x0)*(Width-left-right)
		if c.LogX {
			x = math.Pow(10, x)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, Height-bottom+16, number(x))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+Width-right)/2, Height-bottom+32, html.EscapeString(c.X))
}

func (s Series) draw(b *strings.Builder, a axes, colour string) {
	if s.Level {
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="%s" stroke-dasharray="5 4"/>`+"\n", left, a.py(s.Y[0]), Width-right, colour)
		return
	}
	var points strings.Builder
	for i := range s.X {
		fmt.Fprintf(&points, "%.1f,%.1f ", a.px(s.X[i]), a.py(s.Y[i]))
	}
	if !s.Points {
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.TrimSpace(points.String()), colour)
	}
	for i := range s.X {
		x, y := a.px(s.X[i]), a.py(s.Y[i])
		if s.Spread != nil && s.Spread[i] > 0 {
			fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="%s"/>`+"\n", x, a.py(s.Y[i]-s.Spread[i]), a.py(s.Y[i]+s.Spread[i]), colour)
		}
		if s.Points || len(s.X) <= 40 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, colour)
		}
	}
}

// ticks returns about n round numbers from lo to hi.
func ticks(lo, hi float64, n int) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(n))))
	for _, f := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(f*step) <= float64(n) {
			step *= f
			break
		}
	}
	var out []float64
	for k := math.Ceil(lo / step); k*step <= hi; k++ {
		out = append(out, k*step)
	}
	return out
}

// number prints a tick without the rounding errors of its multiplication.
func number(x float64) string { return fmt.Sprintf("%.4g", x) }
