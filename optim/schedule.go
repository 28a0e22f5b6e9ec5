package optim

import "math"

// Schedule gives the learning rate of a step, counted from 0.
type Schedule func(step int) float64

// Constant is the same rate at every step.
func Constant(rate float64) Schedule { return func(int) float64 { return rate } }

// Cosine falls from rate to 0 over so many steps along half a cosine (Loshchilov
// and Hutter, arXiv:1608.03983, equation 5, without restarts).
func Cosine(rate float64, steps int) Schedule {
	return func(step int) float64 {
		return rate / 2 * (1 + math.Cos(math.Pi*min(1, float64(step)/float64(max(steps, 1)))))
	}
}

// Linear falls from rate to 0 over so many steps along a line.
func Linear(rate float64, steps int) Schedule {
	return func(step int) float64 { return rate * max(0, 1-float64(step)/float64(max(steps, 1))) }
}

// StepDecay multiplies rate by factor at each of the given steps.
func StepDecay(rate, factor float64, at ...int) Schedule {
	return func(step int) float64 {
		r := rate
		for _, a := range at {
			if step >= a {
				r *= factor
			}
		}
		return r
	}
}

// WarmUp multiplies s by a factor that rises along a line from 1/steps at step 0 to
// 1 at step steps-1.
func WarmUp(s Schedule, steps int) Schedule {
	return func(step int) float64 {
		if step >= steps {
			return s(step)
		}
		return s(step) * float64(step+1) / float64(steps)
	}
}
