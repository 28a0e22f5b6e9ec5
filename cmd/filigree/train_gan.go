package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/recipes/gantts"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// trainGAN trains GAN-TTS.
type trainGAN struct {
	gantts.Settings
	RunDir string `name:"run" placeholder:"DIR" help:"Directory of the run; an interrupted one goes on. Without it, one named by time and seed below runs/."`
	JSON   bool   `help:"Print the result as one JSON object, as the last line of standard output."`
}

// Help shows how the command is used.
func (trainGAN) Help() string {
	return `Examples:
  filigree train gan-tts --data cathy-arctic --budget 1h --run runs/gan
  filigree train gan-tts --data cathy-arctic --sparsity 0.8 --block 4x1
  filigree train gan-tts --data cathy-arctic --discriminators whole --json

Samples of a recording it is not trained on, and pictures of them, are in the run's samples/ after every evaluation.`
}

// Run trains.
func (c *trainGAN) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	if c.RunDir == "" {
		c.RunDir = train.DefaultPath(tasks.Root, "gan-tts", c.Seed, time.Now())
	}
	dir, err := filepath.Abs(c.RunDir)
	if err != nil {
		return err
	}
	bar := newProgress(io.err)
	bar.metric = gantts.Metric
	r, err := gantts.Run(ctx, c.Settings, gantts.IO{Dir: dir,
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
	fmt.Fprintf(io.out, "%s: mel distance %.3f nats, log-spectral distance %.2f dB on recordings it never heard; %d of %d weights, %.3f of real time to run\n",
		show(r.Model), r.MelL1, r.LSD2048, r.Nonzeros, r.Weights, r.RTF)
	if r.CKDSD != nil {
		fmt.Fprintf(io.out, "speech distances over %d clips, conditional: kernel %.4f (among recordings %.4f), Fréchet %.3f (%.3f)\n", r.Clips, *r.CKDSD, *r.FloorKDSD, *r.CFDSD, *r.FloorFDSD)
	}
	return nil
}
