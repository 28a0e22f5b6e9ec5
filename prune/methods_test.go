package prune

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
)

// gradient gives a parameter a gradient of the layout of its values, from a dense one, and
// shows it to Scan.
func gradient(p *nn.Param, g []float32) {
	if p.Scan != nil {
		half := p.M() / 2 / 16 * 16 * p.K()
		p.Scan(0, g[:half])
		p.Scan(half/p.K(), g[half:])
	}
	p.NeedGrad()
	if p.Sparse != nil {
		mask := p.Sparse.Mask()
		copy(p.Grad.Data, sparse.FromDense(g, p.M(), p.K(), mask, mask.R).Values)
		return
	}
	copy(p.Grad.Data, g)
}

func noise(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// SET exchanges as many entries as its schedule says, drops the smallest, and grows
// anywhere else with equal probability.
func TestSETGrowsAtRandom(t *testing.T) {
	const M, K, runs = 8, 16, 4000
	var hits [M * K]int
	for run := range runs {
		rng := newRand(uint64(run))
		ws := Weights([]*nn.Param{param("a", newRand(1), M, K)})
		s := &SET{Rewiring{Sparsity: 0.75, Until: 100, Every: 1, Drop: ConstantDrop(0.5), Distribution: Even}}
		if err := s.Begin(ws, newRand(2)); err != nil { // the same topology in all runs
			t.Fatal(err)
		}
		s.random = rand.NewPCG(rng.Uint64(), rng.Uint64())
		before, existed := plain(ws[0].Param)
		s.Step(0, ws)
		after, exists := plain(ws[0].Param)
		if count(exists) != 32 {
			t.Fatalf("%d weights exist, want 32", count(exists))
		}
		var live []float32
		for i, e := range existed {
			if e {
				live = append(live, abs(before[i]))
			}
		}
		slices.Sort(live)
		for i := range exists {
			switch {
			case existed[i] && abs(before[i]) >= live[16] && (!exists[i] || after[i] != before[i]):
				t.Fatalf("the weight %g at %d was touched", before[i], i)
			case exists[i] && !existed[i]:
				hits[i]++
				if after[i] != 0 {
					t.Fatalf("a grown weight is %g", after[i])
				}
			}
		}
	}
	// Of 128 entries 16 are kept; each of the others grows with probability 16/112.
	for i, n := range hits {
		p := 16. / 112
		if sd := math.Sqrt(runs * p * (1 - p)); n > 0 && math.Abs(float64(n)-runs*p) > 5*sd {
			t.Errorf("entry %d grew %d times, want %.0f ± %.0f", i, n, runs*p, sd)
		}
	}
}

// SNFS grows where the mean of the gradients of all steps is largest.
func TestSNFSGrowsByMeanGradient(t *testing.T) {
	for _, rows := range []int{1, 4} {
		const M, K, steps = 32, 10, 7
		rng := newRand(3)
		ws := Weights([]*nn.Param{param("a", rng, M, K)})
		s := &SNFS{Rewiring: Rewiring{Sparsity: 0.8, Until: 100, Every: steps, From: steps - 1, Drop: ConstantDrop(0.25), Structure: Structure{Rows: rows}, Distribution: Even}, Decay: 0.8}
		if err := s.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		mean := make([]float64, M*K)
		_, existed := plain(ws[0].Param)
		for step := range steps {
			if !s.WantsDense(step) {
				t.Fatalf("no dense gradient at step %d", step)
			}
			s.Prepare(step, ws)
			g := noise(rng, M*K)
			for i, v := range g {
				mean[i] = 0.8*mean[i] + 0.2*float64(v)
			}
			gradient(ws[0].Param, g)
			if c := s.Step(step, ws); (len(c) > 0) != (step == steps-1) {
				t.Fatalf("%d changes at step %d", len(c), step)
			}
		}
		_, exists := plain(ws[0].Param)
		if count(exists) != count(existed) {
			t.Errorf("%d weights became %d", count(existed), count(exists))
		}
		// The worst of what grew is no worse than the best of what did not.
		scoreAt := func(group, col int) (sum float64) {
			for row := group * rows; row < (group+1)*rows; row++ {
				sum += math.Abs(mean[row*K+col])
			}
			return sum
		}
		worst, best := math.Inf(1), 0.0
		for i := range exists {
			switch v := scoreAt(i/K/rows, i%K); {
			case exists[i] && !existed[i]:
				worst = min(worst, v)
			case !exists[i] && !existed[i]:
				best = max(best, v)
			}
		}
		if worst < best-1e-6 {
			t.Errorf("%d rows: grew a block of %g, left one of %g", rows, worst, best)
		}
	}
}

// Redistribution keeps the weights of the network and moves them to where the gradients are.
func TestSNFSRedistributes(t *testing.T) {
	rng := newRand(4)
	ws := Weights([]*nn.Param{param("a", rng, 40, 20), param("b", rng, 40, 20), param("c", rng, 4, 4)})
	s := &SNFS{Rewiring: Rewiring{Sparsity: 0.7, Until: 100, Every: 1, Drop: ConstantDrop(0.5), Distribution: Even}, Redistribute: true}
	if err := s.Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	all := func() (n int) {
		for _, w := range ws {
			n += w.NNZ()
		}
		return n
	}
	want, b := all(), ws[1].NNZ()
	for step := range 10 {
		s.Prepare(step, ws)
		for i, w := range ws {
			g := noise(rng, w.Size())
			for j := range g {
				g[j] *= []float32{0.1, 1, 5}[i] // c has no room for what its gradients call for
			}
			gradient(w.Param, g)
		}
		s.Step(step, ws)
		if all() != want {
			t.Fatalf("step %d: %d weights exist, want %d", step, all(), want)
		}
	}
	if ws[1].NNZ() <= b || ws[2].NNZ() != 16 {
		t.Errorf("weights went from %d to %d where gradients are large, and to %d of 16", b, ws[1].NNZ(), ws[2].NNZ())
	}
}

// SNIP keeps the largest |θ·g|: here a rank that is known.
func TestSNIP(t *testing.T) {
	for _, global := range []bool{false, true} {
		rng := newRand(5)
		a, b := param("a", rng, 16, 6), param("b", rng, 16, 6)
		ws := Weights([]*nn.Param{a, b})
		s := &SNIP{Sparsity: 0.75, Distribution: Even, Global: global}
		if err := s.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		scores := map[*nn.Param][]float32{}
		for i, p := range []*nn.Param{a, b} {
			g := noise(rng, p.Size())
			for j := range g {
				g[j] *= float32(1 + 100*i)
				scores[p] = append(scores[p], abs(g[j]*p.Dense.Data[j]))
			}
			gradient(p, g)
		}
		if c := s.Step(0, ws); len(c) != 2 || !s.ReplacesStep() {
			t.Fatalf("%d changes", len(c))
		}
		if s.Step(0, ws) != nil {
			t.Error("SNIP prunes twice")
		}
		for _, p := range []*nn.Param{a, b} {
			_, exists := plain(p)
			n := count(exists)
			if global && (p == a && n > 4 || p == b && n < 44) || !global && n != 24 {
				t.Errorf("global %v: %s has %d weights", global, p.Name, n)
			}
			least, most := float32(math.Inf(1)), float32(0)
			for i, e := range exists {
				if e {
					least = min(least, scores[p][i])
				} else {
					most = max(most, scores[p][i])
				}
			}
			if least < most {
				t.Errorf("global %v: %s: kept a score of %g, dropped one of %g", global, p.Name, least, most)
			}
		}
	}
}

// Random pruning follows the schedule and takes any weight with the same probability.
func TestRandomPruning(t *testing.T) {
	const runs = 2000
	var left [64]int
	for run := range runs {
		ws := Weights([]*nn.Param{param("a", newRand(1), 8, 8)})
		r := &RandomPruning{Sparsity: 0.5, Distribution: Even, Schedule: Cubic{0, 10, 5}}
		if err := r.Begin(ws, newRand(uint64(run))); err != nil {
			t.Fatal(err)
		}
		for step := range 12 {
			r.Step(step, ws)
			share, _ := r.Schedule.At(step)
			if want := Nonzeros(64, share*0.5); ws[0].NNZ() != want {
				t.Fatalf("step %d: %d weights, want %d", step, ws[0].NNZ(), want)
			}
		}
		_, exists := plain(ws[0].Param)
		for i, e := range exists {
			if e {
				left[i]++
			}
		}
	}
	for i, n := range left {
		if sd := math.Sqrt(runs * 0.25); math.Abs(float64(n)-runs/2) > 5*sd {
			t.Errorf("weight %d survived %d times of %d", i, n, runs)
		}
	}
}

// Global magnitude pruning drops the smallest weights of the network and leaves no layer
// without any.
func TestGlobalMagnitude(t *testing.T) {
	for _, rows := range []int{1, 4} {
		rng := newRand(6)
		a, b, c := param("a", rng, 16, 10), param("b", rng, 32, 10), param("c", rng, 4, 4)
		for i := range c.Dense.Data {
			c.Dense.Data[i] *= 1e-3
		}
		ws := Weights([]*nn.Param{a, b, c})
		m := Magnitude{Sparsity: 0.9, Distribution: Even, Structure: Structure{Rows: rows}, Global: true}
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		whole := map[*nn.Param][]float32{}
		for _, w := range ws {
			whole[w.Param] = slices.Clone(w.Dense.Data)
		}
		m.Step(0, ws)
		n := a.NNZ() + b.NNZ() + c.NNZ()
		if want := rows * kept((160+320+16)/rows, 0.9); n != want+rows || c.NNZ() != rows {
			t.Errorf("%d rows: %d weights exist, want %d and %d spared; c has %d", rows, n, want, rows, c.NNZ())
		}
		least, most := math.Inf(1), 0.0
		for _, p := range []*nn.Param{a, b} {
			_, exists := plain(p)
			for i := range exists {
				sum := 0.0
				for row := i / 10 / rows * rows; row < (i/10/rows+1)*rows; row++ {
					sum += math.Abs(float64(whole[p][row*10+i%10]))
				}
				if exists[i] {
					least = min(least, sum)
				} else {
					most = max(most, sum)
				}
			}
		}
		if least < most-1e-5 {
			t.Errorf("%d rows: kept a block of %g, dropped one of %g", rows, least, most)
		}
	}
}

func TestTicket(t *testing.T) {
	rng := newRand(7)
	p := param("a", rng, 8, 8)
	mask := randomMask(p.M(), p.K(), 0.75, 4, rng)
	values := slices.Clone(p.Dense.Data)
	ws := Weights([]*nn.Param{p, param("b", rng, 4, 4)})
	if err := (Ticket{map[string]*sparse.Mask{"a": mask}}).Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	got, exists := plain(p)
	for i := range got {
		if e := mask.Get(i/8/4, i%8); e != exists[i] || e && got[i] != values[i] {
			t.Fatalf("weight %d is %g (exists: %v), was %g (to exist: %v)", i, got[i], exists[i], values[i], e)
		}
	}
	if ws[1].Mask != nil || ws[1].Sparse != nil {
		t.Error("a weight without topology is not dense")
	}
	for says, masks := range map[string]map[string]*sparse.Mask{
		"is [8, 8], its topology is for [4, 8]": {"a": sparse.NewMask(4, 8, 1)},
		"1 of 1 topologies":                     {"z": mask},
	} {
		if err := (Ticket{masks}).Begin(Weights([]*nn.Param{param("a", rng, 8, 8)}), rng); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want it to say %q", err, says)
		}
	}
}

