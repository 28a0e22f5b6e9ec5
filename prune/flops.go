package prune

// Layer is what the accounting of FLOPs needs to know of one layer.
type Layer struct {
	Name    string
	MACs    float64 // multiply-adds of the dense layer on one sample
	Density float64
}

// Forward returns the multiply-adds of one sample through all layers, sparse and
// dense. Biases, norms and losses are left out, as in arXiv:1911.11134, appendix H.
func Forward(layers []Layer) (sparse, dense float64) {
	for _, l := range layers {
		sparse += l.MACs * l.Density
		dense += l.MACs
	}
	return sparse, dense
}

// The functions below return the training cost of one sample, in the unit of
// their arguments: the forward cost of the sparse net and of the dense one. The
// backward pass counts as two forward passes (arXiv:1911.11134, appendix H).

// DenseCost is the cost of dense training.
func DenseCost(dense float64) float64 { return 3 * dense }

// StaticCost is the cost of training at a fixed number of weights with sparse
// gradients: static masks, SNIP, SET.
func StaticCost(sparse float64) float64 { return 3 * sparse }

// SNFSCost is the cost of SNFS, which needs the dense weight gradient at every step.
func SNFSCost(sparse, dense float64) float64 { return 2*sparse + dense }

// RigLCost is the cost of RigL with an update every so many steps: the update
// needs one batch of its own with a dense weight gradient.
func RigLCost(sparse, dense float64, every int) float64 {
	return (3*sparse*float64(every) + 2*sparse + dense) / float64(every+1)
}

// Convention says how gradual pruning is charged.
type Convention int

const (
	// SparseBackward charges three passes of the current density (the final text
	// of arXiv:1911.11134, appendix N): the default.
	SparseBackward Convention = iota
	// DenseGradient charges the weight gradient in full, as mask-based code
	// computes it (the independent reproduction of RigL).
	DenseGradient
)

// PruningCost is the mean cost of gradual pruning from dense to sparse over steps.
func PruningCost(sparse, dense float64, schedule Cubic, steps int, convention Convention) float64 {
	mean := 0.0
	for step := range steps {
		share, _ := schedule.At(step)
		mean += (dense - share*(dense-sparse)) / float64(steps)
	}
	if convention == DenseGradient {
		return 2*mean + dense
	}
	return 3 * mean
}
