package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/recipes/eats"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// trainEATS trains EATS.
type trainEATS struct {
	eats.Settings
	RunDir    string `name:"run" placeholder:"DIR" help:"Directory of the run; an interrupted one goes on. Without it, one named by time and seed below runs/."`
	Alignment string `placeholder:"FILE" help:"Keep the alignment of the recordings in this file, for other runs to use; without it, in the run."`
	JSON      bool   `help:"Print the result as one JSON object, as the last line of standard output."`
}

// Help shows how the command is used.
func (trainEATS) Help() string {
	return `Examples:
  filigree train eats --data cathy-arctic --budget 1h --run runs/eats
  filigree speak --voice runs/eats/voice.safetensors "Good morning."
  filigree train eats --data cathy-arctic --durations learned --warm-up 0.3
  filigree train eats --data cathy-arctic --size shaped --no-spectrogram
  filigree train eats --data cathy-arctic --sparsity 0.8 --block 4x1 --json

Samples and their pictures are in the run's samples/ after every evaluation.`
}

// Run trains.
func (c *trainEATS) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	if c.RunDir == "" {
		c.RunDir = train.DefaultPath(tasks.Root, "eats", c.Seed, time.Now())
	}
	dir, err := filepath.Abs(c.RunDir)
	if err != nil {
		return err
	}
	bar := newProgress(io.err)
	bar.metric = eats.Metric
	r, err := eats.Run(ctx, c.Settings, eats.IO{Dir: dir, Alignment: c.Alignment,
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
	m := r.Spoken
	fmt.Fprintf(io.out, "voice      %s, %.1f MB, %d of %d weights\n", show(r.Voice), float64(r.Bytes)/1e6, r.Nonzeros, r.Weights)
	fmt.Fprintf(io.out, "speech     phone error rate %.1f %% (recordings %.1f %%), cepstra %.2f dB from recordings it never heard\n", 100*m.PER, 100*m.NaturalPER, m.MCD)
	fmt.Fprintf(io.out, "durations  %.0f ms off, correlation %.2f, total %.3f of the recordings'\n", m.DurationRMSE, m.DurationCorrelation, m.LengthRatio)
	_, err = fmt.Fprintf(io.out, "\nHear it with: filigree speak --voice %s \"Good morning.\"\n", show(r.Voice))
	return err
}
