package tasks

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/train"
)

// A run of any method that is interrupted and resumed, more than once, ends with the bits
// of one that was not.
func TestEveryMethodResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("trains every method twice")
	}
	task, err := Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	for _, method := range Methods {
		t.Run(method, func(t *testing.T) {
			s := task.Default
			s.Method, s.Images, s.Steps, s.Batch, s.Every, s.Sparsity, s.Width = method, 640, 60, 32, 7, 0.8, 0.3
			s.Redistribute, s.SaveSeconds, s.Average = method == "snfs", 600, 0.9
			if method == "rigl" {
				s.GrowInit = "normal"
			}
			dir := t.TempDir()
			whole, err := Run(context.Background(), "digits", s, IO{Dir: filepath.Join(dir, "whole")})
			if err != nil {
				t.Fatal(err)
			}
			broken := filepath.Join(dir, "broken")
			stopAt := func(step int) (context.Context, IO) {
				ctx, cancel := context.WithCancel(context.Background())
				return ctx, IO{Dir: broken, Report: func(e train.Event) {
					if e.Step >= step {
						cancel()
					}
				}}
			}
			ctx, io := stopAt(13)
			_, err = Run(ctx, "digits", s, io)
			for _, step := range []int{32, 50} {
				if !errors.Is(err, train.ErrInterrupted) {
					t.Fatalf("before step %d: %v", step, err)
				}
				ctx, io := stopAt(step)
				_, err = Resume(ctx, broken, io)
			}
			again, err := Resume(context.Background(), broken, IO{})
			if err != nil {
				t.Fatal(err)
			}
			if again.TestLoss != whole.TestLoss || again.Nonzeros != whole.Nonzeros || again.Updates != whole.Updates {
				t.Errorf("loss %v, %d weights, %d updates; unbroken %v, %d, %d", again.TestLoss, again.Nonzeros, again.Updates,
					whole.TestLoss, whole.Nonzeros, whole.Updates)
			}
			a, err := os.ReadFile(again.Model)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(whole.Model)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Error("the models differ")
			}
		})
	}
}

// A run that cannot begin leaves its directory free for the next try; one that has begun
// is not touched.
func TestFailedRunLeavesNothing(t *testing.T) {
	task, err := Find("digits")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Images, s.Steps, s.Batch, s.Sparsity = 64, 2, 32, 0.999999
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := Run(t.Context(), "digits", s, IO{Dir: dir}); err == nil || !strings.Contains(err.Error(), "sparsity 0.999999") {
		t.Fatalf("error %v", err)
	}
	if found, _ := filepath.Glob(dir + "/*"); found != nil {
		t.Errorf("it left %v", found)
	}
	s.Sparsity = 0.9
	if _, err := Run(t.Context(), "digits", s, IO{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), "digits", s, IO{Dir: dir}); err == nil || !strings.Contains(err.Error(), "already holds a run") {
		t.Errorf("a second run in the same place: error %v", err)
	}
	if _, err := ReadResult(dir); err != nil {
		t.Error(err)
	}
}
