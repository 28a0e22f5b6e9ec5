package translate

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/data"
	"github.com/seed073b5613/filigree/grad"
	"github.com/seed073b5613/filigree/kernel"
	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/optim"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

func count(m *Model) int {
	n := 0
	for _, p := range nn.Params(m) {
		n += p.Size()
	}
	return n
}

// The layers of the base model have as many parameters as PyTorch's nn.Transformer with its
// defaults, which are those of the base model: 44,140,544. With 37,000 embeddings that is
// the 65 million of Vaswani et al. (2017), table 3, to the paper's rounding.
func TestBaseSize(t *testing.T) {
	const few, all = 100, 37_000 // embeddings: those of the paper would take seconds to draw
	m, err := New(Base(few, 1), nil, rand.New(rand.NewPCG(1, 1)))
	if err != nil {
		t.Fatal(err)
	}
	layers := count(m) - few*512
	if layers != 44_140_544 {
		t.Errorf("the layers have %d parameters", layers)
	}
	if n := layers + all*512; n < 62_000_000 || n > 66_000_000 {
		t.Errorf("%d parameters in all", n)
	}
	half := Base(100, 0.5)
	if half.Features != 256 || half.Hidden != 1024 || half.Heads != 8 {
		t.Errorf("half the width is %+v", half)
	}
}

// tiny returns a network and sentences of several lengths for it.
func tiny(t *testing.T, s Spec) (*Model, [][]int32, [][]int32) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	m, err := New(s, nil, rng)
	if err != nil {
		t.Fatal(err)
	}
	var source, target [][]int32
	for i := range 5 {
		a, b := make([]int32, 1+i), make([]int32, 7-i)
		for _, x := range [][]int32{a, b} {
			for j := range x {
				x[j] = int32(3 + rng.IntN(s.Vocabulary-3))
			}
		}
		source, target = append(source, a), append(target, b)
	}
	return m, source, target
}

var tinySpec = Spec{Vocabulary: 40, Layers: 2, Features: 12, Heads: 3, Hidden: 20}

// A session that is fed the target gives the logits of the forward pass, sequences written
// several ways and made to take each other's place included, dense and sparse.
func TestSessionEqualsForward(t *testing.T) {
	for _, tied := range []bool{false, true} {
		spec := tinySpec
		spec.Tied = tied
		m, source, target := tiny(t, spec)
		if !tied {
			thin(nn.Params(m), 0.5)
		}
		x, _ := data.NewPairBatch(source, target).Tensor()
		want := m.Forward(nil, &grad.Var{Value: x}).Value
		T, B := want.Shape[1], len(source)
		const ways = 2
		s := NewSession(m, source, ways, T)
		S := x.Shape[0] - 1 - T
		last, from := make([]int32, B*ways), make([]int32, B*ways)
		for i := range from {
			from[i] = int32(i/ways*ways + (i+1)%ways)
		}
		for step := range T {
			for i := range last {
				last[i] = int32(x.Data[(1+S+step)*B+i/ways])
			}
			logits := s.Next(last)
			for v := range spec.Vocabulary {
				for i := range last {
					g, w := logits.Data[v*len(last)+i], want.Data[(v*T+step)*B+i/ways]
					if d := math.Abs(float64(g - w)); d > 1e-4 {
						t.Fatalf("tied %v, step %d, token %d, sequence %d: %g, want %g", tied, step, v, i, g, w)
					}
				}
			}
			s.Select(from)
		}
	}
}

func thin(ps []*nn.Param, density float64) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, p := range ps {
		if !p.Prunable {
			continue
		}
		mask := sparse.NewMask(p.M(), p.K(), 1)
		for i := range p.Size() {
			mask.Set(i/p.K(), i%p.K(), rng.Float64() < density)
		}
		p.SetSparse(mask)
	}
}

// exhaustive returns the best translation of up to most tokens by looking at all.
func exhaustive(m *Model, source []int32, most int, alpha float64) (best []int32, top float64) {
	top = math.Inf(-1)
	var extend func(tokens []int32)
	extend = func(tokens []int32) {
		x, _ := data.NewPairBatch([][]int32{source}, [][]int32{tokens}).Tensor()
		p := m.Forward(nil, &grad.Var{Value: x}).Value
		T := p.Shape[1]
		kernel.SoftmaxColumns(p.Rows(), T, p.Data, p.Data)
		logP := math.Log(float64(p.Data[data.EndToken*T+T-1]))
		for i, token := range tokens {
			logP += math.Log(float64(p.Data[int(token)*T+i]))
		}
		if s := logP / lengthPenalty(len(tokens), alpha); s > top {
			best, top = slices.Clone(tokens), s
		}
		for v := int32(3); int(v) < m.Spec.Vocabulary && len(tokens) < most; v++ {
			extend(append(tokens, v))
		}
	}
	extend(nil)
	return best, top
}

