package data

import (
	"os"
	"path/filepath"
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
