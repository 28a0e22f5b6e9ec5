package prune

import (
	"fmt"
	"slices"

	"github.com/seed073b5613/filigree/sparse"
)

// lowestByPart returns the keys of the entries of lowest score whose loss leaves each of the
// parts of a weight's rows at a sparsity, ascending. Entries go in tiles of cols neighbours.
// It panics where parts or tiles do not come out even.
func lowestByPart(w Weight, rate score, sparsity float64, s Structure) []uint32 {
	p, parts, cols := masked(w.Param, s.rows()), max(w.Parts, 1), max(s.Cols, 1)
	M, K := matrixShape(p)
	groups := sparse.NewMask(M, K, s.rows()).Groups()
	if groups%parts != 0 || M%s.rows() != 0 || K%cols != 0 {
		panic(fmt.Sprintf("prune: %s: [%d, %d] in %d parts and blocks of %dx%d", p.Name, M, K, parts, s.rows(), cols))
	}
	across := K / cols
	scores, live := make([]float32, groups*across), make([]bool, groups*across)
	eachEntry(p, rate, func(key uint32, v float32) {
		tile := int(key) / K * across
		tile += int(key) % K / cols
		scores[tile] += v
		live[tile] = true
	})
	var keys []uint32
	n := len(scores) / parts
	for part := range parts {
		count := 0
		for _, l := range live[part*n : (part+1)*n] {
			if l {
				count++
			}
		}
		pick := best{k: max(0, count-kept(n, sparsity))}
		for tile := part * n; tile < (part+1)*n; tile++ {
			if live[tile] {
				pick.push(lowRank(scores[tile], uint32(tile)))
			}
		}
		for _, tile := range pick.keys() {
			for c := range cols {
				keys = append(keys, tile/uint32(across)*uint32(K)+tile%uint32(across)*uint32(cols)+uint32(c))
			}
		}
	}
	slices.Sort(keys)
	return keys
}
