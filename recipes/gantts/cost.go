package gantts

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/models/speech"
	model "github.com/seed073b5613/filigree/models/speech/gantts"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// timings is how often things are timed: the best counts.
const timings = 4

// cost times steps of the laptop's networks on clips of one and of two seconds, and the generator
// with fewer and fewer weights, by one worker.
func (c *comparison) cost() (study.Section, []study.Ordering, error) {
	defer parallel.SetWorkers(parallel.SetWorkers(1))
	rng := rand.New(rand.NewPCG(1, 1))
	features := speech.ConditionRows
	g, err := model.NewGenerator(model.Laptop(features), rng)
	if err != nil {
		return study.Section{}, nil, err
	}
	windows, err := model.NewEnsemble(model.LaptopWindows(features, 4), speech.Hop, rng)
	if err != nil {
		return study.Section{}, nil, err
	}
	whole, err := model.NewEnsemble(model.WholeClip(features, 4), speech.Hop, rng)
	if err != nil {
		return study.Section{}, nil, err
	}
	const B = 2
	noise := func(shape ...int) *tensor.Tensor {
		x := tensor.New(shape...)
		for i := range x.Data {
			x.Data[i] = float32(rng.NormFloat64())
		}
		return x
	}
	tape := &grad.Tape{}
	var ms [3][2]float64
	for i, frames := range []int{100, 200} {
		x, wave := noise(features, B, frames), noise(1, B, frames*speech.Hop)
		z := model.Latents(g.Spec.Latent, B, rng)
		for j, step := range []func() *grad.Var{
			func() *grad.Var { return windows.CriticLoss(tape, wave, wave, x, windows.Draw(B, frames, rng)) },
			func() *grad.Var { return whole.CriticLoss(tape, wave, wave, x, whole.Draw(B, frames, rng)) },
			func() *grad.Var { return grad.L2(tape, g.Forward(tape, tape.Input(x), tape.Input(z)), wave.Data, nil) },
		} {
			ms[j][i] = fastest(timings, func() {
				tape.Reset()
				tape.Backward(step())
			})
		}
	}
	s := study.Section{Title: "What discriminators cost", Text: []string{fmt.Sprintf("Milliseconds of a step forward and back on %d clips, by one worker: the best of four.", B)},
		Tables: [][][]string{{{"", "clips of 1 s", "clips of 2 s"}}}}
	for j, name := range []string{"ten window discriminators", "one that sees whole clips", "the generator"} {
		s.Tables[0] = append(s.Tables[0], []string{name, fmt.Sprintf("%.0f", ms[j][0]), fmt.Sprintf("%.0f", ms[j][1])})
	}
	growth := func(j int) float64 { return ms[j][1] / ms[j][0] }
	orderings := []study.Ordering{
		{Claim: "the time of window discriminators does not depend on the length of clips", Holds: growth(0) < 1.25, Pairs: timings, Figures: fmt.Sprintf("%.2f times as long for clips twice as long", growth(0))},
		{Claim: "that of the generator, and of a discriminator of whole clips, does", Holds: math.Min(growth(1), growth(2)) > 1.5, Pairs: timings, Figures: fmt.Sprintf("%.2f and %.2f times as long", growth(2), growth(1))},
	}
	table, err := sparser(features, rng)
	s.Tables = append(s.Tables, table)
	s.Text = append(s.Text, "The second table is of the laptop's generator alone, run on two seconds with weights left out at random in blocks of 4×1.")
	return s, orderings, err
}

// sparser times generators with shares of their weights.
func sparser(features int, rng *rand.Rand) ([][]string, error) {
	table := [][]string{{"sparsity of the blocks", "weights", "share of real time"}}
	for _, sparsity := range []float64{0, 0.5, 0.8, 0.9} {
		g, err := model.NewGenerator(model.Laptop(features), rng)
		if err != nil {
			return nil, err
		}
		live := 0
		for _, p := range nn.Params(g) {
			if p.Prunable && sparsity > 0 {
				mask := sparse.NewMask(p.M(), p.K(), 4)
				for i := range mask.Blocks() {
					mask.Set(i/p.K(), i%p.K(), rng.Float64() >= sparsity)
				}
				p.SetSparse(mask)
			}
			live += p.NNZ()
		}
		nn.FoldSpectral(g)
		x, z := tensor.New(features, 1, 200), make([]float32, g.Spec.Latent)
		rtf := fastest(timings, func() {
			for range g.Decode(x, z, 0) {
			}
		}) / 2000
		table = append(table, []string{fmt.Sprintf("%g", sparsity), fmt.Sprint(live), fmt.Sprintf("%.4f", rtf)})
	}
	return table, nil
}

// fastest returns the shortest of n times of f in milliseconds, after a first one.
func fastest(n int, f func()) float64 {
	best := math.Inf(1)
	for i := range n + 1 {
		start := time.Now()
		f()
		if i > 0 {
			best = min(best, 1e3*time.Since(start).Seconds())
		}
	}
	return best
}
