package prune

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// param returns a dense prunable parameter with random values.
func param(name string, rng *rand.Rand, shape ...int) *nn.Param {
	p := &nn.Param{Name: name, Shape: shape, Dense: tensor.New(shape...), Prunable: true}
	for i := range p.Dense.Data {
		p.Dense.Data[i] = float32(rng.NormFloat64())
	}
	return p
}

// plain returns a parameter's values as a dense array and which weights exist.
func plain(p *nn.Param) (values []float32, exists []bool) {
	M, K := matrixShape(p)
	exists = make([]bool, M*K)
	if p.Sparse != nil {
		mask := p.Sparse.Mask()
		for i := range exists {
			exists[i] = mask.Get(i/K/mask.R, i%K)
		}
		return p.Sparse.ToDense(), exists
	}
	for i := range exists {
		exists[i] = p.Mask == nil || p.Mask.Get(i/K/p.Mask.R, i%K)
	}
	return slices.Clone(p.Dense.Data), exists
}

func count(exists []bool) int {
	n := 0
	for _, e := range exists {
		if e {
			n++
		}
	}
	return n
}

func TestStaticDrawsExactly(t *testing.T) {
	rng := newRand(1)
	for _, rows := range []int{1, 2, 4, 16} {
		for _, sparsity := range []float64{0.1, 0.5, 0.9, 0.999} {
			ws := Weights([]*nn.Param{param("a", rng, 48, 37), {Name: "bias"}, param("b", rng, 32, 3, 3, 3)})
			before := [][]float32{slices.Clone(ws[0].Dense.Data), slices.Clone(ws[1].Dense.Data)}
			s := Static{Sparsity: sparsity, Distribution: ERKPower(0.5), Structure: Structure{Rows: rows}}
			if err := s.Begin(ws, newRand(7)); err != nil {
				t.Fatal(err)
			}
			for i, w := range ws {
				M, K := matrixShape(w.Param)
				want := kept(M/rows*K, w.Target)
				if n, R := entries(w.Param); n != want || R != rows {
					t.Errorf("%d entries of %d rows, want %d of %d", n, R, want, rows)
				}
				values, exists := plain(w.Param)
				for j, e := range exists {
					if e && values[j] != before[i][j] || !e && values[j] != 0 {
						t.Fatalf("value %d is %v, was %v, exists %v", j, values[j], before[i][j], e)
					}
				}
				if dense := float64(count(exists))/float64(M*K) > kernel.BreakEven(rows); dense != (w.Dense != nil) {
					t.Errorf("density %v in blocks of %d: stored dense %v", float64(count(exists))/float64(M*K), rows, w.Dense != nil)
				}
			}
		}
	}
}

func TestRandomMaskIsUniform(t *testing.T) {
	p := &nn.Param{Name: "w", Shape: []int{4, 5}}
	rng, hits := newRand(3), make([]int, 20)
	const draws = 20_000
	for range draws {
		for key := range randomMask(p.M(), p.K(), 0.7, 1, rng).Keys {
			hits[key]++
		}
	}
	for key, n := range hits { // 0.3 expected, standard deviation 0.0032
		if share := float64(n) / draws; math.Abs(share-0.3) > 0.015 {
			t.Errorf("entry %d exists in %v of the draws", key, share)
		}
	}
}

func TestBeginErrors(t *testing.T) {
	rng := newRand(1)
	for want, m := range map[string]Method{
		"sparsity 1.5":    Static{Sparsity: 1.5},
		"blocks of 3":     Static{Sparsity: 0.5, Structure: Structure{Rows: 3}},
		"until must be":   &RigL{Rewiring: Rewiring{Sparsity: 0.5}},
		"share to drop 2": &RigL{Rewiring: Rewiring{Sparsity: 0.5, Until: 5, DropFraction: 2}},
		"from step 9":     Magnitude{Sparsity: 0.5, Schedule: Cubic{From: 9, Until: 5}},
		"power 7":         Static{Sparsity: 0.5, Distribution: ERKPower(7)},
	} {
		err := m.Begin(Weights([]*nn.Param{param("a", rng, 8, 8), param("b", rng, 8, 8)}), rng)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "prune: ") {
			t.Errorf("%T: error %v, want it to say %q", m, err, want)
		}
	}
	ws := Weights([]*nn.Param{param("a", rng, 8, 8)})
	s := Static{Sparsity: 0.9}
	if err := s.Begin(ws, rng); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(ws, rng); err == nil || !strings.Contains(err.Error(), `"a" is sparse already`) {
		t.Errorf("second beginning: %v", err)
	}
}

