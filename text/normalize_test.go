package text

import (
	"os"
	"strings"
	"testing"
)

// What is written is read as the golden file says.
func TestNormalize(t *testing.T) {
	file, err := os.ReadFile("testdata/normalize.tsv")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for i, line := range strings.Split(string(file), "\n") {
		in, want, ok := strings.Cut(line, "\t")
		if !ok {
			if line != "" && !strings.HasPrefix(line, "# ") {
				t.Errorf("line %d: no tab in %q", i+1, line)
			}
			continue
		}
		cases++
		if got := Analyze(in).Normalized(); got != want {
			t.Errorf("line %d: %s\n\t got %s\n\twant %s", i+1, in, got, want)
		}
	}
	t.Logf("%d cases", cases)
}
