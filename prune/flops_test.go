package prune

import "testing"

// Ratios to dense training that the RigL paper prints (appendix H and its tables).
func TestTrainingCosts(t *testing.T) {
	schedule := Cubic{From: 10_000, Until: 25_000, Every: 1000}
	const steps = 32_000
	// The published 0.56 and 0.51 are the mean densities themselves: there every
	// layer has the overall sparsity.
	near(t, "pruning 80 %", PruningCost(0.2, 1, schedule, steps, SparseBackward)/DenseCost(1), 0.557, 5e-4)
	near(t, "pruning 90 %", PruningCost(0.1, 1, schedule, steps, SparseBackward)/DenseCost(1), 0.501, 5e-4)
	near(t, "pruning 80 %, dense gradient", PruningCost(0.2, 1, schedule, steps, DenseGradient)/DenseCost(1), (2*0.5567+1)/3, 5e-4)

	near(t, "RigL", RigLCost(0.42, 1, 100)/DenseCost(1), 0.4219, 5e-5)
	near(t, "static", StaticCost(0.42)/DenseCost(1), 0.42, 1e-12)
	near(t, "SNFS 80 % ERK", SNFSCost(0.42, 1)/DenseCost(1), 0.61, 5e-3)
	near(t, "SNFS 90 % ERK", SNFSCost(0.24, 1)/DenseCost(1), 0.50, 1e-2)
	near(t, "RigL 5x 90 % ERK", 5*RigLCost(0.24, 1, 100)/DenseCost(1), 1.23, 2e-2)
}
