package vocoder

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
)

// TestPlan checks that arms have equally many recurrent weights, and that their commands are valid.
func TestPlan(t *testing.T) {
	s := Study(20 * time.Minute)
	c := &comparison{base: Default}
	for _, a := range arms {
		settings := c.of(a)
		settings.Data = "x"
		if err := settings.Validate(); err != nil {
			t.Errorf("%s: %v", a.label, err)
		}
		if n := float64(3*a.units*a.units) * (1 - a.sparsity); n != 3*64*64 {
			t.Errorf("%s: %v recurrent weights", a.label, n)
		}
	}
	if long := Study(2 * time.Hour); long.Seeds <= s.Seeds {
		t.Error("a longer budget has no more seeds")
	}
}

// TestStudy runs the smallest study there is: its report has a verdict on each claim, and something to hear.
func TestStudy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains")
	}
	out := t.TempDir()
	if err := os.WriteFile(filepath.Join(out, "plan.json"), []byte(`{"steps":2}`), 0o666); err != nil {
		t.Fatal(err)
	}
	s := Study(time.Minute)
	r, err := s.Run(context.Background(), study.Options{Out: out, Data: map[string]string{"voice": folder(t, heldEvery)}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(r.HTML)
	if err != nil || r.Runs != len(arms) || strings.Count(string(page), "<audio") != len(arms) {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Orderings) != len(s.Claims)+2*len(products) {
		t.Errorf("%d verdicts", len(r.Orderings))
	}
}
