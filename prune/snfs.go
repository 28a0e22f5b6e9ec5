package prune

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
)

// SNFS is sparse networks from scratch (Dettmers and Zettlemoyer 2019,
// arXiv:1907.04840): [Rewiring], where those weights grow whose gradient's running mean is
// largest,
//
//	m    = Decay·m + (1 - Decay)·∂L/∂θ   for all weights, at every step
//	grow = k weights of largest |m| among all that are not kept
//
// Its price is a dense gradient at every step and a dense array a weight. The optimizer
// steps at every batch. With Redistribute, as in the original but not in the comparison of
// arXiv:1911.11134, what all layers dropped is grown where the mean |m| of the weights that
// exist is high: the number of weights stays the same in the network, not in a layer.
type SNFS struct {
	Rewiring
	Decay        float64 // of the running mean; 0: 0.9
	Redistribute bool

	mean [][]float32 // by weight
}

// Begin draws a random topology.
func (s *SNFS) Begin(ws []Weight, rng *rand.Rand) error {
	if s.Decay == 0 {
		s.Decay = 0.9
	}
	if !(s.Decay > 0 && s.Decay < 1) {
		return fmt.Errorf("prune: SNFS: decay %v is not in (0, 1)", s.Decay)
	}
	if err := s.begin("SNFS", ws, rng); err != nil {
		return err
	}
	s.mean = make([][]float32, len(ws))
	for i, w := range ws {
		if w.Target > 0 {
			s.mean[i] = make([]float32, w.Size())
		}
	}
	return nil
}

// WantsDense reports whether there are updates to come.
func (s *SNFS) WantsDense(step int) bool { return step <= s.cadence.End }

// Prepare lets the parameters add their dense gradient to the mean.
func (s *SNFS) Prepare(step int, ws []Weight) {
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		K, mean, decay := w.K(), s.mean[i], float32(s.Decay)
		w.Scan = func(row int, g []float32) {
			m := mean[row*K:][:len(g)]
			for j, v := range g {
				m[j] = decay*m[j] + (1-decay)*v
			}
		}
	}
}

// Step exchanges entries if an update is due.
func (s *SNFS) Step(step int, ws []Weight) []Change {
	for _, w := range ws {
		w.Scan = nil
	}
	if !s.cadence.Due(step) {
		return nil
	}
	updates := make([]update, len(ws))
	grow := make([]int, len(ws))
	for i, w := range ws {
		if w.Target > 0 {
			n, _ := entries(w.Param)
			updates[i] = update{p: w.Param, k: s.exchanged(n, step)}
			grow[i] = updates[i].k
		}
	}
	if s.Redistribute {
		s.share(ws, updates, grow)
	}
	var changes []Change
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		u := &updates[i]
		u.start(grow[i])
		if grow[i] > 0 {
			u.offer(0, s.Structure.rows(), w.K(), s.mean[i])
		}
		u.close()
		c, _ := u.finish()
		changes = append(changes, c)
	}
	s.note(ws, step)
	return changes
}

// share hands the number of entries dropped everywhere to the layers, in proportion to the
// mean magnitude of m at the entries they have, and no more than there is room for.
func (s *SNFS) share(ws []Weight, updates []update, grow []int) {
	total := 0
	want, room := make([]float64, len(ws)), make([]int, len(ws))
	for i, w := range ws {
		if w.Target == 0 {
			continue
		}
		mask := maskOf(w.Param)
		sum := 0.0
		for key := range mask.Keys {
			group, col := int(key)/mask.K, int(key)%mask.K
			for row := group * mask.R; row < min((group+1)*mask.R, mask.M); row++ {
				sum += math.Abs(float64(s.mean[i][row*mask.K+col]))
			}
		}
		total += updates[i].k
		want[i] = sum / float64(max(mask.NNZ(), 1))
		room[i] = mask.Blocks() - mask.Count() + updates[i].k
		grow[i] = 0
	}
	for total > 0 { // what one layer has no room for goes to the others
		sum := 0.0
		for i := range want {
			if grow[i] < room[i] {
				sum += want[i]
			}
		}
		given, last := 0, -1
		for i := range want {
			if grow[i] == room[i] {
				continue
			}
			n := total
			if sum > 0 {
				n = int(math.Floor(float64(total) * want[i] / sum))
			}
			n = min(n, room[i]-grow[i], total-given)
			grow[i], given, last = grow[i]+n, given+n, i
		}
		if given == 0 { // less than one each
			grow[last]++
			given = 1
		}
		total -= given
	}
}

// Cost returns the cost of training with a dense weight gradient at every step.
func (s *SNFS) Cost(sparse, dense float64, _ int) float64 { return SNFSCost(sparse, dense) }

// snfsState is what a resumed run must know.
type snfsState struct {
	Rewiring json.RawMessage `json:"rewiring"`
	Mean     [][]float32     `json:"mean"`
}

// MarshalBinary returns the state between two steps.
func (s *SNFS) MarshalBinary() ([]byte, error) {
	b, err := s.Rewiring.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(snfsState{b, s.mean})
}

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (s *SNFS) UnmarshalBinary(b []byte) error {
	var state snfsState
	if err := json.Unmarshal(b, &state); err != nil {
		return fmt.Errorf("prune: state of SNFS: %w", err)
	}
	if len(state.Mean) != len(s.mean) {
		return fmt.Errorf("prune: state of SNFS: it is of %d weights, there are %d", len(state.Mean), len(s.mean))
	}
	for i, m := range state.Mean {
		if len(m) != len(s.mean[i]) {
			return fmt.Errorf("prune: state of SNFS: weight %d has %d values, want %d", i, len(m), len(s.mean[i]))
		}
		copy(s.mean[i], m)
	}
	return s.Rewiring.UnmarshalBinary(state.Rewiring)
}