// New weights of a RigL that does not start them at zero have the spread of the others.
func TestGrowInit(t *testing.T) {
	for name, init := range map[string]GrowInit{"normal": GrowNormal, "uniform": GrowUniform, "shuffled": GrowShuffled} {
		for _, sparsity := range []float64{0.2, 0.8} { // masked, sparse
			rng := newRand(8)
			ws := Weights([]*nn.Param{param("a", rng, 64, 100)})
			r := &RigL{Rewiring: Rewiring{Sparsity: sparsity, Until: 10, Every: 1, Distribution: Even, Drop: ConstantDrop(0.3), Structure: Structure{Rows: 4}}, Init: init}
			if err := r.Begin(ws, rng); err != nil {
				t.Fatal(err)
			}
			_, existed := plain(ws[0].Param)
			r.Prepare(0, ws)
			gradient(ws[0].Param, noise(rng, 6400))
			r.Step(0, ws)
			after, exists := plain(ws[0].Param)
			sum, n := 0.0, 0
			for i := range after {
				if exists[i] && !existed[i] {
					sum, n = sum+float64(after[i])*float64(after[i]), n+1
				}
			}
			if sd := math.Sqrt(sum / float64(n)); n < 100 || sd < 0.7 || sd > 1.4 {
				t.Errorf("%s at %v: the deviation of %d new weights is %g, that of the others about 1", name, sparsity, n, sd)
			}
		}
	}
}

