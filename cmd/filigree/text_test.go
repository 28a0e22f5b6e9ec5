package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTextCommand(t *testing.T) {
	var out, warn bytes.Buffer
	if code := run(context.Background(), []string{"text", "Hello. Pay $5, {QQ}.", "--json"}, console{&out, &warn}); code != 0 {
		t.Fatalf("exit %d: %s", code, warn.String())
	}
	var got struct{ Sentences []sentenceReport }
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Sentences) != 2 || got.Sentences[1].Normalized != "pay five dollars" ||
		!slices.Equal(got.Sentences[0].Phonemes, []string{"HH", "AH0", "L", "OW1"}) {
		t.Errorf("%s", out.String())
	}
	if !bytes.Contains(warn.Bytes(), []byte("unknown phoneme QQ")) {
		t.Errorf("warned %q", warn.String())
	}
	lexicon := filepath.Join(t.TempDir(), "words.txt")
	if err := os.WriteFile(lexicon, []byte("tea T IY1\nkettle = big pot\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if code := run(context.Background(), []string{"text", `<speak>Kettle <sub alias="tea">T</sub></speak>`, "--lexicon", lexicon, "--json"}, console{&out, &warn}); code != 0 {
		t.Fatalf("exit %d: %s", code, warn.String())
	}
	if !strings.Contains(out.String(), `"normalized":"big pot tea"`) {
		t.Errorf("%s", out.String())
	}
	if err := os.WriteFile(lexicon, []byte("tea T IY1\nkettle K QQ\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	warn.Reset()
	if code := run(context.Background(), []string{"text", "Tea", "--lexicon", lexicon}, console{&out, &warn}); code != exitFailure || !strings.Contains(warn.String(), "words.txt:2: unknown phoneme QQ in kettle") {
		t.Errorf("exit %d: %s", code, warn.String())
	}
	for args, want := range map[string]int{"...": exitFailure, "<speak>": exitFailure, "": exitFailure} {
		out.Reset()
		if code := run(context.Background(), []string{"text", args}, console{&out, &warn}); code != want {
			t.Errorf("%q: exit %d, want %d", args, code, want)
		}
	}
	if code := run(context.Background(), []string{"text"}, console{&out, &warn}); code != exitUsage {
		t.Errorf("no text: exit %d", code)
	}
}

// A break of SSML is heard, and a lexicon is asked, by the command that speaks.
func TestSpeakSSML(t *testing.T) {
	var out, warn bytes.Buffer
	file := filepath.Join(t.TempDir(), "a.wav")
	code := run(context.Background(), []string{"speak", `<speak>A<break time="2s"/><phoneme ph="oʊ">x</phoneme></speak>`, "-o", file, "--json"}, console{&out, &warn})
	if code != 0 {
		t.Fatalf("exit %d: %s", code, warn.String())
	}
	var got speakReport
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.SecondsAudio < 2 || got.SecondsAudio > 4 {
		t.Errorf("%.2f s", got.SecondsAudio)
	}
	if code := run(context.Background(), []string{"speak", "tea", "--lexicon", file, "-o", file}, console{&out, &warn}); code != exitFailure || !strings.Contains(warn.String(), "a.wav:1") {
		t.Errorf("sound for a lexicon: exit %d, %s", code, warn.String())
	}
}
