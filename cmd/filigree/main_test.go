package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "filigree")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "filigree")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// execute runs the binary in a folder of its own and returns what it printed
// and its exit code.
func execute(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// lastObject reads the last line of an output as a JSON object.
func lastObject(t *testing.T, out string) map[string]any {
	t.Helper()
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	var v map[string]any
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &v); err != nil {
		t.Fatalf("last line %q: %v", lines[len(lines)-1], err)
	}
	return v
}

// TestExitCodes runs wrong command lines. Each must end with the exit code and
// one line on standard error that names the mistake.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a model"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"nosuch", 2, "nosuch"},
		{"bench", 2, "kernels"},
		{"bench kernels --nosuch", 2, "--nosuch"},
		{"bench kernels --op tensor", 2, "tensor"},
		{"bench kernels --shape 10x10", 2, "10x10"},
		{"bench kernels --shape 0x10x10", 2, "0x10x10"},
		{"bench kernels --sparsity 1.5", 2, "1.5"},
		{"bench kernels --block 3x1", 2, "3x1"},
		{"bench kernels --threads -1", 2, "-1"},
		{"bench wavernn --units 100", 2, "--units 100"},
		{"bench wavernn --sparsity 1", 2, "--sparsity 1"},
		{"bench wavernn --block 2x1", 2, "--block"},
		{"bench wavernn --weights f16", 2, "--weights"},
		{"bench wavernn --threads 2", 2, "--threads 2"},
		{"train nosuch", 2, "nosuch"},
		{"train mnist --sparsity 1.5", 2, "--sparsity 1.5"},
		{"train mnist --sparsity -0.1", 2, "-0.1"},
		{"train mnist --sparsity ninety", 2, "ninety"},
		{"train mnist --method magic", 2, "magic"},
		{"train mnist --distribution flat", 2, "flat"},
		{"train mnist --block 3x3", 2, "3x3"},
		{"train mnist --rate NaN", 2, "rate"},
		{"train mnist --batch 0", 2, "--batch 0"},
		{"train mnist --nosuch", 2, "--nosuch"},
		{"train mnist --depth 16", 2, "--depth"},
		{"train digits --data here", 2, "--data"},
		{"train cifar10 --depth 11", 2, "--depth 11"},
		{"train mnist --data nosuchdir", 1, "nosuchdir"},
		{"train cifar10 --data nosuchdir", 1, "nosuchdir"},
		{"train images --data nosuchdir", 1, "nosuchdir"},
		{"train images --arch nosuch", 2, "--arch nosuch"},
		{"train mnist --size 32", 2, "--size"},
		{"train --resume nosuchdir", 1, "nosuchdir"},
		{"eval nosuchfile", 1, "nosuchfile"},
		{"eval file", 1, "file"},
		{"prune nosuchfile", 1, "nosuchfile"},
		{"prune file --method rigl", 2, "rigl"},
		{"prune file --sparsity 1.5", 2, "1.5"},
		{"prune file --data here", 2, "--data"},
		{"compare nosuchdir", 1, "nosuchdir"},
		{"reproduce nosuch", 2, "nosuch"},
		{"reproduce rigl --budget 1s", 2, "--budget"},
		{"reproduce rigl --shard 3/2", 2, "--shard 3/2"},
		{"reproduce rigl --groups letters", 2, "letters"},
		{"reproduce rigl --merge --out nosuchdir", 1, "no run succeeded"},
		{"train mnist --method lottery --ticket nosuchdir --data here", 1, "here"},
		{"train digits --images 640 --method lottery --ticket nosuchdir", 1, "--ticket"},
		{"train digits --images 640 --init file", 1, "--init"},
		{"train digits --images 640 --keep nosuchlayer", 1, "nosuchlayer"},
		{"train digits --method magnitude --begin 0.9 --until 0.5", 2, "--begin 0.9"},
		{"train mnist --distribution global", 2, "--distribution global"},
		{"train mnist --redistribute", 2, "--redistribute"},
		{"train mnist --method static --drop-fraction 0.5", 2, "--drop-fraction 0.5"},
		{"train mnist --begin 0.5", 2, "--begin 0.5"},
		{"inspect nosuchfile", 1, "nosuchfile"},
		{"inspect file", 1, "file"},
		{"inspect", 2, "file"},
		{"fetch nosuch", 2, "nosuch"},
		{"runs", 2, "list"},
	} {
		out, errs, code := execute(t, dir, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d (%s)", c.args, code, c.code, errs)
		}
		if out != "" {
			t.Errorf("%s: prints %q on standard output", c.args, out)
		}
		if n := strings.Count(errs, "\n"); n != 1 || !strings.HasPrefix(errs, "filigree: ") {
			t.Errorf("%s: want one line, got %d: %q", c.args, n, errs)
		}
		if !strings.Contains(errs, c.says) {
			t.Errorf("%s: %q does not mention %q", c.args, errs, c.says)
		}
	}
}

// TestHelp asks every command for help.
func TestHelp(t *testing.T) {
	for _, c := range []string{"", "train", "train mnist", "train digits", "train cifar10", "train images", "eval", "inspect", "bench kernels", "fetch", "runs", "runs list", "runs clean", "version"} {
		out, errs, code := execute(t, t.TempDir(), append(strings.Fields(c), "--help")...)
		if code != 0 || errs != "" || !strings.Contains(out, "Usage: filigree "+c) {
			t.Errorf("%s --help: code %d, %q, %q", c, code, out, errs)
		}
	}
}

// Settings that a task has no use for are not shown, and those of the same name of other commands are.
func TestHelpShowsSettings(t *testing.T) {
	for _, c := range []struct {
		command, flag string
		shown         bool
	}{
		{"train mnist", "--learner", false}, {"train mnist", "--units", false}, {"train copy", "--units", true},
		{"bench online", "--learner", true}, {"bench online", "--length", true}, {"bench wavernn", "--units", true},
		{"train vocoder", "--units", true}, {"train voice", "--data", true},
	} {
		out, _, _ := execute(t, t.TempDir(), append(strings.Fields(c.command), "--help")...)
		if shown := strings.Contains(out, "  "+c.flag+"="); shown != c.shown {
			t.Errorf("%s --help: %s shown: %v, want %v", c.command, c.flag, shown, c.shown)
		}
	}
}

func TestTrainLists(t *testing.T) {
	out, _, code := execute(t, t.TempDir(), "train")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, name := range []string{"train digits", "train mnist", "train cifar10"} {
		if !strings.Contains(out, name) {
			t.Errorf("the list lacks %q: %q", name, out)
		}
	}
}

func TestBenchJSON(t *testing.T) {
	out, errs, code := execute(t, t.TempDir(), strings.Fields(
		"bench kernels --op gemm,spmm,spmmt,sddmm,layer --shape 33x17x5,16x64x16 --sparsity 0.5,0.9 --block 1x1,4x1 --threads 1 --time 1ms --json")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if want := 2 + 4*2*2*2; len(lines) != want {
		t.Errorf("%d rows, want %d", len(lines), want)
	}
	for _, line := range lines {
		row := lastObject(t, line)
		for _, key := range []string{"op", "m", "k", "n", "sparsity", "block", "threads", "level", "ms", "gflops"} {
			if _, ok := row[key]; !ok {
				t.Errorf("row %s lacks %q", line, key)
			}
		}
		if row["ms"].(float64) <= 0 || row["gflops"].(float64) < 0 || row["threads"].(float64) != 1 {
			t.Errorf("row %s", line)
		}
	}
}