// With a gradient step, new weights are that far down their gradient.
func TestGrowAlongGradient(t *testing.T) {
	for _, c := range []struct {
		rows     int
		sparsity float64
	}{{1, 0.8}, {4, 0.8}, {4, 0.2}} { // sparse, blocks, blocks under a mask
		rng := newRand(9)
		ws := Weights([]*nn.Param{param("a", rng, 64, 100)})
		r := &RigL{Rewiring: Rewiring{Sparsity: c.sparsity, Until: 10, Every: 1, Distribution: Even, Drop: ConstantDrop(0.3), Structure: Structure{Rows: c.rows}}, GradientStep: 0.5}
		if err := r.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		_, existed := plain(ws[0].Param)
		r.Prepare(0, ws)
		g := noise(rng, 6400)
		gradient(ws[0].Param, g)
		r.Step(0, ws)
		after, exists := plain(ws[0].Param)
		n := 0
		for i := range after {
			if exists[i] && !existed[i] {
				n++
				if after[i] != -0.5*g[i] {
					t.Fatalf("%d rows: weight %d starts at %g, its gradient is %g", c.rows, i, after[i], g[i])
				}
			}
		}
		if n < 100 {
			t.Errorf("%d rows: only %d new weights", c.rows, n)
		}
	}
	if err := (&RigL{Rewiring: Rewiring{Sparsity: 0.5, Until: 1}, Init: GrowNormal, GradientStep: 1}).Begin(nil, newRand(1)); err == nil {
		t.Error("two ways to start new weights were taken")
	}
}

