package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// progress shows how a training goes on: a bar on a terminal, plain lines
// elsewhere.
type progress struct {
	w        io.Writer
	metric   tasks.Metric
	terminal bool
	bar      *progressbar.ProgressBar
	loss     float64 // running mean
	first    int     // step at the start of this process
	start    time.Time
	line     time.Time // of the last plain line
	done     int
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), loss: math.NaN(), first: -1}
}

// started says where the run lies and what it is.
func (p *progress) started(task tasks.Task, run, summary string) {
	p.metric = task.Metric
	fmt.Fprintf(p.w, "%s\nrun %s\n", summary, show(run))
}

// report takes the events of the loop.
func (p *progress) report(e train.Event) {
	if p.first < 0 {
		p.first, p.start, p.line = e.Step, time.Now(), time.Now()
		if e.Kind == train.Stepped {
			p.first-- // the first event came after a step
		}
		p.done = e.Step
	}
	if !math.IsNaN(e.Loss) {
		if math.IsNaN(p.loss) {
			p.loss = e.Loss
		}
		p.loss += 0.02 * (e.Loss - p.loss)
	}
	if p.terminal {
		p.draw(e)
		return
	}
	if e.Kind == train.Evaluated || e.Kind == train.Stepped && time.Since(p.line) > 10*time.Second {
		p.line = time.Now()
		fmt.Fprintf(p.w, "step %d/%d  loss %.4f%s  %.0f it/s  %s left\n", e.Step, e.Steps, p.loss, p.score(e), p.speed(e), p.left(e))
	}
}

func (p *progress) draw(e train.Event) {
	if p.bar == nil {
		p.bar = progressbar.NewOptions(e.Steps,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetItsString("it"), progressbar.OptionShowIts(),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(24),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetTheme(progressbar.ThemeASCII))
		p.bar.Add(p.first)
	}
	p.bar.Describe(fmt.Sprintf("loss %.4f%s", p.loss, p.score(e)))
	if e.Step > p.done {
		p.bar.Add(e.Step - p.done)
		p.done = e.Step
	}
}

func (p *progress) score(e train.Event) string {
	if e.Scores.Count == 0 {
		return ""
	}
	return "  " + p.metric.Text(e.Scores)
}

// speed returns steps a second of this process.
func (p *progress) speed(e train.Event) float64 {
	return float64(e.Step-p.first) / max(time.Since(p.start).Seconds(), 1e-3)
}

// left estimates the time to the end.
func (p *progress) left(e train.Event) time.Duration {
	speed := p.speed(e)
	if speed == 0 {
		return 0
	}
	return time.Duration(float64(e.Steps-e.Step) / speed * float64(time.Second)).Round(time.Second)
}

// close ends the bar's line.
func (p *progress) close() {
	if p.bar != nil {
		p.bar.Exit()
		fmt.Fprintln(p.w)
	}
}

// slowly returns a function that says how far something is, every two seconds and at its end.
func slowly(w io.Writer) func(what string, done, of int) {
	var last time.Time
	return func(what string, done, of int) {
		if done == of || time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(w, "%s %d of %d\n", what, done, of)
		}
	}
}
