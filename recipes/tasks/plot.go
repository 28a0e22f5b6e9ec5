package tasks

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/seed073b5613/filigree/train"
)

// plot draws the training loss and the test score of a run over its steps.
func plot(dir *train.Dir, m Metric) error {
	columns, rows, err := dir.ReadMetrics()
	if err != nil {
		return err
	}
	var loss, score series
	for _, row := range rows {
		cell := map[string]string{}
		for i, name := range columns {
			cell[name] = row[i]
		}
		step, _ := strconv.ParseFloat(cell["step"], 64)
		loss.add(step, cell["loss"])
		score.add(step, cell["test_score"])
	}
	return train.WriteFile(dir.Plot(), func(w io.Writer) error {
		fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, 2*panelHeight)
		fmt.Fprintf(w, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, 2*panelHeight)
		loss.draw(w, 0, "training loss (nats, mean since the last point)", "#b4472e")
		score.draw(w, panelHeight, "test "+m.Label, "#2e6db4")
		_, err := fmt.Fprintln(w, "</svg>")
		return err
	})
}

// Sizes of the plot in its own units.
const (
	plotWidth   = 640
	panelHeight = 220
	left        = 56
	right       = 28
	top         = 30
	bottom      = 30
)

// series is a curve over steps.
type series struct{ x, y []float64 }

// add appends a point unless the cell holds no number.
func (s *series) add(x float64, cell string) {
	if y, err := strconv.ParseFloat(cell, 64); err == nil && !math.IsNaN(y) && !math.IsInf(y, 0) {
		s.x, s.y = append(s.x, x), append(s.y, y)
	}
}

// draw writes one panel whose upper edge is at y0.
func (s *series) draw(w io.Writer, y0 int, title, colour string) {
	fmt.Fprintf(w, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, y0+18, title)
	if len(s.x) == 0 {
		return
	}
	low, high := s.y[0], s.y[0]
	for _, y := range s.y {
		low, high = min(low, y), max(high, y)
	}
	if high == low {
		low, high = low-0.5, high+0.5
	}
	last := max(s.x[len(s.x)-1], 1)
	px := func(x float64) float64 { return left + x/last*(plotWidth-left-right) }
	py := func(y float64) float64 {
		return float64(y0) + top + (high-y)/(high-low)*(panelHeight-top-bottom)
	}
	for i := range 5 {
		y := low + float64(i)/4*(high-low)
		fmt.Fprintf(w, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.3g</text>`+"\n",
			left, py(y), plotWidth-right, left-6, py(y)+4, y)
		x := float64(i) / 4 * last
		fmt.Fprintf(w, `<text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n", px(x), y0+panelHeight-10, x)
	}
	var points strings.Builder
	for i := range s.x {
		fmt.Fprintf(&points, "%.1f,%.1f ", px(s.x[i]), py(s.y[i]))
	}
	fmt.Fprintf(w, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.TrimSpace(points.String()), colour)
	if len(s.x) <= 40 {
		for i := range s.x {
			fmt.Fprintf(w, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", px(s.x[i]), py(s.y[i]), colour)
		}
	}
}
