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

// Every rule is the one that reads something of the golden file.
func TestEveryRuleIsNeeded(t *testing.T) {
	file, err := os.ReadFile("testdata/normalize.tsv")
	if err != nil {
		t.Fatal(err)
	}
	used := map[pattern]bool{}
	for line := range strings.Lines(string(file)) {
		in, _, _ := strings.Cut(line, "\t")
		in = plainly(in)
		for i := range in {
			if i > 0 && in[i-1] != ' ' && in[i-1] != '-' {
				continue
			}
			for _, r := range rules {
				m := match{before: "a"}
				if n := r.pattern.match(in[i:], &m.caps, 0); n > 0 && bounded(in[i+n:]) {
					m.text, m.after = in[i:i+n], in[i+n:]
					if r.say(&m) != "" {
						used[r.pattern] = true
						break
					}
				}
			}
		}
	}
	for _, r := range rules {
		if !used[r.pattern] {
			t.Errorf("nothing is read by %s", r.pattern)
		}
	}
}
