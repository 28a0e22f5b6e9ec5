package wavernn

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/weights"
)

// Arch is the architecture that files of models name.
const Arch = "wavernn"

// Metadata keys of a model's file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// Save writes the model to a file, with metadata beside its own.
func (m *Model) Save(path string, metadata map[string]string) error {
	return m.save(path, metadata, weights.Save)
}

// SaveHalf is [Model.Save] with weights of 16 bits.
func (m *Model) SaveHalf(path string, metadata map[string]string) error {
	return m.save(path, metadata, weights.SaveHalf)
}

func (m *Model) save(path string, metadata map[string]string, write func(string, any, map[string]string) error) error {
	config, err := json.Marshal(m.spec)
	if err != nil {
		return fmt.Errorf("wavernn: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = Arch, string(config)
	return write(path, m, all)
}

// Open rebuilds a model from a file that Save wrote.
func Open(path string) (*Model, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return load(f, path)
}

// load rebuilds a model from an open file.
func load(f *weights.File, path string) (*Model, error) {
	if arch := f.Metadata[archKey]; arch != Arch {
		return nil, fmt.Errorf("wavernn: open %s: its architecture is %q, not %q", path, arch, Arch)
	}
	var s Spec
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, fmt.Errorf("wavernn: open %s: configuration of the network: %w", path, err)
	}
	m, err := New(s, nil)
	if err != nil {
		return nil, fmt.Errorf("wavernn: open %s: %w", path, err)
	}
	if err := f.Load(m); err != nil {
		return nil, err
	}
	for _, p := range nn.Params(m) {
		if len(p.Shape) == 1 && p.Sparse != nil {
			return nil, fmt.Errorf("wavernn: open %s: the bias %s is sparse", path, p.Name)
		}
	}
	return m, nil
}
