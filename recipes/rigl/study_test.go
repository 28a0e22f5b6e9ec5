package rigl

import (
	"io"
	"math"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/sparsity"
	"github.com/seed073b5613/filigree/recipes/study"
)

// Plans are valid at every budget, have all runs their claims are about, and grow with it.
func TestPlans(t *testing.T) {
	for _, make := range []func(time.Duration) *study.Study{Study, sparsity.Study} {
		last := 0.0
		for _, budget := range []time.Duration{time.Minute, 20 * time.Minute, time.Hour, 2 * time.Hour, 12 * time.Hour, 100 * time.Hour} {
			s := make(budget)
			if err := s.List(io.Discard); err != nil {
				t.Error(err)
			}
			cost := 0.0
			labels := map[string]bool{}
			for _, g := range s.Groups {
				for _, e := range g.Entries {
					settings := e.Settings
					if err := settings.Validate(); err != nil {
						t.Errorf("%s %v: %s: %v", s.Name, budget, e.Label, err)
					}
					cost += e.Cost * float64(s.Seeds)
					labels[g.Key+e.Label] = true
				}
			}
			for _, c := range s.Claims {
				if !labels[c.Group+c.A] || !labels[c.Group+c.B] {
					t.Errorf("%s %v: no runs for the claim %s", s.Name, budget, c.Text())
				}
			}
			if cost < last {
				t.Errorf("%s: %v costs %g, less than a smaller budget", s.Name, budget, cost)
			}
			last = cost
		}
	}
}

// A net of that width has the share of LeNet-300-100's weights.
func TestWidthFor(t *testing.T) {
	for _, share := range []float64{0.02, 0.1, 1, 10} {
		w := widthFor(share)
		a, b := math.Round(300*w), math.Round(100*w)
		if got := (784*a + a*b + 10*b) / 266_200; math.Abs(got/share-1) > 0.12 {
			t.Errorf("width %v has %v of the weights, want %v", w, got, share)
		}
	}
}
