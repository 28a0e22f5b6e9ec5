package wavernn

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFile checks that a sparse model draws the same samples after it was saved and read.
func TestFile(t *testing.T) {
	m, rng := newModel(t, 9)
	sparsify(m, 16, 0.3, rng)
	frames := randomFrames(rng, 3)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := m.Save(path, map[string]string{"note": "x"}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.Spec() != small {
		t.Errorf("read %+v, wrote %+v", again.Spec(), small)
	}
	var got [2][]int16
	for i, m := range []*Model{m, again} {
		s, err := NewSession(m, Options{Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		got[i], _ = run(s, frames)
	}
	if !slices.Equal(got[0], got[1]) {
		t.Error("the model that was read draws other samples")
	}
	if v := again.Cell.Input.Values()[Scalars-1]; v != 0 {
		t.Errorf("weight of a coarse unit for its own byte is %g", v)
	}
}

// TestBadFile checks that what is not a model is an error that names the file.
func TestBadFile(t *testing.T) {
	m, _ := newModel(t, 10)
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if err := m.Save(good, nil); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": {}, "short": whole[:len(whole)/2],
		"other":  []byte(strings.Replace(string(whole), `"wavernn"`, `"waverno"`, 1)),
		"units":  []byte(strings.Replace(string(whole), `\"units\":64`, `\"units\":65`, 1)),
		"larger": []byte(strings.Replace(string(whole), `\"units\":64`, `\"units\":96`, 1)),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
