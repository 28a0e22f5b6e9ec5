package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/seed073b5613/filigree/internal/parallel"
	"github.com/seed073b5613/filigree/recipes/eats"
	"github.com/seed073b5613/filigree/recipes/gantts"
	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/recipes/vocoder"
	"github.com/seed073b5613/filigree/recipes/voice"
	"github.com/seed073b5613/filigree/train"
	"github.com/seed073b5613/filigree/train/comm"
)

type trainCommand struct {
	Digits     trainTask    `cmd:"" help:"LeNet-300-100 on digits drawn from a font; needs no download."`
	MNIST      trainTask    `cmd:"" name:"mnist" help:"LeNet-300-100 on handwritten digits."`
	CIFAR10    trainTask    `cmd:"" name:"cifar10" help:"Wide residual network on small photographs."`
	Images     trainTask    `cmd:"" help:"MobileNet, or another network, on photographs in one folder a class."`
	CharLM     trainTask    `cmd:"" name:"charlm" help:"Character model of gated recurrent units."`
	WordLM     trainTask    `cmd:"" name:"wordlm" help:"Word model of LSTM layers."`
	Translate  trainTask    `cmd:"" help:"Transformer on sentences and their translations."`
	Recognizer trainTask    `cmd:"" help:"Phone recogniser on recordings and their texts."`
	Letters    trainTask    `cmd:"" name:"letters" help:"Letter-to-sound network for words no dictionary has."`
	Copy       trainTask    `cmd:"" help:"Copy task for recurrent nets that learn online."`
	Voice      trainVoice   `cmd:"" help:"A voice, from recordings of one speaker."`
	Vocoder    trainVocoder `cmd:"" help:"A vocoder, which turns spectra into sound, from recordings of one speaker."`
	GAN        trainGAN     `cmd:"" name:"gan-tts" help:"A generator of waveforms against discriminators of windows, from recordings of one speaker."`
	EATS       trainEATS    `cmd:"" name:"eats" help:"A voice in one network, from phonemes to a waveform, from recordings of one speaker."`
	Names      trainNames   `cmd:"" name:"list-names" hidden:"" default:"withargs"`
}

// newTrainCommand returns the command with each task's defaults in place.
func newTrainCommand() trainCommand {
	var c trainCommand
	for name, t := range map[string]*trainTask{"digits": &c.Digits, "mnist": &c.MNIST, "cifar10": &c.CIFAR10, "images": &c.Images, "charlm": &c.CharLM, "wordlm": &c.WordLM, "translate": &c.Translate, "recognizer": &c.Recognizer, "letters": &c.Letters, "copy": &c.Copy} {
		task, err := tasks.Find(name)
		if err != nil {
			panic(err)
		}
		t.name, t.Settings = name, task.Default
	}
	c.Voice.Settings, c.Vocoder.Settings, c.GAN.Settings, c.EATS.Settings = voice.Default, vocoder.Default, gantts.Default, eats.Default
	return c
}

// Help shows how the command is used.
func (trainCommand) Help() string {
	return `Examples:
  filigree train                                     what can be trained
  filigree train digits                              under two minutes, no download
  filigree train mnist --data data/mnist --method rigl --sparsity 0.98
  filigree train cifar10 --data data/cifar10 --sparsity 0.9 --run runs/wrn
  filigree train images --data imagenet --arch mobilenet-v1 --size 128 --sparsity 0.9
  filigree train --resume runs/wrn                   go on where a run stopped
  mpirun -n 2 filigree train mnist --data data/mnist by two processes (docs/mpi.md)`
}

// AfterApply refuses to let several processes do one after the other what only one can.
func (trainCommand) AfterApply(c *kong.Context) error {
	size, launcher := comm.Launched()
	if node := c.Selected(); size > 1 && node != nil && node.Target.Type() != reflect.TypeFor[trainTask]() && node.Target.Type() != reflect.TypeFor[trainNames]() {
		return fmt.Errorf("%s started %d processes: train %s runs in one", launcher, size, node.Name)
	}
	return nil
}

