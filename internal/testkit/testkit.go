// Package testkit holds what tests of several packages share: tolerances,
// closeness of slices, and the place of the real data sets.
package testkit

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Tolerances, as error relative to a float64 result. A sum of n products of
// float32 values is held to Product times the sum of the products' magnitudes.
const (
	Exact   = 0.0
	Product = 2e-6 // sums of products, relative to the sum of magnitudes
	Pass    = 1e-5 // whole layers, forward or backward
	Approx  = 1e-4 // finite differences, long chains of operations
)

// Close fails the test at the first element where got differs from want by more
// than tol times the larger of 1 and |want|, or where only one of them is NaN.
func Close(t testing.TB, name string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if math.IsNaN(w) && math.IsNaN(float64(g)) || float64(g) == w {
			continue
		}
		if d := math.Abs(float64(g) - w); !(d <= tol*max(1, math.Abs(w))) {
			t.Fatalf("%s[%d] = %g, want %g (error %.3g, tolerance %.3g)", name, i, g, w, d, tol)
		}
	}
}

// Same fails the test unless the two slices hold the same bits.
func Same(t testing.TB, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s[%d] = %v, want the same bits as %v", name, i, got[i], want[i])
		}
	}
}

// Shared returns the path of a file or folder of the real data that lies in
// "shared" beside the repository, and skips the test where it is missing.
func Shared(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.mod above the working directory, so no place to look for real data")
		}
		dir = up
	}
	root := os.Getenv("FILIGREE_SHARED")
	if root == "" {
		root = filepath.Join(filepath.Dir(dir), "shared")
	}
	full := filepath.Join(root, path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("real data missing: %s (set FILIGREE_SHARED to the folder that holds %s)", full, path)
	}
	return full
}
