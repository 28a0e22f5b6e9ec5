package tasks

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/seed073b5613/filigree/train"
)

// Result is what a finished run leaves in result.json. Seconds and StepMS are
// times; everything else repeats exactly when the run is repeated.
type Result struct {
	Task         string  `json:"task"`
	Method       string  `json:"method"`
	Seed         uint64  `json:"seed"`
	TestAccuracy float64 `json:"test_accuracy"` // share, after the last step
	Metrics
	TestLoss        float64 `json:"test_loss"`
	TestSamples     int     `json:"test_samples"`
	Best            float64 `json:"best"`               // best of the task's metric in the run, on the same data
	Sparsity        float64 `json:"sparsity"`           // realised share of zeros in the prunable weights
	Nonzeros        int     `json:"nonzeros"`           // prunable weights that exist
	Weights         int     `json:"weights"`            // prunable weights if all existed
	TrainFLOPsRatio float64 `json:"train_flops_ratio"`  // multiplications of the training, in those of a dense one of 1x the steps
	TestFLOPsRatio  float64 `json:"test_flops_ratio"`   // of the trained network, in those of a dense one
	Explored        float64 `json:"explored,omitempty"` // share of the weights that have existed at some step
	Steps           int     `json:"steps"`
	Updates         int     `json:"updates"` // changes of the topology
	StepMS          float64 `json:"step_ms"` // median step without fetching its data
	Seconds         float64 `json:"seconds"`
	Run             string  `json:"run"`
	Model           string  `json:"model"`
	Plot            string  `json:"plot,omitempty"`

	Layers []train.Layer `json:"layers"`
	Others train.Layer   `json:"others"` // what is never pruned
	Online *OnlineCost   `json:"online,omitempty"`

	Warning string    `json:"warning,omitempty"` // what was wrong with the data, as far as the run's last leg saw it
	Command string    `json:"command"`           // repeats the run
	Machine train.Env `json:"machine"`           // program and machine of its last leg
}

// relative returns r with the paths of its files relative to the run, as result.json
// keeps them: a run may be moved.
func (r Result) relative() Result {
	r.Run, r.Model = ".", filepath.Base(r.Model)
	if r.Plot != "" {
		r.Plot = filepath.Base(r.Plot)
	}
	return r
}

// in returns r, as read from the result.json of a run in dir, with paths that lead there.
func (r Result) in(dir string) Result {
	r.Run, r.Model = dir, filepath.Join(dir, r.Model)
	if r.Plot != "" {
		r.Plot = filepath.Join(dir, r.Plot)
	}
	return r
}

// command returns the command line that repeats a run: the settings that differ from the
// task's defaults. The folder of the data is left for the reader to fill in.
func command(c config) string {
	text := "filigree train " + c.Task
	if c.Ranks > 1 {
		text = fmt.Sprintf("mpirun -n %d %s", c.Ranks, text)
	}
	task, err := Find(c.Task)
	if err != nil {
		return text
	}
	if task.Default.Data != "" {
		text += " --data DIR"
	}
	now, usual := reflect.ValueOf(c.Settings), reflect.ValueOf(task.Default)
	for i := range now.NumField() {
		name, _, _ := strings.Cut(now.Type().Field(i).Tag.Get("json"), ",")
		flag := "--" + strings.ReplaceAll(name, "_", "-")
		switch v := now.Field(i).Interface(); {
		case name == "data" || name == "threads" || name == "save_seconds" || name == "ranks":
		case name == "seed":
			text += fmt.Sprintf(" --seed %v", v)
		case v == usual.Field(i).Interface():
		case (name == "ticket" || name == "init") && filepath.IsAbs(fmt.Sprint(v)): // where it lies is nobody else's
			text += fmt.Sprintf(" %s %s", flag, shortPath(fmt.Sprint(v)))
		case v == true:
			text += " " + flag
		case v == false:
			text += " --no-" + flag[2:]
		default:
			text += fmt.Sprintf(" %s %v", flag, v)
		}
	}
	return text
}

// shortPath returns the name of an absolute path with that of the folder it is in; where that
// lies on the machine is nobody else's.
func shortPath(path string) string {
	if !filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
}

// best turns the quality of the best evaluation back into the task's metric.
func (t Task) best(quality float64) float64 {
	if t.Metric.Lower {
		return -quality
	}
	return quality
}

// Text returns the result's score for people.
func (r Result) Text() string {
	t, err := Find(r.Task)
	if err != nil {
		return ""
	}
	return t.Metric.Text(r.Scores())
}

// Scores returns the result's scores.
func (r Result) Scores() train.Scores {
	s := train.Scores{Loss: r.TestLoss, Accuracy: r.TestAccuracy, Count: r.TestSamples, Length: r.MaxLength}
	if r.TestBLEU != nil {
		s.BLEU = *r.TestBLEU
	}
	return s
}

// ReadResult returns the result of a finished run.
func ReadResult(dir string) (Result, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Result{}, err
	}
	var r Result
	if err := (&train.Dir{Path: dir}).ReadResult(&r); err != nil {
		return Result{}, err
	}
	return r.in(dir), nil
}

// ReadSettings returns the settings of the run in a directory.
func ReadSettings(dir string) (Settings, error) {
	var c config
	err := train.ReadConfig(dir, &c)
	return c.Settings, err
}

// Score returns the result's figure in the metric of its task.
func (r Result) Score() float64 {
	t, err := Find(r.Task)
	if err != nil {
		return 0
	}
	return t.Metric.Of(r.Scores())
}

// Command returns the command line of a training: see [Result.Command].
func Command(task string, s Settings) string { return command(config{Task: task, Settings: s}) }
