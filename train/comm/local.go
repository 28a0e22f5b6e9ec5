package comm

import (
	"fmt"
	"sync"
)

// local is a member of a group of goroutines.
type local struct {
	rank int
	room *room
}

// room is where goroutines meet.
type room struct {
	mu      sync.Mutex
	changed *sync.Cond
	size    int
	round   int // sums done
	arrived int
	left    int // members that have closed
	given   [][]float32
	given64 [][]float64
}

// Local returns the members of a group of n goroutines. Values are added in the order of
// the ranks.
func Local(n int) []Group {
	r := &room{size: n, given: make([][]float32, n), given64: make([][]float64, n)}
	r.changed = sync.NewCond(&r.mu)
	members := make([]Group, n)
	for i := range members {
		members[i] = &local{i, r}
	}
	return members
}

func (l *local) Rank() int { return l.rank }

func (l *local) Size() int { return l.room.size }

func (l *local) Sum(x []float32) error {
	return l.room.meet(func() { l.room.given[l.rank] = x }, func() { add(l.room.given) })
}

func (l *local) Sum64(x []float64) error {
	return l.room.meet(func() { l.room.given64[l.rank] = x }, func() { add(l.room.given64) })
}

// meet waits until all have given what they have; the last one adds it up.
func (r *room) meet(give, sum func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left > 0 {
		return ErrLost
	}
	give()
	r.arrived++
	if r.arrived == r.size {
		sum()
		r.arrived = 0
		r.round++
		r.changed.Broadcast()
		return nil
	}
	for round := r.round; r.round == round; {
		if r.left > 0 {
			return ErrLost
		}
		r.changed.Wait()
	}
	return nil
}

// add leaves the sum of all slices in each of them.
func add[T float32 | float64](all [][]T) {
	first := all[0]
	for rank, x := range all[1:] {
		if len(x) != len(first) {
			panic(fmt.Sprintf("comm: Sum: rank 0 has %d values, rank %d has %d", len(first), rank+1, len(x)))
		}
		for i, v := range x {
			first[i] += v
		}
	}
	for _, x := range all[1:] {
		copy(x, first)
	}
}

// Close tells the others that this member is gone.
func (l *local) Close(error) {
	l.room.mu.Lock()
	defer l.room.mu.Unlock()
	l.room.left++
	l.room.changed.Broadcast()
}
