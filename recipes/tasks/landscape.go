package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/landscape"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// PathSettings say which path between two models is looked at, and how.
type PathSettings struct {
	Path      string  `json:"path" default:"line" help:"line, quadratic or cubic: the control points of curves are trained."`
	Subspace  string  `json:"subspace" default:"sparse" help:"sparse (weights that exist in one of the models) or dense (all weights)."`
	FromStart bool    `json:"from_start" help:"Go from A's weights as they were before training, with the topology of its model."`
	Points    int     `json:"points" default:"21" help:"Places at which the loss is measured, the ends among them."`
	Samples   int     `json:"samples" default:"10000" help:"Training samples, always the same ones, by which it is measured."`
	Steps     int     `json:"steps" default:"2000" help:"Steps for which control points are trained."`
	Rate      float64 `json:"rate" help:"Highest learning rate of control points; 0 for a tenth of that of A's training."`
	Seed      uint64  `json:"seed" default:"1" help:"Seed of what is drawn."`
	Data      string  `json:"-" placeholder:"DIR" help:"Folder with the data set's files; without it, where A's training found them."`
}

// degrees are those of the paths by name.
var degrees = map[string]int{"line": 1, "quadratic": 2, "cubic": 3}

// Validate reports the first setting that makes no sense, by its flag's name.
func (s *PathSettings) Validate() error {
	switch {
	case degrees[s.Path] == 0:
		return fmt.Errorf("--path %s: not one of line, quadratic, cubic", s.Path)
	case s.Subspace != "sparse" && s.Subspace != "dense":
		return fmt.Errorf("--subspace %s: not one of sparse, dense", s.Subspace)
	case s.Points < 2 || s.Points > 10_000:
		return fmt.Errorf("--points %d: must be from 2 to 10000", s.Points)
	case s.Samples < 1:
		return fmt.Errorf("--samples %d: must be at least 1", s.Samples)
	case s.Steps < 1:
		return fmt.Errorf("--steps %d: must be at least 1", s.Steps)
	case !(s.Rate >= 0 && s.Rate <= math.MaxFloat32):
		return fmt.Errorf("--rate %v: must not be negative", s.Rate)
	}
	return nil
}

// PathResult is the loss along a path between two models.
type PathResult struct {
	Task string `json:"task"`
	A    string `json:"a"`
	B    string `json:"b"`
	PathSettings
	landscape.Curve
	landscape.Figures
	Free     float64   `json:"free"`     // share of the parameters that the subspace has
	Distance float64   `json:"distance"` // between the ends
	Seconds  float64   `json:"seconds"`
	Machine  train.Env `json:"machine"`
}

// settleSamples is how many samples running statistics are made from, about.
const settleSamples = 2000

// Landscape measures the loss along a path from the model at a to the one at b, each a file
// or a run. report is told what is done, and may be nil.
func Landscape(ctx context.Context, a, b string, s PathSettings, report func(what string, done, of int)) (PathResult, error) {
	begin := time.Now()
	if err := s.Validate(); err != nil {
		return PathResult{}, err
	}
	from, err := Open(a)
	if err != nil {
		return PathResult{}, err
	}
	to, err := Open(b)
	if err != nil {
		return PathResult{}, err
	}
	if from.Task != to.Task {
		return PathResult{}, fmt.Errorf("tasks: %s is of %s, %s of %s: there is no path between them", a, from.Task, b, to.Task)
	}
	c := config{Task: from.Task, Settings: from.Settings}
	if s.Data != "" {
		c.Data = s.Data
	}
	c.Augment = false // the same samples each time
	set, err := openData(c)
	if err != nil {
		return PathResult{}, err
	}
	if s.FromStart {
		if from.Net, err = from.first(set); err != nil {
			return PathResult{}, err
		}
	}
	space, A, B, err := landscape.Between(from.Net, to.Net, s.Subspace == "dense")
	if err != nil {
		return PathResult{}, fmt.Errorf("%s and %s: %w", a, b, err)
	}
	if report == nil {
		report = func(string, int, int) {}
	}
	if from.model.random != nil {
		from.model.random(rand.New(rand.NewPCG(s.Seed, streamTopology)))
	}
	source, _ := set.batches(rand.NewPCG(s.Seed, streamData))
	fixed, err := keep(source, max(1, s.Samples/c.Batch))
	if err != nil {
		return PathResult{}, err
	}
	rate := s.Rate
	if rate == 0 {
		rate = c.Rate / 10
	}
	loss := set.loss
	if loss == nil {
		loss = func(t *grad.Tape, logits *grad.Var, labels []int32) *grad.Var {
			return grad.CrossEntropy(t, logits, labels, float32(c.Smoothing))
		}
	}
	p := landscape.New(degrees[s.Path], A, B)
	fit := landscape.Fit{
		Loss: loss, Next: source.Next, Steps: s.Steps, Rate: rate, Momentum: 0.9, Decay: c.Decay, Random: rand.New(rand.NewPCG(s.Seed, streamScratch)),
		Progress: func(step int, _ float64) { report("training control points", step, s.Steps) },
	}
	if err := fit.Run(ctx, space, p); err != nil {
		return PathResult{}, err
	}
	probe := landscape.Probe{
		Loss: loss, Batches: func() func() (*tensor.Tensor, []int32) { return replay(fixed) }, Decay: c.Decay,
		Settle: func(net nn.Layer) {
			landscape.Renormalize(net, replay(fixed[:min(len(fixed), max(1, settleSamples/c.Batch))]))
		},
		Report: func(done, of int) { report("measuring the loss", done, of) },
	}
	curve, err := probe.Along(ctx, space, p, s.Points)
	if err != nil {
		return PathResult{}, err
	}
	distance := 0.0
	for i, v := range A {
		distance += float64(v-B[i]) * float64(v-B[i])
	}
	return PathResult{
		Task: c.Task, A: a, B: b, PathSettings: s, Curve: curve, Figures: curve.Figures(), Free: space.Free(), Distance: math.Sqrt(distance),
		Seconds: time.Since(begin).Seconds(), Machine: train.Environment(),
	}, nil
}

