package train

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sample() *Checkpoint {
	c := &Checkpoint{Step: 7, Batches: 8, Updates: 1, Seconds: 0.1 + 0.2, Best: 1.0 / 3, Scored: true,
		Last: Scores{Loss: 0.7, Accuracy: 0.25, Count: 4}, Logs: map[string]int64{"metrics.tsv": 12}}
	c.putFloats("a", []float32{1, -2.5, 3e-40})
	c.put("b", nil)
	c.put("c", []byte("state"))
	return c
}

func encode(t *testing.T, c *Checkpoint) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.writeTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheckpointRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ckpt")
	want := sample()
	if err := want.Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := OpenCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, got), encode(t, want)) {
		t.Errorf("a checkpoint read and written again differs")
	}
	if got.Step != 7 || got.Seconds != 0.1+0.2 || got.Best != 1.0/3 || got.Last != want.Last {
		t.Errorf("head: %+v", got)
	}
	v, err := getSlice[float32](got, "a")
	if err != nil || len(v) != 3 || v[2] != 3e-40 {
		t.Errorf("section a: %v, %v", v, err)
	}
	if err := getInto(got, "a", make([]float32, 2)); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("a section of the wrong length: %v", err)
	}
	if _, err := got.get("none"); err == nil {
		t.Error("a missing section gives no error")
	}
}

// TestCheckpointDamage cuts a checkpoint at every length and flips every byte:
// each must be an error, none may panic.
func TestCheckpointDamage(t *testing.T) {
	good := encode(t, sample())
	for n := range good {
		if _, err := parseCheckpoint(good[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes: no error", n, len(good))
		}
		bad := bytes.Clone(good)
		bad[n] ^= 0x40
		if _, err := parseCheckpoint(bad); err == nil {
			t.Fatalf("byte %d flipped: no error", n)
		}
	}
}

func TestOpenCheckpointMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.ckpt")
	_, err := OpenCheckpoint(path)
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("got %v, want one mention of the path and fs.ErrNotExist", err)
	}
}

// TestWriteFileFailure has the writer fail at some point: the old file must
// stay as it was and nothing else must be left.
func TestWriteFileFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "last.ckpt")
	if err := sample().Save(path); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	for _, size := range []int{0, 1, 1 << 16, 1<<18 + rand.IntN(1000)} {
		err = WriteFile(path, func(w io.Writer) error {
			if _, err := w.Write(make([]byte, size)); err != nil {
				return err
			}
			return full
		})
		if !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
			t.Errorf("after %d bytes: error %v, want one with the cause and the path", size, err)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file before changed: %v", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}
