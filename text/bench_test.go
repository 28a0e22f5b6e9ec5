package text

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// A novel, as it comes from a file.
func BenchmarkNovel(b *testing.B) {
	f, err := os.Open(filepath.Join(testkit.Shared(b, "data/war-and-peace"), "warpeace_input.txt.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	novel, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(novel)))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range Sentences(bytes.NewReader(novel)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
