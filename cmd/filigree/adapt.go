package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

type adaptCommand struct {
	Model string `arg:"" help:"A trained character model: a run directory, or a model.safetensors."`
	Input string `arg:"" optional:"" default:"-" name:"file" help:"Text to read, with .gz or without; - for standard input."`
	tasks.Adapting
	RunDir  string `name:"run" placeholder:"DIR" help:"Directory of the run; one that is there goes on. Without it, one named by time below runs/."`
	Threads int    `default:"1" help:"Workers; 0 for one a core."`
	JSON    bool   `help:"Print the result as one JSON object, as the last line of standard output."`
}

// newAdaptCommand returns the command with its defaults in place.
func newAdaptCommand() adaptCommand { return adaptCommand{Adapting: tasks.Adapt} }

// Help shows how the command is used.
func (adaptCommand) Help() string {
	return `Examples:
  filigree adapt runs/charlm/2026-01-31-120000-1 diary.txt
  tail -f server.log | filigree adapt model.safetensors --period 1
  filigree adapt model.safetensors war-and-peace.txt.gz --run runs/tolstoy

Each character is predicted, then learned from, with memory that does not grow. The
figures are bits per character: those of the model that learns, and of the model as it was.
Ctrl-C saves; the same command with --run goes on.`
}

// Validate checks the flags.
func (c *adaptCommand) Validate() error {
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	return c.Adapting.Validate()
}

// Run reads and learns.
func (c *adaptCommand) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	if c.RunDir == "" {
		c.RunDir = train.DefaultPath(tasks.Root, "adapt", 1, time.Now())
	}
	fmt.Fprintf(io.err, "run %s\n", show(c.RunDir))
	r, err := tasks.RunAdapt(ctx, c.Model, c.Input, c.RunDir, c.Adapting, func(now, since tasks.Adapted) {
		fmt.Fprintf(io.err, "%9d characters  learning %.3f  frozen %.3f bits per character  (all: %.3f, %.3f)\n",
			now.Characters, since.Bits, since.Frozen, now.Bits, now.Frozen)
	})
	if errors.Is(err, train.ErrInterrupted) {
		fmt.Fprintln(io.err)
		printAdapted(io, r)
		return fmt.Errorf("%w; its state is saved, go on with: filigree adapt %s %s --run %s", err, c.Model, c.Input, show(r.Run))
	}
	if err != nil {
		return err
	}
	warn(io, r.Warning)
	if c.JSON {
		return printJSON(io.out, r)
	}
	printAdapted(io, r)
	return nil
}

func printAdapted(io console, r tasks.Adapted) {
	fmt.Fprintf(io.out, "%d characters: %.3f bits each, %.3f by the model as it was: %.3f better\n", r.Characters, r.Bits, r.Frozen, r.Gain)
	fmt.Fprintf(io.out, "%s at %d bytes an update, %.3f ms each; %s held\nmodel %s\n", r.Learner, r.Period, r.StepMS, byteCount(int64(r.Held)), show(r.Model))
}
