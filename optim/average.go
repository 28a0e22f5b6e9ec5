package optim

import (
	"fmt"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Average keeps an exponential moving average of weights,
//
//	avg = Decay·avg + (1 - Decay)·w,
//
// which begins as the weights themselves at the first update (Polyak and Juditsky 1992
// average without weights; this form is that of Tarvainen and Valpola 2017). The zero
// value with Decay set is ready to use.
type Average struct {
	Decay float64

	avg map[*nn.Param][]float32
}

// Update moves the average towards the present weights.
func (a *Average) Update(ps []*nn.Param) {
	if a.avg == nil {
		a.avg = map[*nn.Param][]float32{}
	}
	for _, p := range ps {
		w, avg := p.Values(), a.avg[p]
		if len(avg) != len(w) {
			a.avg[p] = append([]float32(nil), w...)
			continue
		}
		kernel.EMA(avg, w, float32(a.Decay))
	}
}

// Remap follows a change of topology; a grown weight's average starts from zero, as the
// weight does.
func (a *Average) Remap(p *nn.Param, moved sparse.Moves) {
	if avg := a.avg[p]; avg != nil {
		a.avg[p] = follow(avg, p, moved)
	}
}

// Swap exchanges the weights with their averages; a second call undoes it.
func (a *Average) Swap(ps []*nn.Param) {
	for _, p := range ps {
		w, avg := p.Values(), a.avg[p]
		for i := range avg {
			w[i], avg[i] = avg[i], w[i]
		}
	}
}

// State returns the averages by parameter name, not copied.
func (a *Average) State() map[string][][]float32 {
	state := map[string][][]float32{}
	for p, avg := range a.avg {
		state[p.Name] = [][]float32{avg}
	}
	return state
}

// Load restores what State returned.
func (a *Average) Load(ps []*nn.Param, state map[string][][]float32) error {
	slots, err := load(ps, state, 1)
	if err != nil {
		return fmt.Errorf("optim: average: %w", err)
	}
	a.avg = map[*nn.Param][]float32{}
	for p, s := range slots {
		a.avg[p] = s[0]
	}
	return nil
}
