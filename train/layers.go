package train

import (
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
)

// Layer is one row of the table of a network's prunable weights.
type Layer struct {
	Name      string  `json:"name"`
	Shape     []int   `json:"shape"`
	Weights   int     `json:"weights"` // if all existed
	Nonzeros  int     `json:"nonzeros"`
	Density   float64 `json:"density"`
	Block     string  `json:"block,omitempty"`      // of a weight with missing entries
	Execution string  `json:"execution"`            // how its products run: sparse, masked dense or dense
	BreakEven float64 `json:"break_even,omitempty"` // density above which dense is faster
	MACs      int64   `json:"macs"`                 // multiplications a sample as it runs sparse; 0 if unknown
	DenseMACs int64   `json:"dense_macs"`           // if all weights existed
	Bytes     int     `json:"bytes"`                // of values and indices, without gradients and transposes
}

// Layers lists the prunable weights of a network in order. macs gives the
// multiplications a sample of each when dense, by name; it may be nil.
func Layers(ps []*nn.Param, macs map[string]int64) []Layer {
	var out []Layer
	for _, p := range ps {
		if !p.Prunable {
			continue
		}
		l := Layer{
			Name: p.Name, Shape: p.Shape, Weights: p.Size(), Nonzeros: p.NNZ(), Density: p.Density(),
			Execution: p.Execution(), DenseMACs: macs[p.Name],
		}
		switch {
		case p.Sparse != nil:
			w := p.Sparse
			l.Bytes = 4*len(w.Values) + 2*len(w.Columns) + 4*len(w.Offsets)
			l.Block, l.BreakEven = blockName(w.R), kernel.BreakEven(w.R)
		case p.Mask != nil:
			l.Bytes = 4*l.Weights + 8*len(p.Mask.Bits)
			l.Block, l.BreakEven = blockName(p.Mask.R), kernel.BreakEven(p.Mask.R)
		default:
			l.Bytes = 4 * l.Weights
		}
		l.MACs = int64(float64(l.DenseMACs)*l.Density + 0.5)
		out = append(out, l)
	}
	return out
}

// Others is the row of what a network has beside its prunable weights: biases, norms,
// embeddings and filters that stay dense. It multiplies by those that layers count uses of.
func Others(ps []*nn.Param) Layer {
	l := Layer{Name: "others", Density: 1, Execution: "dense"}
	for _, p := range ps {
		if !p.Prunable {
			l.Weights += p.Size()
			l.DenseMACs += int64(p.Size()) * int64(p.Uses)
		}
	}
	l.Nonzeros, l.MACs, l.Bytes = l.Weights, l.DenseMACs, 4*l.Weights
	return l
}

func blockName(R int) string { return map[int]string{1: "1x1", 2: "2x1", 4: "4x1", 16: "16x1"}[R] }
