package main

import (
	"encoding/json"
	"testing"
)

// The embedded voice can be looked into.
func TestInspectVoice(t *testing.T) {
	out, errs, code := execute(t, ".", "inspect", "../../models/speech/cathy.safetensors", "--json")
	var v inspection
	if err := json.Unmarshal([]byte(out), &v); code != 0 || err != nil {
		t.Fatalf("code %d, %v: %s", code, err, errs)
	}
	if v.Architecture != "voice" || v.Sparsity < 0.5 || v.Nonzeros < 1_600_000 || len(v.Layers) < 20 {
		t.Errorf("%s, %d of %d weights in %d layers", v.Architecture, v.Nonzeros, v.Weights, len(v.Layers))
	}
}
