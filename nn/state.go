package nn

import "slices"

// State returns a copy of the state the layer goes on with, [H, B], for an LSTM over its
// memory [H, B]; nil for zero.
func (l *Recurrent) State() []float32 { return slices.Clone(l.start) }

// SetState makes the layer carry its state, and begin the next sequence with a copy of s; nil
// is zero. It must have the size of the next batch.
func (l *Recurrent) SetState(s []float32) {
	l.carry = true
	l.end = slices.Clone(s)
	l.start = l.end
}
