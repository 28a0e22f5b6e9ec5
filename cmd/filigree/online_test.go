package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The copy task through the binary: what it ends with, an interrupt that saves, a resume that
// ends as if nothing had been.
func TestTrainCopy(t *testing.T) {
	dir := t.TempDir()
	args := strings.Fields("train copy --learner snap-2 --cell lstm --units 12 --hidden 16 --sparsity 0.7 --share-gate-mask --period 1 --batch 4 --steps 1500 --seed 3 --json --run")
	out, errs, code := execute(t, dir, append(args, "whole")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	r := lastObject(t, out)
	if n, ok := r["max_length"].(float64); !ok || n < 1 {
		t.Errorf("max_length is %v", r["max_length"])
	}
	if bits, ok := r["bits_per_char"].(float64); !ok || bits <= 0 || bits > 3 {
		t.Errorf("bits_per_char is %v", r["bits_per_char"])
	}
	cmd := exec.Command(binary, append(args, "broken")...)
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := os.Stat(filepath.Join(dir, "broken", "checkpoints", "last.ckpt")); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if _, errs, code = execute(t, dir, "train", "--resume", "broken"); code != 0 {
		t.Fatalf("resume: exit code %d: %s", code, errs)
	}
	checkSame(t, "resumed", filepath.Join(dir, "broken"), filepath.Join(dir, "whole"))
}

// A character model that learned online goes on learning from a stream on standard input.
func TestAdaptStream(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "rhyme.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("the cat sat on the mat, the rat ate that\n", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, errs, code := execute(t, dir, strings.Fields("train charlm --data rhyme.txt --online snap-1 --width 0.1 --length 16 --batch 4 --steps 40 --run model --json")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if o, ok := lastObject(t, out)["online"].(map[string]any); !ok || o["learner"] != "snap-1" {
		t.Errorf("the result tells of learner %v", o)
	}
	cmd := exec.Command(binary, strings.Fields("adapt model --run adapted --json --every 300")...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(strings.Repeat("AN OTHER STYLE \xff. ", 60))
	var said strings.Builder
	cmd.Stderr = &said
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	r := lastObject(t, string(b))
	if r["gain_bits_per_char"].(float64) <= 0.2 || r["characters"].(float64) != 60*18 || !strings.Contains(said.String(), "60 bytes are not UTF-8") || !strings.Contains(said.String(), "learning") {
		t.Errorf("%v; %s", r, said.String())
	}
	if _, errs, code := execute(t, dir, "inspect", "adapted/model.safetensors"); code != 0 {
		t.Errorf("the adapted model cannot be inspected: %s", errs)
	}
}

func TestBenchOnline(t *testing.T) {
	out, errs, code := execute(t, t.TempDir(), strings.Fields("bench online --learner snap-2 --cell gru --units 24 --sparsity 0.9 --share-gate-mask --length 64 --time 5ms --json")...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	r := lastObject(t, out)
	for _, key := range []string{"us_per_step", "bytes", "bptt_us_per_step", "bptt_bytes", "influence_entries"} {
		if v, ok := r[key].(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", key, r[key])
		}
	}
}

// Wrong usage is one clear line and exit code 2.
func TestOnlineUsage(t *testing.T) {
	for args, want := range map[string]string{
		"train copy --learner snap-0":                   "from 1 to 1000",
		"train copy --learner snap-1000000000":          "from 1 to 1000",
		"train copy --learner hebb":                     "not one of bptt, rtrl, snap-N, uoro, rflo",
		"train copy --period -1":                        "--period",
		"train copy --sparsity 1.5":                     "--sparsity",
		"train copy --cell lamp":                        "not one of vanilla, gru, lstm",
		"train copy --units 0":                          "--units",
		"train charlm --online snap-0":                  "from 1 to 1000",
		"train charlm --period 1":                       "needs a --learner",
		"train mnist --learner snap-1":                  "copy and charlm",
		"train copy --share-gate-mask --method rigl":    "--share-gate-mask",
		"bench online --learner snap-0":                 "from 1 to 1000",
		"bench online --units 0":                        "--units",
		"bench online --cell lamp":                      "--cell",
		"adapt nothing.safetensors --learner snap-9999": "from 1 to 1000",
		"adapt nothing.safetensors --period 0":          "--period",
		"reproduce snap --groups nothing":               "copy-75",
	} {
		_, errs, code := execute(t, t.TempDir(), strings.Fields(args)...)
		if code != 2 || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, want %q", args, code, errs, want)
		}
	}
}
