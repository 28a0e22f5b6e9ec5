package data

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// cifarClasses are the classes of CIFAR-10 by label.
const cifarClasses = "airplane automobile bird cat deer dog frog horse ship truck"

// What the archive of CIFAR-10 is called, and the folder in it.
const (
	cifarArchive = "cifar-10-binary.tar.gz"
	cifarFolder  = "cifar-10-batches-bin"
)

// CIFAR10 reads the binary version of CIFAR-10: every data_batch_*.bin for training, and
// test_batch.bin or else every test_batch*.bin for testing, each plain or with .gz
// (Krizhevsky 2009). They lie in the folder, in cifar-10-batches-bin below it, or in
// cifar-10-binary.tar.gz as it is distributed, which dir may be itself.
func CIFAR10(dir string) (*ImageSet, error) {
	set := &ImageSet{Classes: strings.Fields(cifarClasses)}
	bins, err := findBins(dir)
	if err != nil {
		return nil, fmt.Errorf("data: CIFAR-10: %w", err)
	}
	for _, part := range []struct {
		pattern string
		to      **Images
	}{{"data_batch_", &set.Train}, {"test_batch", &set.Test}} {
		if *part.to, err = readCIFAR(bins, part.pattern); err != nil {
			return nil, fmt.Errorf("data: CIFAR-10: %w", err)
		}
	}
	return set, nil
}

// bins are the .bin files of a folder or an archive.
type bins struct {
	where string
	names []string // without .gz, sorted
	read  func(name string) (b []byte, path string, err error)
}

// findBins looks where the files of CIFAR-10 may lie.
func findBins(dir string) (*bins, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, cause(err))
	}
	if info.Mode().IsRegular() {
		return binsOfArchive(dir)
	}
	for _, d := range []string{dir, filepath.Join(dir, cifarFolder)} {
		b, err := binsOfFolder(d)
		if err != nil && d == dir {
			return nil, err
		}
		if err == nil && len(b.names) > 0 {
			return b, nil
		}
	}
	archive := filepath.Join(dir, cifarArchive)
	if _, err := os.Stat(archive); err == nil {
		return binsOfArchive(archive)
	}
	return nil, fmt.Errorf("%s: neither data_batch_*.bin nor data_batch_*.bin.gz in it, nor %s, nor %s", dir, cifarFolder, cifarArchive)
}

func binsOfFolder(dir string) (*bins, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, cause(err))
	}
	b := &bins{where: dir, read: func(name string) ([]byte, string, error) { return readMaybeGzip(dir, name) }}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".gz")
		if strings.HasSuffix(name, ".bin") && !slices.Contains(b.names, name) {
			b.names = append(b.names, name)
		}
	}
	slices.Sort(b.names)
	return b, nil
}

// binsOfArchive reads all .bin files of a .tar.gz, whatever folder they lie in.
func binsOfArchive(archive string) (*bins, error) {
	b := &bins{where: archive}
	files := map[string][]byte{}
	room := int64(mostBytes)
	err := eachBin(archive, func(name string, r io.Reader) error {
		p, err := io.ReadAll(io.LimitReader(r, room))
		if room -= int64(len(p)); room <= 0 {
			return fmt.Errorf("unpacks to more than %d bytes", mostBytes)
		}
		if files[name] == nil {
			b.names = append(b.names, name)
		}
		files[name] = p
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", archive, cutShort(err))
	}
	slices.Sort(b.names)
	b.read = func(name string) ([]byte, string, error) { return files[name], path.Join(archive, name), nil }
	return b, nil
}

// eachBin calls do with every .bin file of a .tar.gz, and reads it to its end, where the
// checksum of the whole is.
func eachBin(archive string, do func(name string, r io.Reader) error) error {
	f, err := os.Open(archive)
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := path.Base(h.Name)
		if h.Typeflag != tar.TypeReg || !strings.HasSuffix(name, ".bin") || strings.ContainsAny(name, "/\\") {
			continue
		}
		if err := do(name, r); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, z)
	return err
}

func readCIFAR(from *bins, prefix string) (*Images, error) {
	m := &Images{C: 3, H: 32, W: 32, Mean: []float32{0.4914, 0.4822, 0.4465}, Deviation: []float32{0.2470, 0.2435, 0.2616}}
	var names []string
	for _, name := range from.names {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no %s*.bin or %s*.bin.gz", from.where, prefix, prefix)
	}
	if whole := prefix + ".bin"; slices.Contains(names, whole) {
		names = []string{whole} // parts of the test set may lie beside it
	}
	record := 1 + m.Size()
	for _, name := range names {
		b, path, err := from.read(name)
		if err != nil {
			return nil, err
		}
		if len(b) == 0 || len(b)%record != 0 {
			return nil, fmt.Errorf("%s: %d bytes, not a multiple of records of %d: the file is cut short or damaged", path, len(b), record)
		}
		for i := 0; i < len(b); i += record {
			if b[i] > 9 {
				return nil, fmt.Errorf("%s: label %d in record %d", path, b[i], i/record)
			}
			m.Labels = append(m.Labels, b[i])
			m.Pixels = append(m.Pixels, b[i+1:i+record]...)
		}
	}
	return m, nil
}
