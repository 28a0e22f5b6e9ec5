package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/vocoder"
	"github.com/seed073b5613/filigree/train"
)

// trainVocoder trains a vocoder.
type trainVocoder struct {
	vocoder.Settings
	RunDir string `name:"run" placeholder:"DIR" help:"Directory of the run; an interrupted one goes on. Without it, one named by time and seed below runs/."`
	JSON   bool   `help:"Print the result as one JSON object, as the last line of standard output."`
}

// Help shows how the command is used.
func (trainVocoder) Help() string {
	return `Examples:
  filigree train vocoder --data cathy-arctic --budget 1h --run runs/vocoder
  filigree vocode recording.wav -o copy.wav --model runs/vocoder/model.safetensors
  filigree speak --vocoder runs/vocoder/model.safetensors "Good morning."`
}

// Run trains.
func (c *trainVocoder) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	if c.RunDir == "" {
		c.RunDir = train.DefaultPath(tasks.Root, "vocoder", c.Seed, time.Now())
	}
	dir, err := filepath.Abs(c.RunDir)
	if err != nil {
		return err
	}
	bar := newProgress(io.err)
	bar.metric = vocoder.Metric
	r, err := vocoder.Run(ctx, c.Settings, vocoder.IO{Dir: dir,
		Progress: slowly(io.err),
		Begin:    func(summary string) { fmt.Fprintf(io.err, "%s\nrun %s\n", summary, show(dir)) },
		Report:   func(e train.Event) { bar.report(e) },
		Warn:     func(text string) { fmt.Fprintln(io.err, "warning:", text) },
	})
	bar.close()
	if errors.Is(err, train.ErrInterrupted) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w; what is done is saved, go on with the same command and --run %s", err, show(dir))
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(io.out, r)
	}
	_, err = fmt.Fprintf(io.out, "%s: %.3f bits a sample on recordings it never heard, %d of %d weights, %.2f MB\n\nHear it with: filigree vocode recording.wav -o copy.wav --model %s\n",
		show(r.Model), r.Bits, r.Nonzeros, r.Weights, float64(r.Bytes)/1e6, show(r.Model))
	return err
}
