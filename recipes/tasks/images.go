package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/models/vision"
	"github.com/seed073b5613/filigree/train"
)

// keyClasses is the metadata of a classifier's file that holds the names of its classes, a
// list in JSON.
const keyClasses = "classes"

// usualDepth is that of a wide residual network where none is named.
const usualDepth = 16

var imageTasks = []Task{{
	Name:    "images",
	Summary: "MobileNet v1, or --arch, on photographs in one folder a class (--data)",
	Samples: "images", Metric: accuracy,
	Default: defaults(func(s *Settings) {
		s.Data, s.Epochs, s.Batch = filepath.Join("data", "imagenet"), 90, 32
		s.Arch, s.Size, s.Augment = vision.MobileNetV1, 224, true
		s.Rate, s.WarmUp, s.Decay, s.Smoothing, s.Every = 0.05, 500, 4e-5, 0.1, 100
	}),
	open: openImages, load: loadVision,
}}

func openImages(c config) (*dataset, error) {
	tree, err := data.OpenTree(c.Data)
	if err != nil {
		return nil, err
	}
	training := tree.Train.Some(c.Images)
	if c.Batch > training.Len() {
		return nil, fmt.Errorf("tasks: a batch of %d is more than the %d training images", c.Batch, training.Len())
	}
	spec := vision.Spec{Arch: c.Arch, Classes: len(tree.Classes), Input: []int{3, c.Size, c.Size}, Width: c.Width}
	if spec.Depth = c.Depth; c.Arch == vision.WRN && c.Depth == 0 {
		spec.Depth = usualDepth
	}
	names, err := json.Marshal(tree.Classes)
	if err != nil {
		return nil, err
	}
	return &dataset{
		note: tree.Note, warning: tree.Train.Warning,
		build: func(rng *rand.Rand) (*model, error) {
			net, err := vision.New(spec, rng)
			if err != nil {
				return nil, err
			}
			net.Metadata = map[string]string{keyClasses: string(names)}
			return visionModel(net), nil
		},
		batches: func(pcg *rand.PCG) (train.Source, int) {
			b := training.Batches(c.Batch, c.Size, c.Augment, pcg.Uint64())
			return b, b.PerEpoch()
		},
		evaluate: func(ctx context.Context, net *model) (train.Scores, error) {
			if err := sameClasses(net.Metadata, tree.Classes); err != nil {
				return train.Scores{}, fmt.Errorf("%s: %w", c.Data, err)
			}
			s, err := train.Evaluate(ctx, net, tree.Test.InOrder(c.Batch, c.Size))
			if err == nil && s.Count == 0 {
				err = fmt.Errorf("%s: no test image can be read: %s", c.Data, tree.Test.Warning())
			}
			return s, err
		},
		tests: tree.Test.Len(),
	}, nil
}

// sameClasses reports whether a network, by its metadata, was trained on other classes.
func sameClasses(metadata map[string]string, want []string) error {
	var names []string
	if err := json.Unmarshal([]byte(metadata[keyClasses]), &names); err != nil {
		return fmt.Errorf("metadata %q of the model: %w", keyClasses, err)
	}
	if !slices.Equal(names, want) {
		return errors.New("the model was trained on classes of other names")
	}
	return nil
}

// keepClasses returns metadata with the names of the classes from has.
func keepClasses(metadata, has map[string]string) map[string]string {
	if has[keyClasses] == "" {
		return metadata
	}
	all := map[string]string{keyClasses: has[keyClasses]}
	maps.Copy(all, metadata)
	return all
}
