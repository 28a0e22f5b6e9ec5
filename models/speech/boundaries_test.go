package speech

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

// The best path is the best of all paths that spell the symbols.
func TestBestSpelling(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 8))
	const C, T = 3, 6
	for _, symbols := range [][]int{{1}, {1, 2}, {2, 2}, {1, 1, 2}, {1, 2, 1, 2}, {2, 2, 2}} {
		for range 20 {
			logits := tensor.New(C, 1, T)
			for i := range logits.Data {
				logits.Data[i] = float32(rng.NormFloat64())
			}
			best, want := math.Inf(-1), []int(nil)
			for code := range int(math.Pow(C, T)) {
				path, score := make([]int, T), 0.0
				for i := range path {
					path[i] = code % C
					code /= C
					score += float64(logits.Data[path[i]*T+i])
				}
				one := tensor.New(C, 1, T)
				for i, c := range path {
					one.Data[c*T+i] = 1
				}
				if slices.Equal(bestPath(one, 0, T), symbols) && score > best {
					best, want = score, path
				}
			}
			first, last := bestSpelling(logits, symbols)
			got := make([]int, T)
			for i, s := range symbols {
				for c := first[i]; c <= last[i]; c++ {
					got[c] = s
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v: path %v, want %v", symbols, got, want)
			}
		}
	}
	if first, _ := bestSpelling(tensor.New(C, 1, 4), []int{1, 1, 1}); first != nil {
		t.Error("three equal symbols in four columns")
	}
}

func TestBoundaries(t *testing.T) {
	r := DefaultRecognizer()
	waves, said := held(t, 3)
	for i, x := range waves {
		got, err := r.Boundaries(RecognizerFeatures(x), said[i])
		if err != nil || len(got) != len(said[i])-1 || !slices.IsSorted(got) || got[0] <= 0 || got[len(got)-1] >= float64(len(x))/RecognizerRate {
			t.Errorf("%d phones in %v s: %v, %v", len(said[i]), float64(len(x))/RecognizerRate, got, err)
		}
	}
	for want, phones := range map[string][]string{"QQ": {"AA", "QQ"}, "too few": slices.Repeat([]string{"AA"}, 30)} {
		if _, err := r.Boundaries(make([]float32, 80*20), phones); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}
