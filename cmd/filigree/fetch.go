package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/seed073b5613/filigree/data"
)

type fetchCommand struct {
	Name string `arg:"" enum:"mnist,cifar10,tiny-shakespeare,wikitext-2,multi30k" help:"mnist (11 MB), cifar10 (163 MB), tiny-shakespeare (1 MB), wikitext-2 (13 MB) or multi30k (1 MB)."`
	Dir  string `placeholder:"DIR" help:"Folder to put the files in; without it, data/NAME."`
	From string `placeholder:"URL" help:"Address to fetch from instead of the usual one."`
}

// Help shows how the command is used.
func (fetchCommand) Help() string {
	return `Examples:
  filigree fetch mnist
  filigree fetch cifar10 --dir /data/cifar10

Files are verified by checksum. A download that stalls or breaks off is tried again, from another
address where there is one, and goes on where it stopped, also at the next call.`
}

// Run downloads.
func (c *fetchCommand) Run(ctx context.Context, io console) error {
	dir := c.Dir
	if dir == "" {
		dir = filepath.Join("data", c.Name)
	}
	var bar *progressbar.ProgressBar
	file := ""
	f, ok := io.err.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	progress := func(name string, done, total int64) {
		if name != file {
			file = name
			if terminal {
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(io.err), progressbar.OptionShowBytes(true),
					progressbar.OptionSetDescription(name), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionOnCompletion(func() { fmt.Fprintln(io.err) }))
			} else {
				fmt.Fprintf(io.err, "%s\n", name)
			}
		}
		if terminal {
			bar.Set64(done)
		}
	}
	if err := data.Fetch(ctx, c.Name, dir, data.FetchOptions{Base: c.From, Progress: progress}); err != nil {
		return err
	}
	task := c.Name
	switch c.Name {
	case "tiny-shakespeare":
		task = "charlm"
	case "wikitext-2":
		task = "wordlm"
	case "multi30k":
		task = "translate"
	}
	fmt.Fprintf(io.out, "%s is in %s; train on it with: filigree train %s --data %s\n", c.Name, dir, task, dir)
	return nil
}
