package eats

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/recipes/study"
)

// The study in seconds: all arms are there, those that go on start from the first, and the report
// has sounds and a verdict on each claim.
func TestStudy(t *testing.T) {
	if testing.Short() {
		t.Skip("trains seven voices")
	}
	plan := (&comparison{taught: 4, ended: 2}).study(1)
	out := t.TempDir()
	o := study.Options{Out: out, Data: map[string]string{"voice": few(t, 26)}, Progress: &bytes.Buffer{}}
	r, err := plan.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Runs != 7 || r.Failed != 0 || r.Missing != 0 || len(r.Orderings) != 12 {
		t.Errorf("%+v", r)
	}
	page, err := os.ReadFile(r.HTML)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(page), "<audio"); n != 9 {
		t.Errorf("%d sounds, want 7 arms, the recording and the staged voice", n)
	}
	text, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no window discriminators", "one seed proves nothing", "Beside the staged voice", "4.08 against"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	b, err := os.ReadFile(filepath.Join(out, "full-1", "config.json"))
	if err != nil || !strings.Contains(string(b), "taught-1") {
		t.Errorf("the arm does not go on from the first: %v", err)
	}
}

func TestPlan(t *testing.T) {
	var list bytes.Buffer
	if err := Study(20 * time.Minute).List(&list); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"full-2\t", "--steps 1500", "--no-spectrogram --no-windows --from taught-SEED/voice.safetensors --seed 1"} {
		if !strings.Contains(list.String(), want) {
			t.Errorf("the plan lacks %q:\n%s", want, &list)
		}
	}
}
