package data

import (
	"bytes"
	"compress/gzip"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed073b5613/filigree/internal/testkit"
)

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadText(t *testing.T) {
	long := strings.Repeat("aé", 100) // 300 bytes
	parts := map[string]string{"wiki.train.tokens": " a b \n", "wiki.valid.tokens": "v\n", "wiki.test.tokens": "t\n"}
	for _, c := range []struct {
		name, ask string
		files     map[string]string
		want      [3]int // bytes of the parts
		fail      string
	}{
		{"one file", "", map[string]string{"book.txt": long}, [3]int{270, 15, 15}, ""},
		{"named file", "book.txt", map[string]string{"book.txt": long, "other.txt": "x"}, [3]int{270, 15, 15}, ""},
		{"byte order mark", "", map[string]string{"book.txt": "\ufeff" + long}, [3]int{270, 15, 15}, ""},
		{"cut between characters", "", map[string]string{"book.txt": "a" + long}, [3]int{271, 15, 15}, ""},
		{"WikiText", "", parts, [3]int{6, 2, 2}, ""},
		{"no training part", "", map[string]string{"wiki.valid.tokens": "v\n", "wiki.test.tokens": "t\n"}, [3]int{2, 2, 2}, ""},
		{"two files", "", map[string]string{"a.txt": "a", "b.txt": "b"}, [3]int{}, "name one of them"},
		{"no test part", "", map[string]string{"train.txt": "v\n", "valid.txt": "t\n"}, [3]int{}, "test.txt"},
		{"nothing", "", nil, [3]int{}, "no wiki.train.tokens"},
		{"empty", "", map[string]string{"book.txt": ""}, [3]int{}, "is empty"},
		{"short", "", map[string]string{"book.txt": "abc"}, [3]int{}, "too few"},
		{"not UTF-8", "", map[string]string{"book.txt": "abc\xffdef"}, [3]int{}, "byte 3 is 0xff: not UTF-8"},
		{"broken character", "", map[string]string{"book.txt": "abc\xc3"}, [3]int{}, "byte 3 is 0xc3: not UTF-8"},
	} {
		for _, packed := range []bool{false, true} {
			dir := t.TempDir()
			for name, text := range c.files {
				b := []byte(text)
				if packed {
					name, b = name+".gz", gzipped(t, b)
				}
				write(t, filepath.Join(dir, name), b)
			}
			ask := filepath.Join(dir, c.ask)
			if packed && c.ask != "" {
				ask += ".gz"
			}
			text, err := ReadText(ask)
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Errorf("%s: %v, want %q", c.name, err, c.fail)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := [3]int{len(text.Train), len(text.Valid), len(text.Test)}; got != c.want {
				t.Errorf("%s: parts of %v bytes, want %v", c.name, got, c.want)
			}
			if !utf8.ValidString(text.Train + "x" + text.Test) {
				t.Errorf("%s: a character is cut", c.name)
			}
			if (text.Note != "") != (c.name == "no training part") {
				t.Errorf("%s: note %q", c.name, text.Note)
			}
		}
	}
}

func TestVocabulary(t *testing.T) {
	text := " b a <unk> a \n c b a \n d"
	for most, want := range map[int]string{0: "<unk> <eos> a b c d", 4: "<unk> <eos> a b", 2: "<unk> <eos>"} {
		if got := strings.Join(NewVocabulary(text, most).Words, " "); got != want {
			t.Errorf("%d words: %s, want %s", most, got, want)
		}
	}
	v := NewVocabulary(text, 3) // <unk> <eos> a
	if got := v.Encode("a x\n\na"); !slices.Equal(got, []int32{2, 0, 1, 1, 2, 1}) {
		t.Errorf("encoded as %v", got)
	}
	for _, words := range [][]string{{"a", Unknown, EndOfLine, "a"}, {"a", Unknown}} {
		if _, err := VocabularyOf(words); err == nil {
			t.Errorf("%v is taken", words)
		}
	}
}

// The counts are those in the description of the data.
func TestWikiText2(t *testing.T) {
	text, err := ReadText(testkit.Shared(t, "data/wikitext-2"))
	if err != nil {
		t.Fatal(err)
	}
	v := NewVocabulary(text.Valid, 0)
	if n := len(v.Encode(text.Valid)); n != 217_646 {
		t.Errorf("%d tokens of validation data, want 217646", n)
	}
	if n := len(v.Encode(text.Test)); n != 245_569 {
		t.Errorf("%d tokens of test data, want 245569", n)
	}
}

