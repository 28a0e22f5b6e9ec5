package eats

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/train"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the FLAC library's
	os.Exit(m.Run())
}

// few makes a folder of some of the shared recordings.
func few(t *testing.T, n int) string {
	t.Helper()
	from := testkit.Shared(t, "data/cathy-arctic")
	b, err := os.ReadFile(filepath.Join(from, "metadata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	lines := strings.Split(string(b), "\n")[:n]
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(from, "wavs"), filepath.Join(dir, "wavs")); err != nil {
		t.Skip(err)
	}
	return dir
}

// A voice is trained through all phases, interrupted in the middle of each, and is bit by bit the
// one of a training without interruptions: generator, discriminators, both optimizers, sparse
// topology.
func TestTrainingResumesExactly(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a voice twice for each decoder")
	}
	data := few(t, 30)
	for _, size := range []string{"tiny", "shaped"} {
		s := Default
		s.Data, s.Size, s.Steps, s.Batch, s.Frames, s.Narrow, s.Sparsity, s.Aligned, s.WarmUp = data, size, 9, 2, 40, 16, 0.5, 0.3, 0.6
		var files [2][]byte
		for i, stops := range [][]int{nil, {2, 5, 8}} {
			dir, steps := t.TempDir(), 0
			for {
				ctx, stop := context.WithCancel(context.Background())
				r, err := Run(ctx, s, IO{Dir: dir, Progress: func(string, int, int) {}, Warn: func(string) {}, Begin: func(string) {},
					Report: func(e train.Event) {
						if e.Kind != train.Stepped {
							return
						}
						if steps++; slices.Contains(stops, steps) {
							stop()
						}
					}})
				stop()
				if errors.Is(err, train.ErrInterrupted) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if files[i], err = os.ReadFile(r.Voice); err != nil {
					t.Fatal(err)
				}
				if r.Clips == 0 || r.Compared == 0 || r.LengthRatio == 0 || r.NaturalPER == 0 || r.Nonzeros >= r.Weights {
					t.Errorf("%s: result %+v", size, r)
				}
				for _, f := range []string{"samples/000009.wav", "samples/000009.png", "plot.svg", "result.json"} {
					if stat, err := os.Stat(filepath.Join(dir, f)); err != nil || stat.Size() < 300 {
						t.Errorf("%s: %v, %v", f, stat, err)
					}
				}
				break
			}
			if steps != s.Steps {
				t.Errorf("%s: %d steps, want %d", size, steps, s.Steps)
			}
		}
		if !slices.Equal(files[0], files[1]) {
			t.Errorf("%s: an interrupted training ends with another voice", size)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"--data":       func(s *Settings) { s.Data = "" },
		"--size":       func(s *Settings) { s.Size = "huge" },
		"--durations":  func(s *Settings) { s.Durations = "guessed" },
		"--budget":     func(s *Settings) { s.Budget = time.Second },
		"--frames":     func(s *Settings) { s.Frames = 3 },
		"--prediction": func(s *Settings) { s.Prediction = 0 },
		"--sparsity":   func(s *Settings) { s.Sparsity = 1 },
		"metadata":     func(s *Settings) { s.Data = t.TempDir() },
	} {
		s := Default
		s.Data = "x"
		change(&s)
		_, err := Run(context.Background(), s, IO{Dir: t.TempDir(), Progress: func(string, int, int) {}, Warn: func(string) {}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// The schedule: the aligner's lengths first, the discriminators last.
func TestSchedule(t *testing.T) {
	s := Default
	s.Steps, s.Aligned, s.WarmUp = 100, 0.3, 0.6
	if n := s.teachers(); n != 30 || s.plays(59) || !s.plays(60) {
		t.Errorf("%d batches are taught; the discriminators play at 59: %v, at 60: %v", n, s.plays(59), s.plays(60))
	}
	s.Durations, s.Windows, s.Spectrogram = "learned", false, false
	if s.teachers() != 0 || s.plays(99) {
		t.Error("lengths are taught, or discriminators play that are not there")
	}
}
