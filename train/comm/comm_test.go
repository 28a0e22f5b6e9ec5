package comm

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Sums are those of all members, in the order of the ranks, however often and late each comes.
func TestLocal(t *testing.T) {
	const n, rounds = 4, 200
	var all sync.WaitGroup
	for _, g := range Local(n) {
		all.Go(func() {
			for round := range rounds {
				x := []float32{float32(g.Rank()), float32(round), 1}
				y := []float64{math.Ldexp(1, -60*g.Rank())}
				if err := errors.Join(g.Sum(x), g.Sum64(y)); err != nil {
					t.Error(err)
				}
				if !slices.Equal(x, []float32{6, float32(n * round), n}) || y[0] != 1+math.Ldexp(1, -60)+math.Ldexp(1, -120)+math.Ldexp(1, -180) {
					t.Errorf("rank %d of %d, round %d: %v, %v", g.Rank(), g.Size(), round, x, y)
				}
			}
		})
	}
	all.Wait()
}

// A member that leaves ends the waiting of the others.
func TestLocalLost(t *testing.T) {
	g := Local(3)
	var all sync.WaitGroup
	for _, m := range g[:2] {
		all.Go(func() {
			if err := m.Sum([]float32{1}); !errors.Is(err, ErrLost) {
				t.Errorf("rank %d: %v", m.Rank(), err)
			}
		})
	}
	g[2].Close(errors.New("no data"))
	all.Wait()
	if err := g[0].Sum64([]float64{1}); !errors.Is(err, ErrLost) {
		t.Errorf("after the loss: %v", err)
	}
}

func TestWorld(t *testing.T) {
	t.Setenv("OMPI_COMM_WORLD_SIZE", "")
	t.Setenv("PMIX_RANK", "")
	g, err := World(context.Background())
	if err != nil || g.Size() != 1 || g.Rank() != 0 {
		t.Fatalf("alone: %v, %v", g, err)
	}
	x := []float32{2}
	if err := g.Sum(x); err != nil || x[0] != 2 {
		t.Errorf("alone, the sum is %v (%v)", x, err)
	}
	t.Setenv("SLURM_NTASKS", "4") // a batch script, not a process of srun
	if g, err := World(context.Background()); err != nil || g.Size() != 1 {
		t.Errorf("in a batch script: %v, %v", g, err)
	}
}

// Without the build tag, mpirun is answered with the way to have it.
func TestWorldWithoutMPI(t *testing.T) {
	if withMPI {
		t.Skip("built with MPI")
	}
	t.Setenv("OMPI_COMM_WORLD_SIZE", "2")
	if _, err := World(context.Background()); err == nil || !strings.Contains(err.Error(), "-tags mpi") {
		t.Errorf("error %v", err)
	}
}
