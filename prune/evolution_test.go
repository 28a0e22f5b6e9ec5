package prune

import (
	"math"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// searcher returns an evolution of one weight [M,K], and the weight.
func searcher(t *testing.T, e *Evolution, M, K int) []*nn.Param {
	t.Helper()
	p := param("w", newRand(1), M, K)
	p.Prunable = true
	if err := e.Begin([]Weight{{Param: p}}, newRand(2)); err != nil {
		t.Fatal(err)
	}
	return []*nn.Param{p}
}

// drawn returns the mask a member gets, and checks that it has the weights of that mask.
func drawn(t *testing.T, e *Evolution, from []*nn.Param, step, member int) *sparse.Mask {
	t.Helper()
	to := param("w", newRand(9), from[0].Shape...)
	e.Place(step, member, from, []*nn.Param{to})
	mask := e.layers[0].masks[member]
	values, exists := plain(to)
	want := slices.Clone(from[0].Dense.Data)
	mask.Apply(want)
	for i, v := range values {
		if v != want[i] || exists[i] != mask.Get(i/mask.K/mask.R, i%mask.K) {
			t.Fatalf("weight %d of a member is %g, exists %v; its mask makes it %g", i, v, exists[i], want[i])
		}
	}
	return mask
}

// Masks have as many entries as they should, at once or on average, and differ.
func TestEvolutionDraws(t *testing.T) {
	for _, rows := range []int{1, 4} {
		for _, sampling := range []Sampling{Gaussian, Bernoulli, Gumbel} {
			for _, sparsity := range []float64{0.5, 0.9} { // under a mask, and sparse
				e := &Evolution{Sparsity: sparsity, Distribution: Even, Structure: Structure{Rows: rows}, Sampling: sampling, Population: 8, Until: 1000}
				from := searcher(t, e, 30, 40)
				keep, sum, n := e.layers[0].keep, 0, 0
				var last *sparse.Mask
				same := 0
				for step := range 20 {
					clear(e.layers[0].masks)
					for member := range 8 {
						m := drawn(t, e, from, step, member)
						if sampling != Bernoulli && m.Count() != keep {
							t.Fatalf("sampling %d, blocks of %d: %d entries, want %d", sampling, rows, m.Count(), keep)
						}
						sum, n = sum+m.Count(), n+1
						if last != nil && slices.Equal(last.Bits, m.Bits) {
							same++
						}
						last = m
					}
				}
				if same > n/20 {
					t.Errorf("sampling %d: %d of %d members have the mask of another", sampling, same, n)
				}
				if mean := float64(sum) / float64(n); math.Abs(mean/float64(keep)-1) > 0.02 {
					t.Errorf("sampling %d, blocks of %d: %.1f entries on average, want %d", sampling, rows, mean, keep)
				}
			}
		}
	}
}

// One entry drawn with Gumbel noise is drawn as the softmax of the scores says; one with
// logistic noise exists as its logit says.
func TestSamplingProbabilities(t *testing.T) {
	const draws = 20_000
	for _, sampling := range []Sampling{Gumbel, Bernoulli} {
		e := &Evolution{Sparsity: 0.75, Distribution: Even, Sampling: sampling, Population: 2, Until: 1, Independent: true}
		from := searcher(t, e, 2, 2)
		l := &e.layers[0]
		l.keep, l.scores = 1, []float32{0, 0.5, 1, -1}
		var count [4]float64
		for step := range draws {
			clear(l.masks)
			for key := range drawn(t, e, from, step, 0).Keys {
				count[key]++
			}
		}
		sum := 0.0
		for _, s := range l.scores {
			sum += math.Exp(float64(s))
		}
		for i, s := range l.scores {
			want := math.Exp(float64(s)) / sum
			if sampling == Bernoulli { // the highest exists where none would
				none := 1.0
				for _, o := range l.scores {
					none /= 1 + math.Exp(float64(o))
				}
				if want = 1 / (1 + math.Exp(-float64(s))); count[i]/draws < want-0.015 || count[i]/draws > want+none+0.015 {
					t.Errorf("an entry of logit %g exists in %.3f of the masks, want %.3f", s, count[i]/draws, want)
				}
				continue
			}
			if got := count[i] / draws; math.Abs(got-want) > 0.015 {
				t.Errorf("an entry of score %g is drawn in %.3f of the cases, want %.3f", s, got, want)
			}
		}
	}
}

// Whatever the hint, the highest scores are found, of equals those of lower keys.
func TestHighest(t *testing.T) {
	rng := newRand(4)
	for range 50 {
		s := make([]float32, 500)
		for i := range s {
			s[i] = float32(rng.IntN(100)) - 50
		}
		k := 1 + rng.IntN(len(s))
		order := make([]int, len(s))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return int(s[b]) - int(s[a]) })
		want := slices.Sorted(slices.Values(order[:k]))
		for _, hint := range []float32{float32(math.Inf(-1)), -10, 0, 49, 1000} {
			mask := sparse.NewMask(20, 25, 1)
			border := highest(s, k, hint, mask)
			var got []int
			for key := range mask.Keys {
				got = append(got, int(key))
			}
			if !slices.Equal(got, want) || border != s[order[k-1]] {
				t.Fatalf("%d of the highest with hint %g: border %g, want %g", k, hint, border, s[order[k-1]])
			}
		}
	}
}

