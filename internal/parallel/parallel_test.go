package parallel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type countTask struct{ hits []atomic.Int32 }

func (t *countTask) Run(i int) { t.hits[i].Add(1) }

func (t *countTask) check(tb testing.TB) {
	tb.Helper()
	for i := range t.hits {
		if n := t.hits[i].Swap(0); n != 1 {
			tb.Fatalf("chunk %d of %d ran %d times", i, len(t.hits), n)
		}
	}
}

func use(tb testing.TB, n int) {
	old := SetWorkers(n)
	tb.Cleanup(func() { SetWorkers(old) })
}

func TestEveryChunkOnce(t *testing.T) {
	for _, w := range []int{1, 2, 3, 8, 2, 1} {
		use(t, w)
		if Workers() != w {
			t.Fatalf("%d workers, want %d", Workers(), w)
		}
		for _, n := range []int{0, 1, 2, 3, 17, 1000} {
			task := &countTask{make([]atomic.Int32, n)}
			for range 50 {
				Do(n, task)
				task.check(t)
			}
		}
	}
}

// Helpers that went to sleep must come back.
func TestAfterPause(t *testing.T) {
	use(t, 3)
	task := &countTask{make([]atomic.Int32, 9)}
	for range 30 {
		time.Sleep(time.Millisecond)
		Do(9, task)
		task.check(t)
	}
}

func TestFromSeveralGoroutines(t *testing.T) {
	use(t, 3)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			task := &countTask{make([]atomic.Int32, 20)}
			for range 300 {
				Do(20, task)
				task.check(t)
			}
		})
	}
	wg.Wait()
}

type nestTask struct{ inner [6]countTask }

func (t *nestTask) Run(i int) { Do(len(t.inner[i].hits), &t.inner[i]) }

func TestNested(t *testing.T) {
	use(t, 3)
	var task nestTask
	for i := range task.inner {
		task.inner[i].hits = make([]atomic.Int32, 7)
	}
	for range 100 {
		Do(len(task.inner), &task)
		for i := range task.inner {
			task.inner[i].check(t)
		}
	}
}

type panicTask struct{ at int }

func (t panicTask) Run(i int) {
	if i == t.at {
		panic("chunk " + fmt.Sprint(i))
	}
}

func TestPanicComesOut(t *testing.T) {
	for _, w := range []int{1, 2, 3} {
		use(t, w)
		for at := range 12 {
			func() {
				defer func() {
					if got := recover(); got != fmt.Sprint("chunk ", at) {
						t.Errorf("%d workers: recovered %v", w, got)
					}
				}()
				Do(12, panicTask{at})
			}()
			task := &countTask{make([]atomic.Int32, 12)}
			Do(12, task)
			task.check(t)
		}
	}
}

// sumTask's chunks touch plain memory, which the race detector watches: what a chunk
// wrote must be visible after Do, and what was there before Do visible in the chunk.
type sumTask struct{ in, out []int }

func (t *sumTask) Run(i int) { t.out[i] = t.in[i] + 1 }

func TestMemoryOrder(t *testing.T) {
	use(t, 3)
	task := &sumTask{make([]int, 10), make([]int, 10)}
	for round := range 500 {
		Do(10, task)
		for i, v := range task.out {
			if v != round+1 {
				t.Fatalf("round %d: chunk %d left %d", round, i, v)
			}
		}
		task.in, task.out = task.out, task.in
	}
}

func TestNoAllocations(t *testing.T) {
	use(t, 2)
	task := &countTask{make([]atomic.Int32, 8)}
	if n := testing.AllocsPerRun(500, func() { Do(8, task) }); n >= 1 {
		t.Errorf("%g allocations a call, want none", n)
	}
}

// A watching helper must not hold up the collector.
func TestCollectorRuns(t *testing.T) {
	use(t, 4)
	task := &countTask{make([]atomic.Int32, 8)}
	done := make(chan struct{})
	go func() {
		for range 20 {
			Do(8, task)
			runtime.GC()
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("20 collections took more than 30 s")
	}
}

type busyTask struct{ loops int }

var sink atomic.Int64

func (t busyTask) Run(int) {
	s := int64(1)
	for i := range t.loops {
		s = s*3 + int64(i)
	}
	if s == 0 {
		sink.Add(1)
	}
}

// BenchmarkDo compares a fan-out of two halves with one worker and with two. A half
// is 0.7, 3.7, 15, 37 or 150 µs long.
func BenchmarkDo(b *testing.B) {
	start := time.Now()
	busyTask{10_000_000}.Run(0)
	perMicro := 10_000_000 / float64(time.Since(start).Microseconds())
	for _, us := range []float64{0, 0.7, 3.7, 15, 37, 150} {
		for _, w := range []int{1, 2} {
			b.Run(fmt.Sprintf("%gus/%d", us, w), func(b *testing.B) {
				use(b, w)
				b.ReportAllocs()
				var t Task = busyTask{int(us * perMicro)}
				for b.Loop() {
					Do(2, t)
				}
			})
		}
	}
}

// neighbours keeps n threads busy until the test or benchmark ends.
func neighbours(tb testing.TB, n int) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			runtime.LockOSThread()
			for x := 1; !stop.Load(); x = x*5 + 1 {
			}
		})
	}
	tb.Cleanup(func() { stop.Store(true); wg.Wait() })
}

// Where every core has a thread that never rests, helpers may hardly run: each chunk must
// still run once, the caller doing what they leave.
func TestBusyNeighbours(t *testing.T) {
	neighbours(t, 2*runtime.NumCPU())
	use(t, 4)
	task := &countTask{make([]atomic.Int32, 33)}
	for range 20 {
		Do(33, task)
		task.check(t)
	}
}

// spinTask takes some 20 µs a chunk.
type spinTask struct{ sink []float64 }

func (t *spinTask) Run(i int) {
	x := float64(i)
	for range 8000 {
		x = x*0.999 + 1
	}
	t.sink[i*8] = x
}

// BenchmarkBusy is a call of 16 chunks on all workers and on one, with other threads that
// never rest: what the pool gains is lost to them at worst, no more.
func BenchmarkBusy(b *testing.B) {
	for _, busy := range []int{0, 1, runtime.NumCPU(), 2 * runtime.NumCPU()} {
		for _, workers := range []int{1, runtime.NumCPU()} {
			b.Run(fmt.Sprintf("neighbours=%d/workers=%d", busy, workers), func(b *testing.B) {
				neighbours(b, busy)
				use(b, workers)
				task := &spinTask{make([]float64, 16*8)}
				for b.Loop() {
					Do(16, task)
				}
			})
		}
	}
}
