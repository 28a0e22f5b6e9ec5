package prune

import (
	"math"
	"slices"
	"testing"
)

// The authors' own test of RigL: one entry a call, 1 for an optimizer step (which
// advances the counter), 0 for an update (which does not).
func TestCadenceGolden(t *testing.T) {
	for _, c := range []struct {
		begin, end, every int
		want              []int
	}{
		{1, 5, 3, []int{1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1}},
		{3, 7, 2, []int{1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1}},
		{0, 4, 1, []int{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1}},
	} {
		cadence, step := Cadence{Begin: c.begin, End: c.end, Every: c.every}, 0
		var got []int
		for range c.want {
			if cadence.Due(step) {
				cadence.Done(step)
				got = append(got, 0)
			} else {
				got = append(got, 1)
				step++
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("begin %d, end %d, every %d: %v, want %v", c.begin, c.end, c.every, got, c.want)
		}
	}
	endless := Cadence{End: -1, Every: 10}
	endless.Done(1_000_000)
	if endless.Due(1_000_009) || !endless.Due(1_000_010) {
		t.Error("a cadence without end lost its beat")
	}
}

func TestDropSchedules(t *testing.T) {
	cosine := CosineDrop(0.3, 1000)
	near(t, "cosine at 0", cosine(0), 0.3, 1e-15)
	near(t, "cosine at a quarter", cosine(250), 0.15*(1+math.Sqrt2/2), 1e-15)
	near(t, "cosine at half", cosine(500), 0.15, 1e-15)
	for step := 0; step < 3000; step += 7 {
		if cosine(step+7) > cosine(step) {
			t.Fatalf("cosine rises from %v to %v at step %d", cosine(step), cosine(step+7), step)
		}
	}
	near(t, "cosine past the end", cosine(1500), 0, 1e-15)
	near(t, "constant", ConstantDrop(0.1)(12345), 0.1, 0)
	near(t, "linear", PowerDrop(0.4, 100, 1)(25), 0.3, 1e-15)
	near(t, "inverse power", PowerDrop(0.4, 100, 3)(50), 0.05, 1e-15)
	near(t, "linear past the end", PowerDrop(0.4, 100, 1)(500), 0, 0)
}

func TestCubic(t *testing.T) {
	c := Cubic{From: 100, Until: 1150, Every: 100}
	for _, e := range []struct {
		step   int
		share  float64
		update bool
	}{
		{0, 0, false}, {99, 0, false}, {100, 0, true}, {199, 0, false},
		{200, 1 - math.Pow(950./1050, 3), true}, {299, 1 - math.Pow(950./1050, 3), false},
		{1100, 1 - math.Pow(50./1050, 3), true}, {1149, 1 - math.Pow(50./1050, 3), false},
		{1150, 1, true}, {1151, 1, false}, {5000, 1, false},
	} {
		share, update := c.At(e.step)
		near(t, "share", share, e.share, 1e-15)
		if update != e.update {
			t.Errorf("step %d: update %v", e.step, update)
		}
	}
	if share, _ := (Cubic{From: 0, Until: 100, Every: 1}).At(50); share != 0.875 {
		t.Errorf("half way: %v, want 0.875", share)
	}
	if share, update := (Cubic{From: 7, Until: 7}).At(7); share != 1 || !update {
		t.Errorf("at once: %v %v", share, update)
	}
}
