package tasks

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/train"
)

// Plot draws the training loss and the test score of a run over its steps.
func Plot(dir *train.Dir, m Metric) error {
	loss, score, err := curves(dir, m)
	if err != nil {
		return err
	}
	loss.Colour, score.Colour = "#b4472e", "#2e6db4"
	return train.WriteFile(dir.Plot(), func(w io.Writer) error {
		return chart.Write(w,
			chart.Chart{Title: "training loss", X: "step", Y: "nats", Series: []chart.Series{loss}},
			chart.Chart{Title: "test " + m.Label, X: "step", Y: m.Label + m.Unit, Series: []chart.Series{score}})
	})
}

// curves returns the training loss and the test score of a run over its steps.
func curves(dir *train.Dir, m Metric) (loss, score chart.Series, err error) {
	columns, rows, err := dir.ReadMetrics()
	if err != nil {
		return loss, score, err
	}
	for _, row := range rows {
		cell := map[string]string{}
		for i, name := range columns {
			cell[name] = row[i]
		}
		step, _ := strconv.ParseFloat(cell["step"], 64)
		add(&loss, step, cell["loss"], 1)
		add(&score, step, cell["test_score"], m.Scale)
	}
	return loss, score, nil
}

// Charts draws finished runs of one task beside each other: training losses, test scores,
// and the sparsities of their layers.
func Charts(results []Result) ([]chart.Chart, error) {
	var losses, scores, layers chart.Chart
	for i, r := range results {
		if r.Task != results[0].Task {
			return nil, fmt.Errorf("tasks: %s is of %s, %s of %s: their scores have nothing in common", results[0].Run, results[0].Task, r.Run, r.Task)
		}
		task, err := Find(r.Task)
		if err != nil {
			return nil, err
		}
		loss, score, err := curves(&train.Dir{Path: r.Run}, task.Metric)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(r.Run)
		loss.Name, score.Name = name, name
		sparsity := chart.Series{Name: name}
		for j, l := range r.Layers {
			sparsity.X, sparsity.Y = append(sparsity.X, float64(j)), append(sparsity.Y, 1-l.Density)
			if i == 0 {
				layers.Names = append(layers.Names, strings.TrimSuffix(l.Name, ".weight"))
			}
		}
		losses.Series, scores.Series, layers.Series = append(losses.Series, loss), append(scores.Series, score), append(layers.Series, sparsity)
		losses.Title, losses.X, losses.Y = "training loss", "step", "nats"
		scores.Title, scores.X, scores.Y = "test "+task.Metric.Label, "step", task.Metric.Label+task.Metric.Unit
		layers.Title, layers.Y = "sparsity of the layers", "sparsity"
	}
	return []chart.Chart{losses, scores, layers}, nil
}

// add appends a point unless the cell holds no number.
func add(s *chart.Series, x float64, cell string, scale float64) {
	if y, err := strconv.ParseFloat(cell, 64); err == nil && !math.IsNaN(y) && !math.IsInf(y, 0) {
		s.X, s.Y = append(s.X, x), append(s.Y, scale*y)
	}
}
