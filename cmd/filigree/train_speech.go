package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// speechRun are the flags of trainings on recordings of speech beside their settings.
type speechRun struct {
	RunDir string `name:"run" placeholder:"DIR" help:"Directory of the run; an interrupted one goes on. Without it, one named by time and seed below runs/."`
	JSON   bool   `help:"Print the result as one JSON object, as the last line of standard output."`
}

// dir returns the directory of a run.
func (c *speechRun) dir(name string, seed uint64) (string, error) {
	if c.RunDir == "" {
		c.RunDir = train.DefaultPath(tasks.Root, name, seed, time.Now())
	}
	return filepath.Abs(c.RunDir)
}

// stopped tells how to go on after an interrupt.
func stopped(err error, dir string) error {
	if errors.Is(err, train.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; what is done is saved, go on with the same command and --run %s", err, show(dir))
	}
	return err
}

// trainSpeech calls run with a progress bar around it, and prints its result as JSON or as text tells it.
func trainSpeech[R any](c *speechRun, io console, name string, seed uint64, threads int, metric tasks.Metric, run func(tasks.SpeechIO) (R, error), text func(R) string) error {
	setThreads(threads)
	dir, err := c.dir(name, seed)
	if err != nil {
		return err
	}
	bar := newProgress(io.err)
	bar.metric = metric
	r, err := run(tasks.SpeechIO{Dir: dir,
		Progress: slowly(io.err),
		Begin:    func(summary string) { fmt.Fprintf(io.err, "%s\nrun %s\n", summary, show(dir)) },
		Report:   func(e train.Event) { bar.report(e) },
		Warn:     func(text string) { fmt.Fprintln(io.err, "warning:", text) },
	})
	bar.close()
	if err != nil {
		return stopped(err, dir)
	}
	if c.JSON {
		return printJSON(io.out, r)
	}
	_, err = fmt.Fprint(io.out, text(r))
	return err
}
