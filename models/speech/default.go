package speech

import (
	_ "embed" // the voice
	"slices"
	"sync"

	"github.com/seed073b5613/filigree/weights"
)

//go:embed cathy.safetensors
var defaultVoice []byte

// Default returns the voice that comes with the program: see cathy.md beside it.
func Default() (*Voice, error) { return parsed() }

var parsed = sync.OnceValues(func() (*Voice, error) {
	f, err := weights.Read("the embedded voice", slices.Clone(defaultVoice)) // a copy begins on a whole word
	if err != nil {
		return nil, err
	}
	return load(f, f.Path)
})
