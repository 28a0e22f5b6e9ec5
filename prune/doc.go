// Package prune decides which weights exist: how sparse each layer is to be, when
// the topology changes, and which weights go and come.
//
// A method is put together from four parts: a score (magnitude, gradient), a
// schedule ([Cubic], [Cadence] with a [DropSchedule]), a [Distribution] of the
// sparsity over layers, and a [Structure] of blocks. Methods change parameters in
// place and report what they did as [Change]s; the training loop hands those to
// the optimizer.
package prune
