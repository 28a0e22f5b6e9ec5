package speech

import (
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/weights"
)

// BenchmarkOpen measures what comes before the first sentence: the embedded voice is read.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		f, err := weights.Read("the embedded voice", slices.Clone(defaultVoice))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := load(f, f.Path); err != nil {
			b.Fatal(err)
		}
	}
}
