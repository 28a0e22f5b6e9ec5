package tasks

import (
	"io"
	"math"
	"strconv"

	"github.com/seed073b5613/filigree/recipes/chart"
	"github.com/seed073b5613/filigree/train"
)

// plot draws the training loss and the test score of a run over its steps.
func plot(dir *train.Dir, m Metric) error {
	columns, rows, err := dir.ReadMetrics()
	if err != nil {
		return err
	}
	loss := chart.Series{Colour: "#b4472e"}
	score := chart.Series{Colour: "#2e6db4"}
	for _, row := range rows {
		cell := map[string]string{}
		for i, name := range columns {
			cell[name] = row[i]
		}
		step, _ := strconv.ParseFloat(cell["step"], 64)
		add(&loss, step, cell["loss"], 1)
		add(&score, step, cell["test_score"], m.Scale)
	}
	return train.WriteFile(dir.Plot(), func(w io.Writer) error {
		return chart.Write(w,
			chart.Chart{Title: "training loss", X: "step", Y: "nats", Series: []chart.Series{loss}},
			chart.Chart{Title: "test " + m.Label, X: "step", Y: m.Label + m.Unit, Series: []chart.Series{score}})
	})
}

// add appends a point unless the cell holds no number.
func add(s *chart.Series, x float64, cell string, scale float64) {
	if y, err := strconv.ParseFloat(cell, 64); err == nil && !math.IsNaN(y) && !math.IsInf(y, 0) {
		s.X, s.Y = append(s.X, x), append(s.Y, scale*y)
	}
}
