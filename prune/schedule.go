package prune

import "math"

// A DropSchedule returns the share of a layer's weights to exchange at a step,
// from 0 to 1.
type DropSchedule func(step int) float64

// CosineDrop decays from initial to 0 at step until along half a cosine
// (arXiv:1911.11134, section 3(2)) and stays there.
func CosineDrop(initial float64, until int) DropSchedule {
	return func(step int) float64 {
		return initial / 2 * (1 + math.Cos(math.Pi*progress(step, 0, until)))
	}
}

// ConstantDrop exchanges the same share at every update.
func ConstantDrop(fraction float64) DropSchedule {
	return func(int) float64 { return fraction }
}

// PowerDrop decays as initial·(1 - step/until)^power (arXiv:1911.11134, appendix
// G): linear for power 1, the paper's inverse power for 3.
func PowerDrop(initial float64, until int, power float64) DropSchedule {
	return func(step int) float64 {
		return initial * math.Pow(1-progress(step, 0, until), power)
	}
}

// progress returns how far step is on the way from one step to another, 0 to 1.
func progress(step, from, to int) float64 {
	if step >= to {
		return 1
	}
	return max(0, float64(step-from)/float64(to-from))
}

// Cadence says at which steps a topology is updated: when Begin <= step <= End
// (End < 0: without end) and Every steps or more have passed since the last
// update. It counts as the authors' code of RigL does, where an update that
// replaces the optimizer's step leaves the step counter as it is.
type Cadence struct {
	Begin, End, Every int

	next int // first step at which an update may follow the last one
}

// Due reports whether an update is due at step.
func (c *Cadence) Due(step int) bool {
	return step >= c.Begin && (c.End < 0 || step <= c.End) && step >= c.next
}

// Done notes that the update of step was made.
func (c *Cadence) Done(step int) { c.next = step + c.Every }

// Cubic is the schedule of gradual pruning (Zhu and Gupta, arXiv:1710.01878;
// arXiv:1902.09574): nothing is pruned up to step From, all from step
// Until on, with updates Every steps between and always one at Until.
type Cubic struct{ From, Until, Every int }

// At returns the share of the final sparsity that holds after step, 0 to 1, and
// whether the topology is updated at this step. Between updates it returns what
// the last update left.
func (c Cubic) At(step int) (share float64, update bool) {
	if step < c.From {
		return 0, false
	}
	at := c.Until
	if step < c.Until {
		at = step - (step-c.From)%max(c.Every, 1)
	}
	left := 1 - progress(at, c.From, c.Until)
	return 1 - left*left*left, at == step
}
