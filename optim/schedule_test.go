package optim_test

import (
	"math"
	"testing"

	"github.com/seed073b5613/filigree/optim"
)

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		name string
		s    optim.Schedule
		want map[int]float64
	}{
		{"constant", optim.Constant(0.3), map[int]float64{0: 0.3, 1000: 0.3}},
		{"cosine", optim.Cosine(0.2, 100), map[int]float64{0: 0.2, 50: 0.1, 25: 0.1 * (1 + math.Sqrt2/2), 100: 0, 150: 0}},
		{"linear", optim.Linear(0.2, 100), map[int]float64{0: 0.2, 25: 0.15, 100: 0, 150: 0}},
		{"step", optim.StepDecay(1, 0.2, 10, 20), map[int]float64{9: 1, 10: 0.2, 19: 0.2, 20: 0.04}},
		{"warm-up", optim.WarmUp(optim.Constant(1), 4), map[int]float64{0: 0.25, 1: 0.5, 3: 1, 4: 1}},
	} {
		for step, want := range c.want {
			if got := c.s(step); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s at step %d: %v, want %v", c.name, step, got, want)
			}
		}
	}
}
