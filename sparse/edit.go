package sparse

import (
	"fmt"
	"math"
)

// Moves says where the entries of an edited matrix come from.
type Moves struct {
	From []int32 // by new position: the position before, or -1 for a grown entry
}

// Remap returns what was laid out like the values of the matrix before the edit,
// R values an entry, in the layout after it. Grown entries are zero.
func (m Moves) Remap(old []float32, R int) []float32 {
	moved := make([]float32, len(m.From)*R)
	for to, from := range m.From {
		if from >= 0 {
			copy(moved[to*R:(to+1)*R], old[int(from)*R:(int(from)+1)*R])
		}
	}
	return moved
}

// Edit drops the entries whose element of drop (by position; nil drops none) is
// true, and grows entries of value zero at the flat keys group*K + column of grow,
// which must ascend and, unless dropped by the same edit, be absent. It takes
// time linear in the entries before and after and returns where the entries went.
// Positions from before are no longer valid, nor is the twin.
func (m *Matrix) Edit(drop []bool, grow []int64) Moves {
	if drop != nil && len(drop) != m.Len() {
		panic(fmt.Sprintf("sparse: Edit: %d drops for %d entries", len(drop), m.Len()))
	}
	keys := make([]int64, 0, m.Len()+len(grow))
	from := make([]int32, 0, m.Len()+len(grow))
	next := 0
	add := func(before int64) { // the grown keys below before
		for ; next < len(grow) && grow[next] < before; next++ {
			key := grow[next]
			if key < 0 || key >= int64(m.Groups())*int64(m.K) || len(keys) > 0 && keys[len(keys)-1] >= key {
				panic(fmt.Sprintf("sparse: Edit: key %d to grow is out of order, present, or outside %d×%d blocks", key, m.Groups(), m.K))
			}
			keys, from = append(keys, key), append(from, -1)
		}
	}
	for e := range m.Entries {
		if drop != nil && drop[e.Pos] {
			continue
		}
		key := int64(e.Group)*int64(m.K) + int64(e.Col)
		add(key)
		keys, from = append(keys, key), append(from, int32(e.Pos))
	}
	add(math.MaxInt64)
	edited := fromKeys(m.M, m.K, m.R, keys)
	moves := Moves{From: make([]int32, len(keys))}
	i := 0
	for e := range edited.Entries {
		moves.From[e.Pos] = from[i]
		i++
	}
	edited.Values = moves.Remap(m.Values, m.R)
	*m = *edited
	return moves
}