func TestTinyShakespeare(t *testing.T) {
	text, err := ReadText(testkit.Shared(t, "data/tiny-shakespeare"))
	if err != nil {
		t.Fatal(err)
	}
	all := text.Train + text.Valid + text.Test
	kinds := map[int32]bool{}
	for _, id := range Bytes(all) {
		kinds[id] = true
	}
	if len(all) != 1_115_394 || len(kinds) != 65 {
		t.Errorf("%d bytes of %d kinds, want 1115394 of 65", len(all), len(kinds))
	}
}

// A crop is a stretch of the text with its symbols to come, and a saved position leads to the
// same crops.
func TestCrops(t *testing.T) {
	ids := make([]int32, 50)
	for i := range ids {
		ids[i] = int32(i)
	}
	c := NewCrops(ids, 7, 3, rand.NewPCG(1, 2))
	if c.PerEpoch() != 2 {
		t.Errorf("%d batches an epoch, want 2", c.PerEpoch())
	}
	starts := map[float32]bool{}
	for range 200 {
		x, labels := c.Next()
		for b := range 3 {
			starts[x.Data[b]] = true
			for s := range 7 {
				if x.Data[s*3+b] != x.Data[b]+float32(s) || float32(labels[s*3+b]) != x.Data[s*3+b]+1 {
					t.Fatalf("sequence %d: %v with labels %v", b, x.Data, labels)
				}
			}
		}
	}
	if len(starts) != 43 {
		t.Errorf("%d different starts in 600, there are 43", len(starts))
	}
	state, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	x, _ := c.Next()
	want := slices.Clone(x.Data)
	d := NewCrops(ids, 7, 3, rand.NewPCG(9, 9))
	if err := d.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	x, _ = d.Next()
	testkit.Same(t, "crops after a restart", x.Data, want)
	if err := d.UnmarshalBinary(state[:5]); err == nil {
		t.Error("half a state is taken")
	}
}

// Every symbol but the first is a label once, next to the one before it, and streams go on
// from batch to batch.
func TestStreams(t *testing.T) {
	for _, n := range []int{0, 1, 2, 11, 12, 13, 40} {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(i)
		}
		next, seen := Streams(ids, 4, 3), make([]int, n)
		last := []int32{-1, -1, -1}
		for x, labels := next(); x != nil; x, labels = next() {
			for i, l := range labels {
				b := i % 3
				if l < 0 {
					continue
				}
				if seen[l]++; float32(l) != x.Data[i]+1 || last[b] >= 0 && l != last[b]+1 {
					t.Fatalf("%d symbols: label %d at %v in stream %d after %d", n, l, x.Data[i], b, last[b])
				}
				last[b] = l
			}
		}
		for l, count := range seen {
			if count != min(l, 1) {
				t.Errorf("%d symbols: %d is a label %d times", n, l, count)
			}
		}
	}
}

// FuzzReadText feeds files of any bytes to the reader: what it accepts is whole, valid and
// can be encoded.
func FuzzReadText(f *testing.F) {
	f.Add([]byte("some text\n of two lines, twenty bytes at least"), []byte("valid\n"), true)
	f.Add([]byte("\xff"), []byte(""), false)
	f.Add([]byte("\ufeff"), []byte("\ufeffx"), true)
	f.Add([]byte{0x1f, 0x8b, 8, 0}, []byte("a\n"), false)
	f.Fuzz(func(t *testing.T, a, b []byte, parts bool) {
		dir := t.TempDir()
		if parts {
			write(t, filepath.Join(dir, "train.txt"), a)
			write(t, filepath.Join(dir, "valid.txt"), b)
			write(t, filepath.Join(dir, "test.txt"), b)
		} else {
			write(t, filepath.Join(dir, "book.txt"), a)
			write(t, filepath.Join(dir, "other.txt.gz"), b)
			dir = filepath.Join(dir, []string{"book.txt", "other.txt"}[len(b)%2])
		}
		text, err := ReadText(dir)
		if err != nil {
			return
		}
		for _, part := range []string{text.Train, text.Valid, text.Test} {
			if part == "" || !utf8.ValidString(part) {
				t.Fatalf("a part is %q", part)
			}
			v := NewVocabulary(text.Train, 5)
			for _, id := range v.Encode(part) {
				if id < 0 || int(id) >= len(v.Words) {
					t.Fatalf("id %d of %d", id, len(v.Words))
				}
			}
		}
	})
}
