package tasks

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/train"
)

// smallModel trains a character model for a few steps and returns its path.
func smallModel(t *testing.T) string {
	t.Helper()
	s := smallText(t, "charlm")
	r, err := Run(context.Background(), "charlm", s, IO{Dir: filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	return r.Model
}

// A model learns a stream of another style, better than it would predict it frozen, with memory
// that does not grow; stopped and given again, it ends with the same bits.
func TestAdapt(t *testing.T) {
	model, dir := smallModel(t), t.TempDir()
	text := strings.Repeat("QUOTH THE RÄVEN: NEVERMORE. ", 120)
	file := filepath.Join(dir, "raven.txt.gz")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write([]byte(text))
	z.Close()
	if err := os.WriteFile(file, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, learner := range []string{"snap-1", "bptt"} {
		a := Adapt
		a.Learner, a.Rate, a.Every, a.Period = learner, 5e-3, 500, 5
		held, calls := 0, 0
		whole, err := RunAdapt(context.Background(), model, file, filepath.Join(dir, learner+"whole"), a, func(now, since Adapted) {
			if calls++; held == 0 {
				held = now.Held
			}
			if now.Held != held || since.Bytes < 400 || since.Bytes > 600 {
				t.Errorf("%d bytes held, then %d; a report about %d bytes", held, now.Held, since.Bytes)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if whole.Bytes != int64(len(text)) || whole.Characters != int64(len([]rune(text))) || calls != len(text)/500 || whole.Warning != "" {
			t.Errorf("%d bytes, %d characters, %d reports, warning %q", whole.Bytes, whole.Characters, calls, whole.Warning)
		}
		if !(whole.Bits < whole.Frozen-0.5) || whole.Frozen-whole.Bits != whole.Gain {
			t.Errorf("%s: %v bits, frozen %v, gain %v", learner, whole.Bits, whole.Frozen, whole.Gain)
		}
		broken := filepath.Join(dir, learner+"broken")
		ctx, cancel := context.WithCancel(context.Background())
		r, err := RunAdapt(ctx, model, file, broken, a, func(now, _ Adapted) {
			if now.Bytes > 1200 {
				cancel()
			}
		})
		if !errors.Is(err, train.ErrInterrupted) {
			t.Fatal(err)
		}
		if _, err := os.Stat(r.Model); err != nil {
			t.Errorf("an interrupted run leaves no model: %v", err)
		}
		os.Rename(model, model+".away") // the run has its own copy
		resumed, err := RunAdapt(context.Background(), model, file, broken, a, nil)
		os.Rename(model+".away", model)
		if err != nil {
			t.Fatal(err)
		}
		if resumed.Bits != whole.Bits || resumed.Frozen != whole.Frozen || !bytes.Equal(contents(t, resumed.Model), contents(t, whole.Model)) {
			t.Errorf("%s: resumed to %v and %v bits, not %v and %v", learner, resumed.Bits, resumed.Frozen, whole.Bits, whole.Frozen)
		}
		if _, err := Eval(context.Background(), whole.Model, filepath.Join(filepath.Dir(file), "missing")); err == nil || strings.Contains(err.Error(), "not a model") {
			t.Errorf("the adapted model: %v", err)
		}
		a.Period = 7
		if _, err := RunAdapt(context.Background(), model, file, broken, a, nil); err == nil {
			t.Error("a run goes on with another period")
		}
	}
}

// What is not text is counted, not lost; what cannot be read is an error.
func TestAdaptBadInput(t *testing.T) {
	model, dir := smallModel(t), t.TempDir()
	file := filepath.Join(dir, "latin1.txt")
	if err := os.WriteFile(file, []byte("un caf\xe9 noir, deux caf\xe9s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := RunAdapt(context.Background(), model, file, filepath.Join(dir, "run"), Adapt, nil)
	if err != nil || !strings.Contains(r.Warning, "2 bytes are not UTF-8, the first at byte 6") || r.Characters != r.Bytes {
		t.Errorf("%v, %+v", err, r)
	}
	words := smallText(t, "wordlm")
	words.Steps = 1
	w, err := Run(context.Background(), "wordlm", words, IO{Dir: filepath.Join(dir, "words")})
	if err != nil {
		t.Fatal(err)
	}
	for want, try := range map[string][2]string{
		"character model is needed": {w.Model, file}, "no such file": {model, file + ".not"}, "a folder": {model, dir},
		"latin1.txt": {file, file},
	} {
		if _, err := RunAdapt(context.Background(), try[0], try[1], filepath.Join(dir, "other"), Adapt, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err == nil {
		t.Error("a run that cannot begin leaves a directory")
	}
	for want, change := range map[string]func(*Adapting){
		"snap-0": func(a *Adapting) { a.Learner = "snap-0" }, "--period 0": func(a *Adapting) { a.Period = 0 }, "--rate -1": func(a *Adapting) { a.Rate = -1 },
		"--optimizer": func(a *Adapting) { a.Optimizer = "lion" }, "--every": func(a *Adapting) { a.Every = 0 }, "--save-seconds": func(a *Adapting) { a.SaveSeconds = 0 },
	} {
		a := Adapt
		change(&a)
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
