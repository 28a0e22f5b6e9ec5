package gantts

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"

	"github.com/seed073b5613/filigree/audio"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/weights"
)

// Decode yields the waveform of features [Features, 1, T] in chunks of so many frames, each of
// Hop samples; 0 for one chunk. Chunks are computed with the frames around them that they depend
// on, so that the samples do not depend on the size of the chunks. A chunk is valid until the
// next. It panics on features of another shape or on z of another length.
func (g *Generator) Decode(features *tensor.Tensor, z []float32, frames int) iter.Seq[[]float32] {
	s := features.Shape
	if len(s) != 3 || s[0] != g.Spec.Features || s[1] != 1 || len(z) != g.Spec.Latent {
		panic(fmt.Sprintf("gantts: Decode: features are %v, z has %d, want [%d, 1, T] and %d", s, len(z), g.Spec.Features, g.Spec.Latent))
	}
	return func(yield func([]float32) bool) {
		T, hop, reach := s[2], g.Spec.Hop(), g.Spec.Reach()
		if frames <= 0 {
			frames = max(T, 1)
		}
		if g.tape == nil {
			g.tape = &grad.Tape{NoGrad: true}
		}
		latent := tensor.Of(z, len(z), 1)
		for at := 0; at < T; at += frames {
			end := min(at+frames, T)
			lo, hi := max(at-reach, 0), min(end+reach, T)
			g.tape.Reset()
			x := g.tape.New(s[0], 1, hi-lo)
			for f := range s[0] {
				copy(x.Value.Data[f*(hi-lo):(f+1)*(hi-lo)], features.Data[f*T+lo:])
			}
			y := g.Forward(g.tape, x, g.tape.Input(latent)).Value.Data[(at-lo)*hop : (end-lo)*hop]
			audio.FromMuLaw(y, g.Spec.Mu)
			if !yield(y) {
				return
			}
		}
	}
}

// Arch is the architecture that files of generators name.
const Arch = "gan-tts"

// Metadata keys of a file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// Save writes the generator to a file, with metadata beside its own.
func (g *Generator) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(g.Spec)
	if err != nil {
		return fmt.Errorf("gantts: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = Arch, string(config)
	return weights.Save(path, g, all)
}

// Open reads a generator from a file that Save wrote, and its metadata. Spectral norms are folded
// into the weights.
func Open(path string) (*Generator, map[string]string, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if a := f.Metadata[archKey]; a != Arch {
		return nil, nil, fmt.Errorf("gantts: open %s: its architecture is %q, not %q", path, a, Arch)
	}
	var s Spec
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, nil, fmt.Errorf("gantts: open %s: configuration of the network: %w", path, err)
	}
	g, err := NewGenerator(s, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("gantts: open %s: %w", path, err)
	}
	if err := f.Load(g); err != nil {
		return nil, nil, err
	}
	for _, p := range nn.Params(g) {
		for _, w := range p.Values() {
			if math.IsNaN(float64(w)) || math.IsInf(float64(w), 0) {
				return nil, nil, fmt.Errorf("gantts: open %s: weight %s holds %v", path, p.Name, w)
			}
		}
	}
	nn.FoldSpectral(g)
	return g, f.Metadata, nil
}
