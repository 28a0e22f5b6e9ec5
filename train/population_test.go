package train

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
)

// newEvolution returns a small training by a population.
func newEvolution(t *testing.T, dir *Dir, method prune.Method) *Loop {
	l := newLoop(t, dir)
	l.Prune, l.Weights = method, prune.Weights(nn.Params(l.Net))
	l.Replica = func(*rand.PCG) (nn.Layer, error) {
		return nn.Sequential{nn.NewLinear(inputs, 12, nil), nn.ReLU{}, nn.NewLinear(12, classes, nil)}, nil
	}
	return l
}

var populations = map[string]func() prune.Method{
	"gaussian": func() prune.Method {
		return &prune.Evolution{Sparsity: 0.5, Distribution: prune.Even, Population: 4, Every: 3, Until: 45, Separable: true}
	},
	"gumbel": func() prune.Method {
		return &prune.Evolution{Sparsity: 0.8, Distribution: prune.Even, Sampling: prune.Gumbel, Population: 6, Until: 45}
	},
	"bernoulli blocks": func() prune.Method {
		return &prune.Evolution{Sparsity: 0.5, Distribution: prune.Even, Structure: prune.Structure{Rows: 4}, Sampling: prune.Bernoulli, Population: 4, Until: 1000}
	},
	"weights": func() prune.Method {
		return &prune.Strategy{Static: prune.Static{Sparsity: 0.5, Distribution: prune.Even}, Population: 16, Sigma: 0.1, Separable: true}
	},
}

// A population trains, does not depend on the number of workers, and goes on where it was
// broken, bit for bit.
func TestPopulation(t *testing.T) {
	for name, method := range populations {
		t.Run(name, func(t *testing.T) {
			train := func(workers int) (*Loop, Outcome) {
				defer parallel.SetWorkers(parallel.SetWorkers(workers))
				l := newEvolution(t, newDir(t), method())
				o, err := l.Run(context.Background(), nil)
				if err != nil {
					t.Fatal(err)
				}
				return l, o
			}
			l, o := train(1)
			if o.Accuracy < 0.75 {
				t.Errorf("accuracy %.3f", o.Accuracy)
			}
			for _, w := range l.Weights {
				if w.NNZ() == w.Size() {
					t.Errorf("%s is dense at the end", w.Name)
				}
			}
			if many, _ := train(3); !slices.Equal(bits(l), bits(many)) {
				t.Error("three workers make other weights than one")
			}
			dir := newDir(t)
			broken := newEvolution(t, dir, method())
			ctx, cancel := context.WithCancel(context.Background())
			broken.Report = func(e Event) {
				if e.Kind == Stepped && e.Step == 25 {
					cancel()
				}
			}
			if _, err := broken.Run(ctx, nil); !errors.Is(err, ErrInterrupted) {
				t.Fatal(err)
			}
			c, err := OpenCheckpoint(dir.Checkpoint())
			if err != nil {
				t.Fatal(err)
			}
			again := newEvolution(t, dir, method())
			if _, err := again.Run(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(bits(l), bits(again)) {
				t.Error("weights differ after going on from a checkpoint")
			}
		})
	}
}

// Members whose masks are the same train the network as it trains under that mask.
func TestPopulationOfOneMask(t *testing.T) {
	const steps = 30
	e := &prune.Evolution{Sparsity: 0.5, Distribution: prune.Even, Population: 4, Until: steps + 1, Spread: 1e-9}
	l := newEvolution(t, nil, e)
	l.Steps = steps
	if _, err := l.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	masks := prune.Ticket{Masks: map[string]*sparse.Mask{}}
	for _, w := range l.Weights {
		masks.Masks[w.Name] = w.Topology(1)
	}
	plain := newLoop(t, nil)
	plain.Steps, plain.Prune, plain.Weights = steps, masks, prune.Weights(nn.Params(plain.Net))
	plain.Optim = &optim.SGD{Momentum: 0.9}
	if _, err := plain.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for i, p := range nn.Params(plain.Net) {
		q := nn.Params(l.Net)[i]
		q.SetDense()
		p.SetDense()
		for j, v := range p.Dense.Data {
			if math.Abs(float64(v-q.Dense.Data[j])) > 1e-4 {
				t.Fatalf("%s: weight %d is %g, want %g", p.Name, j, q.Dense.Data[j], v)
			}
		}
	}
}

func TestPopulationNeedsReplicas(t *testing.T) {
	l := newEvolution(t, nil, populations["gumbel"]())
	l.Replica = nil
	if _, err := l.Run(context.Background(), nil); err == nil {
		t.Error("a training without replicas evolves")
	}
}
