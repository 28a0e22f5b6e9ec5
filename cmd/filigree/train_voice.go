package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/train"
)

// trainVoice trains a voice.
type trainVoice struct {
	voice.Settings
	speechRun
}

// Help shows how the command is used.
func (trainVoice) Help() string {
	return `Examples:
  filigree train voice --data cathy-arctic                    a voice in a quarter of an hour
  filigree train voice --data cathy-arctic --budget 3h --run runs/cathy
  filigree speak --voice runs/cathy/voice.safetensors "Good morning."`
}

// Run trains.
func (c *trainVoice) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	dir, err := c.dir("voice", c.Seed)
	if err != nil {
		return err
	}
	bar := newProgress(io.err)
	warned := 0
	r, err := voice.Run(ctx, c.Settings, voice.IO{Dir: dir,
		Progress: slowly(io.err),
		Stage: func(name, summary string) {
			bar.close()
			bar = newProgress(io.err)
			fmt.Fprintf(io.err, "%s: %s\nrun %s\n", name, summary, show(filepath.Join(dir, name)))
			bar.metric = tasks.Metric{Label: "quality", Digits: 3, Scale: 1, Of: func(s train.Scores) float64 { return s.Quality }}
		},
		Report: func(e train.Event) { bar.report(e) },
		Warn: func(text string) {
			if warned++; warned <= 10 {
				fmt.Fprintln(io.err, "warning:", text)
			}
		},
	})
	bar.close()
	if warned > 10 {
		fmt.Fprintf(io.err, "%d warnings in all\n", warned)
	}
	if err != nil {
		return stopped(err, dir)
	}
	if c.JSON {
		return printJSON(io.out, r)
	}
	fmt.Fprintf(io.out, "voice      %s, %.1f MB, %.0f %% of %d weights\n", show(r.Voice), float64(r.Bytes)/1e6, 100*float64(r.Nonzeros)/math.Max(1, float64(r.Weights)), r.Weights)
	fmt.Fprintf(io.out, "spectra    %.3f nats, cepstra %.2f dB from recordings it never heard\n", r.Acoustic.MelL1, r.Acoustic.MCD)
	fmt.Fprintf(io.out, "durations  %.0f ms off, correlation %.2f, total %.3f of the recordings'\n", r.Acoustic.DurationRMSE, r.Acoustic.DurationCorrelation, r.Acoustic.LengthRatio)
	_, err = fmt.Fprintf(io.out, "\nHear it with: filigree speak --voice %s \"Good morning.\"\n", show(r.Voice))
	return err
}
