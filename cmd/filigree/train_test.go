package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small is a training of a few seconds at most.
var small = strings.Fields("train digits --images 2000 --steps 400 --batch 32 --every 20 --seed 5 --json")

// times are the fields of a result that may differ between equal runs.
var times = []string{"seconds", "step_ms", "run", "model", "plot", "machine"}

// steady returns a result without its times and places.
func steady(result map[string]any) map[string]any {
	result = maps.Clone(result)
	for _, key := range times {
		delete(result, key)
	}
	return result
}

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkSame fails the test unless two runs ended with the same model, the same
// result and the same metrics but for times.
func checkSame(t *testing.T, name, got, want string) {
	t.Helper()
	if !bytes.Equal(readFile(t, got, "model.safetensors"), readFile(t, want, "model.safetensors")) {
		t.Errorf("%s: the models differ", name)
	}
	var results [2]map[string]any
	var tables [2]string
	for i, dir := range []string{got, want} {
		if err := json.Unmarshal(readFile(t, dir, "result.json"), &results[i]); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(readFile(t, dir, "metrics.tsv"))) {
			cells := strings.Split(line, "\t")
			tables[i] += strings.Join(cells[:len(cells)-2], "\t") + "\n"
		}
	}
	if a, b := fmt.Sprint(steady(results[0])), fmt.Sprint(steady(results[1])); a != b {
		t.Errorf("%s: the results differ:\n%s\n%s", name, a, b)
	}
	if tables[0] != tables[1] {
		t.Errorf("%s: the metrics differ:\n%s\n%s", name, tables[0], tables[1])
	}
}

func TestTrainJSON(t *testing.T) {
	dir := t.TempDir()
	out, errs, code := execute(t, dir, append(small, "--run", "here")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if strings.Count(out, "\n") != 1 {
		t.Errorf("standard output is more than one line: %q", out)
	}
	r := lastObject(t, out)
	for _, key := range []string{"test_accuracy", "sparsity", "nonzeros", "train_flops_ratio", "test_flops_ratio", "step_ms", "seconds"} {
		if v, ok := r[key].(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", key, r[key])
		}
	}
	if a := r["test_accuracy"].(float64); a < 0.3 || a > 1 {
		t.Errorf("test accuracy %v after 400 steps", a)
	}
	if s := r["sparsity"].(float64); s < 0.945 || s > 0.955 {
		t.Errorf("sparsity %v, want 0.95", s)
	}
	if run, _ := filepath.EvalSymlinks(filepath.Join(dir, "here")); r["run"] != run {
		t.Errorf("run %v, want %s", r["run"], run)
	}
	for _, name := range []string{"config.json", "env.json", "events.out.tfevents.filigree", "log.jsonl", "metrics.tsv", "model.safetensors", "plot.svg", "result.json", "checkpoints/last.ckpt"} {
		if len(readFile(t, dir, "here", name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	// A finished run resumed gives its result again; its directory is taken.
	again, _, code := execute(t, dir, "train", "--resume", "here", "--json")
	if code != 0 || again != out {
		t.Errorf("resuming a finished run: code %d, %q, want %q", code, again, out)
	}
	if _, errs, code := execute(t, dir, append(small, "--run", "here")...); code != 1 || !strings.Contains(errs, "here") {
		t.Errorf("a second run in the same directory: code %d, %q", code, errs)
	}
	for _, args := range []string{"eval here --json", "eval here/model.safetensors --json"} {
		out, errs, code := execute(t, dir, strings.Fields(args)...)
		if code != 0 {
			t.Fatalf("%s: code %d: %s", args, code, errs)
		}
		if v := lastObject(t, out); v["test_accuracy"] != r["test_accuracy"] {
			t.Errorf("%s: accuracy %v, the run said %v", args, v["test_accuracy"], r["test_accuracy"])
		}
	}
	out, errs, code = execute(t, dir, "inspect", "here/model.safetensors", "--json")
	if v := lastObject(t, out); code != 0 || v["nonzeros"] != r["nonzeros"] {
		t.Errorf("inspect: code %d, %s, nonzeros %v, want %v", code, errs, v["nonzeros"], r["nonzeros"])
	}
}

// TestWorkers trains with different numbers of workers: the bits must not
// depend on it.
func TestWorkers(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"1", "2", "5"} {
		if testing.Short() && n == "2" {
			continue
		}
		if _, errs, code := execute(t, dir, append(small, "--run", n, "--threads", n)...); code != 0 {
			t.Fatalf("%s workers: code %d: %s", n, code, errs)
		}
	}
	if !testing.Short() {
		checkSame(t, "2 workers", filepath.Join(dir, "2"), filepath.Join(dir, "1"))
	}
	checkSame(t, "5 workers", filepath.Join(dir, "5"), filepath.Join(dir, "1"))
}

// TestKill kills a training at random times with SIGKILL and resumes it, for
// each method. It must end as one that was never broken.
func TestKill(t *testing.T) {
	methods, most := []string{"rigl", "magnitude", "static", "dense"}, 5
	if testing.Short() {
		methods, most = methods[:1], 2
	}
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			dir := t.TempDir()
			args := append(slices.Clone(small), "--method", method, "--save-seconds", "0.02")
			start := time.Now()
			if _, errs, code := execute(t, dir, append(args, "--run", "whole")...); code != 0 {
				t.Fatalf("code %d: %s", code, errs)
			}
			whole := time.Since(start)
			kills, done := 0, false
			next := append(args, "--run", "broken")
			for !done {
				cmd := exec.Command(binary, next...)
				cmd.Dir = dir
				var errs bytes.Buffer
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				life := time.AfterFunc(time.Duration((0.2+0.6*rand.Float64())*float64(whole)), func() { cmd.Process.Kill() })
				if kills >= most { // enough: let it finish
					life.Stop()
				}
				err := cmd.Wait()
				life.Stop()
				switch status := cmd.ProcessState.Sys().(syscall.WaitStatus); {
				case err == nil:
					done = true
				case status.Signaled() && status.Signal() == syscall.SIGKILL:
					kills++
				default:
					t.Fatalf("after %d kills: %v: %s", kills, err, &errs)
				}
				if _, err := os.Stat(filepath.Join(dir, "broken", "config.json")); err == nil {
					next = []string{"train", "--resume", "broken", "--json"}
				}
			}
			t.Logf("%d kills", kills)
			checkSame(t, method, filepath.Join(dir, "broken"), filepath.Join(dir, "whole"))
		})
	}
}

