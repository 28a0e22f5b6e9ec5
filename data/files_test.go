package data

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed073b5613/filigree/internal/testkit"
)

func TestRealMNIST(t *testing.T) {
	set, err := MNIST(testkit.Shared(t, "data/mnist"))
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len() != 60000 || set.Test.Len() != 10000 || set.Train.H != 28 || set.Train.W != 28 {
		t.Errorf("%d and %d images of %d×%d", set.Train.Len(), set.Test.Len(), set.Train.H, set.Train.W)
	}
	var count [10]int
	for _, l := range set.Train.Labels {
		count[l]++
	}
	if want := [10]int{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}; count != want {
		t.Errorf("labels %v, want %v", count, want)
	}
}

func TestRealCIFAR10(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 60 MB of gzip")
	}
	set, err := CIFAR10(testkit.Shared(t, "data/cifar10"))
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len()%10000 != 0 || set.Train.Len() == 0 || set.Test.Len() < 1000 || set.Classes[set.Test.Labels[0]] != "cat" {
		t.Errorf("%d and %d images, the first of the test set is a %s", set.Train.Len(), set.Test.Len(), set.Classes[set.Test.Labels[0]])
	}
}

// tinyMNIST writes a set of three training images and one test image of 2×2.
func tinyMNIST(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("train-images-idx3-ubyte", []byte("\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x02abcdefghijkl"))
	put("train-labels-idx1-ubyte", []byte("\x00\x00\x08\x01\x00\x00\x00\x03\x01\x02\x03"))
	put("t10k-images-idx3-ubyte", []byte("\x00\x00\x08\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x02mnop"))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte("\x00\x00\x08\x01\x00\x00\x00\x01\x09"))
	w.Close()
	put("t10k-labels-idx1-ubyte.gz", z.Bytes())
	return dir
}

func TestMNISTPlainAndGzip(t *testing.T) {
	set, err := MNIST(tinyMNIST(t))
	if err != nil {
		t.Fatal(err)
	}
	if set.Train.Len() != 3 || string(set.Train.Pixels[4:8]) != "efgh" || set.Test.Labels[0] != 9 {
		t.Errorf("%+v, %+v", set.Train, set.Test)
	}
}

// Some copies write a dot for the first hyphen.
func TestMNISTOtherNames(t *testing.T) {
	dir := tinyMNIST(t)
	for _, name := range []string{"train-images", "t10k-labels"} {
		for _, suffix := range []string{"", ".gz"} {
			n := name[len(name)-6:]
			d := map[string]string{"images": "3", "labels": "1"}[n]
			os.Rename(filepath.Join(dir, name+"-idx"+d+"-ubyte"+suffix), filepath.Join(dir, name+".idx"+d+"-ubyte"+suffix))
		}
	}
	if set, err := MNIST(dir); err != nil || set.Train.Len() != 3 || set.Test.Labels[0] != 9 {
		t.Errorf("%v", err)
	}
	os.Remove(filepath.Join(dir, "train-images.idx3-ubyte"))
	if _, err := MNIST(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "train-images-idx3-ubyte") {
		t.Errorf("neither name: %v", err)
	}
}

// CIFAR-10 lies in the folder, in the one its archive makes, or in the archive.
func TestCIFARPlaces(t *testing.T) {
	record := strings.Repeat("\x07", 3073)
	files := map[string]string{
		"cifar-10-batches-bin/data_batch_1.bin": record + record, "cifar-10-batches-bin/data_batch_2.bin": record,
		"cifar-10-batches-bin/test_batch.bin": record, "cifar-10-batches-bin/readme.html": "x",
	}
	folder := map[string][]byte{}
	for name, text := range files {
		folder[name] = []byte(text)
	}
	dir := put(t, t.TempDir(), folder)
	archive := put(t, t.TempDir(), map[string][]byte{"cifar-10-binary.tar.gz": packed(files)})
	for _, path := range []string{dir, filepath.Join(dir, "cifar-10-batches-bin"), archive, filepath.Join(archive, "cifar-10-binary.tar.gz")} {
		if set, err := CIFAR10(path); err != nil || set.Train.Len() != 3 || set.Test.Len() != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
	b := packed(files)
	for says, b := range map[string][]byte{"cut short": b[:len(b)-5], "": []byte("text"), "data_batch_": packed(nil), "not a multiple": packed(map[string]string{"data_batch_1.bin": "abc"})} {
		dir := put(t, t.TempDir(), map[string][]byte{"cifar-10-binary.tar.gz": b})
		if _, err := CIFAR10(dir); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "cifar-10-binary.tar.gz") {
			t.Errorf("%q: %v", says, err)
		}
	}
}

func TestMNISTErrors(t *testing.T) {
	for _, c := range []struct {
		name, file string
		change     func(b []byte) []byte
		says       string
	}{
		{"cut", "train-images-idx3-ubyte", func(b []byte) []byte { return b[:20] }, "cut short"},
		{"no head", "train-images-idx3-ubyte", func(b []byte) []byte { return b[:9] }, "too few"},
		{"magic", "train-labels-idx1-ubyte", func(b []byte) []byte { b[3] = 7; return b }, "0x00000807"},
		{"dimension", "train-images-idx3-ubyte", func(b []byte) []byte { b[8] = 0xff; return b }, "dimension 1"},
		{"label", "train-labels-idx1-ubyte", func(b []byte) []byte { b[9] = 77; return b }, "label 77 of image 1"},
		{"count", "train-labels-idx1-ubyte", func(b []byte) []byte { b[7] = 2; return b[:10] }, "2 labels for 3 images"},
		{"gzip cut", "t10k-labels-idx1-ubyte.gz", func(b []byte) []byte { return b[:len(b)-6] }, "cut short"},
		{"gzip noise", "t10k-labels-idx1-ubyte.gz", func(b []byte) []byte { return []byte("noise") }, "read"},
	} {
		dir := tinyMNIST(t)
		path := filepath.Join(dir, c.file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, c.change(b), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err = MNIST(dir); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q and the path", c.name, err, c.says)
		}
	}
	if _, err := MNIST(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestCIFARErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := CIFAR10(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("empty folder: %v", err)
	}
	record := make([]byte, 3073)
	put := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("data_batch_1.bin", append(record, record...))
	put("test_batch.bin", record)
	if set, err := CIFAR10(dir); err != nil || set.Train.Len() != 2 || set.Test.Len() != 1 {
		t.Errorf("two and one records: %v", err)
	}
	put("test_batch.bin", record[:3000])
	if _, err := CIFAR10(dir); err == nil || !strings.Contains(err.Error(), "test_batch.bin") || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("cut file: %v", err)
	}
	record[0] = 10
	put("test_batch.bin", record)
	if _, err := CIFAR10(dir); err == nil || !strings.Contains(err.Error(), "label 10 in record 0") {
		t.Errorf("wrong label: %v", err)
	}
}
