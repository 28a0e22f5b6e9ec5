package tasks

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/prune"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/train"
)

// sparsify gives the loop its method; samples is the size of the training data.
func (j *job) sparsify(ps []*nn.Param, samples int) error {
	s := j.config.Settings
	distribution, err := distributionOf(s)
	if err != nil {
		return err
	}
	if err := checkKeep(s.Keep, ps); err != nil {
		return err
	}
	R, err := sparse.ParseBlock(s.Block)
	if err != nil {
		return err
	}
	if err := checkSparsity(s, ps, R); err != nil {
		return err
	}
	structure := prune.Structure{Rows: R}
	global := s.Distribution == "global"
	begin, until := int(s.Begin*float64(j.steps)), max(1, int(s.Until*float64(j.steps)))
	rewiring := prune.Rewiring{
		Sparsity: s.Sparsity, Distribution: distribution, Structure: structure,
		Until: until, Every: everyOf(s, until), DropFraction: s.DropFraction, Drop: dropOf(s, until),
	}
	end := max(begin, min(until, 3*j.steps/4)) // what was pruned last needs time to be made up for
	schedule := prune.Cubic{From: begin, Until: end, Every: everyOf(s, end-begin)}
	one := 1 / float64(max(samples, 1))
	penalty := prune.Penalty{
		Lambda: s.Penalty * one, From: begin, Until: end, Structure: structure, Sparsity: s.Sparsity,
	}
	switch {
	case s.Penalty > 0:
	case s.Method == "l0" && s.Sparsity > 0:
		penalty.Lambda, penalty.Steer = 0.1*one, true
	default:
		penalty.Lambda = one
	}
	if s.Ticket != "" && slices.Contains(starters, s.Method) {
		if j.topology, err = j.topologyOf(s.Ticket); err != nil {
			return err
		}
		rewiring.First = j.topology
	}
	switch s.Method {
	case "dense":
		j.method = prune.Dense{}
	case "static":
		j.method = prune.Static{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, SharedParts: s.ShareGateMask}
	case "snip":
		j.method = &prune.SNIP{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, Global: global}
	case "set":
		j.method = &prune.SET{Rewiring: rewiring}
	case "snfs":
		j.method = &prune.SNFS{Rewiring: rewiring, Redistribute: s.Redistribute}
	case "rigl":
		init := map[string]prune.GrowInit{"normal": prune.GrowNormal, "uniform": prune.GrowUniform, "shuffled": prune.GrowShuffled}
		rigl := &prune.RigL{Rewiring: rewiring, Init: init[s.GrowInit]}
		if s.GrowInit == "gradient" {
			rigl.GradientStep = s.Rate
		}
		j.method = rigl
	case "magnitude":
		j.loop.BestFrom = end + 1 // before it is as sparse as asked for, it is another network
		j.method = prune.Magnitude{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, Schedule: schedule, Global: global, First: j.topology}
	case "random":
		j.loop.BestFrom = end + 1
		j.method = &prune.RandomPruning{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, Schedule: schedule, First: j.topology}
	case "variational":
		if s.Threshold > 0 && s.Penalty > 0 {
			penalty.Sparsity = 0
		}
		j.method = &prune.Variational{Penalty: penalty, Threshold: s.Threshold}
	case "l0":
		j.method = &prune.L0{Penalty: penalty}
	case "lottery", "scratch":
		j.method = prune.Ticket{Masks: j.topology}
	case "evolution":
		j.method = evolution(s, distribution, structure, until)
		j.loop.Replica = j.replica
	default:
		return fmt.Errorf("tasks: no method %q", s.Method)
	}
	if _, ok := j.method.(prune.Finisher); ok {
		j.loop.BestFrom = j.steps // it is sparse once it has ended
	}
	j.loop.Prune, j.loop.Weights = j.method, prune.Weights(ps)
	if s.Method == "variational" || s.Method == "l0" { // they rank what they are given
		keep := keeper(s.Keep)
		j.loop.Weights = slices.DeleteFunc(j.loop.Weights, func(w prune.Weight) bool { return keep(w.Name) })
	}
	return nil
}

// everyOf returns how many steps apart changes of the topology are, where they are made in a
// span of so many.
func everyOf(s Settings, span int) int {
	if s.Every == 0 {
		return max(1, span/20)
	}
	return s.Every
}

// evolution returns the method that searches for masks or for weights.
func evolution(s Settings, distribution prune.Distribution, structure prune.Structure, until int) prune.Method {
	population := s.Population
	if population == 0 {
		population = 8
	}
	if s.Evolve == "weights" {
		return &prune.Strategy{
			Static:     prune.Static{Sparsity: s.Sparsity, Distribution: distribution, Structure: structure},
			Population: population, Sigma: s.Spread, Separable: s.Separable, Independent: s.Independent,
		}
	}
	return &prune.Evolution{
		Sparsity: s.Sparsity, Distribution: distribution, Structure: structure, Population: population,
		Sampling: map[string]prune.Sampling{"": prune.Gumbel, "gumbel": prune.Gumbel, "gaussian": prune.Gaussian, "bernoulli": prune.Bernoulli}[s.Sampling],
		Spread:   s.Spread, Rate: s.EvolveRate, Every: s.Generation, Until: until, Separable: s.Separable, Independent: s.Independent,
	}
}

// replica makes another network of the shape of the run's.
func (j *job) replica(random *rand.PCG) (nn.Layer, error) {
	net, err := j.data.build(nil)
	if err != nil {
		return nil, err
	}
	if net.random != nil {
		net.random(rand.New(random))
	}
	return net.Layer, nil
}

