package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// local serves files by name, with ranges, and makes a collection of them.
func local(t *testing.T, files map[string][]byte) (base string, ranges *int) {
	t.Helper()
	ranges = new(int)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Header.Get("Range") != "" {
			*ranges++
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(s.Close)
	return s.URL, ranges
}

// with puts a collection in place for a test.
func with(t *testing.T, c collection) {
	t.Helper()
	collections["test"] = c
	t.Cleanup(func() { delete(collections, "test") })
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func TestFetch(t *testing.T) {
	a, b := bytes.Repeat([]byte("abc"), 5000), []byte("second")
	base, ranges := local(t, map[string][]byte{"a.gz": a, "b.gz": b})
	with(t, collection{base: base, files: []download{{"a.gz", sum(a)}, {"b.gz", sum(b)}}})
	dir := filepath.Join(t.TempDir(), "new", "folder")
	seen := map[string]int64{}
	o := FetchOptions{Progress: func(file string, done, total int64) { seen[file] = done*1000000 + total }}
	if err := Fetch(context.Background(), "test", dir, o); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a.gz")); !bytes.Equal(got, a) {
		t.Error("a.gz differs")
	}
	if seen["a.gz"] != 15000*1000000+15000 {
		t.Errorf("progress ended at %v", seen)
	}

	// Broken off: the rest is fetched. Finished: nothing is.
	os.Rename(filepath.Join(dir, "a.gz"), filepath.Join(dir, "a.gz.part"))
	os.Truncate(filepath.Join(dir, "a.gz.part"), 7000)
	clear(seen)
	if err := Fetch(context.Background(), "test", dir, o); err != nil || *ranges != 1 || len(seen) != 1 {
		t.Errorf("going on: %v, %d ranges, fetched %v", err, *ranges, seen)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "a.gz")); !bytes.Equal(got, a) {
		t.Error("a.gz differs after going on")
	}

	// A wrong beginning shows in the checksum, and the next try starts afresh.
	os.Remove(filepath.Join(dir, "a.gz"))
	os.WriteFile(filepath.Join(dir, "a.gz.part"), []byte("wrong"), 0o644)
	if err := Fetch(context.Background(), "test", dir, o); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong beginning: %v", err)
	}
	if err := Fetch(context.Background(), "test", dir, o); err != nil {
		t.Errorf("second try: %v", err)
	}
}

func TestFetchErrors(t *testing.T) {
	base, _ := local(t, nil)
	with(t, collection{base: base, files: []download{{"a.gz", ""}}})
	if err := Fetch(context.Background(), "test", t.TempDir(), FetchOptions{}); err == nil || !strings.Contains(err.Error(), base+"/a.gz: 404") {
		t.Errorf("missing file: %v", err)
	}
	if err := Fetch(context.Background(), "none", t.TempDir(), FetchOptions{}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("unknown set: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Fetch(ctx, "test", t.TempDir(), FetchOptions{}); err == nil {
		t.Error("an ended context gives no error")
	}
}

func TestFetchUnpacks(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"set/x.bin": "data", "set/readme.html": "no", "../../evil.bin": "inside"} {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		w.Write([]byte(text))
	}
	w.Close()
	z.Close()
	base, _ := local(t, map[string][]byte{"set.tar.gz": packed.Bytes()})
	with(t, collection{base: base, files: []download{{"set.tar.gz", sum(packed.Bytes())}}, unpack: true, already: []string{"x.bin"}})
	dir := t.TempDir()
	for range 2 { // the second time everything is there
		if err := Fetch(context.Background(), "test", dir, FetchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 || filepath.Base(names[0]) != "evil.bin" || filepath.Base(names[1]) != "x.bin" {
		t.Errorf("unpacked %v", names)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "x.bin")); string(b) != "data" {
		t.Errorf("x.bin holds %q", b)
	}
}
