package speech

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/tensor"
)

// Boundaries returns, for phones that are spoken in a recording given by its features, the
// times in seconds between each and the next: on the most likely path through the phones and
// the blanks between them, halfway between the last output of the one and the first of the
// other. It is a second opinion on an alignment, good to some 20 ms; between phones with
// silence between them it is the middle of the silence. It returns an error for phones that
// the recogniser does not know and for recordings too short for what is said.
func (r *Recognizer) Boundaries(features []float32, phones []string) ([]float64, error) {
	symbols := make([]int, len(phones))
	for i, p := range phones {
		at, ok := slices.BinarySearch(r.spec.Phones, p)
		if !ok {
			return nil, fmt.Errorf("speech: recognizer: phone %q is not one it knows", p)
		}
		symbols[i] = at + 1
	}
	logits := r.logits([][]float32{features})
	first, last := bestSpelling(logits, symbols)
	if first == nil {
		return nil, fmt.Errorf("speech: recognizer: %d frames are too few for %d phones", len(features)/recognizerBands, len(phones))
	}
	const framesPerSecond = 100
	var out []float64
	for i := 1; i < len(first); i++ {
		out = append(out, float64(last[i-1]+first[i])/2*recognizerStride/framesPerSecond)
	}
	return out, nil
}

// bestSpelling returns the first and last column of each symbol on the most likely path that
// spells the symbols, nil where there is none. logits are [C, 1, T].
func bestSpelling(logits *tensor.Tensor, symbols []int) (first, last []int) {
	T, S := logits.Shape[2], 2*len(symbols)+1
	state := func(s int) int {
		if s%2 == 0 {
			return grad.Blank
		}
		return symbols[s/2]
	}
	norms := logSums(logits)
	best, next := make([]float64, S), make([]float64, S)
	for s := range best {
		best[s] = math.Inf(-1)
	}
	best[0] = 0 // before the first column, so that it can be blank or the first symbol
	from := make([]uint8, T*S)
	for t := range T {
		for s := range S {
			top, step := best[s], uint8(0)
			if s > 0 && best[s-1] > top {
				top, step = best[s-1], 1
			}
			if s > 1 && s%2 == 1 && state(s) != state(s-2) && best[s-2] > top && t > 0 {
				top, step = best[s-2], 2
			}
			next[s] = top + float64(logits.Data[state(s)*T+t]) - norms[t]
			from[t*S+s] = step
		}
		best, next = next, best
	}
	at := S - 1
	if S > 1 && best[S-2] > best[S-1] {
		at = S - 2
	}
	if T == 0 || math.IsInf(best[at], -1) {
		return nil, nil
	}
	first, last = make([]int, len(symbols)), make([]int, len(symbols))
	for i := range last {
		last[i] = -1
	}
	for t := T - 1; t >= 0; t-- {
		if at%2 == 1 {
			if first[at/2] = t; last[at/2] < 0 {
				last[at/2] = t
			}
		}
		at -= int(from[t*S+at])
	}
	return first, last
}

// logSums returns ln Σ e^logit of each column of logits [C, 1, T].
func logSums(logits *tensor.Tensor) []float64 {
	C, T := logits.Shape[0], logits.Shape[2]
	out := make([]float64, T)
	for t := range T {
		for c := range C {
			out[t] += math.Exp(float64(logits.Data[c*T+t]))
		}
		out[t] = math.Log(out[t])
	}
	return out
}
