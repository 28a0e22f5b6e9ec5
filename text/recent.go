package text

import "sync"

// mostRecent is how many answers are remembered.
const mostRecent = 4096

// recent remembers answers about words, so that a word that comes again costs next to nothing. It
// forgets all of them when it is full, which bounds its memory. It is safe for concurrent use.
type recent[T any] struct {
	mu  sync.Mutex
	now map[string]T
}

// of returns the answer about key, from find where it is not remembered.
func (r *recent[T]) of(key string, find func(string) T) T {
	r.mu.Lock()
	v, ok := r.now[key]
	r.mu.Unlock()
	if ok {
		return v
	}
	v = find(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil || len(r.now) >= mostRecent {
		r.now = make(map[string]T)
	}
	r.now[key] = v
	return v
}
