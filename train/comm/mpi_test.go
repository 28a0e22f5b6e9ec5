//go:build mpi

package comm

const withMPI = true
