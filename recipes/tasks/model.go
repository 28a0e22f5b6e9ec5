package tasks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/train"
	"github.com/seed073b5613/filigree/weights"
)

// keySettings is the metadata of a model file that holds its task and settings.
const keySettings = "training"

// saveModel writes the network as it stands. The file depends on nothing but the
// settings that shape the result.
func (j *job) saveModel(path string) error {
	c := j.config
	c.Batch = j.config.whole().Batch
	metadata, err := c.metadata(j.origin)
	if err != nil {
		return fmt.Errorf("tasks: save %s: %w", path, err)
	}
	return j.net.save(path, metadata)
}

// Model is a trained network read from a file.
type Model struct {
	Path     string
	Task     string
	Settings Settings // of its training
	Arch     string
	Net      nn.Layer
	Layers   []train.Layer
	Others   train.Layer // what is never pruned

	model  *model
	origin origin // of its first weights
	seeded bool   // the file tells the seed
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
		return nil, fmt.Errorf("tasks: open %s: %w", path, err)
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
			return nil, fmt.Errorf("tasks: open %s: the run has no model yet; go on with: filigree train --resume %s", dir.Path, dir.Path)
		}
	}
	m, err := openFile(path)
	if err != nil {
		return nil, err
	}
	if run != nil {
		m.Settings.Data, m.Settings.Init, m.Settings.Ticket = run.Data, run.Init, run.Ticket
		m.origin = run.first() // with whole paths
	}
	return m, nil
}

// sparsity returns the share of the prunable weights that do not exist, and their block.
func (m *Model) sparsity() (share float64, block string) {
	block = "1x1"
	all, exist := 0, 0
	for _, l := range m.Layers {
		all, exist, block = all+l.Weights, exist+l.Nonzeros, cmp.Or(l.Block, block)
	}
	return 1 - float64(exist)/float64(max(all, 1)), block
}

func openFile(path string) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	text, ok := f.Metadata[keySettings]
	origins := f.Metadata[keyOrigin]
	f.Close()
	if !ok {
		return nil, fmt.Errorf("tasks: open %s: its metadata has no %q: not a model of filigree train", path, keySettings)
	}
	var c config
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("tasks: open %s: metadata %q: %w", path, keySettings, err)
	}
	task, err := Find(c.Task)
	if err != nil {
		return nil, fmt.Errorf("tasks: open %s: %w", path, err)
	}
	if err := c.sound(); err != nil {
		return nil, fmt.Errorf("tasks: open %s: metadata %q: %w", path, keySettings, err)
	}
	net, err := task.load(path)
	if err != nil {
		return nil, err
	}
	c.Data = task.Default.Data
	m := &Model{Path: path, Task: c.Task, Settings: c.Settings, Arch: net.Arch, Net: net.Layer, model: net, origin: c.own()}
	m.Layers, m.Others = layersOf(net)
	if origins == "" {
		origins = text
	} else if err := json.Unmarshal([]byte(origins), &m.origin); err != nil {
		return nil, fmt.Errorf("tasks: open %s: metadata %q: %w", path, keyOrigin, err)
	}
	var told struct{ Seed *uint64 }
	m.seeded = json.Unmarshal([]byte(origins), &told) == nil && told.Seed != nil
	return m, nil
}

// Metrics are the figures of tasks that are not scored by accuracy.
type Metrics struct {
	TestBitsPerChar float64  `json:"test_bits_per_char,omitempty"`
	TestPerplexity  float64  `json:"test_perplexity,omitempty"`
	TestBLEU        *float64 `json:"test_bleu,omitempty"` // 0 is a score too
	TestPhoneErrors *float64 `json:"test_phone_error_rate,omitempty"`
	MaxLength       int      `json:"max_length,omitempty"`
	BitsPerChar     float64  `json:"bits_per_char,omitempty"` // of sequences of that length
}

// metrics sets the figure of a task.
func (t Task) metrics(s train.Scores) (m Metrics) {
	switch v := t.Metric.Of(s); t.Metric.Key {
	case "test_bits_per_char":
		m.TestBitsPerChar = v
	case "test_perplexity":
		m.TestPerplexity = v
	case "test_bleu":
		m.TestBLEU = &v
	case "test_phone_error_rate":
		m.TestPhoneErrors = &v
	case "max_length":
		m.MaxLength, m.BitsPerChar = s.Length, s.Loss/math.Ln2
	}
	return m
}

// Score is the outcome of an evaluation.
type Score struct {
	Task         string  `json:"task"`
	Model        string  `json:"model"`
	TestAccuracy float64 `json:"test_accuracy"`
	Metrics
	TestLoss    float64 `json:"test_loss"`
	TestSamples int     `json:"test_samples"`
	Sparsity    float64 `json:"sparsity"`
	Nonzeros    int     `json:"nonzeros"`
	Warning     string  `json:"warning,omitempty"` // what was wrong with the data
	SampleMS    float64 `json:"sample_ms"`         // time of a sample, in batches
	Text        string  `json:"-"`                 // the task's metric for people
}

// Eval scores the model at path on its test data, from the folder data or, if
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
	set, err := openData(config{Task: m.Task, Settings: m.Settings})
	if err != nil {
		return Score{}, err
	}
	task, err := Find(m.Task)
	if err != nil {
		return Score{}, err
	}
	start := time.Now()
	s, err := set.evaluate(ctx, m.model)
	if err != nil {
		return Score{}, fmt.Errorf("tasks: evaluate %s: %w", m.Path, err)
	}
	score := Score{
		Task: m.Task, Model: m.Path, TestAccuracy: s.Accuracy, Metrics: task.metrics(s), TestLoss: s.Loss, TestSamples: s.Count,
		SampleMS: 1e3 * time.Since(start).Seconds() / float64(max(s.Count, 1)), Text: task.Metric.Text(s), Warning: set.warnings(),
	}
	all := 0
	for _, l := range m.Layers {
		score.Nonzeros += l.Nonzeros
		all += l.Weights
	}
	score.Sparsity = 1 - float64(score.Nonzeros)/float64(max(all, 1))
	return score, nil
}
