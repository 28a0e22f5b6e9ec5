package train

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train/comm"
)

// together runs a loop by n processes, and returns them and their errors by rank.
func together(t *testing.T, n int, build func(rank int) *Loop, ctx func(rank int) context.Context) ([]*Loop, []error) {
	t.Helper()
	loops, errs := make([]*Loop, n), make([]error, n)
	var all sync.WaitGroup
	for rank, g := range comm.Local(n) {
		loops[rank] = build(rank)
		loops[rank].Group = g
		all.Go(func() {
			_, errs[rank] = loops[rank].Run(ctx(rank), nil)
			g.Close(errs[rank])
		})
	}
	all.Wait()
	return loops, errs
}

func background(int) context.Context { return context.Background() }

// Two processes, or three, of which one has less to do, train what one trains on the whole
// batches, up to the order of sums: with batch norms, and with methods that look at dense
// gradients or at random weights.
func TestShared(t *testing.T) {
	for name, method := range map[string]func() prune.Method{
		"dense": func() prune.Method { return prune.Dense{} },
		"rigl": func() prune.Method {
			return &prune.RigL{Rewiring: prune.Rewiring{Sparsity: 0.6, Distribution: prune.Even, Every: 10, Until: 45}}
		},
		"snip": func() prune.Method { return &prune.SNIP{Sparsity: 0.6, Distribution: prune.Even} },
		"snfs": func() prune.Method {
			return &prune.SNFS{Rewiring: prune.Rewiring{Sparsity: 0.6, Distribution: prune.Even, Every: 10, Until: 45}}
		},
		"l0": func() prune.Method { return &prune.L0{Penalty: prune.Penalty{Lambda: 1e-3, Until: 40, Sparsity: 0.5}} },
		"magnitude": func() prune.Method {
			return prune.Magnitude{Sparsity: 0.6, Distribution: prune.Even, Schedule: prune.Cubic{Until: 40, Every: 10}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			build := func(int) *Loop {
				l := newLoop(t, nil)
				net := l.Net.(nn.Sequential)
				l.Net = nn.Sequential{net[0], nn.NewBatchNorm(12, true), net[2]}
				l.Prune, l.Weights, l.Evaluate = method(), prune.Weights(nn.Params(l.Net)), nil
				return l
			}
			alone := build(0)
			if _, err := alone.Run(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{2, 3} {
				loops, errs := together(t, n, build, background)
				if err := errors.Join(errs...); err != nil {
					t.Fatal(err)
				}
				for rank, l := range loops {
					if rank > 0 && !slices.Equal(bits(l), bits(loops[0])) {
						t.Fatalf("rank %d of %d has other weights than rank 0", rank, n)
					}
				}
				got, want := bits(loops[0]), bits(alone)
				if len(got) != len(want) {
					t.Fatalf("%d processes end with %d weights, one with %d", n, len(got), len(want))
				}
				for i, v := range got {
					if math.Abs(float64(v-want[i])) > 2e-3 {
						t.Fatalf("%d processes: weight %d is %g, want %g", n, i, v, want[i])
					}
				}
				for i, b := range nn.Buffers(loops[0].Net) {
					for j, v := range nn.Buffers(alone.Net)[i].Data {
						if math.Abs(float64(v-b.Data[j])) > 2e-3 {
							t.Fatalf("%d processes: %s is %g, want %g", n, b.Name, b.Data[j], v)
						}
					}
				}
			}
		})
	}
}

// A population that two processes share is, bit for bit, that of one.
func TestSharedPopulation(t *testing.T) {
	for name, method := range populations {
		t.Run(name, func(t *testing.T) {
			build := func(int) *Loop {
				l := newEvolution(t, nil, method())
				l.Evaluate = nil
				return l
			}
			alone := build(0)
			if _, err := alone.Run(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
			loops, errs := together(t, 2, build, background)
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
			for rank, l := range loops {
				same := slices.Equal(bits(l), bits(alone))
				if name == "gumbel" { // six members are not cut in halves of whole pairs
					same = len(bits(l)) == len(bits(alone))
				}
				if !same {
					t.Errorf("rank %d has other weights than a process alone", rank)
				}
			}
		})
	}
	_, errs := together(t, 3, func(int) *Loop { return newEvolution(t, nil, populations["gaussian"]()) }, background)
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "population of 4") {
		t.Errorf("4 members for 3 processes: %v", errs[0])
	}
}

// One process is asked to stop: all do, after the same step, and the one with a run
// directory leaves a checkpoint from which all go on.
func TestSharedStops(t *testing.T) {
	dir := newDir(t)
	ctx, cancel := context.WithCancel(context.Background())
	build := func(rank int) *Loop {
		l := newLoop(t, nil)
		if rank == 0 {
			l.Dir = dir
		}
		if rank == 1 {
			l.Evaluate = nil
			l.Report = func(e Event) {
				if e.Step == 17 {
					cancel()
				}
			}
		}
		return l
	}
	loops, errs := together(t, 2, build, func(rank int) context.Context {
		if rank == 1 {
			return ctx
		}
		return context.Background()
	})
	if !errors.Is(errs[0], ErrInterrupted) || !errors.Is(errs[1], ErrInterrupted) || loops[0].state.Step != loops[1].state.Step || loops[0].state.Step == 60 {
		t.Fatalf("errors %v after steps %d and %d", errs, loops[0].state.Step, loops[1].state.Step)
	}
	c, err := OpenCheckpoint(dir.Checkpoint())
	if err != nil || c.Step != loops[0].state.Step {
		t.Fatalf("checkpoint %+v (%v)", c, err)
	}
	l := newLoop(t, dir)
	if _, err := l.Run(context.Background(), c); err != nil {
		t.Error(err)
	}
}

// A process that ends early ends the training of the others with a message that names the
// checkpoint.
func TestSharedLoss(t *testing.T) {
	dir := newDir(t)
	_, errs := together(t, 2, func(rank int) *Loop {
		l := newLoop(t, nil)
		if rank == 0 {
			l.Dir = dir
		} else {
			l.Steps = 20 // it thinks it is done
		}
		return l
	}, background)
	if !errors.Is(errs[0], comm.ErrLost) || !strings.Contains(errs[0].Error(), dir.Checkpoint()) {
		t.Errorf("error %v", errs[0])
	}
	if _, err := OpenCheckpoint(dir.Checkpoint()); err != nil {
		t.Error(err)
	}
}

func TestColumns(t *testing.T) {
	x := tensor.Of([]float32{0, 1, 2, 10, 11, 12}, 2, 3)
	labels := []int32{0, 1, -1, 5, 6, 7} // two times of three samples
	for rank, want := range [][]float32{{0, 10}, {1, 2, 11, 12}} {
		own, some, weight := Columns(x, labels, rank, 2)
		if !slices.Equal(own.Data, want) || weight != []float32{2, 3}[rank] || len(some) != len(want) {
			t.Errorf("rank %d: %v, labels %v, weight %v", rank, own.Data, some, weight)
		}
	}
	if own, _, weight := Columns(x, labels, 0, 4); own.Shape[1] != 1 || weight != 0 {
		t.Errorf("a process without samples gets %v of weight %v", own.Shape, weight)
	}
	image := tensor.New(2, 4, 1, 2)
	for i := range image.Data {
		image.Data[i] = float32(i)
	}
	if own, some, _ := Columns(image, []int32{0, 1, 2, 3}, 1, 2); !slices.Equal(own.Data, []float32{4, 5, 6, 7, 12, 13, 14, 15}) || !slices.Equal(some, []int32{2, 3}) {
		t.Errorf("images: %v, labels %v", own.Data, some)
	}
}
