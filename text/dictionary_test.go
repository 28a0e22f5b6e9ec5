package text

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

var update = flag.Bool("update", false, "rewrite the embedded dictionary")

// entries reads CMUdict; comments are dropped.
func entries(t *testing.T) (words []string, phones map[string][]string) {
	f, err := os.Open(filepath.Join(testkit.Shared(t, "data/cmudict"), "cmudict.dict.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	phones = map[string][]string{}
	for s := bufio.NewScanner(z); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), " #")
		p := strings.Fields(line)
		words, phones[p[0]] = append(words, p[0]), p[1:]
	}
	slices.Sort(words)
	return words, phones
}

// pack writes what openDictionary reads.
func pack(words []string, phones map[string][]string) []byte {
	var head, body []byte
	head = binary.AppendUvarint(head, uint64((len(words)+partWords-1)/partWords))
	for part := range slices.Chunk(words, partWords) {
		var raw []byte
		before := ""
		for _, w := range part {
			shared := 0
			for shared < min(len(w), len(before)) && w[shared] == before[shared] {
				shared++
			}
			raw = binary.AppendUvarint(raw, uint64(shared))
			raw = binary.AppendUvarint(raw, uint64(len(w)-shared))
			raw = append(raw, w[shared:]...)
			raw = binary.AppendUvarint(raw, uint64(len(phones[w])))
			for _, p := range phones[w] {
				raw = append(raw, byte(slices.Index(symbols, p)))
			}
			before = w
		}
		var out bytes.Buffer
		z, _ := flate.NewWriter(&out, flate.BestCompression)
		z.Write(raw)
		z.Close()
		head = append(binary.AppendUvarint(head, uint64(len(part[0]))), part[0]...)
		head = binary.AppendUvarint(head, uint64(out.Len()))
		body = append(body, out.Bytes()...)
	}
	return append(head, body...)
}

func TestEveryEntryComesBack(t *testing.T) {
	words, phones := entries(t)
	if *update {
		if err := os.WriteFile("cmudict.bin", pack(words, phones), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, w := range words {
		if got := Lookup(w); !slices.Equal(got, phones[w]) {
			t.Fatalf("%s: %v, CMUdict has %v", w, got, phones[w])
		}
	}
	for _, w := range []string{"", "zzzzzz", "aa", "filigrees'", "~"} {
		if got, want := Lookup(w), phones[w]; !slices.Equal(got, want) {
			t.Errorf("%q: %v, CMUdict has %v", w, got, want)
		}
	}
	if len(packed) > 1_000_000 {
		t.Errorf("the dictionary takes %d bytes", len(packed))
	}
}

func FuzzOpenDictionary(f *testing.F) {
	f.Add(pack([]string{"a", "ab"}, map[string][]string{"a": {"AH0"}, "ab": {"AE1", "B"}}))
	f.Fuzz(func(t *testing.T, file []byte) {
		if d, err := openDictionary(file); err == nil && len(file) < 1<<12 {
			for _, w := range append(slices.Clone(d.heads), "a", "ab") {
				d.lookup(w)
			}
		}
	})
}

// What a program pays that speaks ten words: the parts they are in.
func BenchmarkFirstWords(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		d, err := openDictionary(packed)
		if err != nil {
			b.Fatal(err)
		}
		for _, w := range strings.Fields("the kettle is on and tea will be ready soon") {
			if d.lookup(w) == nil {
				b.Fatal(w)
			}
		}
	}
}
