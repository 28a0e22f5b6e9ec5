package optim

import (
	"fmt"
	"strings"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// Part is an optimizer for some of a network's parameters.
type Part struct {
	Of        string    // those of this name or below it: "generator"
	Optimizer Optimizer // must be [Stateful] for the whole to be resumed
	Rate      float64   // factor on the rate; 0 for 1
	Clip      float64   // highest norm of their gradient, 0 for no limit
}

// Split is optimizers for parts of a network, each for its own: players of an adversarial
// game, who learn at rates of their own. A part without any gradient so far takes no step. Parameters outside all
// parts stay as they are.
type Split []Part

// of returns the parameters of a part.
func (p *Part) of(ps []*nn.Param) (own []*nn.Param, learns bool) {
	match := nn.Match(p.Of)
	for _, q := range ps {
		if match(q.Name) {
			own, learns = append(own, q), learns || q.Grad != nil
		}
	}
	return own, learns
}

// Step updates ps, part by part.
func (s Split) Step(ps []*nn.Param, rate float64) {
	for i := range s {
		p := &s[i]
		own, learns := p.of(ps)
		if !learns {
			continue
		}
		if p.Clip > 0 {
			ClipNorm(own, p.Clip)
		}
		p.Optimizer.Step(own, rate*orElse(p.Rate, 1))
	}
}

// Remap moves the state of a parameter.
func (s Split) Remap(q *nn.Param, moved sparse.Moves) {
	for i := range s {
		if own, _ := s[i].of([]*nn.Param{q}); len(own) > 0 {
			s[i].Optimizer.Remap(q, moved)
		}
	}
}

// State returns that of all parts. What belongs to no parameter has the part's place as its name: "#0".
func (s Split) State() map[string][][]float32 {
	all := map[string][][]float32{}
	for i, p := range s {
		o, ok := p.Optimizer.(Stateful)
		if !ok {
			continue
		}
		for name, slots := range o.State() {
			if name == "" {
				name = fmt.Sprintf("#%d", i)
			}
			all[name] = slots
		}
	}
	return all
}

// Load restores what State returned.
func (s Split) Load(ps []*nn.Param, state map[string][][]float32) error {
	for i, p := range s {
		o, ok := p.Optimizer.(Stateful)
		if !ok {
			return fmt.Errorf("optim: the optimizer %T of %s cannot be resumed", p.Optimizer, p.Of)
		}
		part := map[string][][]float32{}
		match := nn.Match(p.Of)
		for name, slots := range state {
			switch {
			case name == fmt.Sprintf("#%d", i):
				part[""] = slots
			case !strings.HasPrefix(name, "#") && match(name):
				part[name] = slots
			}
		}
		own, _ := p.of(ps)
		if err := o.Load(own, part); err != nil {
			return fmt.Errorf("%s: %w", p.Of, err)
		}
	}
	return nil
}