// A beam as wide as all there is finds the best of all translations, and a greedy search
// takes the likeliest token each time.
func TestSearch(t *testing.T) {
	spec := tinySpec
	spec.Vocabulary = 6
	m, source, _ := tiny(t, spec)
	for _, alpha := range []float64{0, 0.6, 2} {
		found, err := m.TranslateTokens(context.Background(), source[:2], Search{Beam: 64, Penalty: alpha, Extra: 2})
		if err != nil {
			t.Fatal(err)
		}
		for i := range found {
			want, _ := exhaustive(m, source[i], len(source[i])+2, alpha)
			if !slices.Equal(found[i], want) {
				t.Errorf("α %v, source %d: found %v, best is %v", alpha, i, found[i], want)
			}
		}
	}
	found, err := m.TranslateTokens(context.Background(), source, Search{Extra: 3, Batch: 2})
	if err != nil {
		t.Fatal(err)
	}
	for i, tokens := range found {
		x, _ := data.NewPairBatch(source[i:i+1], [][]int32{tokens}).Tensor()
		p := m.Forward(nil, &grad.Var{Value: x}).Value
		T := p.Shape[1]
		for at := range T {
			best := data.EndToken
			for v := range spec.Vocabulary {
				if v >= data.EndToken && p.Data[v*T+at] > p.Data[best*T+at] {
					best = v
				}
			}
			switch {
			case at < len(tokens) && int(tokens[at]) != best:
				t.Errorf("source %d: token %d is %d, the likeliest is %d", i, at, tokens[at], best)
			case at == len(tokens) && best != data.EndToken && len(tokens) < len(source[i])+3:
				t.Errorf("source %d: ends after %v, the likeliest is %d", i, tokens, best)
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.TranslateTokens(ctx, source, Search{}); err == nil {
		t.Error("a search whose context has ended gives a result")
	}
	if _, err := m.Translate(context.Background(), []string{"x"}, Search{}); err == nil {
		t.Error("text without an encoding is translated")
	}
}

// A network learns to write words backwards, and a saved one translates as it did.
func TestLearnSaveOpen(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	const letters = "abcdef"
	word := func() (string, string) {
		a := make([]byte, 2+rng.IntN(4))
		for i := range a {
			a[i] = letters[rng.IntN(len(letters))]
		}
		b := slices.Clone(a)
		slices.Reverse(b)
		return string(a), string(b)
	}
	text := &data.Pairs{}
	for range 400 {
		a, b := word()
		text.Source, text.Target = append(text.Source, a), append(text.Target, b)
	}
	bpe := data.LearnBPE([]string{letters}, 259)
	m, err := New(Spec{Vocabulary: bpe.Size(), Layers: 1, Features: 32, Heads: 4, Hidden: 64, Dropout: 0.02}, bpe, rng)
	if err != nil {
		t.Fatal(err)
	}
	m.Dropout.Random = rng
	pairs, _ := text.Encode(bpe, 100)
	batches := pairs.Batches(32, rand.NewPCG(3, 4))
	params, adam, tape := nn.Params(m), &optim.Adam{}, &grad.Tape{}
	for step := range 600 {
		x, labels := batches.Next()
		tape.Reset()
		nn.ZeroGrads(params)
		tape.Backward(grad.CrossEntropy(tape, m.Forward(tape, tape.Input(x)), labels, 0))
		adam.Step(params, 5e-3*min(1, float64(step+1)/40))
	}
	var sources, wants []string
	for range 50 {
		a, b := word()
		sources, wants = append(sources, a), append(wants, b)
	}
	got, err := m.Translate(context.Background(), sources, Search{Beam: 3, Penalty: 0.6})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := range got {
		if got[i] == wants[i] {
			right++
		}
	}
	t.Logf("%d of %d right, for example %q → %q", right, len(got), sources[0], got[0])
	if right < 40 {
		t.Errorf("only %d of %d words come out backwards", right, len(got))
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	thin(params, 0.9)
	if got, err = m.Translate(context.Background(), sources, Search{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(path, map[string]string{"note": "x"}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.Spec != m.Spec || again.Metadata["note"] != "x" {
		t.Errorf("opened %+v, %v", again.Spec, again.Metadata)
	}
	if more, err := again.Translate(context.Background(), sources, Search{}); err != nil || !slices.Equal(got, more) {
		t.Errorf("the opened network says %v, %v", more, err)
	}
}

// Padding changes nothing: a sentence gets the same logits alone and beside a longer one.
func TestPaddingIsNotSeen(t *testing.T) {
	m, source, target := tiny(t, tinySpec)
	x, _ := data.NewPairBatch(source, target).Tensor()
	all := m.Forward(nil, &grad.Var{Value: x}).Value
	for i := range source {
		x, _ := data.NewPairBatch(source[i:i+1], target[i:i+1]).Tensor()
		one := m.Forward(nil, &grad.Var{Value: x}).Value
		T, B := all.Shape[1], len(source)
		for v := range one.Rows() {
			for s := range one.Shape[1] {
				if d := one.Data[v*one.Shape[1]+s] - all.Data[(v*T+s)*B+i]; d > 1e-4 || d < -1e-4 {
					t.Fatalf("sentence %d, time %d, token %d differs by %g in a batch", i, s, v, d)
				}
			}
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for _, s := range []Spec{{}, {Vocabulary: 10, Layers: 1, Features: 6, Heads: 4, Hidden: 8},
		{Vocabulary: 10, Layers: 1, Features: 4, Heads: 2, Hidden: 8, Dropout: 1}, {Vocabulary: 10, Layers: 1, Features: 4, Hidden: 8}} {
		if _, err := New(s, nil, rand.New(rand.NewPCG(0, 0))); err == nil {
			t.Errorf("%+v is built", s)
		}
	}
	if _, err := New(tinySpec, data.LearnBPE(nil, 259), rand.New(rand.NewPCG(0, 0))); err == nil {
		t.Error("an encoding of another size is taken")
	}
	m, _, _ := tiny(t, tinySpec)
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "translate: Forward") {
			t.Errorf("panic %v", r)
		}
	}()
	m.Forward(nil, &grad.Var{Value: tensor.New(1, 2)})
}

// Values and words are those of sacreBLEU 2.
func TestBLEU(t *testing.T) {
	sys := []string{"Ein Mann, der 1.000,50 Euro (ca. 3-4 Mal) hat &quot;nichts&quot; getan.",
		"Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.", "a-b c/d e_f {g} 10-20, 30.5 x.y", "kurz"}
	ref := []string{"Ein Mann, der 1.000,50 Euro (ca. 3-4mal) hat \"nichts\" gemacht!",
		"Zwei junge Männer sind im Freien in der Nähe von vielen Büschen.", "a-b c/d e_f {g} 10-20, 30.5 x.y z", "etwas ganz anderes"}
	for i, want := range []string{`Ein Mann , der 1.000,50 Euro ( ca . 3 - 4 Mal ) hat " nichts " getan .`,
		"Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche .", "a-b c / d e _ f { g } 10 - 20 , 30.5 x . y", "kurz"} {
		if got := strings.Join(split13a(sys[i]), " "); got != want {
			t.Errorf("%q is split to %q, want %q", sys[i], got, want)
		}
	}
	for _, c := range []struct {
		sys  []string
		refs [][]string
		want float64
	}{
		{sys, [][]string{ref}, 73.43562957632923},
		{sys[1:2], [][]string{ref[1:2]}, 53.44445934790542},
		{sys[3:], [][]string{ref[3:]}, 0},
		{[]string{"the cat sat down there"}, [][]string{{"a cat sat up here"}}, 21.3643503198117},
		{[]string{"The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."},
			[][]string{{"The dog bit the man.", "It was not unexpected.", "The man bit him first."},
				{"The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."}}, 48.530827009929865},
		{ref[:3], [][]string{ref[:3]}, 100},
	} {
		if got := BLEU(c.sys, c.refs...); math.Abs(got-c.want) > 1e-9*max(1, c.want) {
			t.Errorf("BLEU of %q is %v, want %v", c.sys, got, c.want)
		}
	}
}
