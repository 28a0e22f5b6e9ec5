package letters

import (
	"context"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/internal/testkit"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/tensor"
	"github.com/seed073b5613/filigree/text"
)

var (
	scored = flag.Int("held-out", 600, "words to score the embedded network on")
	embed  = flag.String("embed", "", "model to pack into the file that package text embeds")
)

func entry(word, phones string) Entry {
	return Entry{word, [][]string{strings.Fields(phones)}}
}

// Letters that sound together, twice or not at all are found from words alone.
func TestAlign(t *testing.T) {
	entries, err := Read(testkit.Shared(t, "data/cmudict"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 120_000 {
		t.Fatalf("%d entries", len(entries))
	}
	var few []Entry
	for i := 0; i < len(entries); i += 20 {
		few = append(few, entries[i])
	}
	few = append(few, entry("box", "B AA1 K S"), entry("phone", "F OW1 N"), entry("night", "N AY1 T"), entry("a", "B AA1 K S"))
	got := Align(few)[len(few)-4:]
	if w := []string{"B", "AA1", "K S"}; !slices.Equal(got[0], w) {
		t.Errorf("box: %q, want %q", got[0], w)
	}
	if g := got[1]; len(g) != 5 || strings.Join(g[:2], "") != "F" || g[2] != "OW1" || g[3] != "N" || g[4] != "" {
		t.Errorf("phone: %q", g)
	}
	if g := got[2]; len(g) != 5 || g[0] != "N" || g[1] != "AY1" || strings.Join(g[2:], "") != "T" {
		t.Errorf("night: %q", g)
	}
	if got[3] != nil {
		t.Errorf("four phonemes for a letter: %q", got[3])
	}
}

// The words held out are a matter of the words alone.
func TestSplit(t *testing.T) {
	var entries []Entry
	for _, w := range strings.Fields("one two three four five six seven eight nine ten") {
		entries = append(entries, entry(w, "AA1"))
	}
	training, held := Split(entries, 3)
	if len(training) != 7 || len(held) != 3 {
		t.Fatalf("%d and %d", len(training), len(held))
	}
	slices.Reverse(entries)
	_, again := Split(entries, 3)
	slices.Reverse(again)
	if !slices.EqualFunc(held, again, func(a, b Entry) bool { return a.Word == b.Word }) {
		t.Errorf("%v, in another order %v", held, again)
	}
}

func TestReadNamesTheLine(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); err == nil {
		t.Error("a folder without a dictionary is read")
	}
	write := func(s string) {
		if err := os.WriteFile(filepath.Join(dir, "cmudict.dict"), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a AH0\na(2) EY1 # letter\nb QQ\n")
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), "QQ") {
		t.Errorf("an unknown phoneme: %v", err)
	}
	write("a AH0\na(2) EY1 # letter\n3d TH R IY1 D IY1\n")
	got, err := Read(dir)
	if err != nil || len(got) != 1 || len(got[0].Phones) != 2 {
		t.Errorf("%v, %v: want one word with two pronunciations", got, err)
	}
}

func small(t *testing.T, seed uint64) (*Model, *Corpus) {
	t.Helper()
	entries := []Entry{}
	for range rarest {
		entries = append(entries, entry("ab", "AE1 B"), entry("ba", "B AE1"), entry("ax", "AE1 K S"), entry("abba", "AE1 B AE1"))
	}
	c := NewCorpus(entries)
	m, err := New(Spec{Chunks: c.Chunks, Symbols: 4, Encoder: 5, Decoder: 6}, rand.New(rand.NewPCG(seed, 0)))
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

// likelihood is the model's log probability of a reading.
func likelihood(m *Model, word []byte, chunks []int) float64 {
	T := len(word)
	x := tensor.New(2, T, 1)
	before := len(m.Spec.Chunks)
	for i := range T {
		x.Data[i], x.Data[T+i] = float32(word[i]), float32(before)
		before = chunks[i]
	}
	y := m.Forward(nil, &grad.Var{Value: x}).Value
	sum := 0.0
	for i, c := range chunks {
		all := 0.0
		for k := range m.Spec.Chunks {
			all += math.Exp(float64(y.Data[k*T+i]))
		}
		sum += float64(y.Data[c*T+i]) - math.Log(all)
	}
	return sum
}

// The packed network, its own arithmetic and its beam find the reading that the model itself finds most
// probable among all readings, but for what 8 bits a weight cost.
func TestPackedNetworkReadsAsTheModelDoes(t *testing.T) {
	for seed := range uint64(6) {
		m, _ := small(t, seed)
		for _, p := range nn.Params(m) {
			if p.Dense != nil {
				for i := range p.Dense.Data {
					p.Dense.Data[i] *= 2 // far from all being alike
				}
			}
		}
		r, err := text.OpenReader(m.Pack())
		if err != nil {
			t.Fatal(err)
		}
		n := len(m.Spec.Chunks)
		if n > 4 {
			t.Fatalf("%d chunks: the beam may miss the best of them", n)
		}
		word := encode("ax")
		best, worst, got := math.Inf(-1), math.Inf(1), math.Inf(-1)
		read := strings.Join(r.Read("ax"), " ")
		for a := range n {
			for b := range n {
				l := likelihood(m, word, []int{a, b})
				best, worst = max(best, l), min(worst, l)
				if strings.Join(strings.Fields(m.Spec.Chunks[a]+" "+m.Spec.Chunks[b]), " ") == read {
					got = max(got, l)
				}
			}
		}
		if best-worst < 0.5 {
			t.Errorf("seed %d: all readings are alike", seed)
		}
		if got < best-0.05 {
			t.Errorf("seed %d: %q of log probability %.3f, the best has %.3f", seed, read, got, best)
		}
	}
}

// Gradients go through both directions and what was written before.
func TestGradients(t *testing.T) {
	m, c := small(t, 1)
	b := c.Batches(3, rand.NewPCG(1, 1))
	x, labels := b.Next()
	loss := func(tape *grad.Tape) *grad.Var {
		return grad.CrossEntropy(tape, m.Forward(tape, &grad.Var{Value: x}), labels, 0)
	}
	tape := &grad.Tape{}
	ps := nn.Params(m)
	nn.ZeroGrads(ps)
	tape.Backward(loss(tape))
	for _, p := range ps {
		if p.Dense == nil || p.Grad == nil {
			t.Fatalf("%s has no gradient", p.Name)
		}
		i := len(p.Dense.Data) / 2
		best := 0.0
		for j, g := range p.Grad.Data {
			if math.Abs(float64(g)) > best {
				best, i = math.Abs(float64(g)), j
			}
		}
		const h = 1e-2
		was := p.Dense.Data[i]
		p.Dense.Data[i] = was + h
		up := float64(loss(nil).Value.Data[0])
		p.Dense.Data[i] = was - h
		down := float64(loss(nil).Value.Data[0])
		p.Dense.Data[i] = was
		want, got := (up-down)/(2*h), float64(p.Grad.Data[i])
		if math.Abs(want-got) > 0.02*math.Abs(want)+2e-4 {
			t.Errorf("%s[%d]: gradient %.5f, finite difference %.5f", p.Name, i, got, want)
		}
	}
}

func TestBatchesGoOnWhereTheyWere(t *testing.T) {
	_, c := small(t, 1)
	a := c.Batches(3, rand.NewPCG(7, 7))
	for range 5 {
		a.Next()
	}
	state, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b := c.Batches(3, rand.NewPCG(0, 0))
	if err := b.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		x, l := a.Next()
		y, k := b.Next()
		if !slices.Equal(x.Data, y.Data) || !slices.Equal(l, k) {
			t.Fatal("another batch after going on")
		}
	}
	for _, bad := range [][]byte{nil, state[:7], append([]byte{255, 255}, state[2:]...)} {
		if b.UnmarshalBinary(bad) == nil {
			t.Errorf("%x is a position", bad)
		}
	}
}

// The network that package text embeds reads words it never learned.
func TestEmbeddedNetwork(t *testing.T) {
	if *embed != "" {
		m, err := Open(*embed)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../text/letters.bin", m.Pack(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	entries, err := Read(testkit.Shared(t, "data/cmudict"))
	if err != nil {
		t.Fatal(err)
	}
	training, held := Split(entries, HeldOut)
	held = held[:min(*scored, len(held))]
	file, err := os.ReadFile("../../text/letters.bin")
	if err != nil {
		t.Fatal(err)
	}
	r, err := text.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Score(context.Background(), r.Read, held)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := Score(context.Background(), WithEndings(r.Read, training), held)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("of %d words: %.2f %% right, %.2f %% without stress; with endings from the dictionary %.2f %%, %.2f %%", len(held),
		100*got.Words, 100*got.WithoutStress, 100*derived.Words, 100*derived.WithoutStress)
	if got.Words < 0.58 || got.WithoutStress < got.Words || derived.Words < got.Words {
		t.Errorf("%.3f of %d held-out words right, %.3f without stress, %.3f with endings", got.Words, len(held), got.WithoutStress, derived.Words)
	}
}
