package letters

import (
	"context"
	"slices"
	"strings"

	"github.com/seed073b5613/filigree/text"
)

// An Accuracy is shares of words all of whose phonemes are right: those of any of the
// pronunciations the dictionary lists.
type Accuracy struct {
	Words         float64 // stress included
	WithoutStress float64
}

// Score reads entries, whose words read takes.
func Score(ctx context.Context, read func(word string) []string, entries []Entry) (Accuracy, error) {
	right, nearly := 0, 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return Accuracy{}, err
		}
		got := read(e.Word)
		exact := func(want []string) bool { return slices.Equal(got, want) }
		loose := func(want []string) bool { return slices.EqualFunc(got, want, sameSound) }
		if slices.ContainsFunc(e.Phones, exact) {
			right++
		}
		if slices.ContainsFunc(e.Phones, loose) {
			nearly++
		}
	}
	n := float64(max(len(entries), 1))
	return Accuracy{float64(right) / n, float64(nearly) / n}, nil
}

// WithEndings returns a reader of words that takes stems from a dictionary where the rest is an ending, as
// package text does, and asks read about the others.
func WithEndings(read func(word string) []string, dictionary []Entry) func(word string) []string {
	known := map[string][]string{}
	for _, e := range dictionary {
		known[e.Word] = e.Phones[0]
	}
	return func(word string) []string {
		if ps := text.Derived(word, func(stem string) []string { return known[stem] }); ps != nil {
			return ps
		}
		return read(word)
	}
}

func sameSound(a, b string) bool { return strings.TrimRight(a, "012") == strings.TrimRight(b, "012") }
