package snap

import (
	"fmt"
	"strings"

	"github.com/seed073b5613/filigree/recipes/tasks"
)

// figure is a column of the paper's cost table (section 3.3): values of influence kept, or
// multiplications that carry it over a step, by k units and p weights of the dense layer at
// density d.
type figure func(learner string, k, p, d float64) (float64, bool)

func memory(learner string, k, p, d float64) (float64, bool) {
	switch learner {
	case "rtrl":
		return d * k * p, true
	case "snap-1", "rflo":
		return d * p, true
	case "snap-2":
		return d * d * k * p, true
	case "uoro":
		return k + d*p, true
	}
	return 0, false
}

func work(learner string, k, p, d float64) (float64, bool) {
	switch learner {
	case "rtrl":
		return d * d * k * k * p, true
	case "snap-1", "rflo", "uoro":
		return d * (k*k + p), true
	case "snap-2":
		return d * d * d * k * k * p, true
	}
	return 0, false
}

// analytic returns a figure of the table for the recurrent layer of a run; nothing where the
// table has no such learner.
func analytic(r tasks.Result, f figure) string {
	var k, p, nonzeros float64
	for _, l := range r.Layers {
		if strings.HasPrefix(l.Name, "layers.0.") && len(l.Shape) == 2 {
			p, nonzeros = p+float64(l.Weights), nonzeros+float64(l.Nonzeros)
			if strings.HasSuffix(l.Name, "recurrent") {
				k = float64(l.Shape[1])
			}
		}
	}
	if p == 0 {
		return ""
	}
	v, ok := f(r.Online.Learner, k, p, nonzeros/p)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.0f", v)
}
