// Package parallel runs the chunks of a kernel on a fixed set of workers.
//
// Work is cut into chunks by its shape, never by the number of workers, and
// every chunk writes its own outputs, so results do not depend on how many
// workers there are.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Task is a piece of work cut into numbered chunks. Run must be safe to call
// from several goroutines with different chunk numbers.
type Task interface {
	Run(chunk int)
}

var workers atomic.Int32

func init() { workers.Store(int32(runtime.GOMAXPROCS(0))) }

// Workers returns the number of workers in use, the caller included.
func Workers() int { return int(workers.Load()) }

// SetWorkers sets the number of workers, the caller included, and returns the
// number before.
func SetWorkers(n int) int { return int(workers.Swap(int32(max(n, 1)))) }

// Do runs chunks 0 to n-1 of t and returns when all are done.
func Do(n int, t Task) {
	w := min(Workers(), n)
	if w <= 1 {
		for i := range n {
			t.Run(i)
		}
		return
	}
	var next atomic.Int32
	var wg sync.WaitGroup
	for range w {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				t.Run(i)
			}
		})
	}
	wg.Wait()
}
