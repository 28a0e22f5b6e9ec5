package prune

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// SNIP prunes a network before it is trained (Lee, Ajanthan and Torr 2019,
// arXiv:1810.02340): of one batch through the dense network,
//
//	keep = weights of largest |θ·∂L/∂θ|
//
// in each layer on its own by the distribution, as the RigL paper runs it, or over all
// layers together with Global, as in the original. In blocks, scores add up. This happens
// in place of the first step.
type SNIP struct {
	Sparsity     float64
	Distribution Distribution // nil: ERK; with Global it only says which layers stay dense
	Structure    Structure
	Global       bool

	done bool
}

// Begin sets the targets; all weights still exist.
func (s *SNIP) Begin(ws []Weight, _ *rand.Rand) error {
	d := s.Distribution
	if d == nil {
		d = ERK
	}
	s.done = false
	return assign(ws, d, s.Sparsity, s.Structure)
}

// WantsDense returns false: while the network is dense, so are its gradients.
func (s *SNIP) WantsDense(int) bool { return false }

// ReplacesStep returns true: the only update is that of the first step.
func (s *SNIP) ReplacesStep() bool { return true }

// Step prunes at the first call.
func (s *SNIP) Step(step int, ws []Weight) []Change {
	if s.done {
		return nil
	}
	s.done = true
	pruned := targets(ws)
	R := s.Structure.rows()
	var masks []*sparse.Mask
	if s.Global {
		masks = sensitiveOfAll(pruned, s.Sparsity, R)
	} else {
		for _, w := range pruned {
			mask := sparse.NewMask(w.M(), w.K(), R)
			pick := best{k: kept(mask.Blocks(), w.Target)}
			eachSensitivity(w.Param, R, func(key uint32, s float32) { pick.push(highRank(s, key)) })
			masks = append(masks, setKeys(mask, pick.keys()))
		}
	}
	var changes []Change
	for i, w := range pruned {
		dropped := masks[i].Blocks() - masks[i].Count()
		setTopology(w.Param, masks[i])
		changes = append(changes, Change{Param: w.Param, Dropped: dropped})
	}
	return changes
}

// eachSensitivity calls f with the sum of |θ·∂L/∂θ| of every block of a dense parameter,
// by ascending key, that of a block with fewer rows scaled up.
func eachSensitivity(p *nn.Param, R int, f func(key uint32, s float32)) {
	if p.Grad == nil {
		panic(fmt.Sprintf("prune: SNIP: %s has no gradient", p.Name))
	}
	M, K := matrixShape(p)
	sums := make([]float32, K)
	for row := 0; row < M; row += R {
		clear(sums)
		for i := row; i < min(row+R, M); i++ {
			v, g := p.Dense.Data[i*K:(i+1)*K], p.Grad.Data[i*K:(i+1)*K]
			for j := range sums {
				sums[j] += abs(v[j] * g[j])
			}
		}
		fair(sums, min(R, M-row), R)
		for j, s := range sums {
			f(uint32(row/R*K+j), s)
		}
	}
}

// sensitiveOfAll returns masks of the most sensitive blocks of all weights together, of
// each weight at least one.
func sensitiveOfAll(ws []Weight, sparsity float64, R int) []*sparse.Mask {
	masks := make([]*sparse.Mask, len(ws))
	all := 0
	for i, w := range ws {
		masks[i] = sparse.NewMask(w.M(), w.K(), R)
		all += masks[i].Blocks()
	}
	pick := best{k: kept(all, sparsity)}
	base := 0
	for i, w := range ws {
		top := best{k: 1}
		eachSensitivity(w.Param, R, func(key uint32, s float32) {
			pick.push(highRank(s, uint32(base)+key))
			top.push(highRank(s, key))
		})
		setKeys(masks[i], top.keys())
		base += masks[i].Blocks()
	}
	i, base := 0, 0
	for _, key := range pick.keys() {
		for int(key)-base >= masks[i].Blocks() {
			base += masks[i].Blocks()
			i++
		}
		local := int(key) - base
		masks[i].Bits[local/64] |= 1 << (local % 64)
	}
	return masks
}

// setKeys sets the entries of some keys.
func setKeys(m *sparse.Mask, keys []uint32) *sparse.Mask {
	for _, key := range keys {
		m.Bits[key/64] |= 1 << (key % 64)
	}
	return m
}

// Cost returns three forward passes of the sparse net; the one dense pass is left out, as
// in arXiv:1911.11134, appendix H.
func (s *SNIP) Cost(sparse, _ float64, _ int) float64 { return StaticCost(sparse) }

// MarshalBinary returns the state between two steps.
func (s *SNIP) MarshalBinary() ([]byte, error) { return json.Marshal(s.done) }

// UnmarshalBinary restores what MarshalBinary returned, after Begin.
func (s *SNIP) UnmarshalBinary(b []byte) error {
	if err := json.Unmarshal(b, &s.done); err != nil {
		return fmt.Errorf("prune: state of SNIP: %w", err)
	}
	return nil
}
