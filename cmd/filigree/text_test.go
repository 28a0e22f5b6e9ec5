package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
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
	for args, want := range map[string]int{"...": exitFailure, "": exitFailure} {
		out.Reset()
		if code := run(context.Background(), []string{"text", args}, console{&out, &warn}); code != want {
			t.Errorf("%q: exit %d, want %d", args, code, want)
		}
	}
	if code := run(context.Background(), []string{"text"}, console{&out, &warn}); code != exitUsage {
		t.Errorf("no text: exit %d", code)
	}
}
