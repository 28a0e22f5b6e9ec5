package data

import (
	"bytes"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzMNIST feeds four files of any bytes to the reader: it may refuse them, and what it
// accepts must be whole.
func FuzzMNIST(f *testing.F) {
	images := []byte{0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4}
	labels := []byte{0, 0, 8, 1, 0, 0, 0, 1, 7}
	f.Add(images, labels)
	f.Add(images[:9], labels)
	f.Add([]byte{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, labels)
	f.Add([]byte{0x1f, 0x8b, 8, 0}, []byte{})
	f.Fuzz(func(t *testing.T, images, labels []byte) {
		for _, suffix := range []string{"", ".gz"} {
			dir := t.TempDir()
			for _, part := range []string{"train", "t10k"} {
				write(t, filepath.Join(dir, part+"-images-idx3-ubyte"+suffix), images)
				write(t, filepath.Join(dir, part+"-labels-idx1-ubyte"+suffix), labels)
			}
			set, err := MNIST(dir)
			if err == nil {
				whole(t, set)
			}
		}
	})
}

// FuzzCIFAR10 feeds batches of any bytes to the reader.
func FuzzCIFAR10(f *testing.F) {
	f.Add(make([]byte, 3073))
	f.Add(make([]byte, 3072))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, batch []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "data_batch_1.bin"), batch)
		write(t, filepath.Join(dir, "test_batch.bin"), batch)
		set, err := CIFAR10(dir)
		if err == nil {
			whole(t, set)
		}
	})
}

// FuzzPhoto feeds image files of any bytes to the decoder and shows what it accepts.
func FuzzPhoto(f *testing.F) {
	m := drawn(17, 9, color.RGBA{R: 3})
	grey := image.NewGray(m.Bounds())
	for _, b := range [][]byte{asJPEG(f, m), asJPEG(f, grey), asPNG(f, m), asPNG(f, grey), {0xff, 0xd8}, {}} {
		f.Add(b, uint64(1))
		f.Add(b[:len(b)/2], uint64(2))
	}
	var d photoRoom
	rgb := [3][]float32{make([]float32, 64), make([]float32, 64), make([]float32, 64)}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(b)); err == nil && c.Width*c.Height > 1<<20 {
			return
		}
		if d.decode(b, nil) != nil {
			return
		}
		p := &d.pic
		for _, c := range []crop{centreCrop(p.w, p.h, 8), randomCrop(p.w, p.h, rand.New(rand.NewPCG(seed, 0)))} {
			d.show(p, c, 8, rgb)
			for _, v := range slices.Concat(rgb[:]...) {
				if !(v > -2.2 && v < 2.7) {
					t.Fatalf("%d×%d, %+v: a colour is %v", p.w, p.h, c, v)
				}
			}
		}
	})
}

// FuzzPhotoPosition feeds positions of any bytes to batches of photographs.
func FuzzPhotoPosition(f *testing.F) {
	tree, err := OpenTree(tinyTree(f, 2))
	if err != nil {
		f.Fatal(err)
	}
	good, _ := tree.Train.Batches(2, 4, true, 1).MarshalBinary()
	f.Add(good)
	f.Add(append(good[:24:24], 255, 255, 255, 255, 255, 255, 255, 255))
	f.Add(good[:9])
	f.Fuzz(func(t *testing.T, p []byte) {
		b := tree.Train.Batches(2, 4, true, 1)
		if b.UnmarshalBinary(p) != nil {
			return
		}
		if x, _ := b.Next(); x == nil {
			t.Errorf("no batch: %v", b.Err())
		}
	})
}

// FuzzCIFAR10Archive feeds archives of any bytes to the reader.
func FuzzCIFAR10Archive(f *testing.F) {
	record := strings.Repeat("\x01", 3073)
	b := packed(map[string]string{"a/data_batch_1.bin": record, "a/test_batch.bin": record})
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Add(packed(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, cifarArchive), b)
		set, err := CIFAR10(dir)
		if err == nil {
			whole(t, set)
		}
	})
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func whole(t *testing.T, set *ImageSet) {
	t.Helper()
	for _, m := range []*Images{set.Train, set.Test} {
		if m.Len() == 0 || len(m.Pixels) != m.Len()*m.Size() {
			t.Errorf("%d images of %d bytes, %d bytes in all", m.Len(), m.Size(), len(m.Pixels))
		}
		for _, l := range m.Labels {
			if int(l) >= len(set.Classes) {
				t.Errorf("label %d of %d classes", l, len(set.Classes))
			}
		}
	}
}

// The whole test set counts once, though a part of it lies beside it.
func TestTestBatchCountsOnce(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"data_batch_1.bin": 2, "test_batch.bin": 3, "test_batch_first1.bin": 1} {
		write(t, filepath.Join(dir, name), make([]byte, n*3073))
	}
	set, err := CIFAR10(dir)
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len() != 2 || set.Test.Len() != 3 {
		t.Errorf("%d training and %d test images, want 2 and 3", set.Train.Len(), set.Test.Len())
	}
}
