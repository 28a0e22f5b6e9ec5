package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The loss along paths between two runs, from the first weights of one, and what goes wrong.
func TestLandscape(t *testing.T) {
	dir := t.TempDir()
	must := func(args string) string {
		t.Helper()
		out, errs, code := execute(t, dir, strings.Fields(args)...)
		if code != 0 {
			t.Fatalf("%s: exit code %d: %s", args, code, errs)
		}
		return out
	}
	must(strings.Join(small, " ") + " --method static --sparsity 0.9 --run a")
	must(strings.Join(small, " ") + " --method static --sparsity 0.9 --seed 6 --run b")
	must(strings.Join(small, " ") + " --method static --width 0.5 --run narrow")
	line := lastObject(t, must("landscape a b --points 5 --samples 500 --json"))
	ts, losses := line["t"].([]any), line["loss"].([]any)
	if len(ts) != 5 || len(losses) != 5 || ts[1] != 0.25 || line["barrier"].(float64) <= 0 || line["monotone"] != false {
		t.Errorf("line between two trainings: %v", line)
	}
	must("landscape a b --path cubic --subspace dense --steps 60 --points 5 --samples 500 --plot path.svg --html path.html")
	for name, says := range map[string]string{"path.svg": "<polyline", "path.html": "</html>"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !strings.Contains(string(b), says) {
			t.Errorf("%s is not drawn (%v)", name, err)
		}
	}
	start := lastObject(t, must("landscape a a --from-start --points 5 --samples 500 --json"))
	if l := start["loss"].([]any); l[0].(float64) < 2*l[4].(float64) {
		t.Errorf("from the first weights the loss goes from %v to %v", l[0], l[4])
	}
	for args, says := range map[string]string{
		"landscape a narrow":        "0.weight [150 784]",
		"landscape a b --path zig":  "--path zig",
		"landscape a missing":       "missing",
		"landscape a b --points 1":  "--points 1",
		"landscape a b --rate=-1":   "--rate -1",
		"landscape a b --samples 0": "--samples 0",
	} {
		if _, errs, code := execute(t, dir, strings.Fields(args)...); code == 0 || !strings.Contains(errs, says) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
}

// A topology that was found before comes first, also for methods that move it.
func TestTicketForRigL(t *testing.T) {
	dir := t.TempDir()
	base := strings.Join(small, " ")
	for _, args := range []string{base + " --method static --sparsity 0.95 --run a", base + " --method rigl --ticket a --init a --steps 1 --run b"} {
		if _, errs, code := execute(t, dir, strings.Fields(args)...); code != 0 {
			t.Fatalf("%s: %s", args, errs)
		}
	}
	v := lastObject(t, func() string {
		out, _, _ := execute(t, dir, "landscape", "a", "b", "--points", "2", "--samples", "64", "--json")
		return out
	}())
	if v["free"].(float64) > 0.07 { // an update exchanges three tenths at once; another random topology would leave 0.0975
		t.Errorf("one step after the ticket, %v of the weights exist in either run: the topologies differ", v["free"])
	}
}