// reference is one RigL update the long way round, on dense arrays: scores by
// block, sorted in full.
func reference(theta, slot, g []float32, exists []bool, M, K, R int, fraction float64) {
	type block struct {
		key         int
		theta, grad float32
		on          bool
	}
	var active, all []*block
	groups := (M + R - 1) / R
	for key := range groups * K {
		b := &block{key: key, on: exists[key/K*R*K+key%K]}
		for row := key / K * R; row < min((key/K+1)*R, M); row++ {
			b.theta += abs(theta[row*K+key%K])
			b.grad += abs(g[row*K+key%K])
		}
		rows := float32(min((key/K+1)*R, M) - key/K*R)
		b.theta, b.grad = b.theta/rows, b.grad/rows
		all = append(all, b)
		if b.on {
			active = append(active, b)
		}
	}
	k := int(fraction * float64(len(active)))
	sort.SliceStable(active, func(i, j int) bool { return active[i].theta < active[j].theta })
	kept := map[int]bool{}
	for _, b := range active[k:] {
		kept[b.key] = true
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].grad > all[j].grad })
	grown := map[int]bool{}
	for _, b := range all {
		if len(grown) < k && !kept[b.key] {
			grown[b.key] = true
		}
	}
	for i := range theta {
		key := i/K/R*K + i%K
		exists[i] = kept[key] || grown[key]
		if !exists[i] {
			theta[i], slot[i] = 0, 0
		}
	}
}

// backward hands g over as a layer does, in row blocks of 64, the last ones first
// if told so.
func backward(p *nn.Param, g []float32, reversed bool) {
	M, K := matrixShape(p)
	var starts []int
	for row := 0; row < M; row += 64 {
		starts = append(starts, row)
	}
	if reversed {
		slices.Reverse(starts)
	}
	for _, row := range starts {
		p.Scan(row, g[row*K:min(row+64, M)*K])
	}
}

// remap moves a slot of an optimizer after a change.
func remap(p *nn.Param, slot []float32, c Change) []float32 {
	switch {
	case p.Sparse == nil:
		p.Mask.Apply(slot)
		return slot
	case c.Moves.From == nil:
		M, K := matrixShape(p)
		return sparse.FromDense(slot, M, K, p.Sparse.Mask(), p.Sparse.R).Values
	}
	return c.Moves.Remap(slot, p.Sparse.R)
}

func TestRigLAgainstReference(t *testing.T) {
	for _, c := range []struct {
		shape    []int
		rows     int
		sparsity float64
	}{
		{[]int{130, 33}, 1, 0.9}, {[]int{130, 33}, 1, 0.2}, {[]int{65, 7}, 1, 0.98}, {[]int{64, 20}, 2, 0.8},
		{[]int{130, 21}, 4, 0.75}, {[]int{130, 21}, 4, 0.05}, {[]int{80, 9}, 16, 0.6}, {[]int{70, 3, 3, 3}, 1, 0.7},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			rng := newRand(5)
			p := param("w", rng, c.shape...)
			M, K := matrixShape(p)
			ws := Weights([]*nn.Param{p, param("free", rng, 3, 3)})
			pin := func(name string) (float64, bool) { return 0, name == "free" }
			r := &RigL{Rewiring: Rewiring{Sparsity: c.sparsity, Distribution: Pin(ERK, pin), Structure: Structure{Rows: c.rows}, Until: 10, Every: 1}}
			if err := r.Begin(ws, newRand(9)); err != nil {
				t.Fatal(err)
			}
			theta, exists := plain(p)
			size := len(theta)
			if p.Sparse != nil {
				size = len(p.Sparse.Values)
			}
			slot := make([]float32, size)
			n := count(exists)
			for step := range 12 {
				fill(p, slot, rng)
				theta, exists = plain(p)
				wantTheta, wantSlot, wantExists := slices.Clone(theta), spread(p, slot), slices.Clone(exists)
				g := make([]float32, len(theta))
				for i := range g { // few values, so that there are ties
					g[i] = float32(rng.IntN(40)-20) / 4
				}
				if due := step < 10; r.WantsDense(step) != due {
					t.Fatalf("step %d: wants dense %v", step, !due)
				}
				if step >= 10 {
					if changes := r.Step(step, ws); changes != nil || p.Scan != nil {
						t.Fatalf("changes after the end: %v", changes)
					}
					continue
				}
				reference(wantTheta, wantSlot, g, wantExists, M, K, c.rows, CosineDrop(0.3, 10)(step))
				r.Prepare(step, ws)
				if ws[1].Scan != nil {
					t.Fatal("the pinned layer is scanned")
				}
				backward(p, g, step%2 == 1)
				changes := r.Step(step, ws)
				if len(changes) != 1 || changes[0].Param != p || changes[0].Dropped != changes[0].Grown || p.Scan != nil {
					t.Fatalf("changes %+v", changes)
				}
				slot = remap(p, slot, changes[0])
				if theta, exists = plain(p); !slices.Equal(theta, wantTheta) || !slices.Equal(exists, wantExists) || !slices.Equal(spread(p, slot), wantSlot) {
					t.Fatalf("step %d: differs from the reference", step)
				}
				if step == 0 && changes[0].Grown == 0 {
					t.Error("nothing moved at all")
				}
			}
			if M%c.rows == 0 && count(exists) != n {
				t.Errorf("%d weights became %d", n, count(exists))
			}
		})
	}
}

