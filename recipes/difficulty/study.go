// Package difficulty repeats the comparison of arXiv:1906.10732: why sparse networks that
// are trained from scratch end worse than pruned ones with the same topology.
package difficulty

import (
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// group is the key of the only group.
const group = "mnist"

// The networks that are compared: all but the dense one have the topology that pruning
// found, and the last starts from where training from scratch got stuck.
const (
	dense     = "Dense"
	pruned    = "Pruned"
	scratch   = "Scratch"
	lottery   = "Lottery"
	retrained = "Scratch, retrained"
	freed     = "Scratch, RigL"
)

// sparsity is high enough that a network trained from scratch trails a pruned one.
const sparsity = 0.98

// Study returns the paper's comparison at a size for a budget of time on two cores:
// LeNet-300-100 on MNIST in place of ResNet-50 on ImageNet, and the paths between its
// solutions.
func Study(budget time.Duration) *study.Study {
	size := float64(budget) / float64(20*time.Minute)
	epochs, steps, samples := clamp(12*size, 4, 60), clamp(2000*size, 400, 10_000), clamp(10_000*size, 2000, 10_000)
	s := &study.Study{
		Name: "difficulty", Title: "The Difficulty of Training Sparse Neural Networks, at laptop scale",
		Source: "U. Evci, F. Pedregosa, A. Gomez, E. Elsen: The Difficulty of Training Sparse Neural Networks. ICML 2019 workshop, arXiv:1906.10732; the escape by RigL after arXiv:1911.11134, section 4.4",
		Seeds:  3,
		Full:   full,
		Least:  3 * time.Minute,
	}
	g := study.Group{Key: group, Title: "LeNet-300-100 on MNIST", Task: "mnist"}
	add := func(label, method string, cost float64, ticket string, start bool) {
		task, err := tasks.Find(g.Task)
		if err != nil {
			panic(err)
		}
		e := study.Entry{Label: label, Series: label, Settings: task.Default, Ticket: ticket, Start: start, Cost: cost}
		e.Settings.Method, e.Settings.Sparsity, e.Settings.Epochs, e.Settings.Every = method, sparsity, epochs, 100
		g.Entries = append(g.Entries, e)
	}
	add(dense, "dense", 3, "", false)
	add(pruned, "magnitude", 2, "", false)
	add(scratch, "scratch", 1, pruned, false)
	add(lottery, "lottery", 1, pruned, false)
	add(retrained, "lottery", 1, scratch, true)
	add(freed, "rigl", 1, scratch, true)
	s.Groups = []study.Group{g}
	s.Claims = []study.Claim{
		{Group: group, A: dense, B: pruned, Kind: study.NotBelow},
		{Group: group, A: pruned, B: scratch, Kind: study.Above},
		{Group: group, A: pruned, B: lottery, Kind: study.Above},
		{Group: group, A: lottery, B: scratch, Kind: study.Near},
		{Group: group, A: freed, B: retrained, Kind: study.Above},
	}
	s.Further = paths{steps: steps, samples: samples, seeds: func() int { return s.Seeds }}.find
	return s
}

func clamp(x float64, lo, hi int) int { return min(max(int(x), lo), hi) }

// full holds settings nearer to the paper's: its ResNet-50, at sparsities 0.8 and 0.98.
var full = []string{
	"filigree train images --data IMAGENET --arch resnet-50 --method magnitude --sparsity 0.8 --epochs 100 --batch 256 --run pruned",
	"filigree train images --data IMAGENET --arch resnet-50 --method scratch --ticket pruned --epochs 100 --batch 256 --run scratch",
	"filigree train images --data IMAGENET --arch resnet-50 --method lottery --ticket pruned --epochs 100 --batch 256 --run lottery",
	"filigree landscape pruned pruned --from-start",
	"filigree landscape scratch pruned",
	"filigree landscape scratch pruned --path cubic",
	"filigree landscape scratch pruned --path quadratic --subspace dense",
	"filigree train images --data IMAGENET --arch resnet-50 --method rigl --init scratch --ticket scratch --epochs 100 --batch 256",
}
