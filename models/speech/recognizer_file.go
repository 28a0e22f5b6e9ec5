package speech

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/weights"
)

// Metadata keys of a recogniser's file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// scaleSuffix names the factors of the rows of a weight stored in 8 bits.
const scaleSuffix = ".scale"

//go:embed recognizer.safetensors
var builtin []byte

// DefaultRecognizer is the recogniser that speech distances are measured by where no other is
// named: trained on one speaker's recordings, its weights rounded to 8 bits. It is shared;
// do not train it.
var DefaultRecognizer = sync.OnceValue(func() *Recognizer {
	f, err := weights.Read("built-in recognizer", builtin)
	if err != nil {
		panic(err)
	}
	r, err := readRecognizer(f)
	if err != nil {
		panic(err)
	}
	return r
})

// Save writes the network; metadata goes with it and may be nil.
func (r *Recognizer) Save(path string, metadata map[string]string) error {
	all, err := r.describe(metadata)
	if err != nil {
		return fmt.Errorf("speech: save %s: %w", path, err)
	}
	return weights.Save(path, r, all)
}

func (r *Recognizer) describe(metadata map[string]string) (map[string]string, error) {
	config, err := json.Marshal(r.spec)
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = RecognizerArch, string(config)
	return all, err
}

// SaveCompact writes the network with weights rounded to 8 bits, each row with its own
// scale: about a quarter of the size. Vectors stay as they are. Networks with sparse weights
// cannot be written so.
func (r *Recognizer) SaveCompact(path string, metadata map[string]string) error {
	all, err := r.describe(metadata)
	if err != nil {
		return fmt.Errorf("speech: save %s: %w", path, err)
	}
	var entries []weights.Entry
	for _, p := range nn.Params(r) {
		if p.Dense == nil || p.Mask != nil {
			return fmt.Errorf("speech: save %s: %s is sparse", path, p.Name)
		}
		if len(p.Shape) < 2 {
			entries = append(entries, weights.Float32(p.Name, p.Dense.Data, p.Shape...))
			continue
		}
		q, scales := rounded(p.Dense.Data, p.M())
		entries = append(entries, weights.Entry{Name: p.Name, DType: weights.I8, Shape: p.Shape, Bytes: func() []byte { return q }},
			weights.Float32(p.Name+scaleSuffix, scales, p.M()))
	}
	return weights.Write(path, entries, all)
}

// rounded returns rows as whole numbers from -127 to 127, in bytes, and what to multiply them by.
func rounded(w []float32, rows int) (q []byte, scales []float32) {
	K := len(w) / rows
	scales = make([]float32, rows)
	for m := range rows {
		row := w[m*K : (m+1)*K]
		for _, v := range row {
			scales[m] = max(scales[m], float32(math.Abs(float64(v)))/127)
		}
		for _, v := range row {
			n := 0.0
			if scales[m] > 0 {
				n = math.Round(float64(v / scales[m]))
			}
			q = append(q, byte(int8(max(-127, min(127, n)))))
		}
	}
	return q, scales
}

// OpenRecognizer reads a network that Save or SaveCompact wrote.
func OpenRecognizer(path string) (*Recognizer, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readRecognizer(f)
}

func readRecognizer(f *weights.File) (*Recognizer, error) {
	if arch := f.Metadata[archKey]; arch != RecognizerArch {
		return nil, fmt.Errorf("speech: open %s: architecture %q is not %s", f.Path, arch, RecognizerArch)
	}
	var s RecognizerSpec
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return nil, fmt.Errorf("speech: open %s: %s: %w", f.Path, configKey, err)
	}
	r, err := NewRecognizer(s, nil)
	if err != nil {
		return nil, fmt.Errorf("speech: open %s: %w", f.Path, err)
	}
	if err := f.Load(r); err != nil {
		return nil, err
	}
	for _, p := range nn.Params(r) {
		if err := rescale(f, p); err != nil {
			return nil, fmt.Errorf("speech: open %s: %w", f.Path, err)
		}
	}
	r.metadata = f.Metadata
	return r, nil
}

// rescale multiplies the rows of a weight that was stored in 8 bits by their scales.
func rescale(f *weights.File, p *nn.Param) error {
	info, ok := f.Info(p.Name + scaleSuffix)
	if !ok || p.Dense == nil {
		return nil
	}
	if !slices.Equal(info.Shape, []int{p.M()}) {
		return fmt.Errorf("tensor %q has shape %v for %d rows", info.Name, info.Shape, p.M())
	}
	scales, err := f.Float32(info.Name)
	if err != nil {
		return err
	}
	K := p.K()
	for m, scale := range scales {
		for i := range p.Dense.Data[m*K : (m+1)*K] {
			p.Dense.Data[m*K+i] *= scale
		}
	}
	return nil
}
