package snap

import (
	"math"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/tasks"
	"github.com/seed073b5613/filigree/train"
)

// The plan fits at every budget: its settings are valid and its claims are about entries that
// are there.
func TestPlan(t *testing.T) {
	for _, budget := range []time.Duration{time.Minute, 20 * time.Minute, 24 * time.Hour} {
		s := Study(budget)
		labels := map[string]bool{}
		for _, g := range s.Groups {
			for _, e := range g.Entries {
				if err := e.Settings.Validate(); err != nil {
					t.Errorf("%s %s: %v", g.Key, e.Label, err)
				}
				if labels[g.Key+e.Label] {
					t.Errorf("%s: two entries are called %s", g.Key, e.Label)
				}
				labels[g.Key+e.Label] = true
			}
		}
		for _, c := range s.Claims {
			if !labels[c.Group+c.A] || !labels[c.Group+c.B] {
				t.Errorf("no entry for claim %s", c.Text())
			}
		}
	}
}

// With a mask for all gates, the counts are those of the paper's table: exactly for RTRL and
// SnAp-1, biases apart, and on average for SnAp-2, which keeps the own unit too.
func TestCostsFollowThePapersTable(t *testing.T) {
	task, err := tasks.Find("copy")
	if err != nil {
		t.Fatal(err)
	}
	for _, learner := range []string{"rtrl", "snap-1", "snap-2"} {
		s := task.Default
		s.Learner, s.Units, s.Hidden, s.Sparsity, s.ShareGateMask, s.Batch, s.Steps = learner, 64, 4, 0.9, true, 1, 1
		r, err := tasks.Run(t.Context(), "copy", s, tasks.IO{Dir: t.TempDir() + "/run"})
		if err != nil {
			t.Fatal(err)
		}
		k, p, d := 64., 3*64*68., 0.1
		want, _ := memory(learner, k, p, d)
		biases := 4 * 64.
		switch learner {
		case "rtrl":
			want += k * biases
		case "snap-1":
			want += biases
		case "snap-2":
			want += d*k*biases + d*p + biases // rows of the own unit
		}
		if got := float64(r.Online.Entries); math.Abs(got-want) > 0.05*want {
			t.Errorf("%s: %v values of influence, the table says %v", learner, got, want)
		}
		if analytic(r, memory) == "" || analytic(r, work) == "" {
			t.Errorf("%s: no figures of the table for %v", learner, r.Layers)
		}
	}
	if analytic(tasks.Result{Online: &tasks.OnlineCost{Learner: "snap-3"}, Layers: []train.Layer{}}, memory) != "" {
		t.Error("the table has no SnAp-3")
	}
}
