package prune

import "fmt"

// Even gives every layer the same sparsity, the first one too: for networks whose first
// layer is an embedding, which no method prunes, such as the character model of RigL
// (arXiv:1911.11134, section 4.2).
func Even(shapes []Shape, sparsity float64) ([]float64, error) {
	if err := checkShapes(shapes, sparsity); err != nil {
		return nil, fmt.Errorf("prune: even distribution: %w", err)
	}
	out := make([]float64, len(shapes))
	for i, s := range shapes {
		out[i] = sparsity
		if s.Pinned {
			out[i] = s.Sparsity
		}
	}
	return out, nil
}
