package data

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// Characters are counted however the stream is cut, and bytes that are none as one each.
func TestLiveCounts(t *testing.T) {
	for _, c := range []struct {
		text           string
		invalid, first int64
	}{
		{"", 0, 0}, {"plain", 0, 0}, {"naïve – 日本語 🎹", 0, 0}, {"caf\xe9 au lait \xff", 2, 3}, {"cut \xe6\x97", 2, 4}, {"\xf0\x9f\x8e", 3, 0},
	} {
		for _, n := range []int{1, 2, 3, 100} {
			l := NewLive(t.Context(), iotest.OneByteReader(strings.NewReader(c.text)))
			var got []byte
			for {
				before := len(got)
				var err error
				if got, err = l.Next(got, n); err != nil {
					t.Fatal(err)
				}
				if len(got) == before {
					break
				}
				// A place that is saved is one that can be gone on from.
				again := &Live{}
				if err := again.Resume(l.State()); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != c.text || l.Characters != int64(utf8.RuneCountInString(c.text)) || l.Invalid != c.invalid || l.First != c.first {
				t.Errorf("%q by %d: %q, %d characters, %d invalid from %d", c.text, n, got, l.Characters, l.Invalid, l.First)
			}
			if (l.Warning() != "") != (c.invalid > 0) {
				t.Errorf("%q: warning %q", c.text, l.Warning())
			}
		}
	}
}

// A stream that breaks off says why; one that is waited for in vain ends with the context.
func TestLiveEnds(t *testing.T) {
	broken := errors.New("line cut")
	l := NewLive(t.Context(), io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	if got, err := l.Next(nil, 8); string(got) != "abc" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	l = NewLive(ctx, r)
	go func() {
		w.Write([]byte("ab"))
		cancel()
	}()
	if got, err := l.Next(nil, 3); len(got) != 0 || err != nil || l.Bytes != 0 {
		t.Errorf("after the context ended: %q, %v, %d bytes counted", got, err, l.Bytes)
	}
}

func FuzzLive(f *testing.F) {
	f.Add([]byte("na\xefve 日"), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		l := NewLive(t.Context(), bytes.NewReader(text))
		var got []byte
		for {
			before := len(got)
			got, _ = l.Next(got, 1+int(n))
			if len(got) == before {
				break
			}
		}
		if !bytes.Equal(got, text) || l.Characters != int64(utf8.RuneCount(text)) || (l.Invalid == 0) != utf8.Valid(text) {
			t.Errorf("%q: %d characters, %d invalid", text, l.Characters, l.Invalid)
		}
	})
}
