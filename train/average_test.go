package train

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/optim"
)

// A loop that averages ends with the moving average of its weights in the network, and
// scores that, without a change to the training itself.
func TestLoopAverages(t *testing.T) {
	const decay = 0.9
	plain := newLoop(t, nil)
	var weights [][]float32 // after each step
	plain.Report = func(e Event) {
		if e.Kind == Stepped {
			weights = append(weights, bits(plain))
		}
	}
	if _, err := plain.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	averaged := newLoop(t, nil)
	averaged.Average = &optim.Average{Decay: decay}
	scored := 0
	averaged.Report = func(e Event) {
		switch {
		case e.Kind == Stepped && !slices.Equal(bits(averaged), weights[e.Step-1]):
			t.Fatalf("averaging changed step %d", e.Step)
		case e.Kind == Evaluated:
			scored++
		}
	}
	evaluate := averaged.Evaluate
	averaged.Evaluate = func(ctx context.Context) (Scores, error) {
		if slices.Equal(bits(averaged), weights[averaged.state.Step-1]) {
			t.Errorf("at step %d the weights are scored, not their average", averaged.state.Step)
		}
		return evaluate(ctx)
	}
	if _, err := averaged.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if scored != 3 {
		t.Errorf("%d evaluations, want 3", scored)
	}
	want := make([]float64, len(weights[0]))
	for step, w := range weights {
		for i, v := range w {
			if step == 0 {
				want[i] = float64(v)
			}
			want[i] = decay*want[i] + (1-decay)*float64(v)
		}
	}
	for i, v := range bits(averaged) {
		if math.Abs(float64(v)-want[i]) > 1e-5 {
			t.Fatalf("weight %d is %g, its average is %g", i, v, want[i])
		}
	}
}