// topologyOf returns which weights exist in a trained model.
func (j *job) topologyOf(path string) (map[string]*sparse.Mask, error) {
	m, err := Open(path)
	if err != nil {
		return nil, err
	}
	masks := topology(nn.Params(m.Net))
	if len(masks) == 0 {
		return nil, fmt.Errorf("tasks: --ticket %s: all its weights exist", path)
	}
	return masks, nil
}

// topology returns which weights exist, of those parameters of which not all do.
func topology(ps []*nn.Param) map[string]*sparse.Mask {
	masks := map[string]*sparse.Mask{}
	for _, p := range ps {
		if p.Sparse != nil || p.Mask != nil {
			masks[p.Name] = p.Topology(1)
		}
	}
	return masks
}

// sparsityOf returns the sparsity of the network under masks; weights without one are dense.
func (j *job) sparsityOf(masks map[string]*sparse.Mask) float64 {
	gone, all := 0, 0
	for _, p := range nn.Params(j.net.Layer) {
		if !p.Prunable {
			continue
		}
		all += p.Size()
		if m := masks[p.Name]; m != nil {
			gone += m.M*m.K - m.NNZ()
		}
	}
	return float64(gone) / float64(max(all, 1))
}

func distributionOf(s Settings) (prune.Distribution, error) {
	var d prune.Distribution
	switch s.Distribution {
	case "erk":
		d = prune.ERK
	case "er":
		d = prune.ER
	case "uniform":
		d = prune.Uniform
	case "even", "global":
		d = prune.Even
	default:
		return nil, fmt.Errorf("tasks: no distribution %q", s.Distribution)
	}
	if s.Keep == "" {
		return d, nil
	}
	keep := keeper(s.Keep)
	return prune.Pin(d, func(name string) (float64, bool) { return 0, keep(name) }), nil
}

// keeper tells which layers stay dense.
func keeper(names string) func(layer string) bool {
	if names == "" {
		return func(string) bool { return false }
	}
	return nn.Match(strings.Split(names, ",")...)
}

// checkSparsity reports a sparsity that cannot be had, as every layer keeps a block at
// least.
func checkSparsity(s Settings, ps []*nn.Param, R int) error {
	if slices.Contains([]string{"dense", "lottery", "scratch"}, s.Method) {
		return nil // their topology is given
	}
	keep := keeper(s.Keep)
	all, least, layers := 0, 0, 0
	for _, p := range ps {
		if p.Prunable && !keep(p.Name) {
			all += tensor.Size(p.Shape)
			least += min(R, p.Shape[0])
			layers++
		}
	}
	if left := (1 - s.Sparsity) * float64(all); left < float64(least) {
		return fmt.Errorf("tasks: --sparsity %v leaves %.3g of %d weights; with a block of %s in each of %d layers it is %d at least", s.Sparsity, left, all, s.Block, layers, least)
	}
	return nil
}

// checkKeep reports a name that fits no layer.
func checkKeep(keep string, ps []*nn.Param) error {
	if keep == "" {
		return nil
	}
	var layers []string
	for _, p := range ps {
		if p.Prunable {
			layers = append(layers, p.Name)
		}
	}
	for _, name := range strings.Split(keep, ",") {
		if !slices.ContainsFunc(layers, nn.Match(name)) {
			return fmt.Errorf("tasks: --keep %s: no layer fits; there are %s", name, strings.Join(layers, ", "))
		}
	}
	return nil
}

// dropOf returns how the share of exchanged weights falls.
func dropOf(s Settings, until int) prune.DropSchedule {
	switch s.DropSchedule {
	case "constant":
		return prune.ConstantDrop(s.DropFraction)
	case "linear":
		return prune.PowerDrop(s.DropFraction, until, 1)
	case "cubic":
		return prune.PowerDrop(s.DropFraction, until, 3)
	}
	return prune.CosineDrop(s.DropFraction, until)
}

// work returns the multiplications of the training and of the trained network as
// shares of the dense network's, trained for as many steps as a multiplier of 1 takes.
func (j *job) work(layers []train.Layer, others train.Layer) (training, test float64) {
	rows := make([]prune.Layer, len(layers)+1)
	for i, l := range append(slices.Clip(layers), others) {
		rows[i] = prune.Layer{Name: l.Name, MACs: float64(l.DenseMACs), Density: l.Density}
	}
	lean, dense := prune.Forward(rows)
	cost := prune.DenseCost(dense)
	if c, ok := j.method.(prune.Coster); ok {
		cost = c.Cost(lean, dense, j.steps)
	}
	return j.config.Multiplier * cost / prune.DenseCost(dense), lean / dense
}

// rate returns the learning rate at each step.
func (j *job) rate() optim.Schedule {
	s, n := j.config.Settings, j.steps
	schedule := optim.Constant(s.Rate)
	switch s.Schedule {
	case "cosine":
		schedule = optim.Cosine(s.Rate, n)
	case "step":
		shares, _ := s.drops() // valid: see Validate
		at := make([]int, len(shares))
		for i, share := range shares {
			at[i] = int(share*float64(n) + 1e-9)
		}
		schedule = optim.StepDecay(s.Rate, cmp.Or(s.RateFactor, 0.2), at...)
	}
	if s.WarmUp > 0 {
		schedule = optim.WarmUp(schedule, int(s.Multiplier*float64(s.WarmUp)))
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