type trainTask struct {
	tasks.Settings
	RunDir string `name:"run" placeholder:"DIR" help:"Directory of the run; without it, one named by time and seed below runs/."`
	JSON   bool   `help:"Print the result as one JSON object, as the last line of standard output."`

	name string
}

// Help shows how the command is used.
func (t *trainTask) Help() string {
	data := " --data DIR"
	if t.name == "digits" {
		data = ""
	}
	return fmt.Sprintf(`Examples:
  filigree train %[1]s%[2]s
  filigree train %[1]s%[2]s --method static --sparsity 0.98 --seed 2
  filigree train %[1]s%[2]s --method dense --json`, t.name, data)
}

// Validate checks the flags.
func (t *trainTask) Validate() error {
	if t.Arch != "" && !slices.Contains([]string{"digits", "mnist", "cifar10", "images"}, t.name) || t.Size != 0 && t.name != "images" {
		return fmt.Errorf("--arch is for tasks with images and --size for the task images: the network of %s is fixed", t.name)
	}
	if t.name == "images" && (t.Arch == "" || t.Size < 1) {
		return fmt.Errorf("--arch %q, --size %d: images need both", t.Arch, t.Size)
	}
	if t.name == "images" && t.Depth != 0 && t.Arch != "wrn" {
		return fmt.Errorf("--depth is for --arch wrn: the depth of %s is fixed", t.Arch)
	}
	if t.name != "cifar10" && t.name != "images" && t.Depth != 0 {
		return fmt.Errorf("--depth is for cifar10 and images: the depth of the network of %s is fixed", t.name)
	}
	if t.name == "digits" && t.Data != "" {
		return errors.New("--data: digits are drawn, not read; to train on files use: filigree train mnist --data DIR")
	}
	if t.Learner != "" && t.name != "copy" && t.name != "charlm" {
		return fmt.Errorf("--learner: copy and charlm can learn online, not %s", t.name)
	}
	task, err := tasks.Find(t.name)
	if err != nil {
		return err
	}
	usual := task.Default
	if t.DropFraction != usual.DropFraction && !slices.Contains([]string{"set", "snfs", "rigl"}, t.Method) {
		return fmt.Errorf("--drop-fraction %v: --method %s has no use for it; it is for set, snfs, rigl", t.DropFraction, t.Method)
	}
	if starts := []string{"magnitude", "random", "variational", "l0", "lottery", "scratch"}; t.Begin != usual.Begin && !slices.Contains(starts, t.Method) {
		return fmt.Errorf("--begin %v: --method %s has no use for it; it is for %s", t.Begin, t.Method, strings.Join(starts, ", "))
	}
	return t.Settings.Validate()
}

// Run trains.
func (t *trainTask) Run(ctx context.Context, io console) error {
	setThreads(t.Threads)
	return joined(ctx, io, t.JSON, func(out tasks.IO) (tasks.Result, error) {
		out.Dir = t.RunDir
		return tasks.Run(ctx, t.name, t.Settings, out)
	})
}

// joined trains as one of the processes that mpirun started, or alone. Only the first prints.
func joined(ctx context.Context, io console, asJSON bool, run func(out tasks.IO) (tasks.Result, error)) error {
	group, err := comm.World(ctx)
	if err != nil {
		return err
	}
	out := tasks.IO{Group: group}
	if group.Rank() > 0 {
		_, err := run(out)
		group.Close(err)
		if err != nil {
			return fmt.Errorf("process %d of %d: %w", group.Rank(), group.Size(), err)
		}
		return nil
	}
	bar := newProgress(io.err)
	out.Started, out.Report, out.Show = bar.started, bar.report, io.err
	result, err := run(out)
	group.Close(err)
	if n := group.Size(); n > 1 && (errors.Is(err, comm.ErrLost) || errors.Is(err, train.ErrInterrupted)) {
		bar.close()
		return fmt.Errorf("%w; go on with: mpirun -n %d filigree train --resume %s", err, n, result.Run)
	}
	return finish(io, bar, result, err, asJSON)
}

