// Package eshybrid repeats the second half of arXiv:1906.03139: weights that follow the
// gradient under masks that are found by evolution, beside masks that stay, that follow the
// gradient too, or that are pruned.
package eshybrid

import (
	"fmt"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Study returns the comparison at a size for a budget of time on two cores: LeNet-300-100 on
// MNIST at 98 % sparsity and a wide residual network on CIFAR-10 at 90 %.
func Study(budget time.Duration) *study.Study {
	size := float64(budget) / float64(20*time.Minute)
	s := &study.Study{
		Name: "es-hybrid", Title: "Masks by evolution, weights by gradients, at laptop scale",
		Source: "K. Lenc, E. Elsen, T. Schaul, K. Simonyan: Non-Differentiable Supervised Learning with Evolution Strategies and Hybrid Methods. arXiv:1906.03139",
		Seeds:  3,
		Full:   full,
	}
	mnist(s, clamp(6000*size, 300, 20_000))
	cifar(s, clamp(160*size, 20, 8000))
	return s
}

func clamp(x float64, lo, hi int) int { return min(max(int(x), lo), hi) }

// variants adds the ways to a sparse network to a group; each trains for the same number of
// steps, and a hybrid step costs as many evaluations as it has members.
func variants(s *study.Study, g *study.Group, step float64, populations []int, base func(*tasks.Settings)) {
	task, err := tasks.Find(g.Task)
	if err != nil {
		panic(err)
	}
	add := func(label, method string, cost float64, population int) {
		e := study.Entry{Label: label, Series: label, Settings: task.Default, Cost: cost * step}
		base(&e.Settings)
		e.Settings.Method, e.Settings.Population = method, population
		if method == "evolution" {
			e.Settings.Generation, e.Settings.EvolveRate = 10, 5
		}
		g.Entries = append(g.Entries, e)
	}
	add("Static", "static", 1, 0)
	for i, n := range populations {
		add(hybrid(n), "evolution", 0.8*float64(n)+2, n)
		s.Claims = append(s.Claims, study.Claim{Group: g.Key, A: hybrid(n), B: "Static", Kind: study.Above})
		if i > 0 {
			s.Claims = append(s.Claims, study.Claim{Group: g.Key, A: hybrid(n), B: hybrid(populations[i-1]), Kind: study.Above})
		}
	}
	add("RigL", "rigl", 1.2, 0)
	add("Pruning", "magnitude", 4, 0)
	most := hybrid(populations[len(populations)-1])
	s.Claims = append(s.Claims,
		study.Claim{Group: g.Key, A: most, B: hybrid(populations[0]), Kind: study.Above},
		study.Claim{Group: g.Key, A: "RigL", B: most, Kind: study.NotBelow},
		study.Claim{Group: g.Key, A: "Pruning", B: most, Kind: study.NotBelow})
	s.Groups = append(s.Groups, *g)
}

func hybrid(n int) string { return fmt.Sprintf("Hybrid, %d members", n) }

func mnist(s *study.Study, steps int) {
	g := &study.Group{Key: "mnist", Title: "LeNet-300-100 on MNIST", Task: "mnist",
		Note: fmt.Sprintf("98 %% sparsity, %d steps of 64; masks of the hybrid by Gumbel noise, a generation every 10 steps.", steps)}
	variants(s, g, float64(steps)/1000, []int{2, 4, 8, 16}, func(t *tasks.Settings) {
		t.Steps, t.Sparsity, t.Every = steps, 0.98, 100
	})
}

func cifar(s *study.Study, steps int) {
	const images = 5000
	g := &study.Group{Key: "cifar10", Title: "WRN-10-1 on CIFAR-10", Task: "cifar10",
		Note: fmt.Sprintf("90 %% sparsity, %d images, %d steps of 64.", images, steps)}
	variants(s, g, float64(steps)/25, []int{2, 4, 8}, func(t *tasks.Settings) {
		t.Steps, t.Sparsity, t.Images, t.Batch, t.Depth, t.Width, t.WarmUp, t.Every = steps, 0.9, images, 64, 10, 1, min(20, steps/5), max(10, steps/40)
	})
}

// full holds settings of the size of the paper's; its own are not known in detail.
var full = []string{
	"mpirun -n 16 filigree train mnist --data DIR --method evolution --population 64 --sparsity 0.98 --epochs 100 --batch 256",
	"mpirun -n 16 filigree train cifar10 --data DIR --method evolution --population 64 --sparsity 0.9 --epochs 250 --batch 256",
	"filigree train vocoder --data DIR --method evolution --population 16 --units 896 --sparsity 0.95 --block 16x1",
}
