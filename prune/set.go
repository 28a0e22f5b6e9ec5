package prune

import "math/rand/v2"

// SET is sparse evolutionary training (Mocanu et al. 2018, arXiv:1707.04780) as the RigL
// paper runs it: [Rewiring], where new weights grow at random among those that are not
// kept. No dense gradient is ever computed, and the optimizer steps at every batch. The
// original drops the smallest positive and the largest negative weights; this drops the
// smallest magnitudes.
type SET struct{ Rewiring }

// Begin draws a random topology; of weights that are sparse already it takes theirs.
func (s *SET) Begin(ws []Weight, rng *rand.Rand) error {
	for i, w := range ws {
		if w.Sparse == nil {
			return s.begin("SET", ws, rng)
		}
		ws[i].Target = 1 - w.Density()
	}
	return s.plan("SET", ws, rng)
}

// WantsDense returns false.
func (s *SET) WantsDense(int) bool { return false }

// Step exchanges entries if an update is due.
func (s *SET) Step(step int, ws []Weight) []Change {
	if !s.cadence.Due(step) {
		return nil
	}
	rng := rand.New(s.random)
	var changes []Change
	for _, w := range ws {
		if w.Target == 0 {
			continue
		}
		n, _ := entries(w.Param)
		if huge(w.Param) {
			changes = append(changes, exchangeHuge(w.Param, s.exchanged(n, step), rng))
			continue
		}
		u := update{p: w.Param, k: s.exchanged(n, step)}
		u.start(0)
		u.closeAtRandom(u.k, rng)
		c, _ := u.finish()
		changes = append(changes, c)
	}
	s.note(ws, step)
	return changes
}

// Cost returns three forward passes of the sparse net.
func (s *SET) Cost(sparse, _ float64, _ int) float64 { return StaticCost(sparse) }
