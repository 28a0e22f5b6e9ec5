package tasks

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, task := range Tasks() {
		s := task.Default
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
	if _, err := Find("nothing"); err == nil || !strings.Contains(err.Error(), "digits, mnist, cifar10") {
		t.Errorf("an unknown task: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for flag, change := range map[string]func(*Settings){
		"--sparsity 1":         func(s *Settings) { s.Sparsity = 1 },
		"--sparsity NaN":       func(s *Settings) { s.Sparsity = math.NaN() },
		"--rate +Inf":          func(s *Settings) { s.Rate = math.Inf(1) },
		"--rate -1":            func(s *Settings) { s.Rate = -1 },
		"--momentum 1":         func(s *Settings) { s.Momentum = 1 },
		"--until 1.1":          func(s *Settings) { s.Until = 1.1 },
		"--every -1":           func(s *Settings) { s.Every = -1 },
		"--epochs 0":           func(s *Settings) { s.Epochs = 0 },
		"--depth 21":           func(s *Settings) { s.Depth = 21 },
		"--optimizer lion":     func(s *Settings) { s.Optimizer = "lion" },
		"--population 3":       func(s *Settings) { s.Method, s.Population = "evolution", 3 },
		"--sampling dice":      func(s *Settings) { s.Method, s.Sampling = "evolution", "dice" },
		"--evolve all":         func(s *Settings) { s.Method, s.Evolve = "evolution", "all" },
		"--separable":          func(s *Settings) { s.Method, s.Separable = "evolution", true },
		"--drops 0.5,0.4":      func(s *Settings) { s.Schedule, s.Drops = "step", "0.5,0.4" },
		"--drops 0.5,1":        func(s *Settings) { s.Schedule, s.Drops = "step", "0.5,1" },
		"--drops half":         func(s *Settings) { s.Schedule, s.Drops = "step", "half" },
		`--drops 0.5: only`:    func(s *Settings) { s.Drops = "0.5" },
		"--rate-factor 1":      func(s *Settings) { s.Schedule, s.RateFactor = "step", 1 },
		"--save-seconds 86400": func(s *Settings) { s.SaveSeconds = 86400 },
		// What the method, rigl by default, has no use for.
		"--redistribute":         func(s *Settings) { s.Redistribute = true },
		"--grow-init normal":     func(s *Settings) { s.Method, s.GrowInit = "set", "normal" },
		"--drop-schedule linear": func(s *Settings) { s.Method, s.DropSchedule = "static", "linear" },
		"--penalty 2":            func(s *Settings) { s.Penalty = 2 },
		"--threshold 3: --m":     func(s *Settings) { s.Method, s.Threshold, s.Penalty = "l0", 3, 1 },
		"--threshold 3: needs":   func(s *Settings) { s.Method, s.Threshold = "variational", 3 },
		"--ticket x":             func(s *Settings) { s.Method, s.Ticket = "static", "x" },
		"--population 8":         func(s *Settings) { s.Population = 8 },
		"--evolve masks":         func(s *Settings) { s.Method, s.Evolve = "l0", "masks" },
		"--keep head: --method":  func(s *Settings) { s.Method, s.Keep = "dense", "head" },
		"--keep head":            func(s *Settings) { s.Method, s.Ticket, s.Keep = "lottery", "x", "head" },
	} {
		s := tasks[0].Default
		change(&s)
		if err := s.Validate(); err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// TestRate checks the schedules a run can have at their corners.
func TestRate(t *testing.T) {
	for name, want := range map[string][3]float64{ // at 0, in the middle, in the last step
		"constant": {0.1, 0.1, 0.1},
		"cosine":   {0.1, 0.05, 0},
		"step":     {0.1, 0.02, 0.1 / 125},
	} {
		j := &job{steps: 600, config: config{Settings: Settings{Rate: 0.1, Schedule: name}}}
		rate := j.rate()
		for i, step := range []int{0, 300, 599} {
			if got := rate(step); math.Abs(got-want[i]) > 1e-4 {
				t.Errorf("%s: rate %v at step %d, want %v", name, got, step, want[i])
			}
		}
	}
}

// Rates fall where they are told to, also in longer trainings.
func TestDrops(t *testing.T) {
	s := Settings{Rate: 1, Schedule: "step", Drops: "0.3,0.7,0.9", RateFactor: 0.1}
	for _, n := range []int{100, 500} {
		rate := (&job{steps: n, config: config{Settings: s}}).rate()
		for share, want := range map[float64]float64{0: 1, 0.29: 1, 0.3: 0.1, 0.69: 0.1, 0.7: 0.01, 0.89: 0.01, 0.9: 0.001, 0.99: 0.001} {
			if got := rate(int(math.Round(share * float64(n)))); math.Abs(got-want) > 1e-9 {
				t.Errorf("rate %v at %v of %d steps, want %v", got, share, n, want)
			}
		}
	}
}

func TestCommand(t *testing.T) {
	task, err := Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	s := task.Default
	s.Method, s.Sparsity, s.DropFraction, s.Nesterov = "static", 0.98, 0.5, !s.Nesterov
	s.Ticket = filepath.Join(t.TempDir(), "mnist", "magnitude-98-1")
	want := "filigree train mnist --data DIR --method static --sparsity 0.98 --drop-fraction 0.5 --ticket mnist/magnitude-98-1 --no-nesterov --seed 1"
	if got := command(config{Task: "mnist", Settings: s}); got != want {
		t.Errorf("command is\n%s, want\n%s", got, want)
	}
}
