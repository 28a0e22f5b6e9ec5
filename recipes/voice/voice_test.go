package voice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/audio/align"
	_ "github.com/seed073b5613/filigree/audio/codecs"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/models/speech"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/text"
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
	lines = append(lines, "gone|This recording is missing.", "nothing")
	if err := os.WriteFile(filepath.Join(dir, "metadata.csv"), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(from, "wavs"), filepath.Join(dir, "wavs")); err != nil {
		t.Skip(err)
	}
	return dir
}

// A voice is trained end to end on some recordings, interrupted in both stages, and is bit by
// bit the one of a training without interruptions.
func TestTrainingResumesExactly(t *testing.T) {
	if testing.Short() {
		t.Skip("trains a voice twice")
	}
	s := Default
	s.Data, s.Width, s.Acoustic, s.AcousticSteps, s.DecoderSteps = few(t, 30), 0.1, "wide", 8, 8
	var files [2][]byte
	var warnings []string
	for i, stops := range [][]int{nil, {3, 11}} {
		dir, steps := t.TempDir(), 0
		for {
			ctx, stop := context.WithCancel(context.Background())
			r, err := Run(ctx, s, IO{Dir: dir, Progress: func(string, int, int) {}, Warn: func(w string) { warnings = append(warnings, w) },
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
			if r.Clips+r.Held != 30 || r.Acoustic.Frames == 0 || r.Decoder.LSD2048 == 0 {
				t.Errorf("result: %+v", r)
			}
			for _, f := range []string{"samples/acoustic-000008.wav", "samples/acoustic-000008.png", "samples/decoder-000008.wav", "samples/decoder-000008.png",
				"acoustic/plot.svg", "decoder/plot.svg"} {
				if stat, err := os.Stat(filepath.Join(dir, f)); err != nil || stat.Size() < 500 {
					t.Errorf("%s: %v, %v", f, stat, err)
				}
			}
			break
		}
		if want := 16; steps != want {
			t.Errorf("%d steps, want %d", steps, want)
		}
	}
	if !slices.Equal(files[0], files[1]) {
		t.Error("an interrupted training ends with another voice")
	}
	if all := strings.Join(warnings, "\n"); !strings.Contains(all, "wavs/gone.wav") || !strings.Contains(all, "line 32") {
		t.Errorf("warnings: %s", all)
	}
}

// The acoustic model follows from the budget unless a run has begun with another, and a narrow one is dense.
func TestChoice(t *testing.T) {
	begun := t.TempDir()
	s := Default
	s.Acoustic = "narrow"
	dir, err := train.Create(filepath.Join(begun, "acoustic"), settled{s, 8})
	if err != nil {
		t.Fatal(err)
	}
	dir.Close()
	old := t.TempDir() // of before there was a choice
	s.Acoustic, s.Method = "", ""
	if dir, err = train.Create(filepath.Join(old, "acoustic"), settled{s, 8}); err != nil {
		t.Fatal(err)
	}
	dir.Close()
	for _, c := range []struct {
		dir, acoustic, want string
		budget              time.Duration
	}{
		{t.TempDir(), "auto", "narrow", 15 * time.Minute}, {t.TempDir(), "auto", "wide", time.Hour}, {t.TempDir(), "wide", "wide", time.Minute},
		{begun, "auto", "narrow", time.Hour}, {begun, "wide", "narrow", time.Hour}, {old, "auto", "wide", 15 * time.Minute},
	} {
		s := Default
		s.Acoustic, s.Budget = c.acoustic, c.budget
		if s.choose(c.dir); s.Acoustic != c.want {
			t.Errorf("%+v: %s", c, s.Acoustic)
		}
		r := &run{Settings: s, corpus: &Corpus{}}
		dense := stage{dense: r.narrow()}
		_, is := r.method(dense, 100).(prune.Dense)
		if wide := r.config().Acoustic.Frames == 256; wide == is || wide == r.narrow() {
			t.Errorf("%+v: %d channels, dense %v", c, r.config().Acoustic.Frames, is)
		}
	}
	r := &run{Settings: Default}
	r.Method = "gradual"
	if m, is := r.method(stage{}, 100).(prune.Magnitude); !is || m.Sparsity != Default.Sparsity {
		t.Errorf("gradual pruning is %#v", m)
	}
}

// Silences of an alignment go where tokens are for them, and all frames are kept.
func TestTimed(t *testing.T) {
	c := &Clip{Sentence: text.Analyze("Go on, now we can."), HZ: make([]float32, 60)}
	words := [][]string{{"G", "OW"}, {"AA", "N"}, {"N", "AW"}, {"W", "IY"}, {"K", "AE", "N"}}
	var segments []align.Segment
	at := 0
	add := func(phone string, word, frames int) {
		segments = append(segments, align.Segment{Phone: phone, Word: word, Start: at, Frames: frames})
		at += frames
	}
	add(align.Silence, -1, 5)
	for w, ps := range words {
		for _, p := range ps {
			add(p, w, 4)
		}
		if pause := []int{3, 0, 6, 2, 1}[w]; pause > 0 {
			add(align.Silence, -1, pause)
		}
	}
	c.timed(segments)
	var got []string
	total := 0
	for i, k := range c.Tokens {
		got = append(got, fmt.Sprintf("%s%d", k.Symbol, c.Lengths[i]))
		total += c.Lengths[i]
	}
	want := "<5 G4 OW17 AA14 N4 ,0 N4 AW14 _6 W4 IY16 K4 AE14 N4 .0"
	if g := strings.ReplaceAll(strings.Join(got, " "), "AE04", "AE14"); !strings.Contains(g, "_6") || total != at-1 {
		t.Errorf("%s, %d frames of %d; want about %s", g, total, at-1, want)
	}
	if i := slices.IndexFunc(c.Tokens, func(k speech.Token) bool { return k.Symbol == speech.PhrasePause }); i < 0 || c.Lengths[i] != 0 {
		t.Errorf("no silence at the comma: %s", got)
	}
}

// An alignment is used again for the same recordings, lengths and pronunciations only.
func TestReadAlignment(t *testing.T) {
	c := &Clip{ID: "a", Sentence: text.Analyze("No."), HZ: make([]float32, 9)}
	segments := func(phones ...string) string {
		s := ""
		for _, p := range phones {
			s += fmt.Sprintf(`{"Phone":%q,"Word":0,"Frames":5},`, p)
		}
		return `{"a":[` + strings.TrimSuffix(s, ",") + "]}"
	}
	for file, want := range map[string]string{
		segments("N", "OW"): "",
		segments("N", "AA"): "pronunciations",
		segments("N"):       "lengths",
		`{"a":[{"Phone":"N","Word":1,"Frames":10}]}`: "words",
		`{"b":[]}`: "recordings",
		`{`:        "JSON",
	} {
		path := filepath.Join(t.TempDir(), "alignment.json")
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readAlignment(path, []*Clip{c})
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

func TestBadSettings(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"--data":     func(s *Settings) { s.Data = "" },
		"--budget":   func(s *Settings) { s.Budget = time.Second },
		"--stage":    func(s *Settings) { s.Stage = "half" },
		"--acoustic": func(s *Settings) { s.Acoustic = "big" },
		"--method":   func(s *Settings) { s.Method = "snip" },
		"--sparsity": func(s *Settings) { s.Sparsity = 1 },
		"metadata":   func(s *Settings) { s.Data = t.TempDir() },
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
