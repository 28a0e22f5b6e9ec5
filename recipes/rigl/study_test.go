package rigl

import (
	"io"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/sparsity"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/tensor"
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

// Nets of these widths have the share of the weights.
func TestWidthFor(t *testing.T) {
	for name, weights := range map[string]func(float64) float64{"mnist": perceptron, "cifar10": residual} {
		for _, share := range []float64{0.02, 0.1, 1, 10} {
			w := widthFor(share, weights)
			if got := weights(w) / weights(1); math.Abs(got/share-1) > 0.12 {
				t.Errorf("%s: width %v has %v of the weights, want %v", name, w, got, share)
			}
		}
	}
	for _, width := range []float64{0.3, 1, 2.5} { // the counts are those of the networks
		for _, c := range []struct {
			spec vision.Spec
			want float64
		}{
			{vision.Spec{Arch: vision.LeNet300100, Classes: 10, Input: []int{784}, Width: width}, perceptron(width)},
			{vision.Spec{Arch: vision.WRN, Classes: 10, Input: []int{3, 32, 32}, Depth: 10, Width: width}, residual(width)},
		} {
			net, err := vision.New(c.spec, rand.New(rand.NewPCG(1, 1)))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, p := range nn.Params(net) {
				if p.Prunable {
					n += tensor.Size(p.Shape)
				}
			}
			if float64(n) != c.want {
				t.Errorf("%s, width %v: %d weights, counted %v", c.spec.Arch, width, n, c.want)
			}
		}
	}
}
