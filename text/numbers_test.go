package text

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Another program (testdata/num2words.tsv) writes numbers in the same words.
func TestNumbersAsAnotherProgramWritesThem(t *testing.T) {
	file, err := os.ReadFile("testdata/num2words.tsv")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]func(string) string{"cardinal": Cardinal, "ordinal": Ordinal, "year": Year}
	n := 0
	for line := range strings.Lines(string(file)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 {
			continue
		}
		n++
		if got := kinds[f[0]](f[1]); got != f[2] {
			t.Errorf("%s of %s: %s, another program writes %s", f[0], f[1], got, f[2])
		}
	}
	if n < 250 {
		t.Errorf("%d numbers", n)
	}
}

// numberOf is the inverse of Cardinal.
func numberOf(words string) int {
	n, group := 0, 0
	for w := range strings.FieldsSeq(words) {
		switch {
		case w == "hundred":
			group *= 100
		case slices.Contains(scales[1:], " "+w):
			for range slices.Index(scales, " "+w) {
				group *= 1000
			}
			n, group = n+group, 0
		case slices.Contains(ones, w):
			group += slices.Index(ones, w)
		default:
			group += 10 * slices.Index(tens, w)
		}
	}
	return n + group
}

// cardinalOf is the inverse of ordinalOf.
func cardinalOf(words string) string {
	i := strings.LastIndexByte(words, ' ') + 1
	for cardinal, ordinal := range ordinals {
		if words[i:] == ordinal {
			return words[:i] + cardinal
		}
	}
	if stem, ok := strings.CutSuffix(words, "ieth"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(words, "th")
}

// From digits to words and back.
func TestNumbersComeBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 5000 {
		n := i
		if i > 1200 {
			n = int(rng.Int64N(1 << rng.IntN(59)))
		}
		digits := strconv.Itoa(n)
		if got := numberOf(Cardinal(digits)); got != n {
			t.Fatalf("%d is %q, which is %d", n, Cardinal(digits), got)
		}
		if got := numberOf(cardinalOf(Ordinal(digits))); n > 0 && got != n {
			t.Fatalf("%dth is %q, which is %d", n, Ordinal(digits), got)
		}
		if n > 0 && n < 4000 && romanNumber(Roman(n)) != n {
			t.Fatalf("%d is %s, which is %d", n, Roman(n), romanNumber(Roman(n)))
		}
	}
	for year := 1000; year < 3000; year++ {
		said := strings.ReplaceAll(Year(strconv.Itoa(year)), " oh ", " zero ")
		got := numberOf(said)
		if !strings.Contains(said, "thousand") {
			f := strings.Fields(said)
			k := 1
			if slices.Contains(tens[2:], f[0]) && len(f) > 2 && slices.Index(ones, f[1]) > 0 && slices.Index(ones, f[1]) < 10 {
				k = 2 // twenty one hundred
			}
			if tail := strings.Join(f[k:], " "); tail == "hundred" {
				got = 100 * numberOf(strings.Join(f[:k], " "))
			} else {
				got = 100*numberOf(strings.Join(f[:k], " ")) + numberOf(tail)
			}
		}
		if got != year {
			t.Fatalf("%d is %q, which is %d", year, said, got)
		}
	}
	for _, bad := range []string{"", "IIII", "VX", "IC", "ABC", "MMMM", "iv"} {
		if n := romanNumber(bad); n != 0 {
			t.Errorf("%s is %d", bad, n)
		}
	}
}
