package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names of what a run directory holds.
const (
	configFile     = "config.json"
	envFile        = "env.json"
	logFile        = "log.jsonl"
	metricsFile    = "metrics.tsv"
	eventsFile     = "events.out.tfevents.filigree"
	resultFile     = "result.json"
	lastCheckpoint = "checkpoints/last.ckpt"
	bestModel      = "checkpoints/best.safetensors"
	finalModel     = "model.safetensors"
	plotFile       = "plot.svg"
)

// Dir is the directory one run writes.
type Dir struct {
	Path string
	logs map[string]*os.File // log files, open for appending
}

// Model returns the path of the trained model.
func (d *Dir) Model() string { return filepath.Join(d.Path, finalModel) }

// Best returns the path of the model that scored best during the run.
func (d *Dir) Best() string { return filepath.Join(d.Path, bestModel) }

// Plot returns the path of the plot of loss and accuracy.
func (d *Dir) Plot() string { return filepath.Join(d.Path, plotFile) }

// Metrics returns the path of the metrics table.
func (d *Dir) Metrics() string { return filepath.Join(d.Path, metricsFile) }

// Checkpoint returns the path of the last checkpoint.
func (d *Dir) Checkpoint() string { return filepath.Join(d.Path, lastCheckpoint) }

// DefaultPath names a run directory below root that is not there yet: root/recipe/time-seed
// or, where other runs began in the same second, time-seed-2 and so on.
func DefaultPath(root, recipe string, seed uint64, now time.Time) string {
	first := filepath.Join(root, recipe, fmt.Sprintf("%s-%d", now.Format("20060102-150405"), seed))
	path := first
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); err != nil {
			return path
		}
		path = fmt.Sprintf("%s-%d", first, n)
	}
}

// MakeDefault makes the directory of [DefaultPath], a new one also where several processes
// do so at once, and returns its path.
func MakeDefault(root, recipe string, seed uint64, now time.Time) (string, error) {
	for {
		path := DefaultPath(root, recipe, seed, now)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = os.Mkdir(path, 0o755)
		}
		switch {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrExist):
			return "", fmt.Errorf("train: make run directory %s: %w", path, cause(err))
		}
	}
}

// Create makes a run directory and writes its configuration and environment.
// It is an error if the path already holds a run.
func Create(path string, config any) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(path, configFile)); err == nil {
		return nil, fmt.Errorf("train: %s already holds a run: resume it, or name another directory", path)
	}
	if err := os.MkdirAll(filepath.Join(path, filepath.Dir(lastCheckpoint)), 0o755); err != nil {
		return nil, fmt.Errorf("train: make run directory %s: %w", path, cause(err))
	}
	d := &Dir{Path: path, logs: map[string]*os.File{}}
	if err := d.writeJSON(envFile, Environment()); err != nil {
		return nil, err
	}
	if err := d.writeJSON(configFile, config); err != nil {
		return nil, err
	}
	return d, nil
}

// Discard removes what Create made, if nothing has been added to it: a run that failed
// before it began leaves no directory that would be in the way of the next try.
func (d *Dir) Discard() {
	d.Close()
	found, err := filepath.Glob(filepath.Join(d.Path, "*"))
	more, err2 := filepath.Glob(filepath.Join(d.Path, filepath.Dir(lastCheckpoint), "*"))
	if err != nil || err2 != nil || len(found) != 3 || len(more) != 0 {
		return
	}
	for _, name := range []string{envFile, configFile, filepath.Dir(lastCheckpoint), ""} {
		os.Remove(filepath.Join(d.Path, name)) // the directory itself stays if others use it
	}
}

// Open opens the directory of an earlier run and reads its configuration into
// config.
func Open(path string, config any) (*Dir, error) {
	if err := ReadConfig(path, config); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(path, filepath.Dir(lastCheckpoint)), 0o755); err != nil {
		return nil, fmt.Errorf("train: open run %s: %w", path, cause(err))
	}
	d := &Dir{Path: path, logs: map[string]*os.File{}}
	d.removeTemporaries()
	return d, nil
}

