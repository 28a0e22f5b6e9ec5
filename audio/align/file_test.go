package align

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/weights"
)

// tiny returns a model of two phones, of one Gaussian a state.
func tiny() *Model {
	m := &Model{Phones: []string{"a", "b"}, G: 1}
	n := m.states()
	m.Means, m.Var, m.Shares = make([]float32, n*dimensions), make([]float32, n*dimensions), make([]float32, n)
	for i := range m.Var {
		m.Means[i], m.Var[i] = float32(i%7)-3, 1
	}
	for i := range m.Shares {
		m.Shares[i] = 1
	}
	return m
}

func TestOpenErrors(t *testing.T) {
	for want, change := range map[string]func(m *Model, meta map[string]string){
		"not an aligner":     func(_ *Model, meta map[string]string) { meta[archKey] = "lenet" },
		"config":             func(_ *Model, meta map[string]string) { meta[configKey] = "{" },
		"0 phones":           func(_ *Model, meta map[string]string) { meta[configKey] = `{"gaussians":1}` },
		"1000000 Gaussians":  func(_ *Model, meta map[string]string) { meta[configKey] = `{"phones":["a"],"gaussians":1000000}` },
		"not sorted":         func(_ *Model, meta map[string]string) { meta[configKey] = `{"phones":["b","a"],"gaussians":1}` },
		"want [10 1 39]":     func(_ *Model, meta map[string]string) { meta[configKey] = `{"phones":["a","b","c"],"gaussians":1}` },
		"a Gaussian is none": func(m *Model, _ map[string]string) { m.Var[5] = 0 },
		"Gaussian is none":   func(m *Model, _ map[string]string) { m.Means[5] = float32(math.NaN()) },
		"has 2 of its state": func(m *Model, _ map[string]string) { m.Shares[1] = 2 },
	} {
		m, meta := tiny(), map[string]string{archKey: Arch, configKey: `{"phones":["a","b"],"gaussians":1}`}
		change(m, meta)
		path := filepath.Join(t.TempDir(), "m")
		err := weights.Write(path, []weights.Entry{weights.Float32("means", m.Means, 7, 1, dimensions),
			weights.Float32("variances", m.Var, 7, 1, dimensions), weights.Float32("shares", m.Shares, 7, 1)}, meta)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "m")
	if err := tiny().Save(path); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte(`gaussians\":1`), []byte(`gaussians\":8`), 1))
	f.Add(good[:len(good)-4])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(path)
		if err != nil {
			return
		}
		segments, _, err := m.Align(Utterance{Features: make([]float32, 20*dimensions), Words: [][]string{m.Phones[:1]}})
		if err == nil && segments[len(segments)-1].Start >= 20 {
			t.Errorf("segments %v of 20 frames", segments)
		}
	})
}

func TestTextGrid(t *testing.T) {
	segments := []Segment{{Silence, -1, 0, 10}, {"a", 0, 10, 5}, {"b", 0, 15, 6}}
	got := Intervals(segments, 0.2)
	want := []Interval{{0, 0.095, Silence}, {0.095, 0.145, "a"}, {0.145, 0.2, "b"}}
	for i := range want {
		if math.Abs(got[i].Start-want[i].Start) > 1e-9 || math.Abs(got[i].End-want[i].End) > 1e-9 || got[i].Label != want[i].Label {
			t.Errorf("interval %d: %v, want %v", i, got[i], want[i])
		}
	}
	var b strings.Builder
	if err := WriteTextGrid(&b, 0.25, Tier{"words", []Interval{{0.095, 0.2, "say \"ab\"\nnow"}}}, Tier{"phones", got[1:]}); err != nil {
		t.Fatal(err)
	}
	var labels, times []string // as a reader of Praat's format finds them
	for line := range strings.Lines(b.String()) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch key {
		case "text", "name":
			labels = append(labels, value)
		case "xmin", "xmax":
			times = append(times, value)
		}
	}
	if want := []string{`"words"`, `""`, `"say ""ab"" now"`, `""`, `"phones"`, `""`, `"a"`, `"b"`, `""`}; !slices.Equal(labels, want) {
		t.Errorf("labels %q, want %q", labels, want)
	}
	if want := []string{"0", "0.250000", "0", "0.250000", "0.000000", "0.095000", "0.095000", "0.200000", "0.200000", "0.250000"}; !slices.Equal(times[:10], want) {
		t.Errorf("times %q, want %q", times[:10], want)
	}
	if err := WriteTextGrid(&b, 1, Tier{"x", []Interval{{0, 0.5, "a"}, {0.4, 0.6, "b"}}}); err == nil {
		t.Error("intervals that overlap: no error")
	}
}
