package prune

import (
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// masked puts a full mask on a dense parameter.
func masked(p *nn.Param, R int) *nn.Param {
	if p.Dense != nil && p.Mask == nil {
		p.Mask = p.Topology(R)
	}
	return p
}

// lowestOfAll returns, for each weight, the entries to drop so that all of them together
// have the sparsity: those of the lowest score wherever they are. Of equals, those of
// earlier weights go. Each weight keeps an entry.
func lowestOfAll(ws []Weight, rate score, sparsity float64, R int) [][]uint32 {
	all, left := 0, 0
	offsets := make([]int, len(ws)+1)
	for i, w := range ws {
		blocks := sparse.NewMask(w.M(), w.K(), R).Blocks()
		all += blocks
		n, _ := entries(masked(w.Param, R))
		left += n
		offsets[i+1] = offsets[i] + blocks
	}
	drop := make([][]uint32, len(ws))
	excess := left - kept(all, sparsity)
	if excess <= 0 {
		return drop
	}
	pick := best{k: excess}
	strongest := make([]uint64, len(ws))
	for i, w := range ws {
		eachEntry(w.Param, rate, func(key uint32, s float32) {
			rank := lowRank(s, uint32(offsets[i])+key)
			if strongest[i] == 0 || rank < strongest[i] {
				strongest[i] = rank
			}
			pick.push(rank)
		})
	}
	i := 0
	for _, key := range pick.keys() {
		for int(key) >= offsets[i+1] {
			i++
		}
		drop[i] = append(drop[i], key-uint32(offsets[i]))
	}
	for i, w := range ws {
		if n, _ := entries(w.Param); len(drop[i]) == n && n > 0 {
			spare := ^uint32(strongest[i]) - uint32(offsets[i])
			for j, key := range drop[i] {
				if key == spare {
					drop[i] = append(drop[i][:j], drop[i][j+1:]...)
					break
				}
			}
		}
	}
	return drop
}