// fill gives the weights that exist, and the optimizer slot beside them, new
// values, many of them equal.
func fill(p *nn.Param, slot []float32, rng *rand.Rand) {
	values := slot
	if p.Sparse != nil {
		values = p.Sparse.Values
	} else {
		values = p.Dense.Data
	}
	for i := range values {
		values[i] = float32(rng.IntN(30) - 15)
		slot[i] = float32(rng.IntN(1000) + 1)
	}
	if p.Sparse == nil {
		p.Mask.Apply(values)
		p.Mask.Apply(slot)
		return
	}
	if w := p.Sparse; w.M%w.R != 0 { // rows that do not exist stay zero
		for e := range w.Entries {
			for r := w.M - e.Group*w.R; r < w.R; r++ {
				values[e.Pos*w.R+r], slot[e.Pos*w.R+r] = 0, 0
			}
		}
	}
}

// spread returns an optimizer slot in the dense layout.
func spread(p *nn.Param, slot []float32) []float32 {
	if p.Sparse == nil {
		return slices.Clone(slot)
	}
	M, K := matrixShape(p)
	dense := make([]float32, M*K)
	p.Sparse.Scatter(slot, dense)
	return dense
}

func TestRigLRegrownWeightsStay(t *testing.T) {
	p := param("w", newRand(1), 2, 8)
	ws := Weights([]*nn.Param{p})
	r := &RigL{Rewiring: Rewiring{Sparsity: 0.75, Until: 100, DropFraction: 0.5}}
	if err := r.Begin(ws, newRand(2)); err != nil {
		t.Fatal(err)
	}
	_, exists := plain(p)
	copy(p.Sparse.Values, []float32{1, 2, 3, 4}) // the first two will be dropped
	before := p.Sparse.Clone()
	slot := []float32{10, 20, 30, 40}
	g := make([]float32, 16)
	low := p.Sparse.Keys()
	g[low[1]] = 100 // dropped, then grown again
	g[low[3]] = 200 // kept: not a candidate
	fresh := slices.Index(exists, false)
	g[fresh] = -50
	r.Prepare(0, ws)
	p.Scan(0, g)
	c := r.Step(0, ws)[0]
	slot = remap(p, slot, c)
	if c.Dropped != 1 || c.Grown != 1 {
		t.Fatalf("change %+v", c)
	}
	if _, now := plain(p); now[low[0]] || !now[low[1]] || !now[low[2]] || !now[low[3]] || !now[fresh] {
		t.Errorf("topology %v", now)
	}
	for i, key := range p.Sparse.Keys() {
		want, wantSlot := before.At(int(key)/8, int(key)%8), []float32{0, 10, 20, 30, 40}[slices.Index(low, key)+1]
		if p.Sparse.Values[i] != want || slot[i] != wantSlot {
			t.Errorf("entry %d: value %v with slot %v, want %v with %v", key, p.Sparse.Values[i], slot[i], want, wantSlot)
		}
	}
}

