package text

import "sync"

// mostRecent is how many answers are remembered at least, and half of the most.
const mostRecent = 1 << 13

// recent remembers answers about words, so that a word that comes again costs next to nothing.
// When it is full it forgets those not asked for lately, which bounds
// its memory. It is safe for concurrent use.
type recent[T any] struct {
	mu       sync.Mutex
	now, old map[string]T
}

// of returns the answer about key, from find where it is not remembered.
func (r *recent[T]) of(key string, find func(string) T) T {
	r.mu.Lock()
	v, ok := r.now[key]
	if !ok {
		if v, ok = r.old[key]; ok {
			r.keep(key, v)
		}
	}
	r.mu.Unlock()
	if ok {
		return v
	}
	v = find(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, v)
	return v
}

func (r *recent[T]) keep(key string, v T) {
	if r.now == nil || len(r.now) >= mostRecent {
		r.old, r.now = r.now, make(map[string]T)
	}
	r.now[key] = v
}
