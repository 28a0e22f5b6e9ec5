package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// swapped is the recording from 0 that has the text of the next, and the next its.
const swapped = 5

// someSpeech makes a folder of the first recordings of a real one, two of them with each
// other's text, and some bad lines.
func someSpeech(t *testing.T, n int) (dir, recordings string) {
	t.Helper()
	from := testkit.Shared(t, "data/cathy-arctic")
	b, err := os.ReadFile(filepath.Join(from, "metadata.csv"))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	wavs := filepath.Join(dir, "wavs")
	if err := os.Mkdir(wavs, 0o777); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")[:n]
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "|")
		if err := os.Symlink(filepath.Join(from, "wavs", name+".flac"), filepath.Join(wavs, name+".flac")); err != nil {
			t.Fatal(err)
		}
	}
	one, its, _ := strings.Cut(lines[swapped], "|")
	two, other, _ := strings.Cut(lines[swapped+1], "|")
	lines[swapped], lines[swapped+1] = one+"|"+other, two+"|"+its
	lines = append(lines, "missing|Nothing.\n", "short|Far more words than such a short recording has any room for, surely.\n", "silent|Hush.\n", "mute|?!\n")
	buzz(t, filepath.Join(wavs, "short.wav"), 16000, 2, 150, 0.1)
	buzz(t, filepath.Join(wavs, "mute.wav"), 16000, 1, 150, 0.1)
	buzz(t, filepath.Join(wavs, "silent.wav"), 16000, 1, 150, 0)
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(strings.Join(lines, "")), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir, from
}

func TestAlignCommand(t *testing.T) {
	log.SetOutput(io.Discard) // as main does
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	const n = 40
	dir, from := someSpeech(t, n)
	out := filepath.Join(dir, "out")
	invoke := func(args ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"align"}, args...), console{&stdout, &stderr})
		return stdout.String(), stderr.String(), code
	}
	stdout, stderr, code := invoke("--data", dir, "--out", out, "--check", "--json")
	var sum alignSummary
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if sum.Files != n || sum.Skipped != 4 || sum.MeanMS < 75 || sum.MeanMS > 105 || sum.MarkSilences < 0.5 || sum.Out != out {
		t.Errorf("summary %+v", sum)
	}
	if o := sum.Check; o == nil || o.Boundaries < 25*n || o.MedianMS > 25 || o.Within40 < 0.75 || !slices.Contains(o.Differ, "arctic_a0006") || !slices.Contains(o.Differ, "arctic_a0007") || len(o.Differ) > 5 || o.LagMS < -40 || o.LagMS > 40 {
		t.Errorf("second opinion %+v", sum.Check)
	}
	for _, want := range []string{"pass 14 of 14", "missing", "short", "silent", "mute"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("warnings do not say %q: %s", want, stderr)
		}
	}
	const id = "arctic_a0001"
	b, err := os.ReadFile(filepath.Join(out, id+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var got timing
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	checkTiming(t, got)
	grid, err := os.ReadFile(filepath.Join(out, id+".TextGrid"))
	if err != nil || !strings.Contains(string(grid), `text = "danger"`) {
		t.Errorf("TextGrid: %v\n%s", err, grid)
	}

	model, wav := filepath.Join(out, "aligner.safetensors"), filepath.Join(from, "wavs", id+".flac")
	stdout, stderr, code = invoke("--model", model, wav, "--text", got.Text, "--json")
	if code != 0 || stdout != string(b) {
		t.Errorf("alone: exit %d, %s%s, want %s", code, stdout, stderr, b)
	}
	if stdout, _, code = invoke("--model", model, wav, "--text", got.Text); code != 0 || stdout != string(grid) {
		t.Errorf("alone: exit %d, %s, want %s", code, stdout, grid)
	}
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "--data", nil}, {2, "--text", []string{"--model", model, wav}}, {2, "not both", []string{"--data", dir, wav}},
		{1, "nothing to speak", []string{"--model", model, wav, "--text", "?!"}}, {1, "no-such", []string{"--model", "no-such", wav, "--text", "a"}},
		{1, "too few", []string{"--model", model, filepath.Join(dir, "wavs", "short.wav"), "--text", strings.Repeat("A danger. ", 40)}},
	} {
		if _, stderr, code := invoke(c.args...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q, want %d and %q", c.args, code, stderr, c.code, c.want)
		}
	}
}

// checkTiming checks that words, phonemes and silences follow one another without a gap.
func checkTiming(t *testing.T, got timing) {
	t.Helper()
	ends := map[float64]float64{}
	for _, w := range got.Words {
		if len(w.Phones) == 0 || w.Start != w.Phones[0].Start || w.End != w.Phones[len(w.Phones)-1].End {
			t.Errorf("word %+v", w)
		}
		for _, p := range w.Phones {
			ends[p.Start] = p.End
		}
	}
	for _, s := range got.Silences {
		ends[s.Start] = s.End
	}
	at := 0.0
	for at < got.Seconds {
		end, ok := ends[at]
		if !ok || end <= at {
			t.Fatalf("nothing begins at %v s: %+v", at, got)
		}
		at = end
	}
	if math.Abs(at-got.Seconds) > 1e-6 || got.Words[3].Word != "danger" || got.Words[3].Phones[1].Phone != "EY1" || got.Words[4].After != "phrase" {
		t.Errorf("timing %+v", got)
	}
}

func TestSecondOpinion(t *testing.T) {
	got := compared([]*timing{{ID: "a", off: []float64{10, 10, 20}}, {ID: "b", off: []float64{-90, 110, 10}}, {ID: "c"}})
	want := opinion{Boundaries: 6, LagMS: 10, MedianMS: 10, Within20: 0.6667, Within40: 0.6667, Differ: []string{"b"}}
	if got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := compared([]*timing{{ID: "c"}}); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

// Distances are those of the halves, both ways, of as many clips.
func TestScoreDistances(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 7))
	files := make([]embedded, 60)
	for i := range files {
		for range 1 + i%3 {
			x := []float64{rng.NormFloat64(), rng.NormFloat64()}
			files[i].reference = append(files[i].reference, x)
			files[i].generated = append(files[i].generated, []float64{x[0] + 2, x[1]})
		}
	}
	d := distances(files)
	if d.Clips != 60 || math.Abs(d.CFDSD-4) > 1e-6 || math.Abs(d.FDSD-4) > 1.5 || d.FloorFDSD > 0.5 || !(d.KDSD > 10*math.Abs(d.FloorKDSD)) {
		t.Errorf("shifted by 2: %+v", d)
	}
	if d := distances(files[:8]); !math.IsNaN(d.KDSD) {
		t.Errorf("of too few clips: %+v", d)
	}
}