// Where the loss is the number of missing entries of some set, every way to sample finds
// the set; a higher population finds it faster.
func TestEvolutionFindsMasks(t *testing.T) {
	const M, K = 8, 25
	wanted := func(key int64) bool { return key%10 == 3 }
	found := func(e *Evolution, generations int) int {
		e.Sparsity, e.Distribution, e.Until = 0.9, Even, generations
		from := searcher(t, e, M, K)
		to := []*nn.Param{param("w", newRand(9), M, K)}
		losses := make([]float64, e.Population)
		for step := range generations {
			for k := range losses {
				e.Place(step, k, from, to)
				losses[k] = 20
				for key := range e.layers[0].masks[k].Keys {
					if wanted(key) {
						losses[k]--
					}
				}
			}
			e.Judge(step, from, losses, 0, e.Population, nil)
		}
		n := 0
		for key := range e.mode(&e.layers[0], from[0]).Keys {
			if wanted(key) {
				n++
			}
		}
		return n
	}
	for name, e := range map[string]*Evolution{
		"gaussian": {Population: 16, Spread: 1, Rate: 0.3}, "bernoulli": {Population: 16, Sampling: Bernoulli, Spread: 1, Rate: 3},
		"gumbel": {Population: 16, Sampling: Gumbel, Spread: 1, Rate: 3}, "separable": {Population: 16, Spread: 1, Rate: 0.3, Separable: true},
		"independent": {Population: 16, Spread: 1, Rate: 0.3, Independent: true},
	} {
		if n := found(e, 600); n < 16 {
			t.Errorf("%s: %d of 20 wanted entries found", name, n)
		}
	}
	if few, many := found(&Evolution{Population: 2, Sampling: Gumbel, Spread: 1}, 60), found(&Evolution{Population: 32, Sampling: Gumbel, Spread: 1}, 60); many <= few {
		t.Errorf("%d wanted entries found with 32 members, %d with 2", many, few)
	}
}