// TestInterrupt sends SIGINT: the run must save, say how to go on and fail.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	args := append(slices.Clone(small), "--steps", "100000", "--run", "here")
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		if b, err := os.ReadFile(filepath.Join(dir, "here", "metrics.tsv")); err == nil && bytes.Count(b, []byte("\n")) > 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no metrics: %s", &errs)
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if last := errs.String(); !strings.Contains(last, "interrupted at step") || !strings.Contains(last, "train --resume") {
		t.Errorf("standard error: %s", last)
	}
	if len(readFile(t, dir, "here", "checkpoints/last.ckpt")) == 0 {
		t.Error("no checkpoint")
	}
}

// TestDiverge trains at an absurd rate: one line must name the step, the layer
// and the last good checkpoint, and that must be there.
func TestDiverge(t *testing.T) {
	dir := t.TempDir()
	_, errs, code := execute(t, dir, append(small, "--rate", "1e30", "--run", "here")...)
	last := strings.Split(strings.TrimSpace(errs), "\n")
	text := last[len(last)-1]
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"step ", "weight", "last good checkpoint", "last.ckpt"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	if len(readFile(t, dir, "here", "checkpoints/last.ckpt")) == 0 {
		t.Error("no checkpoint")
	}
}

// TestFullDisk limits the size of files: checkpoints cannot be written whole.
// One clear error must result, and nothing half written may stay.
func TestFullDisk(t *testing.T) {
	sh, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash to set a limit on the size of files")
	}
	dir := t.TempDir()
	cmd := exec.Command(sh, "-c", "ulimit -f 8; trap '' XFSZ; exec \"$0\" \"$@\"", binary)
	cmd.Args = append(cmd.Args, append(small, "--run", "here")...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d: %s", code, &errs)
	}
	lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
	if text := lines[len(lines)-1]; !strings.Contains(text, "last.ckpt") || !strings.Contains(text, "file too large") {
		t.Errorf("standard error: %s", &errs)
	}
	names, err := os.ReadDir(filepath.Join(dir, "here", "checkpoints"))
	if err != nil || len(names) != 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}
