package main

import (
	"strings"
	"testing"
)

// What goes wrong before a generator is trained, and what its study plans.
func TestGAN(t *testing.T) {
	dir := t.TempDir()
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"train gan-tts": {2, "--data"},
		"train gan-tts --data x --discriminators many":            {2, "--discriminators many"},
		"train gan-tts --data x --frames 10":                      {2, "--frames 10"},
		"train gan-tts --data nowhere --run r":                    {1, "nowhere"},
		"reproduce gan-tts --data nowhere":                        {1, "cathy-arctic"},
		"reproduce gan-tts --groups mnist":                        {2, "--groups"},
		"train voice --data x --stage adversarial --critics some": {2, "--critics some"},
	} {
		if _, errs, code := execute(t, dir, strings.Fields(args)...); code != want.code || !strings.Contains(errs, want.says) {
			t.Errorf("%s: code %d, %s", args, code, errs)
		}
	}
	out, _, code := execute(t, dir, "reproduce", "gan-tts", "--budget", "20m", "--seeds", "3", "--list")
	if code != 0 || !strings.Contains(out, "whole-3\tfiligree train gan-tts --discriminators whole") {
		t.Errorf("code %d: %s", code, out)
	}
}
