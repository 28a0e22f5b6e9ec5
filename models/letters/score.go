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

// Score reads entries with a packed network.
func Score(ctx context.Context, r *text.Reader, entries []Entry) (Accuracy, error) {
	right, nearly := 0, 0
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return Accuracy{}, err
		}
		got := r.Read(e.Word)
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

func sameSound(a, b string) bool { return strings.TrimRight(a, "012") == strings.TrimRight(b, "012") }
