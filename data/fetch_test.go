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
	o.pause = time.Millisecond
	if err := Fetch(context.Background(), "test", dir, o); err != nil {
		t.Errorf("wrong beginning: %v", err)
	}
	with(t, collection{base: base, files: []download{{"a.gz", sum(b)}}})
	os.Remove(filepath.Join(dir, "a.gz"))
	if err := Fetch(context.Background(), "test", dir, o); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("another file: %v", err)
	}
}

// A server that fails now and then, breaks off, or stops sending is tried again; what has
// arrived is kept; then the mirrors are tried.
func TestFetchTriesAgain(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), 1000)
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, n int) // n from 1
		asked  int                                                 // requests to the first address
		mirror bool
		says   string // error if the mirror has nothing either
	}{
		"busy once": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
				return
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		}, 2, false, ""},
		"broken off twice": {func(w http.ResponseWriter, r *http.Request, n int) {
			if n < 3 {
				if want := "bytes=1000-"; n == 2 && r.Header.Get("Range") != want {
					t.Errorf("range %q, want %q", r.Header.Get("Range"), want)
				}
				w.Header().Set("Content-Length", "9000")
				w.WriteHeader(map[int]int{1: http.StatusOK, 2: http.StatusPartialContent}[n])
				w.Write(text[:1000])
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
		}, 3, false, ""},
		"stalls": {func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Content-Length", "10000")
			if n > 1 {
				w.WriteHeader(http.StatusPartialContent)
			}
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, 3, true, "nothing arrives any more"},
		"gone":    {func(w http.ResponseWriter, r *http.Request, n int) { http.NotFound(w, r) }, 1, true, "404"},
		"damaged": {func(w http.ResponseWriter, r *http.Request, n int) { w.Write(text[:77]) }, 3, true, "checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				c.answer(w, r, asked)
			}))
			defer s.Close()
			mirror, _ := local(t, map[string][]byte{"a": text})
			with(t, collection{base: s.URL, mirrors: []string{mirror}, files: []download{{"a", sum(text)}}})
			o := FetchOptions{pause: time.Millisecond, patience: 100 * time.Millisecond}
			dir := t.TempDir()
			if err := Fetch(context.Background(), "test", dir, o); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(filepath.Join(dir, "a")); !bytes.Equal(got, text) {
				t.Error("the file differs")
			}
			if asked != c.asked {
				t.Errorf("asked %d times, want %d", asked, c.asked)
			}
			if !c.mirror {
				return
			}
			with(t, collection{base: s.URL, mirrors: []string{mirror}, files: []download{{"b", sum(text)}}})
			err := Fetch(context.Background(), "test", t.TempDir(), o)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), mirror+"/b: 404") {
				t.Errorf("both fail: %v", err)
			}
			asked = 0
			o.Base = s.URL // named by the user: no mirrors
			if err := Fetch(context.Background(), "test", t.TempDir(), o); err == nil || strings.Contains(err.Error(), mirror) || asked != c.asked {
				t.Errorf("without mirrors: %v, asked %d times", err, asked)
			}
		})
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

// packed returns a .tar.gz.
func packed(files map[string]string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		w.Write([]byte(text))
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

func TestFetchUnpacks(t *testing.T) {
	b := packed(map[string]string{"set/x.bin": "data", "set/readme.html": "no", "../../evil.bin": "outside", "y.bin": "more"})
	base, _ := local(t, map[string][]byte{"set.tar.gz": b})
	c := collection{base: base, files: []download{{"set.tar.gz", sum(b)}}, unpack: []unpacked{{"x.bin", 4}, {"y.bin", 4}}}
	with(t, c)
	dir := t.TempDir()
	fetched := 0
	o := FetchOptions{Progress: func(string, int64, int64) { fetched++ }, pause: time.Millisecond}
	for range 2 { // the second time everything is there
		if err := Fetch(context.Background(), "test", dir, o); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 || filepath.Base(names[0]) != "x.bin" || filepath.Base(names[1]) != "y.bin" || fetched != 1 {
		t.Errorf("unpacked %v, fetched %d times", names, fetched)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "x.bin")); string(b) != "data" {
		t.Errorf("x.bin holds %q", b)
	}
	// A file that was cut short is fetched again.
	os.Truncate(filepath.Join(dir, "x.bin"), 2)
	if err := Fetch(context.Background(), "test", dir, o); err != nil || fetched != 2 {
		t.Errorf("cut file: %v, fetched %d times", err, fetched)
	}
	// An archive that lacks something leaves nothing.
	for name, files := range map[string][]unpacked{"z.bin": {{"x.bin", 4}, {"z.bin", 4}}, "y.bin is 4 bytes, want 5": {{"x.bin", 4}, {"y.bin", 5}}, "y.bin is 4 bytes, want 3": {{"x.bin", 4}, {"y.bin", 3}}} {
		c.unpack = files
		with(t, c)
		dir := t.TempDir()
		if err := Fetch(context.Background(), "test", dir, o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "*.bin*")); len(names) != 0 {
			t.Errorf("%s: left %v", name, names)
		}
	}
}
