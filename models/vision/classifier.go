// Package vision holds image classifiers: networks that are built from a [Spec],
// saved with it, and rebuilt from the file alone.
package vision

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/weights"
)

// Metadata keys of a classifier's file.
const (
	archKey   = "architecture"
	configKey = "config"
)

// Spec says how a network is built.
type Spec struct {
	Arch    string  `json:"-"` // a name from [Architectures]
	Classes int     `json:"classes"`
	Input   []int   `json:"input"`           // of one sample: [features] or [C, H, W]
	Depth   int     `json:"depth,omitempty"` // of a wide residual network: 6n+4
	Width   float64 `json:"width,omitempty"` // multiplies the hidden channels (0: 1); the widening factor of a wide residual network
}

// The architectures.
const (
	LeNet300100 = "lenet-300-100" // perceptron; input [features], of the others [C, H, W]
	LeNet5      = "lenet-5"
	WRN         = "wrn" // wide residual network, for small images
	VGG         = "vgg" // for small images
	ResNet50    = "resnet-50"
	MobileNetV1 = "mobilenet-v1"
	MobileNetV2 = "mobilenet-v2"
)

// build returns a network with first weights from rng, or what is wrong with the spec.
func (s Spec) build(rng *rand.Rand) (nn.Layer, error) {
	if s.Classes < 2 {
		return nil, fmt.Errorf("%d classes: must be 2 or more", s.Classes)
	}
	for _, d := range s.Input {
		if d < 1 || d > 1<<20 {
			return nil, fmt.Errorf("input %v is out of range", s.Input)
		}
	}
	if !(s.Width >= 0 && s.Width <= 100) {
		return nil, fmt.Errorf("width %v: must be from 0 to 100", s.Width)
	}
	switch s.Arch {
	case LeNet300100:
		return newLeNet300100(s, rng)
	case LeNet5:
		return newLeNet5(s, rng)
	case WRN:
		return newWideResNet(s, rng)
	case VGG:
		return newVGG(s, rng)
	case ResNet50:
		return newResNet50(s, rng)
	case MobileNetV1:
		return newMobileNetV1(s, rng)
	case MobileNetV2:
		return newMobileNetV2(s, rng)
	}
	return nil, fmt.Errorf("architecture %q is not known; there are %s", s.Arch, strings.Join(Architectures(), ", "))
}

// channels returns how many channels a hidden layer has that has n at width 1: at least
// one.
func (s Spec) channels(n int) int {
	if s.Width == 0 {
		return n
	}
	return max(1, int(math.Round(s.Width*float64(n))))
}

// isImage reports whether the input is an image.
func (s Spec) isImage() error {
	if len(s.Input) != 3 {
		return fmt.Errorf("input %v is not an image [channels, height, width]", s.Input)
	}
	return nil
}

// atLeast reports whether the sides of the input image are long enough.
func (s Spec) atLeast(side int) error {
	if min(s.Input[1], s.Input[2]) < side {
		return fmt.Errorf("images of %d×%d: must be %d×%d at least", s.Input[1], s.Input[2], side, side)
	}
	return nil
}

// Architectures lists the names a Spec can have.
func Architectures() []string {
	return []string{LeNet300100, LeNet5, WRN, VGG, ResNet50, MobileNetV1, MobileNetV2}
}

// InputShape returns the shape of a batch of n inputs: [features, n] or [C, n, H, W].
func (s Spec) InputShape(n int) []int { return slices.Insert(slices.Clone(s.Input), 1, n) }

// Classifier is a network that gives logits [classes, B], and how it was built.
type Classifier struct {
	nn.Layer
	Spec     Spec
	Metadata map[string]string // of the file it was opened from
}

// New builds a classifier with first weights from rng.
func New(s Spec, rng *rand.Rand) (*Classifier, error) {
	net, err := s.build(rng)
	if err != nil {
		return nil, fmt.Errorf("vision: new %s: %w", s.Arch, err)
	}
	return &Classifier{Layer: net, Spec: s}, nil
}

// Save writes the weights and the spec, with more metadata, which may be nil: see
// [weights.Save].
func (c *Classifier) Save(path string, metadata map[string]string) error {
	config, err := json.Marshal(c.Spec)
	if err != nil {
		return fmt.Errorf("vision: save %s: %w", path, err)
	}
	all := map[string]string{}
	maps.Copy(all, metadata)
	all[archKey], all[configKey] = c.Spec.Arch, string(config)
	return weights.Save(path, c.Layer, all)
}

// Open rebuilds a classifier from a file that Save wrote.
func Open(path string) (*Classifier, error) {
	f, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := specOf(f)
	if err != nil {
		return nil, fmt.Errorf("vision: open %s: %w", path, err)
	}
	net, err := s.build(nil)
	if err != nil {
		return nil, fmt.Errorf("vision: open %s: %w", path, err)
	}
	if err := f.Load(net); err != nil {
		return nil, err
	}
	return &Classifier{Layer: net, Spec: s, Metadata: f.Metadata}, nil
}

// specOf reads the spec of an open file.
func specOf(f *weights.File) (Spec, error) {
	arch, ok := f.Metadata[archKey]
	if !ok {
		return Spec{}, errors.New("the file does not say which network it holds")
	}
	s := Spec{Arch: arch}
	if err := json.Unmarshal([]byte(f.Metadata[configKey]), &s); err != nil {
		return s, fmt.Errorf("configuration of the network: %w", err)
	}
	return s, nil
}
