// Package kernel is arithmetic on float32 slices: products, dense and sparse,
// convolutions, activations, norms and optimizer updates. It knows nothing of
// tensors or gradients.
//
// Matrices are row-major and feature-major: the first axis is features, the
// rest (batch, time, space) are the columns. Every kernel has a portable Go
// version, which is its specification, and generated assembly beside it for the
// levels of [Level]; the best one the machine has is chosen at start-up and can
// be forced with the environment variable FILIGREE_CPU (portable, avx2, avx512)
// or with [Use].
//
// Kernels spread their work over the workers of internal/parallel. Work is cut by
// shape, so results are the same bits for any number of workers.
package kernel
