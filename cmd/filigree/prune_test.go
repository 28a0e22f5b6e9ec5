package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A dense model is pruned at once and step by step, and runs are compared.
func TestPruneAndCompare(t *testing.T) {
	dir := t.TempDir()
	must := func(args string) string {
		t.Helper()
		out, errs, code := execute(t, dir, strings.Fields(args)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", args, code, errs)
		}
		return out
	}
	must(strings.Join(small, " ") + " --method dense --run dense")
	for _, c := range []struct {
		args      string
		low, high float64 // blocks at the lower edge of 10 rows hold 2 weights, and which stay depends on rounding
	}{
		{"prune dense --sparsity 0.8 --json", 53240, 53240},
		{"prune dense --sparsity 0.8 --block 4x1 --distribution even -o blocks.safetensors --json", 53200, 53280},
		{"prune blocks.safetensors --method random --sparsity 0.9 --distribution even -o random.safetensors --json", 26620, 26623},
	} {
		if n := lastObject(t, must(c.args))["nonzeros"].(float64); n < c.low || n > c.high {
			t.Errorf("%s: %v weights, want %v to %v", c.args, n, c.low, c.high)
		}
	}
	dense := lastObject(t, must("eval dense --json"))["test_accuracy"].(float64)
	cut := lastObject(t, must("eval dense/model-80.safetensors --json"))["test_accuracy"].(float64)
	random := lastObject(t, must("eval random.safetensors --json"))["test_accuracy"].(float64)
	if cut < dense-0.1 || random > cut-0.1 {
		t.Errorf("accuracy %v dense, %v without its 80 %% smallest weights, %v without 90 %% at random", dense, cut, random)
	}
	big, err := os.Stat(filepath.Join(dir, "dense", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	lean, err := os.Stat(filepath.Join(dir, "dense", "model-80.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if lean.Size() > big.Size()/2 {
		t.Errorf("a fifth of the weights takes %d bytes, all of them %d", lean.Size(), big.Size())
	}
	tuned := lastObject(t, must("prune dense --sparsity 0.95 --epochs 1 --run tuned --json"))
	if a := tuned["test_accuracy"].(float64); a < dense-0.2 || tuned["nonzeros"] != 13310. {
		t.Errorf("pruned in training: accuracy %v and %v weights; dense: %v", a, tuned["nonzeros"], dense)
	}
	further := lastObject(t, must("prune random.safetensors --method random --sparsity 0.95 --distribution even --epochs 1 --run further --json"))
	if n := further["nonzeros"].(float64); n < 13310 || n > 13313 {
		t.Errorf("pruned further in training: %v weights", n)
	}
	for _, args := range []string{"prune random.safetensors --sparsity 0.5 -o x.safetensors", "prune random.safetensors --sparsity 0.5 --epochs 1 --run x"} {
		if _, errs, code := execute(t, dir, strings.Fields(args)...); code != 1 || !strings.Contains(errs, "a sparsity of 0.5 leaves ") {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
	out := must("compare dense tuned --plot both.svg")
	if strings.Count(out, "digits") != 2 || !strings.Contains(out, "magnitude") {
		t.Errorf("compare prints\n%s", out)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "both.svg")); err != nil || strings.Count(string(b), "<polyline") != 6 {
		t.Errorf("the plot has %d curves, want 6 (%v)", strings.Count(string(b), "<polyline"), err)
	}
}

// What can be reproduced, its plan and the paper's settings are shown without data.
func TestReproduceShows(t *testing.T) {
	dir := t.TempDir()
	for args, says := range map[string]string{
		"reproduce":                                      "1902.09574",
		"reproduce rigl --list --budget 20m":             "mnist/rigl-2x-98-3\tfiligree train mnist --data DIR",
		"reproduce rigl --full":                          "--arch resnet-50",
		"reproduce state-of-sparsity --list --budget 1h": "--method variational",
	} {
		out, errs, code := execute(t, dir, strings.Fields(args)...)
		if code != 0 || !strings.Contains(out, says) {
			t.Errorf("%s: code %d, %s\n%s\ndoes not contain %q", args, code, errs, out, says)
		}
	}
}

// Every command at a paper's settings is one that the program takes.
func TestFullSettingsParse(t *testing.T) {
	for _, s := range studies {
		n := 0
		_, lines := s.make(2 * time.Hour).Paper()
		for _, line := range lines {
			if strings.HasPrefix(line, "#") {
				continue
			}
			_, command, ok := strings.Cut(line, "filigree ")
			args := strings.Fields(command)
			if !ok || len(args) == 0 {
				t.Fatalf("%s: %q is no command", s.name, line)
			}
			n++
			if _, err := newParser(commandLine(args[0]), console{io.Discard, io.Discard}).Parse(args); err != nil {
				t.Errorf("%s: %s: %v", s.name, line, err)
			}
		}
		if n == 0 {
			t.Errorf("%s has no commands at the paper's settings", s.name)
		}
	}
}

// The papers' settings that need data are commands that lack nothing else.
func TestFullSettingsRun(t *testing.T) {
	for _, s := range studies {
		out, _, code := execute(t, t.TempDir(), "reproduce", s.name, "--full")
		if code != 0 {
			t.Fatalf("%s: exit code %d", s.name, code)
		}
		n := 0
		for _, line := range strings.Split(out, "\n") {
			command, ok := strings.CutPrefix(line, "filigree train ")
			if !ok || !strings.Contains(command, " --data ") {
				continue // what needs none would train
			}
			n++
			if _, errs, code := execute(t, t.TempDir(), append([]string{"train"}, strings.Fields(command)...)...); code != 1 || !strings.Contains(errs, "no such file") {
				t.Errorf("%s: exit code %d: %s", line, code, errs)
			}
		}
		if n == 0 && (s.name == "rigl" || s.name == "state-of-sparsity") {
			t.Errorf("%s has no commands at the paper's settings", s.name)
		}
	}
}
