package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mpirun returns a function that starts n processes of a program built with MPI, or skips.
func mpirun(t *testing.T) func(ctx context.Context, dir string, n string, args ...string) *exec.Cmd {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program again, with MPI")
	}
	launcher, err := exec.LookPath("mpirun")
	if err != nil {
		t.Skip("mpirun is missing (Debian: openmpi-bin libopenmpi-dev)")
	}
	program := filepath.Join(t.TempDir(), "filigree")
	build := exec.Command("go", "build", "-tags", "mpi", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return func(ctx context.Context, dir, n string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, launcher, append([]string{"--oversubscribe", "--bind-to", "none", "-n", n, program}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "GOMAXPROCS=1")
		return cmd
	}
}

// Two processes are one with the double batch, and a population is the same however many
// share it.
func TestMPI(t *testing.T) {
	start, dir := mpirun(t), t.TempDir()
	train := func(n, args string) map[string]any {
		t.Helper()
		cmd := start(t.Context(), dir, n, strings.Fields("train digits --images 640 --steps 40 --every 10 --seed 5 --json "+args)...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s processes, %s: %v\n%s", n, args, err, errs.String())
		}
		return lastObject(t, string(out))
	}
	for _, args := range []string{"--method rigl --sparsity 0.9", "--method dense --arch wrn --images 96 --steps 6 --width 1"} {
		one := train("1", args+" --batch 32 --run one")
		two := train("2", args+" --batch 16 --run two")
		if a, b := one["test_loss"].(float64), two["test_loss"].(float64); math.Abs(a/b-1) > 0.05 || one["nonzeros"] != two["nonzeros"] || one["updates"] != two["updates"] {
			t.Errorf("%s: loss %g and %v weights by one process, %g and %v by two", args, a, one["nonzeros"], b, two["nonzeros"])
		}
		os.RemoveAll(filepath.Join(dir, "one"))
		os.RemoveAll(filepath.Join(dir, "two"))
	}
	train("1", "--method evolution --population 4 --sparsity 0.9 --run alone")
	train("2", "--method evolution --population 4 --sparsity 0.9 --run shared")
	a, err := os.ReadFile(filepath.Join(dir, "alone", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "shared", "model.safetensors")); err != nil || !bytes.Equal(a, b) {
		t.Errorf("two processes evolve another model than one (%v)", err)
	}
}

// When a process is killed the other says so, and where to go on; and so it can.
func TestMPILosesAProcess(t *testing.T) {
	start, dir := mpirun(t), t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := start(ctx, dir, "2", strings.Fields("train digits --images 640 --steps 1000000 --save-seconds 0.2 --seed 5 --run run")...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, err := os.Stat(filepath.Join(dir, "run", "checkpoints", "last.ckpt")); err != nil && ctx.Err() == nil; {
		time.Sleep(100 * time.Millisecond)
		_, err = os.Stat(filepath.Join(dir, "run", "checkpoints", "last.ckpt"))
	}
	time.Sleep(500 * time.Millisecond)
	if pid := youngest(t, cmd.Process.Pid); pid > 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the training goes well without one of its processes")
	}
	for _, says := range []string{"last checkpoint", "--resume"} {
		if !strings.Contains(errs.String(), says) {
			t.Errorf("no word of %q in\n%s", says, errs.String())
		}
	}
	if out, err := start(ctx, dir, "1", "train", "--resume", "run").CombinedOutput(); err == nil || !strings.Contains(string(out), "mpirun -n 2") {
		t.Errorf("one process goes on with what two began: %v\n%s", err, out)
	}
	again := start(ctx, dir, "2", "train", "--resume", "run")
	var resumed bytes.Buffer
	again.Stderr = &resumed
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	again.Process.Signal(os.Interrupt)
	again.Wait()
	if !strings.Contains(resumed.String(), "step ") {
		t.Errorf("the checkpoint does not go on:\n%s", resumed.String())
	}
}

// youngest returns the child of a process with the highest number.
func youngest(t *testing.T, parent int) (pid int) {
	t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(parent)).Output()
	if err != nil {
		t.Skipf("ps: %v", err)
	}
	for _, f := range strings.Fields(string(out)) {
		if n, err := strconv.Atoi(f); err == nil && n > pid {
			pid = n
		}
	}
	return pid
}

// Without the build tag, processes that mpirun starts say how to have it.
func TestMPIWithoutTag(t *testing.T) {
	cmd := exec.Command(binary, "train", "digits")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "OMPI_COMM_WORLD_SIZE=2")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "go build -tags mpi") {
		t.Errorf("%v: %s", err, out)
	}
	cmd = exec.Command(binary, "train", "vocoder", "--data", "x")
	cmd.Env = append(os.Environ(), "OMPI_COMM_WORLD_SIZE=2")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "train vocoder runs in one") {
		t.Errorf("%v: %s", err, out)
	}
}
