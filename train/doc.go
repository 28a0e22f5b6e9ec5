// Package train runs the training loop and keeps what a run leaves behind:
// checkpoints, a run directory, its metrics and its result.
//
// A [Loop] takes batches from a [Source], runs the network on a tape, lets a
// sparsifier change which weights exist and lets an optimizer change their
// values. It writes nothing to the screen: it reports [Event]s to a callback.
//
// A run resumes exactly. A [Checkpoint] holds the weights, the topology, the
// optimizer's and the method's state, the random generators, the position in
// the data and the lengths of the log files. A run that is killed at any point
// and resumed from its last checkpoint ends with the bits of one that was never
// broken.
package train
