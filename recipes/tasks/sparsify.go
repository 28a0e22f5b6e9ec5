package tasks

import (
	"fmt"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/train"
)

// sparsify gives the loop its method.
func (j *job) sparsify(ps []*nn.Param) error {
	s := j.config.Settings
	distribution, err := distributionOf(s.Distribution)
	if err != nil {
		return err
	}
	R, err := sparse.ParseBlock(s.Block)
	if err != nil {
		return err
	}
	structure := prune.Structure{Rows: R}
	until := max(1, int(s.Until*float64(j.steps)))
	switch s.Method {
	case "dense":
		j.method = prune.Dense{}
	case "static":
		j.method = prune.Static{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure}
	case "rigl":
		j.method = &prune.RigL{Rewiring: prune.Rewiring{
			Sparsity: s.Sparsity, Distribution: distribution, Structure: structure,
			Until: until, Every: s.Every, DropFraction: s.DropFraction,
		}}
	case "magnitude":
		j.method = prune.Magnitude{
			Sparsity: s.Sparsity, Distribution: distribution, Structure: structure,
			Schedule: prune.Cubic{From: until / 4, Until: until, Every: s.Every},
		}
	default:
		return fmt.Errorf("tasks: no method %q", s.Method)
	}
	j.loop.Prune, j.loop.Weights = j.method, prune.Weights(ps)
	return nil
}

func distributionOf(name string) (prune.Distribution, error) {
	switch name {
	case "erk":
		return prune.ERK, nil
	case "er":
		return prune.ER, nil
	case "uniform":
		return prune.Uniform, nil
	case "even":
		return prune.Even, nil
	}
	return nil, fmt.Errorf("tasks: no distribution %q", name)
}

// work returns the multiplications of the training and of the trained network as
// shares of the dense network's.
func (j *job) work(layers []train.Layer) (training, test float64) {
	rows := make([]prune.Layer, len(layers))
	for i, l := range layers {
		rows[i] = prune.Layer{Name: l.Name, MACs: float64(l.DenseMACs), Density: l.Density}
	}
	lean, dense := prune.Forward(rows)
	cost := prune.DenseCost(dense)
	if c, ok := j.method.(prune.Coster); ok {
		cost = c.Cost(lean, dense, j.steps)
	}
	return cost / prune.DenseCost(dense), lean / dense
}

// rate returns the learning rate at each step.
func (j *job) rate() optim.Schedule {
	s, n := j.config.Settings, j.steps
	schedule := optim.Constant(s.Rate)
	switch s.Schedule {
	case "cosine":
		schedule = optim.Cosine(s.Rate, n)
	case "step":
		schedule = optim.StepDecay(s.Rate, 0.2, n/3, 2*n/3, 5*n/6)
	}
	if s.WarmUp > 0 {
		schedule = optim.WarmUp(schedule, s.WarmUp)
	}
	return schedule
}

// optimizer returns the optimizer of the settings.
func optimizer(s Settings) (optim.Optimizer, error) {
	switch s.Optimizer {
	case "sgd":
		return &optim.SGD{Momentum: s.Momentum, Nesterov: s.Nesterov, Decay: s.Decay}, nil
	case "adam":
		return &optim.Adam{L2: s.Decay}, nil
	case "adamw":
		return &optim.Adam{Decay: s.Decay}, nil
	}
	return nil, fmt.Errorf("tasks: no optimizer %q", s.Optimizer)
}