// trainNames lists what can be trained, or resumes a run.
type trainNames struct {
	Resume  string `placeholder:"DIR" help:"Go on with the run in this directory."`
	Data    string `placeholder:"DIR" help:"With --resume: where its data is now, if it has moved."`
	Ticket  string `placeholder:"RUN" help:"With --resume: where its ticket is now."`
	Init    string `placeholder:"FILE" help:"With --resume: where the model it began with is now."`
	Threads int    `help:"Workers; 0 for one a core."`
	JSON    bool   `help:"Print one JSON object."`
}

// Validate checks the flags.
func (c *trainNames) Validate() error {
	if c.Threads < 0 {
		return fmt.Errorf("--threads %d: must not be negative", c.Threads)
	}
	if c.Resume == "" && c.Data+c.Ticket+c.Init != "" {
		return errors.New("--data, --ticket, --init: say with --resume which run they are of, or name a task before them")
	}
	return nil
}

// Run lists or resumes.
func (c *trainNames) Run(ctx context.Context, io console) error {
	setThreads(c.Threads)
	if c.Resume != "" {
		return joined(ctx, io, c.JSON, func(out tasks.IO) (tasks.Result, error) {
			out.Data, out.Ticket, out.Init = c.Data, c.Ticket, c.Init
			return tasks.Resume(ctx, c.Resume, out)
		})
	}
	if c.JSON {
		for _, t := range tasks.Tasks() {
			if err := printJSON(io.out, map[string]string{"name": t.Name, "summary": t.Summary}); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 3, ' ', 0)
	for _, t := range tasks.Tasks() {
		fmt.Fprintf(w, "filigree train %s\t%s\n", t.Name, t.Summary)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "\nfiligree train NAME --help shows the settings.")
	return err
}

// setThreads sets the number of workers; 0 leaves one a core.
func setThreads(n int) {
	if n > 0 {
		parallel.SetWorkers(n)
	}
}

// finish prints the outcome of a training.
func finish(io console, bar *progress, result tasks.Result, err error, asJSON bool) error {
	bar.close()
	if errors.Is(err, train.ErrInterrupted) {
		return fmt.Errorf("%w; its state is saved, go on with: filigree train --resume %s", err, result.Run)
	}
	if err != nil {
		return err
	}
	warn(io, result.Warning)
	if asJSON {
		return printJSON(io.out, result)
	}
	w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	printLayers(w, result.Layers, result.Others)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "\nscore     %s on %d test samples\n", result.Text(), result.TestSamples)
	fmt.Fprintf(io.out, "density   %.2f %%: %d of %d weights exist\n", 100*(1-result.Sparsity), result.Nonzeros, result.Weights)
	fmt.Fprintf(io.out, "work      %.1f %% of the dense network's to train, %.1f %% to run\n", 100*result.TrainFLOPsRatio, 100*result.TestFLOPsRatio)
	fmt.Fprintf(io.out, "time      %.1f s, %.3f ms a step\n", result.Seconds, result.StepMS)
	fmt.Fprintf(io.out, "model     %s\n", show(result.Model))
	if result.Plot != "" {
		fmt.Fprintf(io.out, "plot      %s\n", show(result.Plot))
	}
	_, err = fmt.Fprintf(io.out, "\nLook at it with: filigree inspect %s\n", show(result.Model))
	return err
}

// warn prints what was wrong with the data, if anything was.
func warn(io console, text string) {
	if text != "" {
		fmt.Fprintln(io.err, "warning:", text)
	}
}

// show prints a path relative to the working directory where that is shorter.
func show(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || len(rel) >= len(path) {
		return path
	}
	return rel
}