func TestRigLGradientFollows(t *testing.T) {
	p := param("w", newRand(1), 16, 16)
	ws := Weights([]*nn.Param{p})
	r := &RigL{Rewiring: Rewiring{Sparsity: 0.9, Until: 100}, AlsoStep: true}
	if err := r.Begin(ws, newRand(2)); err != nil {
		t.Fatal(err)
	}
	if r.ReplacesStep() || !(&RigL{}).ReplacesStep() {
		t.Error("whether the update replaces the step")
	}
	g := make([]float32, 256)
	for i := range g {
		g[i] = float32(i + 1)
	}
	p.Grad = tensor.New(p.Sparse.Len())
	for i, key := range p.Sparse.Keys() {
		p.Grad.Data[i] = g[key]
	}
	old := p.Sparse.Mask()
	r.Prepare(0, ws)
	p.Scan(0, g)
	r.Step(0, ws)
	for i, key := range p.Sparse.Keys() {
		want := float32(0)
		if old.Get(int(key)/16, int(key)%16) {
			want = g[key]
		}
		if p.Grad.Data[i] != want {
			t.Errorf("gradient of entry %d is %v, want %v", key, p.Grad.Data[i], want)
		}
	}
}

func TestRigLMissesNoRow(t *testing.T) {
	p := param("w", newRand(1), 16, 16)
	ws := Weights([]*nn.Param{p})
	r := &RigL{Rewiring: Rewiring{Sparsity: 0.9, Until: 100}}
	if err := r.Begin(ws, newRand(2)); err != nil {
		t.Fatal(err)
	}
	r.Prepare(0, ws)
	p.Scan(0, make([]float32, 8*16))
	defer func() {
		if e := fmt.Sprint(recover()); !strings.Contains(e, "8 rows of the dense gradient were seen, it has 16") {
			t.Errorf("panic %q", e)
		}
	}()
	r.Step(0, ws)
}

func TestRigLState(t *testing.T) {
	ws := Weights([]*nn.Param{param("w", newRand(1), 16, 16)})
	a := &RigL{Rewiring: Rewiring{Sparsity: 0.9, Until: 1000}}
	if err := a.Begin(ws, newRand(2)); err != nil {
		t.Fatal(err)
	}
	a.Prepare(0, ws)
	ws[0].Scan(0, make([]float32, 256))
	a.Step(0, ws)
	state, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b := &RigL{Rewiring: Rewiring{Sparsity: 0.9, Until: 1000}}
	if err := b.Begin(Weights([]*nn.Param{param("w", newRand(1), 16, 16)}), newRand(2)); err != nil {
		t.Fatal(err)
	}
	if !b.WantsDense(0) {
		t.Error("no update at the first step")
	}
	if err := b.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if b.WantsDense(0) || b.WantsDense(99) || !b.WantsDense(100) {
		t.Error("the cadence was lost")
	}
	if err := b.UnmarshalBinary([]byte("{")); err == nil {
		t.Error("damaged state was accepted")
	}
}

func TestBestKeepsTheHighest(t *testing.T) {
	rng := newRand(11)
	for _, n := range []int{0, 1, 2, 17, 100, 5000} {
		for _, k := range []int{0, 1, 2, n / 3, n, n + 5} {
			b := best{k: k}
			ranks := make([]uint64, n)
			for key := range ranks {
				ranks[key] = highRank(float32(rng.IntN(50)), uint32(key))
			}
			order := rng.Perm(n)
			for _, i := range order {
				b.push(ranks[i])
				if cap(b.ranks) > max(2*k, 1) {
					t.Fatalf("room for %d, k is %d", cap(b.ranks), k)
				}
			}
			slices.Sort(ranks)
			slices.Reverse(ranks)
			var want []uint32
			for _, r := range ranks[:min(k, n)] {
				want = append(want, ^uint32(r))
			}
			slices.Sort(want)
			if got := b.keys(); !slices.Equal(got, want) {
				t.Fatalf("%d highest of %d: %v, want %v", k, n, got, want)
			}
		}
	}
	// Sorted, reversed and organ-pipe input must not be slow or wrong.
	r := make([]uint64, 1<<16)
	for i := range r {
		r[i] = uint64(min(i, len(r)-i))<<20 | uint64(i)
	}
	highestFirst(r, 1000)
	if slices.Min(r[:1000]) < slices.Max(r[1000:]) {
		t.Error("organ pipes came out of order")
	}
}

func TestRanks(t *testing.T) {
	nan := float32(math.NaN())
	if highRank(2, 5) <= highRank(1, 0) || highRank(1, 3) <= highRank(1, 4) || highRank(nan, 1) >= highRank(1e-40, 2) {
		t.Error("high ranks")
	}
	if lowRank(1, 5) <= lowRank(2, 0) || lowRank(1, 3) <= lowRank(1, 4) || lowRank(0, 9) <= lowRank(1e-40, 0) {
		t.Error("low ranks")
	}
}

