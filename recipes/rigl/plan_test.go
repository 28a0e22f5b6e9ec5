package rigl

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/snap"
	"github.com/seed073b5613/filigree/recipes/sparsity"
	"github.com/seed073b5613/filigree/recipes/study"
	"github.com/seed073b5613/filigree/recipes/tasks"
)

// The committed results are of the runs that the plans name, which the reports describe.
func TestResultsArePlanned(t *testing.T) {
	ticket := regexp.MustCompile(` --ticket \S+`)
	for results, s := range map[string]*study.Study{
		"results/2h": Study(2 * time.Hour), "../sparsity/results/2h": sparsity.Study(2 * time.Hour), "../snap/results/25m": snap.Study(25 * time.Minute),
	} {
		var list bytes.Buffer
		if err := s.List(&list); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(list.String()) {
			name, planned, _ := strings.Cut(strings.TrimSpace(line), "\t")
			r, err := tasks.ReadResult(filepath.Join(results, name))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, want := ticket.ReplaceAllString(r.Command, ""), ticket.ReplaceAllString(planned, ""); got != want {
				t.Errorf("%s/%s is of\n%s, not\n%s", results, name, got, want)
			}
		}
	}
}
