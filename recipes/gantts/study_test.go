package gantts

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
)

// The plan compares what the paper compares, at equal settings but for who judges.
func TestPlan(t *testing.T) {
	s := Study(20 * time.Minute)
	var list strings.Builder
	if err := s.List(&list); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(list.String()), "\n")
	if len(lines) != 8 || !strings.Contains(list.String(), "whole-2") {
		t.Errorf("plan:\n%s", list.String())
	}
	strip := func(l string, n string) string {
		_, cmd, _ := strings.Cut(l, "\t")
		return strings.ReplaceAll(cmd, n, "")
	}
	if strip(lines[0], "full") != strip(lines[2], "whole") {
		t.Errorf("arms differ in more than who judges: %s, %s", lines[0], lines[2])
	}
	if Study(3*time.Hour).Seeds <= s.Seeds {
		t.Error("a longer budget has no more seeds")
	}
	if err := s.Limit(1, []string{"x"}); err == nil {
		t.Error("a group is accepted")
	}
	_, err := s.Run(context.Background(), study.Options{Out: t.TempDir(), Data: map[string]string{"voice": filepath.Join(t.TempDir(), "none")}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without recordings: %v", err)
	}
}

// The tables of the report in docs are what the committed results say.
func TestCommittedReport(t *testing.T) {
	s := Study(3 * time.Minute)
	s.Prepare, s.Further, s.Seeds = nil, nil, 3
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("results/3m")); err != nil {
		t.Fatal(err)
	}
	r, err := s.Run(context.Background(), study.Options{Out: dir, Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing > 0 || r.Failed > 0 {
		t.Errorf("%d results are missing, %d failed", r.Missing, r.Failed)
	}
	made, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/gan-tts/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(made)) {
		if strings.HasPrefix(line, "| ") && !strings.Contains(string(page), line) {
			t.Errorf("docs/gan-tts/report.md lacks: %s", line)
		}
	}
}

// A study with results of runs judges them by pairs, and says what is missing.
func TestReport(t *testing.T) {
	s := Study(20 * time.Minute)
	s.Prepare, s.Further = nil, nil
	dir := t.TempDir()
	write := func(arm string, seed string, ckdsd float64) {
		path := filepath.Join(dir, arm+"-"+seed)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(map[string]any{"ckdsd": ckdsd, "cfdsd": nil, "mel_l1": 0.5, "machine": map[string]any{"go": "go1", "commit": "abcdef"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "result.json"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for seed, shift := range map[string]float64{"1": 0, "2": 0.5} {
		write("full", seed, 1+shift)
		write("whole", seed, 2+shift)
		write("none", seed, 0.9+shift)
	}
	r, err := s.Run(context.Background(), study.Options{Out: dir, Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Runs != 6 || r.Missing != 2 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	want := map[string]string{
		"cKDSD: ten window discriminators > five, none conditional":    "not run",
		"cKDSD: ten window discriminators > one that sees whole clips": "holds",
		"cKDSD: ten window discriminators > no discriminator":          "does not hold",
		"cFDSD: ten window discriminators > one that sees whole clips": "not run",
	}
	for _, o := range r.Orderings {
		if v, ok := want[o.Claim]; ok && v != o.Verdict() {
			t.Errorf("%s: %s (%s), want %s", o.Claim, o.Verdict(), o.Figures, v)
		}
		delete(want, o.Claim)
	}
	if len(want) > 0 {
		t.Errorf("no verdict on %v; have %+v", want, r.Orderings)
	}
	b, err := os.ReadFile(r.Path)
	if err != nil || !strings.Contains(string(b), "1.250 ± 0.354") || !strings.Contains(string(b), "abcdef") {
		t.Errorf("report: %v\n%s", err, b)
	}
}
