package rigl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/nn"
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

// dataset is what a task trains and is scored on.
type dataset struct {
	*data.ImageSet
	options data.Options
}

// open reads or draws the images of a task.
func open(task string, s Settings) (*dataset, error) {
	d := &dataset{options: data.Options{Size: s.Batch, Flat: true}}
	if s.Augment {
		d.options.Shift = 2
	}
	var err error
	switch task {
	case "digits":
		n := digitsTraining
		if s.Images > 0 {
			n = min(n, s.Images)
		}
		d.ImageSet = data.Digits(digitsSeed, n, digitsTest)
	case "mnist":
		if d.ImageSet, err = data.MNIST(s.Data); err == nil && (d.Train.H != 28 || d.Train.W != 28) {
			err = fmt.Errorf("rigl: images in %s are %d×%d, LeNet-300-100 takes 28×28", s.Data, d.Train.H, d.Train.W)
		}
	case "cifar10":
		d.options.Flat = false
		if s.Augment {
			d.options.Shift, d.options.Mirror = 4, true
		}
		d.ImageSet, err = data.CIFAR10(s.Data)
	default:
		err = fmt.Errorf("rigl: no data for %q", task)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; get it with: filigree fetch %s, or name its folder with --data", err, task)
	}
	if err != nil {
		return nil, err
	}
	if s.Images > 0 {
		d.Train = d.Train.First(s.Images)
	}
	if s.Batch > d.Train.Len() {
		return nil, fmt.Errorf("rigl: a batch of %d is more than the %d training images", s.Batch, d.Train.Len())
	}
	return d, nil
}

// batches returns the training batches and how many make an epoch.
func (d *dataset) batches(pcg *rand.PCG) (source train.Source, perEpoch int) {
	b := d.Train.Batches(d.options, pcg)
	return b, b.PerEpoch()
}

// evaluate returns a function that scores a network on the test images.
func (d *dataset) evaluate(net nn.Layer) func(context.Context) (train.Scores, error) {
	o := data.Options{Size: evalBatch, Flat: d.options.Flat}
	return func(ctx context.Context) (train.Scores, error) {
		return train.Evaluate(ctx, net, d.Test.InOrder(o))
	}
}
