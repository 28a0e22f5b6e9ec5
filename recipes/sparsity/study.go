package sparsity

import (
	"fmt"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Study returns the paper's comparison of dense-to-sparse methods at a size for a budget of
// time on two cores: LeNet-300-100 on MNIST, a wide residual network on CIFAR-10 in place of
// ResNet-50, and a small Transformer on Multi30k in place of Transformer base on WMT14.
func Study(budget time.Duration) *study.Study {
	size := float64(budget) / float64(2*time.Hour)
	s := &study.Study{
		Name: "state-of-sparsity", Title: "The State of Sparsity, at laptop scale",
		Source: "T. Gale, E. Elsen, S. Hooker: The State of Sparsity in Deep Neural Networks. arXiv:1902.09574",
		Seeds:  3,
		Full:   full(),
		Least:  25 * time.Minute,
	}
	if size >= 4 {
		s.Seeds = 5
	}
	mnist(s, clamp(6*size, 3, 40), []float64{0.9, 0.95, 0.98})
	if size >= 1.5 {
		cifar(s, clamp(8*size, 4, 80))
	}
	translate(s, size)
	return s
}

func clamp(x float64, lo, hi int) int { return min(max(int(x), lo), hi) }

// variant is a way to come to a sparse network.
type variant struct {
	name   string
	method string
	cost   float64 // of a step, the dense net's being 1
	ticket bool    // takes the topology that magnitude pruning found
	change func(*tasks.Settings)
}

func same(*tasks.Settings) {}

var variants = []variant{
	{"Magnitude", "magnitude", 0.7, false, same},
	{"Variational", "variational", 2.5, false, func(s *tasks.Settings) { s.Decay = 0 }},
	{"L0", "l0", 3, false, same},
	{"Random", "random", 0.7, false, same},
	{"Lottery", "lottery", 0.3, true, same},
	{"Scratch-E", "scratch", 0.3, true, same},
	{"Scratch-B", "scratch", 0.6, true, func(s *tasks.Settings) { s.Multiplier = 2 }},
}

// at names a variant at a sparsity.
func at(name string, sparsity float64) string { return fmt.Sprintf("%s, %.4g %%", name, 100*sparsity) }

// group adds to the group of a task: a dense run of a cost, unless it has one, and all
// variants at all sparsities.
func group(g study.Group, vs []variant, sparsities []float64, cost float64, base func(*tasks.Settings), paper map[string]string) study.Group {
	t, err := tasks.Find(g.Task)
	if err != nil {
		panic(err)
	}
	if len(g.Entries) == 0 {
		dense := study.Entry{Label: "Dense", Series: "Dense", Settings: t.Default, Cost: cost, Paper: paper["Dense"]}
		base(&dense.Settings)
		dense.Settings.Method = "dense"
		g.Entries = append(g.Entries, dense)
	}
	for _, sparsity := range sparsities {
		for _, v := range vs {
			e := study.Entry{Label: at(v.name, sparsity), Series: v.name, Settings: t.Default, Cost: cost * v.cost, Paper: paper[at(v.name, sparsity)]}
			base(&e.Settings)
			e.Settings.Method, e.Settings.Sparsity = v.method, sparsity
			v.change(&e.Settings)
			if v.ticket {
				e.Ticket = at("Magnitude", sparsity)
			}
			g.Entries = append(g.Entries, e)
		}
	}
	return g
}

// claims are the orderings of sections 4 to 6 at a sparsity.
func claims(g string, sparsity float64, names ...string) (out []study.Claim) {
	has := map[string]bool{}
	for _, n := range names {
		has[n] = true
	}
	for _, c := range []study.Claim{
		{A: "Magnitude", B: "Variational", Kind: study.NotBelow},
		{A: "Magnitude", B: "L0", Kind: study.NotBelow},
		{A: "Magnitude", B: "Random", Kind: study.Above},
		{A: "Variational", B: "Random", Kind: study.Above},
		{A: "L0", B: "Random", Kind: study.Above},
		{A: "Magnitude", B: "Lottery", Kind: study.Above},
		{A: "Magnitude", B: "Scratch-E", Kind: study.Above},
		{A: "Lottery", B: "Scratch-E", Kind: study.Near},
		{A: "Scratch-B", B: "Scratch-E", Kind: study.NotBelow},
	} {
		if len(names) == 0 || has[c.A] && has[c.B] {
			c.Group, c.A, c.B = g, at(c.A, sparsity), at(c.B, sparsity)
			out = append(out, c)
		}
	}
	return out
}

func mnist(s *study.Study, epochs int, sparsities []float64) {
	base := func(t *tasks.Settings) {
		t.Epochs, t.Every, t.Decay, t.Distribution, t.Begin = epochs, 100, 1e-4, "erk", 0.2
	}
	s.Groups = append(s.Groups, group(study.Group{Key: "mnist", Title: "LeNet-300-100 on MNIST", Task: "mnist",
		Note: fmt.Sprintf("%d epochs. The paper has no such network; small perceptrons are where lottery tickets are known to win. Variational dropout has three times its penalty at 98 %%.", epochs)},
		variants, sparsities, 3*float64(epochs), base, nil))
	for i, e := range s.Groups[0].Entries {
		if e.Label == at("Variational", 0.98) { // 1 leaves too many certain; 5 loses nearly all in one seed of three, 10 in each
			s.Groups[0].Entries[i].Settings.Penalty = 3
		}
	}
	for _, sparsity := range sparsities[1:] {
		for _, c := range claims("mnist", sparsity) {
			switch {
			case c.A == at("Magnitude", sparsity) && (c.B == at("Lottery", sparsity) || c.B == at("Scratch-E", sparsity)):
				c.Explanation = "On perceptrons this small, tickets are known to win (arXiv:1803.03635); the claim is about large networks"
			case c.A == at("Variational", sparsity):
				c.Explanation = "A share of the weights grows uncertain by itself; the rest of the way to the sparsity is cut by rank"
			}
			s.Claims = append(s.Claims, c)
		}
	}
}

func cifar(s *study.Study, epochs int) {
	const images, batch = 10_000, 32
	base := func(t *tasks.Settings) {
		t.Epochs, t.Images, t.Batch, t.Depth, t.Width, t.WarmUp = epochs, images, batch, 10, 1, 200
		t.Every, t.Distribution = 50, "uniform"
	}
	paper := map[string]string{"Dense": "76.7", "Magnitude, 90 %": "73.9", "Variational, 90 %": "73.8", "Random, 90 %": "65.0", "Lottery, 90 %": "67.4", "Scratch-E, 90 %": "67.3", "Scratch-B, 90 %": "69.0"}
	without := append(append([]variant{}, variants[:2]...), variants[3:]...)
	s.Groups = append(s.Groups, group(study.Group{Key: "cifar10", Title: "WRN-10-1 on CIFAR-10", Task: "cifar10",
		Note: fmt.Sprintf("%d epochs of %d images in batches of %d; beside it the paper's ResNet-50 on ImageNet. L0 is left out: the paper found no setting at which it trained there.", epochs, images, batch)},
		without, []float64{0.9}, 13*float64(epochs), base, paper))
	s.Claims = append(s.Claims, claims("cifar10", 0.9, "Magnitude", "Variational", "Random", "Lottery", "Scratch-E", "Scratch-B")...)
}

// paperBLEU holds the best runs of Transformer base on WMT14 English to German, and the
// means of the scratch and lottery runs.
var paperBLEU = map[string]string{
	"Dense":           "27.3",
	"Magnitude, 80 %": "24.65", "Variational, 80 %": "24.33", "L0, 80 %": "24.15", "Random, 80 %": "23.15",
	"Lottery, 80 %": "23.5", "Scratch-E, 80 %": "22.7", "Scratch-B, 80 %": "22.7",
	"Magnitude, 90 %": "23.26", "Variational, 90 %": "21.43", "L0, 90 %": "20.05", "Random, 90 %": "20.67",
	"Lottery, 90 %": "21.8", "Scratch-E, 90 %": "20.7", "Scratch-B, 90 %": "21.1",
}

// translate compares the methods at both sparsities, and tickets at the higher one. Below
// four hours the network has half the width, a smaller vocabulary and no
// dropout, as it sees each pair a few times at most.
func translate(s *study.Study, size float64) {
	steps, width, vocabulary, batch := clamp(1500*size, 400, 20_000), 1.0, 4000, 64
	if size < 2 {
		steps, width, vocabulary, batch = clamp(3000*size, 400, 5000), 0.5, 2000, 32
	}
	base := func(t *tasks.Settings) {
		t.Steps, t.Width, t.Vocabulary, t.Batch = steps, width, vocabulary, batch
		t.Every, t.Distribution = max(20, steps/100), "even"
		if width < 1 {
			t.Rate, t.WarmUp, t.Dropout = 3e-3, steps/6, 0
		}
	}
	g := study.Group{Key: "translate", Title: "A small Transformer on Multi30k", Task: "translate",
		Note: fmt.Sprintf("Two layers of %.0f features, a vocabulary of %d, %d steps of %d pairs; beside it the paper's Transformer base on WMT14, 500,000 steps.",
			128*width, vocabulary, steps, batch)}
	cost := 0.1 * width * float64(batch) / 64 * float64(steps)
	g = group(g, variants[:4], []float64{0.8}, cost, base, paperBLEU)
	s.Groups = append(s.Groups, group(g, variants, []float64{0.9}, cost, base, paperBLEU))
	s.Claims = append(s.Claims, claims("translate", 0.8, "Magnitude", "Variational", "L0", "Random")...)
	for _, c := range claims("translate", 0.9) {
		if c.A == at("L0", 0.9) {
			c.Explanation = "The paper's best runs have it the other way round: L0 20.05, random 20.67"
		}
		s.Claims = append(s.Claims, c)
	}
}
