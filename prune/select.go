package prune

import (
	"math"
	"slices"
)

// A rank orders candidates: the score in the upper half, the complement of the key
// in the lower one, so that all ranks differ and of equal scores the lower key
// ranks higher. Float32 bits order as the numbers do where they are not negative;
// what is not a number counts as nothing.

func highRank(score float32, key uint32) uint64 {
	if !(score > 0) {
		score = 0
	}
	return uint64(math.Float32bits(score))<<32 | uint64(^key)
}

// lowRank ranks the lower score higher.
func lowRank(score float32, key uint32) uint64 {
	if !(score > 0) {
		score = 0
	}
	return uint64(^math.Float32bits(score))<<32 | uint64(^key)
}

// best keeps the k highest of the ranks pushed to it, in room for 2k. Which ones
// these are does not depend on the order of pushing.
type best struct {
	k     int
	floor uint64 // ranks below cannot be among the k highest
	ranks []uint64
}

func (b *best) push(rank uint64) {
	if rank < b.floor || b.k == 0 {
		return
	}
	if b.ranks == nil {
		b.ranks = make([]uint64, 0, 2*b.k)
	}
	b.ranks = append(b.ranks, rank)
	if len(b.ranks) == cap(b.ranks) {
		b.shrink()
	}
}

// shrink forgets all but the k highest.
func (b *best) shrink() {
	if len(b.ranks) <= b.k {
		return
	}
	highestFirst(b.ranks, b.k)
	b.ranks = b.ranks[:b.k]
	b.floor = slices.Min(b.ranks)
}

// keys returns the keys of the k highest, ascending.
func (b *best) keys() []uint32 {
	b.shrink()
	keys := make([]uint32, len(b.ranks))
	for i, r := range b.ranks {
		keys[i] = ^uint32(r)
	}
	slices.Sort(keys)
	return keys
}

// highestFirst reorders distinct ranks so that the k highest come first, in
// linear time on average (Hoare's quickselect).
func highestFirst(r []uint64, k int) {
	lo, hi := 0, len(r) // the border lies within
	for rounds := 0; hi-lo > 16; rounds++ {
		if rounds == 64 { // an unlucky order
			break
		}
		pivot := median3(r[lo], r[(lo+hi)/2], r[hi-1])
		i, j := lo, hi-1
		for i <= j {
			for r[i] > pivot {
				i++
			}
			for r[j] < pivot {
				j--
			}
			if i <= j {
				r[i], r[j] = r[j], r[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j + 1
		case k >= i:
			lo = i
		default:
			return
		}
	}
	slices.SortFunc(r[lo:hi], func(a, b uint64) int {
		if a > b {
			return -1
		}
		return 1
	})
}

func median3(a, b, c uint64) uint64 { return max(min(a, b), min(max(a, b), c)) }
