package align

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/weights"
)

// Arch is the architecture named in a model's file.
const Arch = "aligner"

// Metadata keys of a model's file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// Limits of what a file may ask for.
const (
	mostPhones    = 1000
	mostGaussians = 256
)

// fileConfig is what the metadata says of a model.
type fileConfig struct {
	Phones    []string `json:"phones"`
	Gaussians int      `json:"gaussians"` // of each state
}

// Save writes the model as a safetensors file.
func (m *Model) Save(path string) error {
	config, err := json.Marshal(fileConfig{m.Phones, m.G})
	if err != nil {
		return fmt.Errorf("align: save %s: %w", path, err)
	}
	return weights.Write(path, []weights.Entry{
		weights.Float32("means", m.Means, m.states(), m.G, dimensions),
		weights.Float32("variances", m.Var, m.states(), m.G, dimensions),
		weights.Float32("shares", m.Shares, m.states(), m.G),
	}, map[string]string{archKey: Arch, configKey: string(config)})
}

// Open reads a model that Save wrote.
func Open(path string) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("align: open %s: %w", path, err)
	}
	return m, nil
}

func read(f *weights.File) (*Model, error) {
	if f.Metadata[archKey] != Arch {
		return nil, fmt.Errorf("it holds %q, not an %s", f.Metadata[archKey], Arch)
	}
	var c fileConfig
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &c); err != nil {
		return nil, fmt.Errorf("%s: %w", configKey, err)
	}
	if n := len(c.Phones); n < 1 || n > mostPhones || c.Gaussians < 1 || c.Gaussians > mostGaussians {
		return nil, fmt.Errorf("%d phones and %d Gaussians a state: out of range", n, c.Gaussians)
	}
	if !slices.IsSorted(c.Phones) || len(slices.Compact(slices.Clone(c.Phones))) != len(c.Phones) {
		return nil, errors.New("the phones are not sorted, each once")
	}
	m := &Model{Phones: c.Phones, G: c.Gaussians}
	for _, part := range []struct {
		name  string
		shape []int
		to    *[]float32
	}{
		{"means", []int{m.states(), m.G, dimensions}, &m.Means}, {"variances", []int{m.states(), m.G, dimensions}, &m.Var},
		{"shares", []int{m.states(), m.G}, &m.Shares},
	} {
		info, _ := f.Info(part.name)
		if !slices.Equal(info.Shape, part.shape) {
			return nil, fmt.Errorf("tensor %q has shape %v, want %v", part.name, info.Shape, part.shape)
		}
		v, err := f.Float32(part.name)
		if err != nil {
			return nil, err
		}
		*part.to = v
	}
	for i, v := range m.Var {
		if !(v >= 1e-12) || math.IsInf(float64(v), 0) || !(math.Abs(float64(m.Means[i])) < 1e6) {
			return nil, errors.New("a Gaussian is none")
		}
	}
	for _, v := range m.Shares {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("a Gaussian has %v of its state", v)
		}
	}
	m.prepare()
	return m, nil
}