// A method goes on from its state as if it had not stopped.
func TestMethodsResume(t *testing.T) {
	for name, make := range map[string]func() Method{
		"SET":  func() Method { return &SET{Rewiring{Sparsity: 0.8, Until: 100, Every: 2}} },
		"SNFS": func() Method { return &SNFS{Rewiring: Rewiring{Sparsity: 0.8, Until: 100, Every: 2}} },
		"RigL": func() Method { return &RigL{Rewiring: Rewiring{Sparsity: 0.8, Until: 100, Every: 2}, Init: GrowNormal} },
		"SNIP": func() Method { return &SNIP{Sparsity: 0.8} },
		"random": func() Method {
			return &RandomPruning{Sparsity: 0.8, Distribution: Even, Schedule: Cubic{0, 10, 2}}
		},
		"variational": func() Method { return &Variational{Penalty: Penalty{Lambda: 1e-2, Until: 5, Sparsity: 0.5}} },
		"L0": func() Method {
			return &L0{Penalty: Penalty{Lambda: 1e-2, Until: 5, Sparsity: 0.5, Steer: true}}
		},
	} {
		run := func(m Method, ws []Weight, from, to int) {
			for step := from; step < to; step++ {
				if p, ok := m.(Preparer); ok && m.WantsDense(step) {
					p.Prepare(step, ws)
				}
				r, random := m.(Reparameterizer)
				if random {
					r.Sample(step, ws)
				}
				for i, w := range ws {
					gradient(w.Param, noise(newRand(uint64(100*step+i)), w.Size()))
				}
				if random {
					r.Gather(step, ws)
				}
				m.Step(step, ws)
			}
			if f, ok := m.(Finisher); ok && to == 9 {
				f.Finish(ws)
			}
		}
		weights := func() []Weight {
			return Weights([]*nn.Param{param("a", newRand(1), 32, 8), param("b", newRand(2), 16, 8)})
		}
		whole, a := make(), weights()
		if err := whole.Begin(a, newRand(9)); err != nil {
			t.Fatal(err)
		}
		run(whole, a, 0, 4)
		type stateful interface {
			MarshalBinary() ([]byte, error)
			UnmarshalBinary([]byte) error
		}
		state, err := whole.(stateful).MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		again, b := make(), weights()
		if err := again.Begin(b, newRand(77)); err != nil {
			t.Fatal(err)
		}
		if err := again.(stateful).UnmarshalBinary(state); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range a {
			values, _ := plain(a[i].Param)
			mask := a[i].Topology(1)
			b[i].SetDense()
			copy(b[i].Dense.Data, values)
			switch {
			case a[i].Sparse != nil:
				b[i].SetSparse(mask)
			case a[i].Mask != nil:
				c := *mask
				c.Bits = slices.Clone(mask.Bits)
				b[i].SetMasked(&c)
			}
		}
		run(whole, a, 4, 9)
		run(again, b, 4, 9)
		for i := range a {
			x, xe := plain(a[i].Param)
			y, ye := plain(b[i].Param)
			if !slices.Equal(x, y) || !slices.Equal(xe, ye) {
				t.Errorf("%s: weight %d differs after a resume", name, i)
			}
		}
		if err := again.(stateful).UnmarshalBinary([]byte("{")); err == nil {
			t.Errorf("%s: a damaged state was taken", name)
		}
	}
}
