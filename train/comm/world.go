package comm

import (
	"context"
	"fmt"
	"os"
	"strconv"
)

// World returns the group of the processes that mpirun started, this one among them, or
// [Alone] where it started none. A sum that is under way when ctx ends waits for the others
// a moment more. The error says what keeps the processes from finding each other.
func World(ctx context.Context) (Group, error) {
	size, launcher := Launched()
	if size <= 1 {
		return Alone{}, nil
	}
	g, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("comm: %s started %d processes: %w", launcher, size, err)
	}
	return g, nil
}

// Launched returns how many processes were started together, and by what.
func Launched() (size int, launcher string) {
	for _, v := range []struct{ name, launcher string }{{"OMPI_COMM_WORLD_SIZE", "mpirun"}, {"SLURM_NTASKS", "srun"}} {
		// Slurm sets its own for a batch script too; only a process that srun started has a
		// place in the PMI.
		if v.launcher == "srun" && os.Getenv("PMIX_RANK") == "" {
			continue
		}
		if n, err := strconv.Atoi(os.Getenv(v.name)); err == nil && n > 0 {
			return n, v.launcher
		}
	}
	return 1, ""
}
