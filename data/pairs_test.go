package data

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed073b5613/filigree/internal/testkit"
)

// learnSlowly is byte-pair encoding by its definition: count all pairs, merge one, repeat.
func learnSlowly(texts []string, size int) []pair {
	var words [][]int32
	for _, text := range texts {
		for len(text) > 0 {
			n := pieceLength(text)
			words = append(words, bytesOf(text[:n]))
			text = text[n:]
		}
	}
	var merges []pair
	for token := int32(firstMerge); int(token) < size; token++ {
		counts := map[pair]int{}
		for _, w := range words {
			for i := range len(w) - 1 {
				counts[pair{w[i], w[i+1]}]++
			}
		}
		var best pair
		for p, n := range counts {
			if m := counts[best]; n > m || n == m && (p.left < best.left || p.left == best.left && p.right < best.right) {
				best = p
			}
		}
		if counts[best] < 2 {
			break
		}
		merges = append(merges, best)
		for i, w := range words {
			for j := 0; j+1 < len(w); j++ {
				if w[j] == best.left && w[j+1] == best.right {
					w[j] = token
					w = slices.Delete(w, j+1, j+2)
				}
			}
			words[i] = w
		}
	}
	return merges
}

func TestLearnBPE(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var texts []string
	for range 60 {
		line := make([]byte, 40)
		for i := range line {
			line[i] = "aaabbcd  e"[rng.IntN(10)]
		}
		texts = append(texts, string(line), "the thin thatcher thatched", "größer als größte 1234 1234")
	}
	for _, size := range []int{firstMerge, firstMerge + 1, 300, 400, 5000} {
		b := LearnBPE(texts, size)
		if want := learnSlowly(texts, size); !slices.Equal(b.merges, want) {
			t.Errorf("size %d: merges %v, want %v", size, b.merges, want)
		}
		slices.Reverse(texts) // the order of texts does not matter
	}
}

func TestBPERoundTrip(t *testing.T) {
	text := "A man is sleeping in a green room on a couch. Ein Mann schläft in einem grünen Raum auf einem Sofa."
	b := LearnBPE([]string{text, text}, 400)
	form, err := b.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var again BPE
	if err := again.UnmarshalText(form); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", " ", "  a  b ", "A man on a couch", "日本語 ☃ и кот", "a\tb\nc", strings.Repeat("x", 1000), "\xff\xfe", "e\u0301"} {
		tokens := b.Encode(nil, s)
		if got := b.Decode(tokens); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
		if got := again.Encode(nil, s); !slices.Equal(got, tokens) {
			t.Errorf("%q: %v after reading back, %v before", s, got, tokens)
		}
	}
	if n := len(b.Encode(nil, "A man")); n != 2 {
		t.Errorf("%d tokens for words it learned", n)
	}
	for _, bad := range []string{"", "filigree-bpe 2\n", bpeHead + "1 2\n", bpeHead + "3 259\n", bpeHead + "3 4\n3 4\n", bpeHead + "x\n",
		bpeHead + "3 3\n259 259\n260 260\n261 261\n262 262\n263 263\n264 264\n"} {
		if err := new(BPE).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for an encoding", bad)
		}
	}
}

func FuzzBPE(f *testing.F) {
	b := LearnBPE([]string{"the cat sat on the mat", "die Katze saß auf der Matte"}, 290)
	f.Add("the cat \xc3 ß  1\n")
	f.Fuzz(func(t *testing.T, s string) {
		if got := b.Decode(b.Encode(nil, s)); got != s {
			t.Fatalf("%q comes back as %q", s, got)
		}
	})
}

func FuzzReadBPE(f *testing.F) {
	f.Add(bpeHead+"3 4\n259 3\n", "some text")
	f.Fuzz(func(t *testing.T, form, s string) {
		var b BPE
		if b.UnmarshalText([]byte(form)) != nil {
			return
		}
		if got := b.Decode(b.Encode(nil, s)); got != s {
			t.Fatalf("%q comes back as %q", s, got)
		}
	})
}

