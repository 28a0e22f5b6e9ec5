package wavernn

import (
	_ "embed" // the vocoder
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/weights"
)

//go:embed cathy.safetensors
var defaultModel []byte

// Default returns the vocoder that comes with the program: see cathy.md beside it.
func Default() (*Model, error) { return parsed() }

var parsed = sync.OnceValues(func() (*Model, error) {
	f, err := weights.Read("the embedded vocoder", slices.Clone(defaultModel)) // a copy begins on a whole word
	if err != nil {
		return nil, err
	}
	return load(f, f.Path)
})
