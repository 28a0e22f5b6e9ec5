package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/seed073b5613/filigree/internal/tfevents"
	"github.com/seed073b5613/filigree/nn"
)

// metricsHeader names the columns of metrics.tsv. The last two are times; all
// others repeat exactly when a run is repeated.
const metricsHeader = "step\tbatches\tupdates\trate\tloss\ttest_loss\ttest_score\tnonzeros\tstep_ms\tseconds\n"

// openLogs starts the log files, or cuts them back to where a checkpoint left
// them.
func (l *Loop) openLogs(marks map[string]int64) error {
	if l.Dir == nil {
		return nil
	}
	if err := l.Dir.rewind(marks); err != nil {
		return err
	}
	if marks[metricsFile] == 0 {
		if err := l.Dir.log(metricsFile, []byte(metricsHeader)); err != nil {
			return err
		}
	}
	if marks[eventsFile] == 0 {
		if err := l.Dir.log(eventsFile, tfevents.Header(time.Now())); err != nil {
			return err
		}
	}
	what := "started"
	if marks != nil {
		what = "resumed"
	}
	return l.logLine(what, map[string]any{"steps": l.Steps})
}

// logMetrics writes one row of metrics: the mean loss of the batches since the
// last row and, right after an evaluation, its scores.
func (l *Loop) logMetrics() error {
	s := &l.state
	loss := s.Loss / float64(s.Window)
	s.Loss, s.Window = 0, 0
	l.seen.Logged = s.Step
	if l.Dir == nil {
		return nil
	}
	rate := l.Rate(max(s.Step-1, 0))
	nonzeros := Nonzeros(l.params)
	scores := "\t"
	fields := map[string]any{"loss": loss, "rate": rate, "nonzeros": nonzeros}
	if l.seen.Evaluated == s.Step {
		scores = fmt.Sprintf("%.6g\t%.6g", s.Last.Loss, math.Abs(s.Last.Quality))
		fields["test_loss"], fields["test_score"] = s.Last.Loss, math.Abs(s.Last.Quality)
	}
	recent := l.times[max(0, len(l.times)-l.LogEvery):]
	row := fmt.Sprintf("%d\t%d\t%d\t%.6g\t%.6g\t%s\t%d\t%.4g\t%.2f\n",
		s.Step, s.Batches, s.Updates, rate, loss, scores, nonzeros, 1e3*median(recent), l.seconds())
	if err := l.Dir.log(metricsFile, []byte(row)); err != nil {
		return err
	}
	if err := l.logEvents(fields); err != nil {
		return err
	}
	return l.logLine("metrics", fields)
}

// logLine writes one JSON line of the log.
func (l *Loop) logLine(msg string, fields map[string]any) error {
	line := map[string]any{"time": time.Now().UTC().Format(time.RFC3339Nano), "msg": msg, "step": l.state.Step}
	for k, v := range fields {
		line[k] = v
	}
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("train: write log: %w", err)
	}
	return l.Dir.log(logFile, append(b, '\n'))
}

// Nonzeros returns the number of weights that exist among the prunable
// parameters.
func Nonzeros(ps []*nn.Param) int {
	n := 0
	for _, p := range ps {
		if p.Prunable {
			n += p.NNZ()
		}
	}
	return n
}

// logEvents writes the fields as TensorBoard scalars.
func (l *Loop) logEvents(fields map[string]any) error {
	var values []tfevents.Scalar
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch v := fields[name].(type) {
		case float64:
			values = append(values, tfevents.Scalar{Tag: name, Value: v})
		case int:
			values = append(values, tfevents.Scalar{Tag: name, Value: float64(v)})
		}
	}
	return l.Dir.log(eventsFile, tfevents.Scalars(time.Now(), l.state.Step, values))
}