// What two processes know of their own members makes the update that one process makes.
func TestEvolutionInParts(t *testing.T) {
	for _, sampling := range []Sampling{Gaussian, Bernoulli, Gumbel} {
		build := func() (*Evolution, []*nn.Param) {
			e := &Evolution{Sparsity: 0.8, Distribution: Even, Sampling: sampling, Population: 8, Until: 100, Separable: sampling == Gaussian}
			return e, searcher(t, e, 20, 30)
		}
		losses := []float64{3, 1, 4, 1, 5, 9, 2, 6}
		whole, from := build()
		halves := [2]*Evolution{}
		halves[0], _ = build()
		halves[1], _ = build()
		for k := range 8 {
			drawn(t, whole, from, 0, k)
			drawn(t, halves[k/4], from, 0, k)
		}
		whole.Judge(0, from, losses, 0, 8, nil)
		var sums [][]float32 // of the first process, in the order they are made
		halves[0].Judge(0, from, losses, 0, 4, func(x []float32) { sums = append(sums, slices.Clone(x)) })
		halves[1].Judge(0, from, losses, 4, 8, func(x []float32) {
			for i, v := range sums[0] {
				x[i] += v
			}
			sums = sums[1:]
		})
		if !slices.Equal(whole.layers[0].scores, halves[1].layers[0].scores) || !slices.Equal(whole.layers[0].sigma, halves[1].layers[0].sigma) {
			t.Errorf("sampling %d: scores differ", sampling)
		}
	}
}

// In the middle of a generation the state has all that the rest of it depends on.
func TestEvolutionState(t *testing.T) {
	build := func() (*Evolution, []*nn.Param) {
		e := &Evolution{Sparsity: 0.9, Distribution: Even, Population: 4, Every: 3, Until: 12, Separable: true}
		return e, searcher(t, e, 20, 30)
	}
	step := func(e *Evolution, from []*nn.Param, i int) {
		var losses []float64
		for k := range 4 {
			losses = append(losses, float64(drawn(t, e, from, i, k).Bits[0]%1000))
		}
		e.Judge(i, from, losses, 0, 4, nil)
	}
	straight, from := build()
	resumed, _ := build()
	for i := range 10 {
		if i == 4 {
			b, err := straight.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			resumed.seed = 0
			if err := resumed.UnmarshalBinary(b); err != nil {
				t.Fatal(err)
			}
		}
		step(straight, from, i)
		if i >= 4 {
			step(resumed, from, i)
		}
	}
	if !slices.Equal(straight.layers[0].scores, resumed.layers[0].scores) || !slices.Equal(straight.layers[0].sigma, resumed.layers[0].sigma) {
		t.Error("scores differ after going on from a state")
	}
	ws := []Weight{{Param: from[0]}}
	before := slices.Clone(from[0].Dense.Data)
	hide := straight.Show(ws)
	if n := ws[0].NNZ(); n != straight.layers[0].keep {
		t.Errorf("%d weights are shown, want %d", n, straight.layers[0].keep)
	}
	hide()
	if ws[0].Sparse != nil || !slices.Equal(ws[0].Dense.Data, before) {
		t.Error("the stored weights are not back")
	}
	if c := straight.Step(11, ws); len(c) != 1 || ws[0].NNZ() != 60 || straight.Members(12) != 0 {
		t.Errorf("at the end there are %d weights, %d members", ws[0].NNZ(), straight.Members(12))
	}
	b, err := straight.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := resumed.UnmarshalBinary(b); err != nil || resumed.Members(12) != 0 {
		t.Errorf("resumed after the topology was settled there are %d members (%v)", resumed.Members(12), err)
	}
	for _, bad := range []string{"", "{}x", `{"scores":["AAAA"],"losses":[1,2,3,4]}`, `{"scores":["AAAA","AAAA"]}`} {
		e, _ := build()
		if err := e.UnmarshalBinary([]byte(bad)); err == nil {
			t.Errorf("state %q is taken", bad)
		}
	}
}

func TestEvolutionRejects(t *testing.T) {
	for _, e := range []Method{
		&Evolution{Population: 3, Until: 1}, &Evolution{Population: 0, Until: 1}, &Evolution{Population: 2},
		&Evolution{Population: 2, Until: 1, Sampling: Gumbel, Separable: true}, &Strategy{Population: 5}, &Evolution{Population: 2, Until: 1, Rate: -1},
	} {
		if err := e.Begin([]Weight{{Param: param("w", newRand(1), 4, 4)}}, newRand(1)); err == nil {
			t.Errorf("%+v is taken", e)
		}
	}
}