func writeText(t *testing.T, dir, name, text string) {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write([]byte(text))
		w.Close()
		text = z.String()
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTranslation(t *testing.T) {
	dir := t.TempDir()
	writeText(t, dir, "train.en", "one\r\ntwo\n")
	writeText(t, dir, "train.de.gz", "eins\nzwei\n")
	writeText(t, dir, "newstest2014.en", "three")
	writeText(t, dir, "newstest2014.de", "drei")
	set, err := Translation(dir, "en", "de")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.Train.Source, []string{"one", "two"}) || !slices.Equal(set.Test.Target, []string{"drei"}) || set.Valid != nil {
		t.Errorf("read %v, %v, %v", set.Train, set.Test, set.Valid)
	}
	for _, bad := range []struct {
		name, text string
		want       []string
	}{
		{"val.de", "x\n", []string{"val.en"}},
		{"val.en", "x\ny\n", []string{"val.en has 2 lines", "val.de has 1"}},
		{"val.de", "x\n\xff\n", []string{"val.de", "line 2 is not UTF-8"}},
	} {
		writeText(t, dir, bad.name, bad.text)
		_, err := Translation(dir, "en", "de")
		if bad.want[0] == "val.en" && err == nil {
			continue // only a target: no validation text
		}
		for _, want := range bad.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q in it", bad.name, err, want)
			}
		}
	}
}

// Every pair of a pass comes once, batches are of like lengths, and a source taken to
// another's position goes on as that one does.
func TestPairBatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	pairs := &TokenPairs{}
	for i := range 103 {
		s, u := make([]int32, 2+rng.IntN(9)), make([]int32, 1+rng.IntN(9))
		s[0], s[1], u[0] = int32(300+i), 5, int32(500+i)
		pairs.Source, pairs.Target = append(pairs.Source, s), append(pairs.Target, u)
	}
	b := pairs.Batches(10, rand.NewPCG(3, 3))
	if b.PerEpoch() != 10 {
		t.Fatalf("%d batches of 103 pairs by 10", b.PerEpoch())
	}
	seen := map[float32]bool{}
	var states [][]byte
	var xs [][]float32
	for range 25 {
		state, err := b.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		x, labels := b.Next()
		if len(states) < 10 {
			S := int(slices.Max(x.Data[:10]))
			T := x.Shape[0] - 1 - S
			for j := range 10 {
				id := x.Data[10+j]
				if seen[id] {
					t.Fatalf("sentence %v comes twice in a pass", id)
				}
				seen[id] = true
				n := int(x.Data[j])
				if x.Data[n*10+j] != EndToken || x.Data[(1+S)*10+j] != BeginToken || labels[j] != int32(id)+200 || len(labels) != T*10 {
					t.Fatalf("batch %v with labels %v", x, labels)
				}
			}
		}
		states, xs = append(states, state), append(xs, slices.Clone(x.Data))
	}
	for i, state := range states {
		other := pairs.Batches(10, rand.NewPCG(9, 9))
		if err := other.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		for j := i; j < len(xs); j++ {
			x, _ := other.Next()
			testkit.Same(t, "batch", x.Data, xs[j])
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 8), states[3][:12], append([]byte{255, 255, 0, 0, 0, 0, 0, 0}, states[0][8:]...)} {
		if err := b.UnmarshalBinary(bad); err == nil {
			t.Errorf("position %v is accepted", bad)
		}
	}
}

func TestEncodePairs(t *testing.T) {
	b := LearnBPE(nil, firstMerge)
	text := &Pairs{Source: []string{"ab", "", "abcd", "x"}, Target: []string{"cd", "x", "y", "abc"}}
	if p, skipped := text.Encode(b, 3); skipped != 2 || len(p.Source[1]) != 1 || len(p.Target[1]) != 3 {
		t.Errorf("%d left out of %v", skipped, p)
	}
}

// The real set is read, learned from within seconds and comes back as it was.
func TestMulti30k(t *testing.T) {
	set, err := Translation(testkit.Shared(t, "data/multi30k"), "en", "de")
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len() != 29000 || set.Test.Len() != 1000 || set.Valid.Len() != 1014 {
		t.Fatalf("%d, %d and %d pairs", set.Train.Len(), set.Valid.Len(), set.Test.Len())
	}
	start := time.Now()
	b := LearnBPE(slices.Concat(set.Train.Source, set.Train.Target), 4000)
	t.Logf("learned in %v", time.Since(start))
	if b.Size() != 4000 {
		t.Errorf("%d tokens", b.Size())
	}
	tokens, words := 0, 0
	for i, s := range set.Test.Target {
		e := b.Encode(nil, s)
		if got := b.Decode(e); got != s {
			t.Fatalf("sentence %d: %q comes back as %q", i, s, got)
		}
		tokens, words = tokens+len(e), words+len(strings.Fields(s))
	}
	t.Logf("%.2f tokens a word", float64(tokens)/float64(words))
	if tokens > 2*words {
		t.Errorf("%d tokens for %d words", tokens, words)
	}
	if p, skipped := set.Test.Encode(b, 30); p.Len()+skipped != 1000 || skipped == 0 {
		t.Errorf("%d pairs and %d too long", p.Len(), skipped)
	}
}
