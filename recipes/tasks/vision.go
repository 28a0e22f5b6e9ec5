package tasks

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// Numbers of digits drawn, and the seed they are drawn from: all runs see the same
// ones.
const (
	digitsTraining = 60_000
	digitsTest     = 5_000
	digitsSeed     = 1
)

// evalBatch is the number of images scored at a time.
const evalBatch = 250

var visionTasks = []Task{
	{
		Name:    "digits",
		Summary: "LeNet-300-100, or --arch, on digits drawn from a font; needs no download",
		Samples: "images", Metric: accuracy,
		Default: defaults(func(s *Settings) {
			s.Sparsity, s.Epochs = 0.95, 8
		}),
		open: openDigits, load: loadVision,
	},
	{
		Name:    "mnist",
		Summary: "LeNet-300-100, or --arch, on handwritten digits (--data, or filigree fetch mnist)",
		Samples: "images", Metric: accuracy,
		Default: defaults(func(s *Settings) {
			s.Data, s.Epochs = filepath.Join("data", "mnist"), 3
		}),
		open: openMNIST, load: loadVision,
	},
	{
		Name:    "cifar10",
		Summary: "wide residual network WRN-22-2, or --arch, on small photographs (--data, or filigree fetch cifar10)",
		Samples: "images", Metric: accuracy,
		Default: defaults(func(s *Settings) {
			s.Data, s.Epochs, s.Batch = filepath.Join("data", "cifar10"), 30, 128
			s.Augment, s.Depth, s.Width, s.Every = true, 22, 0, 100
			s.WarmUp = 200
		}),
		open: openCIFAR10, load: loadVision,
	},
}

func openDigits(c config) (*dataset, error) {
	n, test := digitsTraining, digitsTest
	if c.Images > 0 {
		n = min(n, c.Images)
		test = min(test, max(500, c.Images))
	}
	return digits(c, data.Digits(digitsSeed, n, test))
}

func openMNIST(c config) (*dataset, error) {
	set, err := data.MNIST(c.Data)
	if err != nil {
		return nil, err
	}
	if set.Train.H != 28 || set.Train.W != 28 {
		return nil, fmt.Errorf("tasks: images in %s are %d×%d, digits are 28×28", c.Data, set.Train.H, set.Train.W)
	}
	return digits(c, set)
}

// digits trains LeNet-300-100 or another network on images of 28×28, shifting them by up
// to 2 pixels if they are augmented.
func digits(c config, set *data.ImageSet) (*dataset, error) {
	o := data.Options{Size: c.Batch, Flat: c.Arch == ""}
	if c.Augment {
		o.Shift = 2
	}
	spec := vision.Spec{Arch: vision.LeNet300100, Classes: 10, Input: []int{784}, Width: c.Width}
	if c.Arch != "" {
		spec.Arch, spec.Input = c.Arch, []int{1, 28, 28}
	}
	if spec.Arch == vision.WRN {
		spec.Depth = usualDepth
	}
	return images(c, set, o, spec)
}

func openCIFAR10(c config) (*dataset, error) {
	set, err := data.CIFAR10(c.Data)
	if err != nil {
		return nil, err
	}
	o := data.Options{Size: c.Batch}
	if c.Augment {
		o.Shift, o.Mirror = 4, true
	}
	spec := vision.Spec{Arch: vision.WRN, Classes: 10, Input: []int{3, 32, 32}, Depth: c.Depth, Width: c.Width}
	if c.Arch != "" {
		spec.Arch = c.Arch
	}
	if spec.Arch == vision.WRN && c.Width == 0 {
		spec.Width = 2
	}
	return images(c, set, o, spec)
}

// images is the data of a classifier of images that lie in memory.
func images(c config, set *data.ImageSet, o data.Options, spec vision.Spec) (*dataset, error) {
	if c.Images > 0 {
		set.Train = set.Train.First(c.Images)
	}
	if c.Batch > set.Train.Len() {
		return nil, fmt.Errorf("tasks: a batch of %d is more than the %d training images", c.Batch, set.Train.Len())
	}
	return &dataset{
		build: func(rng *rand.Rand) (*model, error) {
			net, err := vision.New(spec, rng)
			if err != nil {
				return nil, err
			}
			return visionModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			b := set.Train.Batches(o, pcg)
			return b, b.PerEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			return train.Evaluate(ctx, net, set.Test.InOrder(data.Options{Size: evalBatch, Flat: o.Flat}))
		},
		tests: set.Test.Len(),
	}, nil
}

func visionModel(net *vision.Classifier) *model {
	return &model{Layer: net, Arch: net.Spec.Arch, Metadata: net.Metadata, sample: tensor.New(net.Spec.InputShape(1)...),
		save: func(path string, metadata map[string]string) error {
			return net.Save(path, keepClasses(metadata, net.Metadata))
		}}
}

func loadVision(path string) (*model, error) {
	net, err := vision.Open(path)
	if err != nil {
		return nil, err
	}
	return visionModel(net), nil
}
