package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Task is something that can be trained.
type Task struct {
	Name    string
	Summary string
	Samples string // what the data is made of: "images", "characters"
	Metric  Metric
	Default Settings

	open func(c config) (*dataset, error)  // reads or draws the data
	load func(path string) (*model, error) // rebuilds a network from its file
}

// Metric is the figure by which the networks of a task are compared.
type Metric struct {
	Key    string  // in JSON: test_accuracy
	Label  string  // for people: accuracy
	Unit   string  // after the figure, with its space: " %"
	Scale  float64 // from the figure in JSON to the one for people
	Digits int     // after the point
	Lower  bool    // the lower the better
	Of     func(train.Scores) float64
}

// Text returns the metric of scores for people.
func (m Metric) Text(s train.Scores) string {
	return fmt.Sprintf("%s %.*f%s", m.Label, m.Digits, m.Scale*m.Of(s), m.Unit)
}

// accuracy is the metric of classifiers.
var accuracy = Metric{Key: "test_accuracy", Label: "accuracy", Unit: " %", Scale: 100, Digits: 2, Of: func(s train.Scores) float64 { return s.Accuracy }}

// dataset is what a task trains and is scored on.
type dataset struct {
	note     string                                                      // what the reader should know about it; mostly empty
	warning  func() string                                               // what has gone wrong with it up to now, or nothing; may be nil
	build    func(rng *rand.Rand) (*model, error)                        // first weights from rng
	batches  func(pcg *rand.PCG) (source train.Source, perEpoch int)     // training data
	loss     func(t *grad.Tape, out *grad.Var, labels []int32) *grad.Var // nil: cross entropy, smoothed as set
	evaluate func(ctx context.Context, net *model) (train.Scores, error) // on the test set
	tests    int                                                         // samples of the test set, if scoring them takes long beside an epoch
	show     func(ctx context.Context, w io.Writer, net *model) error    // a taste of the trained network; may be nil

	// share returns a process's part of a batch and how much it counts; nil for its columns.
	share func(x *tensor.Tensor, labels []int32, rank, ranks int) (*tensor.Tensor, []int32, float32)

	curriculum *data.Copy // what the batches come from where they follow one; else nil
}

// model is a network that can be saved.
type model struct {
	nn.Layer
	Arch     string
	Metadata map[string]string // of the file it was read from
	sample   *tensor.Tensor    // one input, to count what each weight multiplies
	random   func(*rand.Rand)  // gives the layers that need one their source while training; may be nil
	save     func(path string, metadata map[string]string) error
}

// tasks are all that can be trained, in the order of the list.
var tasks = slices.Concat(visionTasks, imageTasks, textTasks, translateTasks, speechTasks, letterTasks, onlineTasks)

// Tasks lists what can be trained.
func Tasks() []Task { return slices.Clone(tasks) }

// Find returns the task of a name, or an error that lists the names.
func Find(name string) (Task, error) {
	var names []string
	for _, t := range tasks {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Task{}, fmt.Errorf("nothing to train is called %q: there are %s", name, strings.Join(names, ", "))
}

// openData reads the data of a task and says how to get it where it is missing.
func openData(c config) (*dataset, error) {
	task, err := Find(c.Task)
	if err != nil {
		return nil, err
	}
	d, err := task.open(c)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "name its folder with --data"
		if name := filepath.Base(task.Default.Data); slices.Contains(data.Names(), name) {
			hint = fmt.Sprintf("get it with: filigree fetch %s, or %s", name, hint)
		}
		err = fmt.Errorf("%w; %s", err, hint)
	}
	return d, err
}

// warnings returns what has gone wrong with the data up to now.
func (d *dataset) warnings() string {
	if d.warning == nil {
		return ""
	}
	return d.warning()
}

// Check reports what keeps the data of a training from being read.
func Check(task string, s Settings) error {
	_, err := openData(config{Task: task, Settings: s})
	return err
}
