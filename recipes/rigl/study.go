package rigl

import (
	"fmt"
	"math"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// Study returns the paper's comparison at a size for a budget of time on two cores: the
// methods at equal sparsity on MNIST (LeNet-300-100), CIFAR-10 (a wide residual network of
// width 1) and characters (a GRU of 128 units).
func Study(budget time.Duration) *study.Study {
	size := float64(budget) / float64(2*time.Hour)
	s := &study.Study{
		Name: "rigl", Title: "Rigging the Lottery, at laptop scale",
		Source: "U. Evci, T. Gale, J. Menick, P. S. Castro, E. Elsen: Rigging the Lottery: Making All Tickets Winners. ICML 2020, arXiv:1911.11134",
		Seeds:  3,
		Full:   full(),
		Least:  20 * time.Minute,
	}
	if size >= 4 {
		s.Seeds = 5
	}
	mnist(s, clamp(10*size, 3, 60), []float64{0.98, 0.99})
	sparsities := []float64{0.9}
	if size >= 0.9 {
		sparsities = []float64{0.8, 0.9, 0.95}
	}
	cifar(s, clamp(10*size, 3, 120), sparsities, size >= 0.9)
	chars(s, clamp(10_000*size, 600, 20_000))
	return s
}

func clamp(x float64, lo, hi int) int { return min(max(int(x), lo), hi) }

// entry returns an entry of a task's defaults with some changes.
func entry(task, label, series string, cost float64, change func(*tasks.Settings)) study.Entry {
	t, err := tasks.Find(task)
	if err != nil {
		panic(err)
	}
	e := study.Entry{Label: label, Series: series, Settings: t.Default, Cost: cost}
	change(&e.Settings)
	return e
}

// variant is a way to train at a sparsity.
type variant struct {
	name   string
	method string
	cost   float64 // of a step, the static sparse net's being 1
	change func(*tasks.Settings)
	ticket string // name of the variant whose topology it takes
}

func same(*tasks.Settings) {}

var variants = []variant{
	{"Static", "static", 1, same, ""},
	{"SNIP", "snip", 1.1, same, ""},
	{"SET", "set", 1.1, same, ""},
	{"RigL", "rigl", 1.2, same, ""},
	{"RigL 2x", "rigl", 2.4, func(s *tasks.Settings) { s.Multiplier = 2 }, ""},
	{"Pruning", "magnitude", 2, same, ""},
	{"SNFS", "snfs", 2.5, same, ""},
	{"Static, uniform", "static", 0.9, func(s *tasks.Settings) { s.Distribution = "even" }, ""},
	{"RigL, uniform", "rigl", 1.1, func(s *tasks.Settings) { s.Distribution = "even" }, ""},
	{"Lottery", "lottery", 1, same, "RigL"},
}

func find(names ...string) (out []variant) {
	for _, n := range names {
		for _, v := range variants {
			if v.name == n {
				out = append(out, v)
			}
		}
	}
	return out
}

// at names a variant at a sparsity.
func at(name string, sparsity float64) string { return fmt.Sprintf("%s, %.4g %%", name, 100*sparsity) }

// add puts variants at a sparsity into a group; cost is that of a static run.
func add(g *study.Group, vs []variant, sparsity, cost float64, base func(*tasks.Settings), paper map[string]string) {
	for _, v := range vs {
		e := entry(g.Task, at(v.name, sparsity), v.name, cost*v.cost, func(s *tasks.Settings) {
			base(s)
			s.Method, s.Sparsity = v.method, sparsity
			v.change(s)
		})
		e.Paper = paper[at(v.name, sparsity)]
		if v.ticket != "" {
			e.Ticket = at(v.ticket, sparsity)
		}
		g.Entries = append(g.Entries, e)
	}
}

// claims returns the paper's orderings at a sparsity.
func claims(group string, sparsity float64, chain ...study.Claim) (out []study.Claim) {
	for _, c := range chain {
		c.Group, c.A, c.B = group, at(c.A, sparsity), at(c.B, sparsity)
		out = append(out, c)
	}
	return out
}

// order is what section 4 of the paper claims of every task.
var order = []study.Claim{
	{A: "SET", B: "Static", Kind: study.Above},
	{A: "RigL", B: "SET", Kind: study.NotBelow},
	{A: "RigL", B: "Static", Kind: study.Above},
	{A: "RigL 2x", B: "RigL", Kind: study.Above},
	{A: "Pruning", B: "RigL", Kind: study.NotBelow},
}

func mnist(s *study.Study, epochs int, sparsities []float64) {
	base := func(t *tasks.Settings) { t.Epochs, t.Every = epochs, 100 }
	g := study.Group{Key: "mnist", Title: "LeNet-300-100 on MNIST", Task: "mnist",
		Note: fmt.Sprintf("%d epochs (the authors' script: 200). The paper gives no accuracies at these sparsities.", epochs)}
	g.Entries = append(g.Entries, entry("mnist", "Dense", "Dense", 3*float64(epochs), func(t *tasks.Settings) {
		base(t)
		t.Method = "dense"
	}))
	for _, sparsity := range sparsities {
		add(&g, find("Static", "SNIP", "SET", "RigL", "RigL 2x", "Pruning", "SNFS", "Static, uniform", "RigL, uniform", "Lottery"), sparsity, float64(epochs), base, nil)
		s.Claims = append(s.Claims, claims("mnist", sparsity, append(order[:len(order):len(order)],
			study.Claim{A: "SNIP", B: "Static", Kind: study.NotBelow},
			study.Claim{A: "Static", B: "Static, uniform", Kind: study.NotBelow},
			study.Claim{A: "RigL", B: "RigL, uniform", Kind: study.NotBelow},
			study.Claim{A: "RigL", B: "Lottery", Kind: study.Above})...)...)
	}
	// A narrower dense net and a sparse one with a tenth of the weights, and a wider one of
	// which a tenth is as much as LeNet-300-100.
	add(&g, find("RigL"), 0.9, 1.5*float64(epochs), base, nil)
	g.Entries = append(g.Entries,
		entry("mnist", "Small-Dense, 90 %", "Small-Dense", float64(epochs), func(t *tasks.Settings) {
			base(t)
			t.Method, t.Width = "dense", widthFor(0.1, perceptron)
		}),
		entry("mnist", "Big-Sparse, 90 %", "Big-Sparse", 4*float64(epochs), func(t *tasks.Settings) {
			base(t)
			t.Method, t.Sparsity, t.Width = "rigl", 0.9, widthFor(10, perceptron)
		}))
	s.Claims = append(s.Claims,
		study.Claim{Group: "mnist", A: "RigL, 90 %", B: "Small-Dense, 90 %", Kind: study.Above},
		study.Claim{Group: "mnist", A: "Big-Sparse, 90 %", B: "Dense", Kind: study.Above},
		study.Claim{Group: "mnist", A: "Dense", B: "Small-Dense, 90 %", Kind: study.Above})
	s.Groups = append(s.Groups, g)
}

// widthFor returns the width multiplier at which a network has a share of its weights.
func widthFor(share float64, weights func(width float64) float64) float64 {
	lo, hi := 0.0, 20.0
	for range 60 {
		if mid := (lo + hi) / 2; weights(mid) < share*weights(1) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return float64(int(1e4*hi)) / 1e4
}

// perceptron returns the weights of LeNet-300-100 at a width.
func perceptron(width float64) float64 {
	a, b := math.Round(300*width), math.Round(100*width)
	return 784*a + a*b + 10*b
}

// residual returns the weights of WRN-10 at a width: the first convolution has 16 channels
// at any, and blocks that change the number of channels have a shortcut.
func residual(width float64) float64 {
	n, in := 3*9*16.0, 16.0
	for _, channels := range []float64{16, 32, 64} {
		out := math.Round(channels * width)
		n += 9 * out * (in + out)
		if in != out {
			n += in * out
		}
		in = out
	}
	return n + 10*in
}

// paperCIFAR holds figures of WRN-22-2, 250 epochs, from the author (google-research/rigl,
// issue 8) and, for SET, an independent reproduction.
var paperCIFAR = map[string]string{
	"Static, 80 %": "92.9", "RigL, 80 %": "93.6", "RigL 2x, 80 %": "93.8", "Pruning, 80 %": "93.6", "SET, 80 %": "92.9",
	"Static, 90 %": "91.5", "RigL, 90 %": "92.9", "RigL 2x, 90 %": "93.3", "Pruning, 90 %": "93.3",
	"Static, 95 %": "89.0", "RigL, 95 %": "91.8", "RigL 2x, 95 %": "92.4", "Pruning, 95 %": "92.3",
}

func cifar(s *study.Study, epochs int, sparsities []float64, all bool) {
	// A batch of 32 learns more from as many photographs than the paper's 128.
	const images, batch = 10_000, 32
	base := func(t *tasks.Settings) {
		t.Epochs, t.Images, t.Batch, t.Depth, t.Width, t.WarmUp = epochs, images, batch, 10, 1, 200
		t.Every = max(10, min(100, epochs*images/batch/45)) // some 35 updates at least
	}
	g := study.Group{Key: "cifar10", Title: "WRN-10-1 on CIFAR-10", Task: "cifar10",
		Note: fmt.Sprintf("%d epochs of %d images in batches of %d; the paper trains WRN-22-2 for 250 epochs of 50,000 in batches of 128, whose figures stand beside.", epochs, images, batch)}
	names := []string{"Static", "SET", "RigL", "RigL 2x", "Pruning"}
	chain := order
	if all {
		names = append(names, "SNIP", "Lottery")
		chain = append(chain[:len(chain):len(chain)],
			study.Claim{A: "SNIP", B: "Static", Kind: study.NotBelow},
			study.Claim{A: "RigL", B: "Lottery", Kind: study.Above})
	}
	for _, sparsity := range sparsities {
		add(&g, find(names...), sparsity, 7*float64(epochs), base, paperCIFAR)
		s.Claims = append(s.Claims, claims("cifar10", sparsity, chain...)...)
	}
	if all {
		last := sparsities[len(sparsities)-1]
		add(&g, find("Static, uniform", "RigL, uniform"), last, 7*float64(epochs), base, nil)
		s.Claims = append(s.Claims, claims("cifar10", last,
			study.Claim{A: "Static", B: "Static, uniform", Kind: study.NotBelow},
			study.Claim{A: "RigL", B: "RigL, uniform", Kind: study.NotBelow})...)
		g.Entries = append(g.Entries,
			entry("cifar10", "Small-Dense, 90 %", "Small-Dense", 5*float64(epochs), func(t *tasks.Settings) {
				base(t)
				t.Method, t.Width = "dense", widthFor(0.1, residual)
			}),
			entry("cifar10", "Big-Sparse, 90 %", "Big-Sparse", 30*float64(epochs), func(t *tasks.Settings) {
				base(t)
				t.Method, t.Sparsity, t.Width = "rigl", 0.9, widthFor(10, residual)
			}))
		s.Claims = append(s.Claims,
			study.Claim{Group: "cifar10", A: "RigL, 90 %", B: "Small-Dense, 90 %", Kind: study.Above},
			study.Claim{Group: "cifar10", A: "Big-Sparse, 90 %", B: "Dense", Kind: study.Above},
			study.Claim{Group: "cifar10", A: "Dense", B: "Small-Dense, 90 %", Kind: study.Above})
	}
	dense := entry("cifar10", "Dense", "Dense", 13*float64(epochs), func(t *tasks.Settings) {
		base(t)
		t.Method = "dense"
	})
	dense.Paper = "94.1"
	g.Entries = append(g.Entries, dense) // last: it takes longest
	s.Groups = append(s.Groups, g)
}

// short says why pruning cannot be at its best yet.
func short(steps int) string {
	if steps >= 10_000 {
		return ""
	}
	return fmt.Sprintf("Pruned networks have %d steps to recover here, 50,000 in the paper", steps/4)
}

func chars(s *study.Study, steps int) {
	base := func(t *tasks.Settings) {
		t.Steps, t.Width, t.Every = steps, 0.25, max(20, min(100, steps/50))
	}
	g := study.Group{Key: "charlm", Title: "A character GRU on Tiny Shakespeare", Task: "charlm",
		Note: fmt.Sprintf("GRU of 128 units, %d steps of 32 sequences of 64; the paper trains 512 units for 200,000 steps of 32×512 on WikiText-103 and shows its figures as a plot only.", steps)}
	step := float64(steps) / 80
	g.Entries = append(g.Entries, entry("charlm", "Dense", "Dense", 2*step, func(t *tasks.Settings) {
		base(t)
		t.Method = "dense"
	}))
	add(&g, find("Static", "SET", "RigL", "RigL 2x", "Pruning"), 0.75, step, base, nil)
	s.Claims = append(s.Claims, claims("charlm", 0.75,
		study.Claim{A: "SET", B: "Static", Kind: study.Above},
		study.Claim{A: "RigL", B: "SET", Kind: study.Above},
		study.Claim{A: "RigL 2x", B: "RigL", Kind: study.Above},
		study.Claim{A: "Pruning", B: "RigL", Kind: study.Above, Explanation: short(steps)})...)
	s.Groups = append(s.Groups, g)
}
