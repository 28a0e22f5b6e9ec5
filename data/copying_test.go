package data

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/tensor"
)

// Each sequence is bits, a delimiter and blanks with the bits as labels; lengths are those of
// the curriculum.
func TestCopySequences(t *testing.T) {
	c := NewCopy(7, rand.NewPCG(1, 1))
	seen := map[int]bool{}
	for _, length := range []int{1, 3, 9} {
		c.Length = length
		for range 40 {
			x, labels := c.Next()
			T, B := x.Shape[0], x.Shape[1]
			if B != 7 || T > 2*length+1 || len(labels) != T*B {
				t.Fatalf("length %d: batch of shape %v with %d labels", length, x.Shape, len(labels))
			}
			for b := range B {
				seen[checkCopy(t, x, labels, b)] = true
			}
		}
		for n := range seen {
			if n < max(length-5, 1) || n > length {
				t.Errorf("length %d: a sequence of %d bits", length, n)
			}
		}
		if want := min(length, 6); len(seen) != want {
			t.Errorf("length %d: %d different lengths, want %d", length, len(seen), want)
		}
		clear(seen)
	}
	x, labels := c.Longest(rand.New(rand.NewPCG(2, 2)))
	for b := range 7 {
		if n := checkCopy(t, x, labels, b); n != 9 {
			t.Errorf("a longest sequence has %d bits, want 9", n)
		}
	}
}

// checkCopy checks a sequence and returns its length.
func checkCopy(t *testing.T, x *tensor.Tensor, labels []int32, b int) int {
	t.Helper()
	var symbols, wanted []int32
	for s := range x.Shape[0] {
		symbols, wanted = append(symbols, int32(x.Data[s*x.Shape[1]+b])), append(wanted, labels[s*x.Shape[1]+b])
	}
	n := slices.Index(symbols, CopyDelimiter)
	for i, s := range symbols {
		want := int32(-1)
		if i > n && i <= 2*n {
			want = symbols[i-n-1]
		}
		if i < n && s > 1 || i > n && s != CopyBlank || wanted[i] != want {
			t.Fatalf("symbols %v, labels %v", symbols, wanted)
		}
	}
	return n
}

// The length grows when ten batches in a row are low on average, and not before.
func TestCopyCurriculum(t *testing.T) {
	c := NewCopy(2, rand.NewPCG(1, 1))
	for range 9 {
		c.Learned(0)
	}
	if c.Length != 1 {
		t.Fatalf("length %d after nine batches", c.Length)
	}
	c.Learned(1.4)
	if c.Length != 2 {
		t.Fatalf("length %d after ten batches of 0.14 bits on average", c.Length)
	}
	for range 30 {
		c.Learned(0.16)
	}
	if c.Length != 2 {
		t.Errorf("length %d after batches of 0.16 bits", c.Length)
	}
	// A state that is saved and restored goes on with the same sequences.
	c.Next()
	saved, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	x, _ := c.Next()
	d := NewCopy(2, rand.NewPCG(9, 9))
	if err := d.UnmarshalBinary(saved); err != nil {
		t.Fatal(err)
	}
	if y, _ := d.Next(); !slices.Equal(x.Data, y.Data) || d.Tokens != c.Tokens || d.Length != c.Length {
		t.Errorf("goes on with %v, want %v", y.Data, x.Data)
	}
}

func FuzzCopyState(f *testing.F) {
	saved, _ := NewCopy(2, rand.NewPCG(1, 1)).MarshalBinary()
	f.Add(saved)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := NewCopy(2, rand.NewPCG(1, 1))
		if c.UnmarshalBinary(b) == nil && c.Length < 1000 {
			c.Next()
		}
	})
}
