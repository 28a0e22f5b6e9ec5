package prune

import (
	"encoding/json"
	"fmt"
)

// searchState is what a resumed search must know. Arrays are little-endian float32.
type searchState struct {
	Seed   uint64    `json:"seed"`
	Scores [][]byte  `json:"scores,omitempty"` // none once the topology is settled
	Sigma  [][]byte  `json:"sigma,omitempty"`
	Losses []float64 `json:"losses,omitempty"` // of the generation under way
}

func marshalSearch(s searchState) ([]byte, error) { return json.Marshal(s) }

func unmarshalSearch(b []byte) (s searchState, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("prune: state of the evolution: %w", err)
	}
	return s, nil
}

func arraysOf(xs [][]float32) (out [][]byte) {
	for _, x := range xs {
		out = append(out, bytesOf(x))
	}
	return out
}
