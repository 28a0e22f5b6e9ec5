package main

import (
	"context"
	"fmt"

	"github.com/seed073b5613/filigree/recipes/tasks"
)

type evalCommand struct {
	Path    string `arg:"" name:"run-or-model" help:"A run directory, or a model.safetensors."`
	Data    string `placeholder:"DIR" help:"Folder with the data set's files; without it, where the training found them."`
	Threads int    `help:"Workers; 0 for one a core."`
	JSON    bool   `help:"Print one JSON object."`
}

// Help shows how the command is used.
func (evalCommand) Help() string {
	return `Examples:
  filigree eval runs/digits/20260102-030405-1
  filigree eval model.safetensors --data data/mnist --json`
}

// Validate checks the flags.
func (c *evalCommand) Validate() error {
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	return nil
}

// Run scores a model.
func (c *evalCommand) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	score, err := tasks.Eval(ctx, c.Path, c.Data)
	if err != nil {
		return err
	}
	warn(io, score.Warning)
	if c.JSON {
		return printJSON(io.out, score)
	}
	_, err = fmt.Fprintf(io.out, "%s, loss %.4f, %d samples of %s, %.3f ms a sample\n",
		score.Text, score.TestLoss, score.TestSamples, score.Task, score.SampleMS)
	return err
}
