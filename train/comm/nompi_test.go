//go:build !mpi

package comm

const withMPI = false
