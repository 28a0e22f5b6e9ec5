package data

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed073b5613/filigree/internal/parallel"
)

// ramp returns n images of two channels whose pixels all differ within an image,
// normalised to their byte values.
func ramp(n int) *Images {
	m := &Images{C: 2, H: 3, W: 4, Mean: []float32{0, 0}, Deviation: []float32{1. / 255, 1. / 255}}
	for i := range n {
		m.Labels = append(m.Labels, uint8(i%10))
		for k := range m.Size() {
			m.Pixels = append(m.Pixels, uint8(i+5*k))
		}
	}
	return m
}

// TestLayout checks where each pixel of a batch lies, in both layouts and at sizes
// around the number of images turned around at a time.
func TestLayout(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 40} {
		for _, flat := range []bool{true, false} {
			m := ramp(n)
			x, labels := m.InOrder(Options{Size: n, Flat: flat})()
			for i := range n {
				if int(labels[i]) != i%10 {
					t.Fatalf("label %d of image %d", labels[i], i)
				}
				for c := range 2 {
					for p := range 12 {
						at := (c*n+i)*12 + p
						if flat {
							at = (c*12+p)*n + i
						}
						want := float64(uint8(i + 5*(c*12+p)))
						if got := float64(x.Data[at]); math.Abs(got-want) > 1e-4 {
							t.Fatalf("%d images, flat %v: image %d, channel %d, pixel %d is %v, want %v", n, flat, i, c, p, got, want)
						}
					}
				}
			}
		}
	}
}

func TestInOrderCoversAll(t *testing.T) {
	next := ramp(25).InOrder(Options{Size: 10, Flat: true})
	var sizes []int
	for {
		x, labels := next()
		if len(labels) == 0 {
			break
		}
		if x.Cols() != len(labels) {
			t.Errorf("x is %v for %d labels", x.Shape, len(labels))
		}
		sizes = append(sizes, len(labels))
	}
	if !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("batches of %v", sizes)
	}
}

// TestEachPassOnce checks that a pass shows each image once, in an order that
// changes from pass to pass.
func TestEachPassOnce(t *testing.T) {
	b := ramp(40).Batches(Options{Size: 8, Flat: true}, rand.NewPCG(1, 1))
	var passes [2][]float32
	for p := range passes {
		for range b.PerEpoch() {
			x, _ := b.Next()
			passes[p] = append(passes[p], x.Data[:8]...) // the first pixel tells images apart
		}
	}
	if slices.Equal(passes[0], passes[1]) {
		t.Error("two passes in the same order")
	}
	slices.Sort(passes[0])
	slices.Sort(passes[1])
	if !slices.Equal(passes[0], passes[1]) || len(slices.Compact(passes[0])) != 40 {
		t.Errorf("passes show %v and %v", passes[0], passes[1])
	}
}

// TestPosition saves the position at each step, goes on from there with new
// batches and compares, with augmentation, which draws from the same generator.
func TestPosition(t *testing.T) {
	o := Options{Size: 7, Shift: 1, Mirror: true}
	m := ramp(30)
	b := m.Batches(o, rand.NewPCG(5, 5))
	for step := range 12 {
		state, err := b.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		other := m.Batches(o, rand.NewPCG(9, 9))
		if err := other.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		x, labels := b.Next()
		want, wantLabels := slices.Clone(x.Data), slices.Clone(labels)
		x, labels = other.Next()
		if !slices.Equal(x.Data, want) || !slices.Equal(labels, wantLabels) {
			t.Fatalf("the batch after step %d differs after a resume", step)
		}
		for n := range state {
			if other.UnmarshalBinary(state[:n]) == nil {
				t.Fatalf("a position cut to %d of %d bytes is taken", n, len(state))
			}
		}
	}
}

func TestMove(t *testing.T) {
	m := &Images{C: 1, H: 2, W: 3}
	src := []uint8{1, 2, 3, 4, 5, 6}
	for _, c := range []struct {
		v    view
		want []uint8
	}{
		{view{}, src},
		{view{mirror: true}, []uint8{3, 2, 1, 6, 5, 4}},
		{view{dy: 1}, []uint8{4, 5, 6, 0, 0, 0}},
		{view{dx: -1}, []uint8{0, 1, 2, 0, 4, 5}},
		{view{dy: -1, dx: 2}, []uint8{0, 0, 0, 3, 0, 0}},
	} {
		dst := []uint8{9, 9, 9, 9, 9, 9}
		m.move(dst, src, c.v)
		if !bytes.Equal(dst, c.want) {
			t.Errorf("%+v: %v, want %v", c.v, dst, c.want)
		}
	}
}

func TestDigits(t *testing.T) {
	old := parallel.SetWorkers(1)
	one := Digits(3, 300, 100)
	parallel.SetWorkers(4)
	four := Digits(3, 300, 100)
	parallel.SetWorkers(old)
	if !bytes.Equal(one.Train.Pixels, four.Train.Pixels) || !bytes.Equal(one.Test.Labels, four.Test.Labels) {
		t.Error("digits depend on the number of workers")
	}
	if more := Digits(3, 400, 0); !bytes.Equal(more.Train.Pixels[:len(one.Train.Pixels)], one.Train.Pixels) {
		t.Error("an image depends on how many are drawn")
	}
	if other := Digits(4, 300, 100); bytes.Equal(other.Train.Pixels, one.Train.Pixels) {
		t.Error("another seed draws the same digits")
	}
	var count [10]int
	for i, l := range one.Train.Labels {
		count[l]++
		ink := 0
		for _, v := range one.Train.Pixels[i*784 : (i+1)*784] {
			if v > 100 {
				ink++
			}
		}
		if ink < 15 || ink > 500 {
			t.Errorf("image %d, a %d, has %d bright pixels", i, l, ink)
		}
	}
	if slices.Min(count[:]) < 10 {
		t.Errorf("digits are unevenly drawn: %v", count)
	}
	if bytes.Equal(one.Train.Pixels[:784], one.Test.Pixels[:784]) {
		t.Error("training and test images are the same")
	}
}
