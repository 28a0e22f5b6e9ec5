package sparse

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var blockRows = []int{1, 2, 4, 16}

// randomMatrix draws a matrix and the dense array it stands for.
func randomMatrix(t *rapid.T) (*Matrix, []float32) {
	M := rapid.IntRange(0, 40).Draw(t, "M")
	K := rapid.IntRange(0, 700).Draw(t, "K")
	R := rapid.SampledFrom(blockRows).Draw(t, "R")
	mask := NewMask(M, K, R)
	if mask.Blocks() > 0 {
		for range rapid.IntRange(0, min(mask.Blocks(), 300)).Draw(t, "blocks") {
			mask.Set(rapid.IntRange(0, mask.Groups()-1).Draw(t, "g"), rapid.IntRange(0, K-1).Draw(t, "k"), true)
		}
	}
	dense := make([]float32, M*K)
	for i := range dense {
		dense[i] = float32(i%97) + 1
	}
	mask.Apply(dense)
	return FromDense(dense, M, K, mask, R), dense
}

func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, dense := randomMatrix(t)
		if got := m.ToDense(); !slices.Equal(got, dense) {
			t.Fatal("ToDense differs from what the matrix was made of")
		}
		live := 0
		for i, v := range dense {
			if v != 0 {
				live++
			}
			if got := m.At(i/m.K, i%m.K); got != v {
				t.Fatalf("At(%d,%d) = %g, want %g", i/m.K, i%m.K, got, v)
			}
		}
		if m.NNZ() != live || m.Mask().NNZ() != live {
			t.Fatalf("NNZ %d, of the mask %d, want %d", m.NNZ(), m.Mask().NNZ(), live)
		}
		if again := FromDense(dense, m.M, m.K, nil, m.R); again.Len() != m.Len() {
			t.Fatalf("%d entries from values, %d from the mask", again.Len(), m.Len())
		}
		offsets, columns, values := m.Parts()
		back, err := FromParts(m.M, m.K, m.R, offsets, columns, values)
		if err != nil {
			t.Fatal(err)
		}
		for _, same := range []*Matrix{back, m.Clone()} {
			if same.KB != m.KB || !slices.Equal(same.Columns, m.Columns) ||
				!slices.Equal(same.Offsets, m.Offsets) || !slices.Equal(same.Values, m.Values) {
				t.Fatal("copy differs from the matrix")
			}
		}
	})
}

// An edit must be what the same edit of a dense array is, and its moves must
// carry any array beside the values along.
func TestEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, dense := randomMatrix(t)
		keysBefore := m.Keys()
		drop := make([]bool, m.Len())
		want := map[int64]bool{} // key to: was there before
		for pos, key := range keysBefore {
			drop[pos] = rapid.Bool().Draw(t, "drop")
			if !drop[pos] {
				want[key] = true
			}
		}
		var grow []int64
		if blocks := int64(m.Groups() * m.K); blocks > 0 {
			for range rapid.IntRange(0, 50).Draw(t, "grown") {
				key := rapid.Int64Range(0, blocks-1).Draw(t, "key")
				if _, taken := want[key]; !taken {
					want[key] = false
					grow = append(grow, key)
				}
			}
		}
		slices.Sort(grow)
		beside := slices.Clone(m.Values)
		old := m.Twin()
		moves := m.Edit(drop, grow)
		if len(moves.From) != len(want) || m.Len() != len(want) {
			t.Fatalf("%d moves and %d entries, want %d", len(moves.From), m.Len(), len(want))
		}
		if m.Twin() == old || m.R == 1 && len(m.Twin().Perm) != m.Len() {
			t.Fatal("the twin is still the one from before")
		}
		for pos, key := range m.Keys() {
			kept, ok := want[key]
			if !ok || kept != (moves.From[pos] >= 0) || kept && keysBefore[moves.From[pos]] != key {
				t.Fatalf("entry %d has key %d and comes from %d", pos, key, moves.From[pos])
			}
			for r := range m.rows(int(key) / m.K) {
				v := float32(0)
				if kept {
					v = dense[(int(key)/m.K*m.R+r)*m.K+int(key)%m.K]
				}
				if m.Values[pos*m.R+r] != v {
					t.Fatalf("value %d of entry %d is %g, want %g", r, pos, m.Values[pos*m.R+r], v)
				}
			}
		}
		if !slices.Equal(moves.Remap(beside, m.R), m.Values) {
			t.Fatal("Remap does not move like the values")
		}
	})
}

