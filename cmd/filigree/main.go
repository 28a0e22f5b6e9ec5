// Command filigree trains, measures and inspects sparse neural networks.
//
// Results go to standard output, everything else to standard error. It exits
// with 0 on success, 1 on failure and 2 on wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	_ "github.com/seed073b5613/filigree/audio/codecs"
)

// Exit codes.
const (
	exitFailure = 1
	exitUsage   = 2
)

// commands is the command line: its fields are commands, their fields flags.
type commands struct {
	Speak       speakCommand       `cmd:"" help:"Speak English text."`
	Vocode      vocodeCommand      `cmd:"" help:"Make sound again from the spectra of a recording."`
	Train       trainCommand       `cmd:"" help:"Train a model. Without a name, list what can be trained."`
	Adapt       adaptCommand       `cmd:"" help:"Let a character model learn from a live stream."`
	Eval        evalCommand        `cmd:"" help:"Score a run or a model on its test set."`
	Inspect     inspectCommand     `cmd:"" help:"Show a model's layers: shapes, sparsity, cost."`
	Reproduce   reproduceCommand   `cmd:"" help:"Run a paper's comparison and report on it."`
	Prune       pruneCommand       `cmd:"" help:"Make a sparse model from a dense one."`
	Compare     compareCommand     `cmd:"" help:"Put runs beside each other."`
	Landscape   landscapeCommand   `cmd:"" help:"Measure the loss along a path between two models."`
	Bench       benchCommand       `cmd:"" help:"Measure speed on this machine."`
	Fetch       fetchCommand       `cmd:"" help:"Download a data set and verify it."`
	Runs        runsCommand        `cmd:"" help:"List or tidy the runs on disk."`
	Text        textCommand        `cmd:"" help:"Show how English text is read: words and phonemes."`
	Score       scoreCommand       `cmd:"" help:"Compare speech with recordings."`
	Align       alignCommand       `cmd:"" help:"Find when each word and phoneme of a recording is spoken."`
	Spectrogram spectrogramCommand `cmd:"" help:"Draw a recording as a picture."`
	Version     versionCommand     `cmd:"" help:"Show the version and the machine."`
}

// usageError is a mistake of the caller's that only showed after parsing.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// console is where a command writes: results to out, the rest to err.
type console struct {
	out, err io.Writer
}

func main() {
	log.SetOutput(io.Discard) // a library prints a line for every FLAC frame of an unusual rate
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second interrupt ends the program at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], console{os.Stdout, os.Stderr}))
}

// exitCode leaves the parser through a panic that run catches, since --help
// ends the program from inside it.
type exitCode int

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, io console) (code int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exitCode)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parser := newParser(commandLine(args[0]), io)
	parsed, err := parser.Parse(args)
	if err != nil {
		return complain(io, usageError{err}, helpFor(err))
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(io); err != nil {
		return complain(io, err, parsed.Command())
	}
	return 0
}

// commandLine returns the command line with the one command that name names, or with all
// where it names none: the parser reads the tags of every flag it is given, which takes longer
// than a short command does.
func commandLine(name string) any {
	field, ok := reflect.TypeFor[commands]().FieldByNameFunc(func(f string) bool { return strings.ToLower(f) == name })
	if !ok {
		return &commands{Train: newTrainCommand(), Adapt: newAdaptCommand()}
	}
	one := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	switch c := one.Elem().Field(0).Addr().Interface().(type) {
	case *trainCommand:
		*c = newTrainCommand()
	case *adaptCommand:
		*c = newAdaptCommand()
	}
	return one.Interface()
}

func newParser(cli any, io console) *kong.Kong {
	parser, err := kong.New(cli,
		kong.Name("filigree"),
		kong.Description("Sparse neural networks on CPUs: trained sparse, run sparse.\n\nStart with: filigree train digits"),
		kong.Writers(io.out, io.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
	)
	if err != nil {
		panic(err) // a mistake in the struct tags; every test would show it
	}
	showDefaults(parser)
	return parser
}

// showDefaults makes the values the command structs were made with the flags'
// defaults, so that recipes hold them in one place.
func showDefaults(parser *kong.Kong) {
	err := kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		flag, ok := node.(*kong.Flag)
		if ok && !flag.HasDefault && flag.Target.IsValid() && !flag.Target.IsZero() {
			flag.Default, flag.HasDefault = fmt.Sprint(flag.Target.Interface()), true
		}
		return next(nil)
	})
	if err != nil {
		panic(err)
	}
	for _, verb := range parser.Model.Children {
		for _, task := range verb.Children {
			if task.Target.Type() != reflect.TypeFor[trainTask]() {
				continue
			}
			for _, flag := range task.Flags {
				flag.Hidden = flag.Hidden || unused(task.Name, flag.Name)
			}
		}
	}
}

// unused reports whether a setting means nothing to a task: it is not shown.
func unused(task, flag string) bool {
	switch flag {
	case "width", "depth":
		return task == "digits" || task == "mnist" || task == "copy" || flag == "depth" && task != "cifar10" && task != "images"
	case "arch", "size":
		return task != "images"
	case "data":
		return task == "digits" || task == "copy"
	case "cell", "units", "hidden":
		return task != "copy"
	case "learner", "period", "share-gate-mask":
		return task != "copy" && task != "charlm"
	case "length":
		return task != "charlm" && task != "wordlm"
	case "vocabulary":
		return task != "wordlm" && task != "translate"
	case "from", "to", "layers", "beam":
		return task != "translate"
	case "dropout":
		return task != "translate" && task != "recognizer"
	case "augment":
		return task == "charlm" || task == "wordlm" || task == "translate" || task == "copy"
	case "images":
		return task == "charlm" || task == "wordlm" || task == "copy"
	}
	return false
}

// helpFor names the command a parse error arose in.
func helpFor(err error) string {
	var pe *kong.ParseError
	if errors.As(err, &pe) && pe.Context != nil {
		return pe.Context.Command()
	}
	return ""
}

// complain prints an error on one line and returns its exit code.
func complain(io console, err error, command string) int {
	code := exitFailure
	text := strings.Join(strings.Fields(err.Error()), " ")
	var usage usageError
	if errors.As(err, &usage) {
		code = exitUsage
		text += " (see: " + strings.TrimSpace("filigree "+verb(command)) + " --help)"
	}
	fmt.Fprintf(io.err, "filigree: %s\n", text)
	return code
}

// verb returns the words of a command without its arguments.
func verb(command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		if strings.HasPrefix(w, "<") || strings.HasPrefix(w, "[") || w == "list-names" {
			words = words[:i]
			break
		}
	}
	return strings.Join(words, " ")
}