func TestMagnitude(t *testing.T) {
	for _, rows := range []int{1, 4} {
		rng := newRand(4)
		first, p := param("first", rng, 8, 8), param("w", rng, 64, 50)
		original := slices.Clone(p.Dense.Data)
		ws := Weights([]*nn.Param{first, p})
		m := Magnitude{Sparsity: 0.95, Structure: Structure{Rows: rows}, Schedule: Cubic{From: 10, Until: 60, Every: 10}}
		if err := m.Begin(ws, rng); err != nil {
			t.Fatal(err)
		}
		slot := slices.Clone(original)
		p.Grad = tensor.Of(slices.Clone(original), 64, 50)
		blocks, stored := 64*50/rows, "dense"
		for step := range 80 {
			changes := m.Step(step, ws)
			share, due := m.Schedule.At(step)
			if (len(changes) > 0) != (due && step > 10) {
				t.Fatalf("step %d: changes %v", step, changes)
			}
			if len(changes) > 0 {
				slot = remap(p, slot, changes[0])
			}
			values, exists := plain(p)
			if n, want := count(exists), kept(blocks, share*0.95)*rows; n != want {
				t.Fatalf("step %d: %d weights, want %d", step, n, want)
			}
			if dense := float64(count(exists)) > kernel.BreakEven(rows)*64*50; dense != (p.Sparse == nil) {
				t.Fatalf("step %d: %d weights are stored dense: %v", step, count(exists), p.Sparse == nil)
			}
			if p.Sparse != nil {
				stored = "sparse"
			}
			for _, v := range [][]float32{values, spread(p, slot), spread(p, p.Grad.Data)} {
				for i, e := range exists {
					if e && v[i] != original[i] || !e && v[i] != 0 {
						t.Fatalf("step %d: value, slot or gradient %d is %v, was %v, exists %v", step, i, v[i], original[i], e)
					}
				}
			}
		}
		if stored != "sparse" || first.Mask != nil || first.Sparse != nil {
			t.Error("the layer ended dense, or the first one was pruned")
		}
		// What is left are the blocks of largest magnitude.
		_, exists := plain(p)
		least, most := float32(math.Inf(1)), float32(0)
		for key := range blocks {
			sum := float32(0)
			for row := range rows {
				sum += abs(original[(key/50*rows+row)*50+key%50])
			}
			if exists[key/50*rows*50+key%50] {
				least = min(least, sum)
			} else {
				most = max(most, sum)
			}
		}
		if least < most {
			t.Errorf("a block of %v was kept and one of %v dropped", least, most)
		}
	}
}

func TestNeverToZero(t *testing.T) {
	p := param("w", newRand(1), 3, 3)
	ws := Weights([]*nn.Param{p})
	d := func(shapes []Shape, _ float64) ([]float64, error) { return []float64{1}, nil }
	m := Magnitude{Distribution: d, Schedule: Cubic{Until: 1}}
	if err := m.Begin(ws, nil); err != nil {
		t.Fatal(err)
	}
	m.Step(1, ws)
	if p.Sparse == nil || p.Sparse.Len() != 1 {
		t.Errorf("sparsity 1 left %v", p.Sparse)
	}
}

func TestDenseDoesNothing(t *testing.T) {
	p := param("w", newRand(1), 3, 3)
	want := slices.Clone(p.Dense.Data)
	ws := Weights([]*nn.Param{p})
	if err := (Dense{}).Begin(ws, nil); err != nil {
		t.Fatal(err)
	}
	if (Dense{}).WantsDense(0) || (Dense{}).Step(0, ws) != nil || !slices.Equal(p.Dense.Data, want) || p.Mask != nil {
		t.Error("it did something")
	}
}

func TestCostsOfMethods(t *testing.T) {
	for want, c := range map[float64]Coster{
		3:                     Dense{},
		1.2:                   Static{},
		RigLCost(0.4, 1, 100): &RigL{},
		RigLCost(0.4, 1, 50):  &RigL{Rewiring: Rewiring{Every: 50}},
		3 * (0.25 + 0.75*0.4): Magnitude{Schedule: Cubic{From: 25, Until: 25}},
	} {
		near(t, fmt.Sprintf("%T", c), c.Cost(0.4, 1, 100), want, 1e-12)
	}
}
