package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b,
		Chart{Title: "a < b & c", X: "x", Y: "y", LogX: true, Series: []Series{
			{Name: "one", X: []float64{0.1, 1, 10}, Y: []float64{3, 2, 1}, Spread: []float64{0.1, 0, 0.2}},
			{Name: "two", X: []float64{1}, Y: []float64{2}, Points: true},
			{Name: "three", Y: []float64{4}, Level: true},
		}},
		Chart{Title: "empty"},
		Chart{Title: "flat", Names: []string{"first", "<second>"}, Series: []Series{{X: []float64{0, 1}, Y: []float64{5, 5}}}})
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"NaN", "Inf", "<second>", "a < b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the picture contains %q", bad)
		}
	}
	if n := strings.Count(b.String(), "stroke-dasharray"); n != 2 { // and in the legend
		t.Errorf("%d dashed lines, want 2", n)
	}
	if a, _ := (Chart{Series: []Series{{X: []float64{0.9, 0.9001}, Y: []float64{1, 2}}, {Y: []float64{5}, Level: true}}}).axes(); a.x0 > 0.86 || a.x1 < 0.94 || a.x1 > 1 || a.y1 < 5 {
		t.Errorf("axes %+v", a)
	}
	if n := strings.Count(b.String(), "<circle"); n != 6 {
		t.Errorf("%d points, want 6", n)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range [][2]float64{{0, 1}, {93.2, 97.9}, {-3, 1200}, {1e-4, 2e-4}} {
		got := ticks(c[0], c[1], 5)
		if len(got) < 2 || len(got) > 6 || got[0] < c[0]-1e-12 || got[len(got)-1] > c[1]+1e-12*math.Abs(c[1]) {
			t.Errorf("ticks from %g to %g: %v", c[0], c[1], got)
		}
	}
}
