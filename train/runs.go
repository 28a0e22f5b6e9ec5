package train

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Summary is one line of a list of runs.
type Summary struct {
	Path     string         `json:"path"`
	Started  time.Time      `json:"started"`
	Config   map[string]any `json:"config"`
	Result   map[string]any `json:"result,omitempty"` // nil while unfinished
	Bytes    int64          `json:"bytes"`
	Resumes  bool           `json:"resumes"` // unfinished, with a checkpoint to go on from
	Finished bool           `json:"finished"`
}

// List finds the runs below root, oldest first. A root that does not exist
// holds none. Runs whose files cannot be read are skipped.
func List(root string) ([]Summary, error) {
	var out []Summary
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if path == root && errors.Is(err, fs.ErrNotExist) {
				return filepath.SkipAll
			}
			return err
		}
		if e.IsDir() || e.Name() != configFile {
			return nil
		}
		if s, ok := summarise(filepath.Dir(path)); ok {
			out = append(out, s)
		}
		return filepath.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("train: list runs in %s: %w", root, err)
	}
	slices.SortStableFunc(out, func(a, b Summary) int { return a.Started.Compare(b.Started) })
	return out, nil
}

func summarise(path string) (Summary, bool) {
	s := Summary{Path: path}
	if ReadConfig(path, &s.Config) != nil {
		return s, false
	}
	if info, err := os.Stat(filepath.Join(path, configFile)); err == nil {
		s.Started = info.ModTime()
	}
	s.Finished = readResult(path, &s.Result) == nil
	if !s.Finished {
		_, err := os.Stat(filepath.Join(path, lastCheckpoint))
		s.Resumes = err == nil
	}
	filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				s.Bytes += info.Size()
			}
		}
		return nil
	})
	return s, true
}

// Stale reports whether a run may be cleaned away: its result is recorded, or
// it is older than age.
func (s Summary) Stale(now time.Time, age time.Duration) bool {
	return s.Finished || now.Sub(s.Started) > age
}

// Remove deletes a run directory with everything in it. It refuses a path that
// is not one.
func Remove(path string) error {
	if err := ReadConfig(path, &map[string]any{}); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("train: remove run %s: %w", path, err)
	}
	return nil
}

// Latest returns the path of the youngest run below root, or an error naming
// root if there is none.
func Latest(root string) (string, error) {
	runs, err := List(root)
	if err != nil {
		return "", err
	}
	if len(runs) == 0 {
		return "", fmt.Errorf("train: no runs in %s", root)
	}
	newest := slices.MaxFunc(runs, func(a, b Summary) int { return cmp.Compare(a.Started.UnixNano(), b.Started.UnixNano()) })
	return newest.Path, nil
}
