package weights

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// zoo has a parameter of every storage and a buffer.
type zoo struct {
	Plain, Masked, Loose, Tall, Wide, Empty *nn.Param
	Mean                                    *nn.Buffer
}

func newZoo(seed uint64) *zoo {
	rng := rand.New(rand.NewPCG(seed, 0))
	fill := func(p *nn.Param) *nn.Param {
		for i := range p.Dense.Data {
			p.Dense.Data[i] = float32(rng.NormFloat64())
		}
		return p
	}
	return &zoo{
		Plain: fill(nn.NewParam(7, 3)), Masked: fill(nn.NewParam(10, 9)), Loose: fill(nn.NewParam(9, 4, 3, 3)),
		Tall: fill(nn.NewParam(18, 11)), Wide: fill(nn.NewParam(2, 70_000)), Empty: fill(nn.NewParam(3, 3)),
		Mean: &nn.Buffer{Data: []float32{1, 2, float32(seed)}},
	}
}

// prune takes most weights away.
func (z *zoo) prune(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	mask := func(p *nn.Param, R int, density float64) *sparse.Mask {
		m := sparse.NewMask(p.M(), p.K(), R)
		for g := range m.Groups() {
			for col := range m.K {
				m.Set(g, col, rng.Float64() < density)
			}
		}
		return m
	}
	z.Masked.SetMasked(mask(z.Masked, 2, 0.7))
	z.Loose.SetSparse(mask(z.Loose, 1, 0.2))
	z.Loose.Sparse.Values[3] = 0 // exists, though zero
	z.Tall.SetSparse(mask(z.Tall, 4, 0.3))
	z.Wide.SetSparse(mask(z.Wide, 1, 0.01))
	z.Empty.SetSparse(mask(z.Empty, 1, 0))
}

func sameNet(t *testing.T, got, want any) {
	t.Helper()
	ps := nn.Params(want)
	for i, g := range nn.Params(got) {
		w := ps[i]
		if g.Name != w.Name || g.Execution() != w.Execution() || g.NNZ() != w.NNZ() {
			t.Errorf("%v, want %v", g, w)
			continue
		}
		testkit.Same(t, g.Name, g.Values(), w.Values())
		if w.Execution() != "dense" && (g.Topology(1).R != w.Topology(1).R || !slices.Equal(g.Topology(1).Bits, w.Topology(1).Bits)) {
			t.Errorf("%s: other topology", g.Name)
		}
	}
	bs := nn.Buffers(want)
	for i, g := range nn.Buffers(got) {
		testkit.Same(t, g.Name, g.Data, bs[i].Data)
	}
}

func TestNetRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zoo.safetensors")
	saved := newZoo(1)
	saved.prune(1)
	if err := Save(path, saved, map[string]string{"licence": "CC0"}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Metadata["licence"] != "CC0" || len(f.Groups) != 5 || f.Groups["tall"].NNZ() != saved.Tall.NNZ() {
		t.Errorf("metadata %v, groups %v", f.Metadata, f.Groups)
	}
	if info, _ := f.Info("wide.columns"); info.DType != U32 {
		t.Errorf("70000 columns are stored as %s", info.DType)
	}
	if info, _ := f.Info("loose.columns"); info.DType != U16 {
		t.Errorf("36 columns are stored as %s", info.DType)
	}
	fresh, changed := newZoo(2), newZoo(3)
	changed.prune(9) // storage that has to give way
	changed.Plain.SetMasked(sparse.NewMask(7, 3, 1))
	for _, net := range []*zoo{fresh, changed} {
		if err := f.Load(net); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sameNet(t, fresh, saved)
	fresh.Loose.Sparse.Values[0]++ // loading twice shares nothing
	sameNet(t, changed, saved)
	again := filepath.Join(t.TempDir(), "again.safetensors")
	if err := Save(again, changed, map[string]string{"licence": "CC0"}); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(path)
	if b, _ := os.ReadFile(again); !slices.Equal(a, b) {
		t.Error("saved, loaded and saved again, the file differs")
	}
}

func TestSizeFollowsNonzeros(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sizes := map[string]int64{}
	for name, rows := range map[string]int{"dense": 0, "1x1": 1, "4x1": 4, "16x1": 16} {
		l := nn.NewLinear(512, 512, rng)
		if rows > 0 {
			mask := sparse.NewMask(512, 512, rows)
			for i := range mask.Blocks() {
				mask.Set(i/512, i%512, i%10 == i/512%10)
			}
			l.Weight.SetSparse(mask)
		}
		path := filepath.Join(t.TempDir(), "l.safetensors")
		if err := Save(path, l, nil); err != nil {
			t.Fatal(err)
		}
		stat, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes[name] = stat.Size()
	}
	// A tenth of the weights: 6, 4.5 and 4.125 bytes each instead of 4 for all.
	for name, most := range map[string]float64{"1x1": 0.16, "4x1": 0.12, "16x1": 0.11} {
		if got := float64(sizes[name]) / float64(sizes["dense"]); got > most {
			t.Errorf("%s at 90 %% takes %.3f of the dense file, more than %v", name, got, most)
		}
	}
}

func TestLoadsPyTorchLayout(t *testing.T) {
	f, err := Open("testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	net := struct{ FC *nn.Linear }{nn.NewLinear(3, 2, rand.New(rand.NewPCG(1, 1)))}
	if err := f.Load(net); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(net.FC.Bias.Dense.Data, []float32{1.5, -2.5}) || net.FC.Weight.Dense.Data[4] != 0.1 {
		t.Errorf("weights %v, bias %v", net.FC.Weight.Dense.Data, net.FC.Bias.Dense.Data)
	}
}

func TestLoadErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	saved := newZoo(1)
	saved.prune(1)
	if err := Save(path, saved, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for want, change := range map[string]func(z *zoo){
		`tensor "plain" has shape [7 3], the network's is [3 7]`:            func(z *zoo) { z.Plain = nn.NewParam(3, 7) },
		`sparse tensor "tall" has shape [18 11], the network's is [11 18]`:  func(z *zoo) { z.Tall = nn.NewParam(11, 18) },
		`tensor "mean" has shape [3], the network's has 4 elements`:         func(z *zoo) { z.Mean.Data = make([]float32, 4) },
		`sparse tensor "empty" has shape [3 3], the network's is [3 3 1 1]`: func(z *zoo) { z.Empty = nn.NewParam(3, 3, 1, 1) },
	} {
		z := newZoo(2)
		change(z)
		first := slices.Clone(z.Plain.Dense.Data)
		err := f.Load(z)
		if err == nil || err.Error() != "weights: load "+path+": "+want {
			t.Errorf("error %v, want %s", err, want)
		}
		if !slices.Equal(z.Plain.Dense.Data, first) || z.Loose.Sparse != nil {
			t.Error("a failed load changed the network")
		}
	}
	if err := f.Load(struct{ Other *nn.Param }{nn.NewParam(1)}); err == nil || !strings.Contains(err.Error(), `tensor "other" is missing`) {
		t.Errorf("missing tensor: %v", err)
	}
	if err := f.Load(struct{ Other *nn.Buffer }{&nn.Buffer{}}); err == nil || !strings.Contains(err.Error(), `tensor "other" is missing`) {
		t.Errorf("missing buffer: %v", err)
	}
}

// lie returns the bytes of a file with a sparse weight w of [4,6] after the change.
func lie(t testing.TB, change func(es map[string]*Entry, meta *string)) []byte {
	t.Helper()
	m := sparse.FromDense([]float32{0: 1, 5: 2, 8: 3, 20: 4, 23: 5}, 4, 6, nil, 1)
	es := groupEntries("w", m)
	byName := map[string]*Entry{}
	for i := range es {
		byName[es[i].Name] = &es[i]
	}
	meta := `{"w":{"shape":[4,6],"rows":1}}`
	if change != nil {
		change(byName, &meta)
	}
	es = slices.DeleteFunc(es, func(e Entry) bool { return e.Bytes == nil })
	head, order, err := layOut(es, map[string]string{sparseKey: meta})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range order {
		head = append(head, e.Bytes()...)
	}
	return head
}

func u16(v ...uint16) Entry {
	return Entry{DType: U16, Shape: []int{len(v)}, Bytes: func() []byte { return bytesOf(v) }}
}

func u32(v ...uint32) Entry {
	return Entry{DType: U32, Shape: []int{len(v)}, Bytes: func() []byte { return bytesOf(v) }}
}

func TestLyingGroups(t *testing.T) {
	if _, err := parse(lie(t, nil)); err != nil {
		t.Fatal(err)
	}
	set := func(name string, v Entry) func(map[string]*Entry, *string) {
		return func(es map[string]*Entry, _ *string) { v.Name = name; *es[name] = v }
	}
	meta := func(text string) func(map[string]*Entry, *string) {
		return func(_ map[string]*Entry, m *string) { *m = text }
	}
	for want, change := range map[string]func(map[string]*Entry, *string){
		"sparse: offset 6 of row group 0 lies outside":            set("w.offsets", u32(0, 6, 3, 3, 5)),
		"sparse: offsets run from 0 to 6, want 0 to 5":            set("w.offsets", u32(0, 2, 3, 3, 6)),
		"sparse: 4 offsets for 4 row groups, want 5":              set("w.offsets", u32(0, 2, 3, 5)),
		"sparse: column 6 (entry 1 of row group 0)":               set("w.columns", u16(0, 6, 2, 2, 5)),
		"sparse: column 2 (entry 1 of row group 3)":               set("w.columns", u16(0, 5, 2, 2, 2)),
		"sparse: 5 values for 4 entries":                          set("w.columns", u16(0, 5, 2, 2)),
		`tensor "w.columns" is missing`:                           func(es map[string]*Entry, _ *string) { es["w.columns"].Bytes = nil },
		`tensor "w.offsets" is U16, can be [U32 I64]`:             set("w.offsets", u16(0, 2, 3, 3, 5)),
		`sparse tensor "w": sparse: blocks of 3 rows`:             meta(`{"w":{"shape":[4,6],"rows":3}}`),
		`sparse tensor "w": has no shape`:                         meta(`{"w":{"rows":1}}`),
		`sparse tensor "w": shape [4 -6] is out of range`:         meta(`{"w":{"shape":[4,-6],"rows":1}}`),
		`shape [4 65536 65536] is out of range`:                   meta(`{"w":{"shape":[4,65536,65536],"rows":1}}`),
		`sparse tensor "w": sparse: shape [-4,6] is out of range`: meta(`{"w":{"shape":[-4,6],"rows":1}}`),
		`metadata "filigree.sparse": "w" is null`:                 meta(`{"w":null}`),
		`metadata "filigree.sparse": `:                            meta(`{"w":`),
		`sparse tensor "other": tensor "other.values" is missing`: meta(`{"other":{"shape":[4,6],"rows":1}}`),
		`sparse tensor "w.values": there is a dense tensor of`:    meta(`{"w.values":{"shape":[4,6],"rows":1}}`),
	} {
		if _, err := parse(lie(t, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

// Whatever indices a file claims, opening it is an error or gives a sound matrix.
func FuzzGroup(f *testing.F) {
	f.Add(4, 6, 1, []byte{0, 0, 5, 0, 2, 0, 2, 0, 5, 0}, []byte{0, 2, 3, 3, 5})
	f.Add(4, 6, 4, []byte{0, 0}, []byte{0, 1})
	f.Fuzz(func(t *testing.T, M, K, R int, columns, offsets []byte) {
		b := lie(t, func(es map[string]*Entry, meta *string) {
			*meta = fmt.Sprintf(`{"w":{"shape":[%d,%d],"rows":%d}}`, M, K, R)
			n := len(columns) / 2
			*es["w.columns"] = Entry{"w.columns", U16, []int{n}, func() []byte { return columns[:2*n] }}
			long := make([]uint32, len(offsets))
			for i, v := range offsets {
				long[i] = uint32(v)
			}
			*es["w.offsets"] = Entry{"w.offsets", U32, []int{len(long)}, func() []byte { return bytesOf(long) }}
			values := make([]float32, n*max(min(R, 16), 0))
			*es["w.values"] = Float32("w.values", values, len(values))
		})
		file, err := parse(b)
		if err != nil {
			return
		}
		if M*K > 1<<20 {
			return
		}
		p := nn.NewParam(M, K)
		p.Name = "w"
		x := struct{ W *nn.Param }{p}
		if err := file.Load(x); err != nil {
			t.Fatal(err)
		}
		tensor.Of(p.Sparse.ToDense(), M, K)
	})
}
