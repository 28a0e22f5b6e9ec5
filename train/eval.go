package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
)

// Evaluate scores a network on batches: it returns the mean loss without label
// smoothing and the share of right answers. next returns batches as
// [Source.Next] does until it returns none; columns labelled [grad.Ignored] do not count.
// It returns soon after ctx ends.
func Evaluate(ctx context.Context, net nn.Layer, next func() (x *tensor.Tensor, labels []int32)) (Scores, error) {
	tape := &grad.Tape{NoGrad: true}
	var s Scores
	loss, right := 0.0, 0
	for {
		if err := ctx.Err(); err != nil {
			return Scores{}, err
		}
		x, labels := next()
		if len(labels) == 0 {
			break
		}
		tape.Reset()
		logits := net.Forward(tape, tape.Input(x))
		if logits.Value.Cols() != len(labels) {
			return Scores{}, fmt.Errorf("train: evaluate: logits are %v for %d labels", logits.Value.Shape, len(labels))
		}
		right += hits(logits.Value, labels)
		mean := nn.CrossEntropy(tape, logits, labels)
		counted := 0
		for _, l := range labels {
			if l != grad.Ignored {
				counted++
			}
		}
		loss += float64(mean.Value.Data[0]) * float64(counted)
		s.Count += counted
	}
	if s.Count > 0 {
		s.Loss, s.Accuracy = loss/float64(s.Count), float64(right)/float64(s.Count)
		s.Quality = s.Accuracy
	}
	return s, nil
}

// hits counts the columns of logits [C, N] whose largest value is at the label.
// Of equal values the first counts.
func hits(logits *tensor.Tensor, labels []int32) int {
	N := len(labels)
	best, top := make([]int32, N), slices.Clone(logits.Data[:N])
	for c := 1; c < logits.Rows(); c++ { // row by row, as they lie
		for i, v := range logits.Data[c*N : (c+1)*N] {
			if v > top[i] {
				best[i], top[i] = int32(c), v
			}
		}
	}
	n := 0
	for i, label := range labels {
		if best[i] == label {
			n++
		}
	}
	return n
}