func TestEditPanics(t *testing.T) {
	for name, grow := range map[string][]int64{
		"present": {5}, "unsorted": {9, 8}, "twice": {8, 8}, "outside": {64}, "negative": {-1},
	} {
		m := New(8, 8, 1)
		m.Edit(nil, []int64{5})
		if !panics(func() { m.Edit(nil, grow) }) {
			t.Errorf("growing %s: no panic", name)
		}
	}
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

func TestMask(t *testing.T) {
	m := NewMask(10, 13, 4)
	m.Fill()
	if m.Count() != 39 || m.NNZ() != 130 {
		t.Errorf("full mask: %d blocks, %d weights, want 39 and 130", m.Count(), m.NNZ())
	}
	m.Set(2, 5, false)
	if m.Get(2, 5) || !m.Get(2, 4) || m.Count() != 38 || m.NNZ() != 128 {
		t.Errorf("after one of the last group: %d blocks, %d weights, want 38 and 128", m.Count(), m.NNZ())
	}
	if full := FromMask(m); full.Len() != 38 || full.NNZ() != 128 || full.Density() != 128.0/130 {
		t.Errorf("matrix of the mask: %d entries, %d weights, density %g", full.Len(), full.NNZ(), full.Density())
	}
}

func TestFromPartsRejects(t *testing.T) {
	type parts struct {
		M, K, R int
		offsets []int64
		columns []uint32
		values  []float32
	}
	good := parts{3, 5, 2, []int64{0, 2, 3}, []uint32{1, 4, 0}, []float32{1, 2, 3, 4, 5, 0}}
	if _, err := FromParts(good.M, good.K, good.R, good.offsets, good.columns, good.values); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(p *parts){
		"negative shape":     func(p *parts) { p.M = -3 },
		"huge shape":         func(p *parts) { p.K = 1 << 60 },
		"block":              func(p *parts) { p.R = 3 },
		"offsets missing":    func(p *parts) { p.offsets = nil },
		"offsets too few":    func(p *parts) { p.offsets = []int64{0, 3} },
		"first offset":       func(p *parts) { p.offsets = []int64{1, 2, 3} },
		"last offset":        func(p *parts) { p.offsets = []int64{0, 2, 4} },
		"offsets fall":       func(p *parts) { p.offsets = []int64{0, -1, 3} },
		"offset beyond":      func(p *parts) { p.offsets = []int64{0, 1 << 40, 3} },
		"column outside":     func(p *parts) { p.columns = []uint32{1, 5, 0} },
		"columns fall":       func(p *parts) { p.columns = []uint32{4, 1, 0} },
		"column twice":       func(p *parts) { p.columns = []uint32{1, 1, 0} },
		"values missing":     func(p *parts) { p.values = p.values[:4] },
		"value in no row":    func(p *parts) { p.values = []float32{1, 2, 3, 4, 5, 6} },
		"entries without K":  func(p *parts) { p.K = 0 },
		"entries without M":  func(p *parts) { p.M, p.offsets = 0, []int64{0} },
		"offsets for no row": func(p *parts) { p.M = 0 },
	} {
		p := good
		spoil(&p)
		if _, err := FromParts(p.M, p.K, p.R, p.offsets, p.columns, p.values); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whatever the bytes say, FromParts gives an error or a matrix that tells the
// same parts again.
func FuzzFromParts(f *testing.F) {
	f.Add(int64(3), int64(5), byte(2), []byte{0, 2, 3}, []byte{1, 4, 0}, []byte{1, 2, 3, 4, 5, 0})
	f.Add(int64(1), int64(1<<31), byte(1), []byte{0, 0}, []byte{}, []byte{})
	f.Add(int64(0), int64(0), byte(4), []byte{0}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, M, K int64, R byte, o, c, v []byte) {
		var offsets []int64
		for _, b := range o {
			offsets = append(offsets, int64(int8(b)))
		}
		var columns []uint32
		for _, b := range c {
			columns = append(columns, uint32(b))
		}
		var values []float32
		for _, b := range v {
			values = append(values, float32(b))
		}
		m, err := FromParts(int(M), int(K), int(R), offsets, columns, values)
		if err != nil {
			return
		}
		o2, c2, v2 := m.Parts()
		if !slices.Equal(o2, offsets) || !slices.Equal(c2, columns) || !slices.Equal(v2, values) {
			t.Fatal("parts differ after a round trip")
		}
		m.Edit(nil, nil)
		if m.NNZ() > len(values) {
			t.Fatalf("%d weights of %d values", m.NNZ(), len(values))
		}
	})
}