// ReadConfig reads the configuration of the run at path.
func ReadConfig(path string, config any) error {
	b, err := os.ReadFile(filepath.Join(path, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("train: open run %s: %w", path, cause(err))
		}
		return fmt.Errorf("train: open run %s: not a run directory: it has no %s", path, configFile)
	}
	if err != nil {
		return fmt.Errorf("train: open run %s: %w", path, cause(err))
	}
	if err := json.Unmarshal(b, config); err != nil {
		return fmt.Errorf("train: read %s: %w", filepath.Join(path, configFile), err)
	}
	return nil
}

// removeTemporaries deletes what a killed run left half written.
func (d *Dir) removeTemporaries() {
	for _, dir := range []string{d.Path, filepath.Join(d.Path, filepath.Dir(lastCheckpoint))} {
		names, err := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil {
			continue
		}
		for _, name := range names {
			if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
				os.Remove(name)
			}
		}
	}
}

// WriteResult writes result.json, the run's last act.
func (d *Dir) WriteResult(result any) error { return d.writeJSON(resultFile, result) }

// ReadResult reads the result of a finished run. The error wraps
// [fs.ErrNotExist] while the run is unfinished.
func (d *Dir) ReadResult(result any) error { return readResult(d.Path, result) }

func readResult(path string, result any) error {
	name := filepath.Join(path, resultFile)
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("train: read %s: %w", name, cause(err))
	}
	if err := json.Unmarshal(b, result); err != nil {
		return fmt.Errorf("train: read %s: %w", name, err)
	}
	return nil
}

func (d *Dir) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("train: write %s: %w", name, err)
	}
	return WriteFile(filepath.Join(d.Path, name), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// log appends bytes to one of the log files, in one write.
func (d *Dir) log(name string, b []byte) error {
	f, ok := d.logs[name]
	if !ok {
		var err error
		f, err = os.OpenFile(filepath.Join(d.Path, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return fmt.Errorf("train: open log: %w", err)
		}
		d.logs[name] = f
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("train: write log: %w", err)
	}
	return nil
}

// marks brings the log files to disk and returns their lengths.
func (d *Dir) marks() (map[string]int64, error) {
	m := map[string]int64{}
	for name, f := range d.logs {
		if err := f.Sync(); err != nil {
			return nil, fmt.Errorf("train: write log: %w", err)
		}
		info, err := f.Stat()
		if err != nil {
			return nil, fmt.Errorf("train: write log: %w", err)
		}
		m[name] = info.Size()
	}
	return m, nil
}

// rewind cuts the log files back to the lengths of a checkpoint, so that
// nothing stands in them twice after a resume. A file the checkpoint does not
// know is emptied.
func (d *Dir) rewind(marks map[string]int64) error {
	for _, name := range []string{logFile, metricsFile, eventsFile} {
		path := filepath.Join(d.Path, name)
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && marks[name] == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("train: resume: %w", err)
		}
		if info.Size() < marks[name] {
			return fmt.Errorf("train: resume: %s has %d bytes, its checkpoint expects at least %d", path, info.Size(), marks[name])
		}
		if err := os.Truncate(path, marks[name]); err != nil {
			return fmt.Errorf("train: resume: %w", err)
		}
		// Open it, so that the next checkpoint marks it even if nothing is added.
		if err := d.log(name, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the log files.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range d.logs {
		errs = append(errs, f.Close())
	}
	clear(d.logs)
	return errors.Join(errs...)
}

// ReadMetrics reads the metrics table: its column names and its rows, a missing
// value as an empty string.
func (d *Dir) ReadMetrics() (columns []string, rows [][]string, err error) {
	b, err := os.ReadFile(d.Metrics())
	if err != nil {
		return nil, nil, fmt.Errorf("train: read metrics: %w", err)
	}
	for line := range bytes.Lines(b) {
		cells := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		if columns == nil {
			columns = cells
			continue
		}
		if len(cells) != len(columns) {
			return nil, nil, fmt.Errorf("train: read metrics %s: row %d has %d cells, want %d", d.Metrics(), len(rows)+1, len(cells), len(columns))
		}
		rows = append(rows, cells)
	}
	return columns, rows, nil
}

// cause strips the path an error of package os repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
