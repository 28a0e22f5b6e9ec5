// Package parallel runs the chunks of a kernel on a fixed set of workers.
//
// Work is cut into chunks by its shape, never by the number of workers, and
// every chunk writes its own outputs, so results do not depend on how many
// workers there are.
//
// A worker is a goroutine that lives as long as the program. Waiting for work it
// watches a counter for some tens of microseconds, so that products that follow one
// another closely find it awake (handing over costs about 0.1 µs against several for
// waking a goroutine), and then sleeps, so that a program that pauses costs nothing.
// The caller of Do takes chunks like any worker: chunks that nobody has begun it does
// itself, so a worker that the operating system keeps waiting delays no one.
package parallel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Task is a piece of work cut into numbered chunks. Run must be safe to call
// from several goroutines with different chunk numbers.
type Task interface {
	Run(chunk int)
}

// watch is how long a worker looks for work before it sleeps, and finish how long a
// caller looks for the end of the last chunks before it does.
const (
	watch  = 60 * time.Microsecond
	finish = 200 * time.Microsecond
)

var workers atomic.Int32

func init() { workers.Store(int32(runtime.GOMAXPROCS(0))) }

// Workers returns the number of workers in use, the caller included.
func Workers() int { return int(workers.Load()) }

// SetWorkers sets the number of workers, the caller included, and returns the
// number before. Calls of Do under way keep theirs.
func SetWorkers(n int) int { return int(workers.Swap(int32(max(n, 1)))) }

// pool is the helpers and the one call they work for. A Do that finds the pool taken,
// by another goroutine or by the call it is itself part of, runs on its caller alone.
var pool struct {
	taken   atomic.Bool
	helpers []*helper // only the owner of taken touches it
	call    call
}

// call is the call of Do under way. ticket packs the number of the call and the next
// chunk: a helper that comes late finds another number and takes nothing.
type call struct {
	ticket atomic.Uint64
	limit  atomic.Uint64 // chunks of the call with the number in its upper half
	done   atomic.Int64  // chunks finished
	task   Task
	wake   chan struct{} // for the caller, once it sleeps
	asleep atomic.Bool
	failed atomic.Pointer[failure]
}

// failure is what a chunk panicked with.
type failure struct{ value any }

// helper is a worker besides the caller.
type helper struct {
	turn   atomic.Uint32 // the number of the newest call it is asked to help with
	asleep atomic.Bool
	wake   chan struct{}
	_      [64]byte // on a cache line of its own
}

func init() { pool.call.wake = make(chan struct{}, 1) }

// Do runs chunks 0 to n-1 of t and returns when all are done. It allocates nothing.
// A panic in a chunk comes out of Do, once the chunks under way have ended; chunks
// not begun by then are left out. Do may be called from several goroutines and from
// within a chunk: one call at a time has the workers, others run on their callers.
func Do(n int, t Task) {
	w := min(Workers(), n)
	if w <= 1 || n > 1<<31-1 || !pool.taken.CompareAndSwap(false, true) {
		for i := range n {
			t.Run(i)
		}
		return
	}
	c := &pool.call
	number := uint32(c.ticket.Load()>>32) + 1
	c.task = t
	c.done.Store(0)
	c.limit.Store(uint64(number)<<32 | uint64(n))
	c.ticket.Store(uint64(number) << 32)
	for i := range w - 1 {
		if i == len(pool.helpers) {
			h := &helper{wake: make(chan struct{}, 1)}
			pool.helpers = append(pool.helpers, h)
			go h.live()
		}
		pool.helpers[i].ask(number)
	}
	c.work(number)
	c.wait(n)
	c.task = nil
	f := c.failed.Swap(nil)
	pool.taken.Store(false)
	if f != nil {
		panic(f.value)
	}
}

// ask tells a helper of a call and wakes it if it sleeps.
func (h *helper) ask(number uint32) {
	h.turn.Store(number)
	if h.asleep.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// live is the life of a helper.
func (h *helper) live() {
	seen := uint32(0)
	for {
		h.await(seen)
		seen = h.turn.Load()
		pool.call.work(seen)
	}
}

// await returns when there is a call the helper has not seen.
func (h *helper) await(seen uint32) {
	if spin(watch, func() bool { return h.turn.Load() != seen }) {
		return
	}
	h.asleep.Store(true)
	if h.turn.Load() != seen && h.asleep.CompareAndSwap(true, false) {
		return
	}
	<-h.wake
}

// work does chunks of the call with this number until none is left.
func (c *call) work(number uint32) {
	for {
		at := c.ticket.Load()
		limit := c.limit.Load()
		if uint32(at>>32) != number || uint32(limit>>32) != number || uint32(at) >= uint32(limit) {
			return
		}
		// Success means the call is still under way: its task stays until this chunk
		// is done.
		if c.ticket.CompareAndSwap(at, at+1) {
			c.run(int(uint32(at)), int(uint32(limit)))
		}
	}
}

// run does one chunk of n and counts it.
func (c *call) run(i, n int) {
	whole := false
	defer func() {
		if !whole {
			c.failed.CompareAndSwap(nil, &failure{recover()})
		}
		if c.done.Add(1) == int64(n) && c.asleep.CompareAndSwap(true, false) {
			c.wake <- struct{}{}
		}
	}()
	if c.failed.Load() == nil {
		c.task.Run(i)
	}
	whole = true
}

// wait returns when all n chunks are done. A helper that finished the call before may
// wake this one's caller too early, hence the loop.
func (c *call) wait(n int) {
	finished := func() bool { return c.done.Load() == int64(n) }
	for !spin(finish, finished) {
		c.asleep.Store(true)
		if finished() && c.asleep.CompareAndSwap(true, false) {
			return
		}
		<-c.wake
	}
}

// spin polls until ready or until d has passed, and reports whether it was ready. It
// looks at the clock seldom. The loop holds up no garbage collection: the runtime can
// interrupt it.
func spin(d time.Duration, ready func() bool) bool {
	const polls = 200
	var start time.Time
	for i := 0; ; i++ {
		for range polls {
			if ready() {
				return true
			}
		}
		if i == 0 {
			start = time.Now()
		} else if time.Since(start) > d {
			return ready()
		}
	}
}