// first returns the network of a model before its training, with the topology of its end.
func (m *Model) first(set *dataset) (nn.Layer, error) {
	from, err := m.from()
	if err != nil {
		return nil, fmt.Errorf("tasks: %s: %w, which cannot be found from here; name its run, not its file", m.Path, err)
	}
	net, err := from.network(set)
	if err != nil {
		return nil, err
	}
	first, last := nn.Params(net.Layer), nn.Params(m.Net)
	for i, p := range first {
		if i >= len(last) || p.Name != last[i].Name || !slices.Equal(p.Shape, last[i].Shape) {
			return nil, fmt.Errorf("tasks: %s: its settings make a network of another shape; name its data with --data", m.Path)
		}
		if q := last[i]; q.Sparse != nil || q.Mask != nil {
			p.SetSparse(q.Topology(1))
		}
	}
	if net.random != nil {
		m.model.random = net.random
	}
	return net.Layer, nil
}

// batch is one that was copied.
type batch struct {
	x      *tensor.Tensor
	labels []int32
}

// keep copies the next n batches of a source.
func keep(source train.Source, n int) ([]batch, error) {
	out := make([]batch, n)
	for i := range out {
		x, labels := source.Next()
		if f, ok := source.(interface{ Err() error }); ok && f.Err() != nil {
			return nil, f.Err()
		}
		if len(labels) == 0 {
			return nil, errors.New("tasks: the training data ends")
		}
		out[i] = batch{tensor.Of(slices.Clone(x.Data), slices.Clone(x.Shape)...), slices.Clone(labels)}
	}
	return out, nil
}

// replay yields batches again, and then none.
func replay(batches []batch) func() (*tensor.Tensor, []int32) {
	return func() (*tensor.Tensor, []int32) {
		if len(batches) == 0 {
			return nil, nil
		}
		b := batches[0]
		batches = batches[1:]
		return b.x, b.labels
	}
}

// Series returns the curve for a chart.
func (r PathResult) Series(name string) chart.Series {
	return chart.Series{Name: name, X: r.T, Y: r.Loss}
}

// Kind names the path: "cubic, dense".
func (r PathResult) Kind() string { return r.Path + ", " + r.Subspace }

// Text returns the figures for people.
func (r PathResult) Text() string {
	monotone := "climbs on its way"
	if r.Monotone {
		monotone = "only descends from its worse end"
	}
	return fmt.Sprintf("%s: loss %.4f to %.4f, barrier %.4f, climb %.4f, ascent %.4f: %s", r.Kind(), r.Loss[0], r.Loss[len(r.Loss)-1], r.Barrier, r.Climb, r.Ascent, monotone)
}

// Draw writes the chart of a path as SVG.
func (r PathResult) Draw(w io.Writer) error { return chart.Write(w, r.Chart()) }

// Chart returns the chart of a path.
func (r PathResult) Chart() chart.Chart {
	title := strings.ToUpper(r.Path[:1]) + r.Path[1:] + " through the " + r.Subspace + " subspace"
	return chart.Chart{Title: title, X: "t: 0 at A, 1 at B", Y: "training loss, nats", Series: []chart.Series{r.Series("")}}
}
