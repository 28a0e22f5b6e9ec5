package rigl

import "github.com/seed073b5613/filigree/train"

// Result is what a finished run leaves in result.json. Seconds and StepMS are
// times; everything else repeats exactly when the run is repeated.
type Result struct {
	Task            string  `json:"task"`
	Method          string  `json:"method"`
	Seed            uint64  `json:"seed"`
	TestAccuracy    float64 `json:"test_accuracy"` // share, after the last step
	TestLoss        float64 `json:"test_loss"`
	TestImages      int     `json:"test_images"`
	BestAccuracy    float64 `json:"best_accuracy"` // highest of the run, on the same images
	Sparsity        float64 `json:"sparsity"`      // realised share of zeros in the prunable weights
	Nonzeros        int     `json:"nonzeros"`      // prunable weights that exist
	Weights         int     `json:"weights"`       // prunable weights if all existed
	TrainFLOPsRatio float64 `json:"train_flops_ratio"`
	TestFLOPsRatio  float64 `json:"test_flops_ratio"`
	Steps           int     `json:"steps"`
	Updates         int     `json:"updates"` // changes of the topology
	StepMS          float64 `json:"step_ms"` // median step without fetching its data
	Seconds         float64 `json:"seconds"`
	Run             string  `json:"run"`
	Model           string  `json:"model"`
	Plot            string  `json:"plot,omitempty"`

	Layers []train.Layer `json:"layers"`
}
