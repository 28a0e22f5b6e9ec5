//go:build !mpi

package comm

import (
	"context"
	"errors"
)

func open(context.Context) (Group, error) {
	return nil, errors.New("this program was built without MPI; build it with: go build -tags mpi ./cmd/filigree")
}
