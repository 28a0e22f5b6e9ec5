package train

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type config struct {
	Method string `json:"method"`
}

func TestDir(t *testing.T) {
	root := t.TempDir()
	path := ""
	for _, name := range []string{"20200102-030405-3", "20200102-030405-3-2", "20200102-030405-3-3"} { // three in a second
		var err error
		if path, err = MakeDefault(root, "digits", 3, time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(root, "digits", name); path != want {
			t.Errorf("path %s, want %s", path, want)
		}
	}
	d, err := Create(path, config{"rigl"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, config{"rigl"}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a second run in one directory: %v", err)
	}
	if err := d.ReadResult(&config{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("result of an unfinished run: %v", err)
	}
	os.WriteFile(filepath.Join(path, "checkpoints", ".last.ckpt.123"), []byte("half"), 0o644)
	var c config
	if _, err := Open(path, &c); err != nil || c.Method != "rigl" {
		t.Errorf("open: %v, %+v", err, c)
	}
	if names, _ := os.ReadDir(filepath.Join(path, "checkpoints")); len(names) != 0 {
		t.Errorf("a half-written checkpoint stays: %v", names)
	}
	if _, err := Open(root, &c); err == nil || !strings.Contains(err.Error(), "not a run") {
		t.Errorf("open a folder that is no run: %v", err)
	}
	if _, err := Open(filepath.Join(root, "none"), &c); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
}

func TestRewind(t *testing.T) {
	d, err := Create(filepath.Join(t.TempDir(), "run"), config{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string) {
		if err := d.log(metricsFile, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	write("a\tb\n1\t2\n")
	marks, err := d.marks()
	if err != nil {
		t.Fatal(err)
	}
	write("3\t4\n")
	if err := d.log(logFile, []byte("not in the checkpoint\n")); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d, err = Open(d.Path, &config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.rewind(marks); err != nil {
		t.Fatal(err)
	}
	write("5\t\n")
	defer d.Close()
	columns, rows, err := d.ReadMetrics()
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) != 2 || len(rows) != 2 || rows[1][0] != "5" || rows[1][1] != "" {
		t.Errorf("columns %q, rows %q", columns, rows)
	}
	if b, _ := os.ReadFile(filepath.Join(d.Path, logFile)); len(b) != 0 {
		t.Errorf("log not cut back: %q", b)
	}
	if err := d.rewind(map[string]int64{metricsFile: 1000}); err == nil || !strings.Contains(err.Error(), metricsFile) {
		t.Errorf("a log shorter than its checkpoint says: %v", err)
	}
}

func TestListAndRemove(t *testing.T) {
	root := t.TempDir()
	if runs, err := List(filepath.Join(root, "none")); err != nil || len(runs) != 0 {
		t.Errorf("no root: %v, %v", runs, err)
	}
	for _, name := range []string{"a", "b"} {
		d, err := Create(filepath.Join(root, "digits", name), config{name})
		if err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			if err := d.WriteResult(map[string]any{"test_accuracy": 0.5}); err != nil {
				t.Fatal(err)
			}
		}
	}
	runs, err := List(root)
	if err != nil || len(runs) != 2 {
		t.Fatalf("%v, %v", runs, err)
	}
	now := time.Now()
	for _, r := range runs {
		finished := filepath.Base(r.Path) == "b"
		if r.Finished != finished || r.Resumes || r.Bytes == 0 {
			t.Errorf("%+v", r)
		}
		if r.Stale(now, time.Hour) != finished || !r.Stale(now.Add(2*time.Hour), time.Hour) {
			t.Errorf("%s: stale %v now", r.Path, r.Stale(now, time.Hour))
		}
	}
	if err := Remove(root); err == nil {
		t.Error("removed a folder that is no run")
	}
	if err := Remove(runs[0].Path); err != nil || len(must(List(root))) != 1 {
		t.Errorf("remove: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
