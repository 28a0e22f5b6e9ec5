// Package comm joins the processes of one training: each works on its share of a batch, and
// sums travel between them. Processes are goroutines of one program ([Local]) or were
// started by mpirun, on one machine or several ([World]).
package comm

import "errors"

// Group is the processes that train together, as one of them sees them. All must make the
// same calls in the same order.
type Group interface {
	// Rank returns the number of this process, from 0.
	Rank() int
	// Size returns the number of processes.
	Size() int
	// Sum adds up x over all processes, in place. The lengths must be equal. It returns when
	// all have called it, or an error that wraps [ErrLost] where one no longer can.
	Sum(x []float32) error
	// Sum64 is Sum for float64.
	Sum64(x []float64) error
	// Close leaves the group: with nil in order, together with the others; with an error for good.
	Close(failed error)
}

// ErrLost says that another process ended before the training did.
var ErrLost = errors.New("another process of the training has ended")

// Alone is the group of a single process.
type Alone struct{}

// Rank returns 0.
func (Alone) Rank() int { return 0 }

// Size returns 1.
func (Alone) Size() int { return 1 }

// Sum leaves x as it is.
func (Alone) Sum([]float32) error { return nil }

// Sum64 leaves x as it is.
func (Alone) Sum64([]float64) error { return nil }

// Close does nothing.
func (Alone) Close(error) {}
