// Package nn holds parameters, layers, initialisers and losses. A network is an
// ordinary struct or a [Sequential]; [Params] walks it. Activations are feature-major:
// the first axis is features, batch, time and space follow.
package nn
