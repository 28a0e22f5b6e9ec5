package rigl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/train"
)

// keySettings is the metadata of a model file that holds its task and settings.
const keySettings = "training"

// specOf says how the network of a task is built.
func specOf(c config) vision.Spec {
	if c.Task == "cifar10" {
		return vision.Spec{Arch: vision.WRN, Classes: 10, Input: []int{3, 32, 32}, Depth: c.Depth, Width: c.Width}
	}
	return vision.Spec{Arch: vision.LeNet300100, Classes: 10, Input: []int{784}}
}

// saveModel writes the network as it stands. The file depends on nothing but the
// settings that shape the result.
func (j *job) saveModel(path string) error {
	c := j.config
	c.Data, c.Threads, c.SaveSeconds = "", 0, 0
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("rigl: save %s: %w", path, err)
	}
	return j.net.Save(path, map[string]string{keySettings: string(text)})
}

// Model is a trained network read from a file.
type Model struct {
	Path     string
	Task     string
	Settings Settings // of its training
	Net      *vision.Classifier
	Layers   []train.Layer
}

// Open reads a model: a file, or the finished, else the best one of a run
// directory.
func Open(path string) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("rigl: open %s: %w", path, err)
	}
	var run *config
	if info.IsDir() {
		run = &config{}
		dir, err := train.Open(path, run)
		if err != nil {
			return nil, err
		}
		path = dir.Model()
		if _, err := os.Stat(path); err != nil {
			path = dir.Best()
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("rigl: open %s: the run has no model yet; go on with: filigree train --resume %s", dir.Path, dir.Path)
		}
	}
	m, err := openFile(path)
	if err != nil {
		return nil, err
	}
	if run != nil {
		m.Settings.Data = run.Data
	}
	return m, nil
}

func openFile(path string) (*Model, error) {
	net, err := vision.Open(path)
	if err != nil {
		return nil, err
	}
	text, ok := net.Metadata[keySettings]
	if !ok {
		return nil, fmt.Errorf("rigl: open %s: its metadata has no %q: not a model of filigree train", path, keySettings)
	}
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("rigl: open %s: metadata %q: %w", path, keySettings, err)
	}
	task, err := Find(c.Task)
	if err != nil {
		return nil, fmt.Errorf("rigl: open %s: %w", path, err)
	}
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("rigl: open %s: metadata %q: %w", path, keySettings, err)
	}
	c.Data = task.Default.Data
	return &Model{Path: path, Task: c.Task, Settings: c.Settings, Net: net, Layers: layersOf(net)}, nil
}

// Score is the outcome of an evaluation.
type Score struct {
	Task         string  `json:"task"`
	Model        string  `json:"model"`
	TestAccuracy float64 `json:"test_accuracy"`
	TestLoss     float64 `json:"test_loss"`
	TestImages   int     `json:"test_images"`
	Sparsity     float64 `json:"sparsity"`
	Nonzeros     int     `json:"nonzeros"`
	ImageMS      float64 `json:"image_ms"` // time of an image, in batches
}

// Eval scores the model at path on its test images, from the folder data or, if
// that is empty, from where the training found them.
func Eval(ctx context.Context, path, data string) (Score, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Score{}, err
	}
	m, err := Open(path)
	if err != nil {
		return Score{}, err
	}
	if data != "" {
		m.Settings.Data = data
	}
	set, err := open(m.Task, m.Settings)
	if err != nil {
		return Score{}, err
	}
	start := time.Now()
	s, err := set.evaluate(m.Net)(ctx)
	if err != nil {
		return Score{}, fmt.Errorf("rigl: evaluate %s: %w", m.Path, err)
	}
	score := Score{
		Task: m.Task, Model: m.Path, TestAccuracy: s.Accuracy, TestLoss: s.Loss, TestImages: s.Count,
		ImageMS: 1e3 * time.Since(start).Seconds() / float64(max(s.Count, 1)),
	}
	all := 0
	for _, l := range m.Layers {
		score.Nonzeros += l.Nonzeros
		all += l.Weights
	}
	score.Sparsity = 1 - float64(score.Nonzeros)/float64(max(all, 1))
	return score, nil
}
