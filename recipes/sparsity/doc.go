// Package sparsity reproduces "The State of Sparsity in Deep Neural Networks"
// (arXiv:1902.09574).
package sparsity
