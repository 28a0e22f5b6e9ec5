package data

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// MNIST reads the four files of MNIST, or of any set in its format, from a folder:
// train-images-idx3-ubyte, train-labels-idx1-ubyte and the same of t10k, or with a dot
// before idx, each plain or with .gz (LeCun, Cortes and Burges 1998).
func MNIST(dir string) (*ImageSet, error) {
	set := &ImageSet{Classes: strings.Split("0123456789", "")}
	for _, part := range []struct {
		name string
		to   **Images
	}{{"train", &set.Train}, {"t10k", &set.Test}} {
		m, err := readIDX(dir, part.name)
		if err != nil {
			return nil, fmt.Errorf("data: MNIST: %w", err)
		}
		*part.to = m
	}
	if a, b := set.Train, set.Test; a.H != b.H || a.W != b.W {
		return nil, fmt.Errorf("data: MNIST: %s: training images are %d×%d, test images %d×%d", dir, a.H, a.W, b.H, b.W)
	}
	return set, nil
}

func readIDX(dir, part string) (*Images, error) {
	m := &Images{C: 1, Mean: []float32{0.1307}, Deviation: []float32{0.3081}}
	var err error
	var dims []int
	m.Pixels, dims, err = idxFile(dir, part+"-images-idx3-ubyte", 3)
	if err != nil {
		return nil, err
	}
	n := dims[0]
	m.H, m.W = dims[1], dims[2]
	name := part + "-labels-idx1-ubyte"
	if m.Labels, dims, err = idxFile(dir, name, 1); err != nil {
		return nil, err
	}
	if dims[0] != n {
		return nil, fmt.Errorf("%s: %d labels for %d images", filepath.Join(dir, name), dims[0], n)
	}
	if i := slices.IndexFunc(m.Labels, func(l uint8) bool { return l > 9 }); i >= 0 {
		return nil, fmt.Errorf("%s: label %d of image %d is not a digit", filepath.Join(dir, name), m.Labels[i], i)
	}
	return m, nil
}

// idxFile reads an IDX file of bytes with so many dimensions.
func idxFile(dir, name string, want int) (values []byte, dims []int, err error) {
	b, path, err := readMaybeGzip(dir, name)
	if errors.Is(err, fs.ErrNotExist) { // some copies are named train-images.idx3-ubyte
		var other error
		if b, path, other = readMaybeGzip(dir, strings.Replace(name, "-idx", ".idx", 1)); !errors.Is(other, fs.ErrNotExist) {
			err = other
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if len(b) < 4+4*want {
		return nil, nil, fmt.Errorf("%s: %d bytes are too few for the head of an IDX file", path, len(b))
	}
	if magic := binary.BigEndian.Uint32(b); magic != 0x800+uint32(want) {
		return nil, nil, fmt.Errorf("%s: starts with %#08x, an IDX file of bytes in %d dimensions starts with %#08x", path, magic, want, 0x800+want)
	}
	size := uint64(1)
	for i := range want {
		d := binary.BigEndian.Uint32(b[4+4*i:])
		if d == 0 || d > 1<<24 {
			return nil, nil, fmt.Errorf("%s: dimension %d is %d", path, i, d)
		}
		dims = append(dims, int(d))
		if size *= uint64(d); size > 1<<40 {
			return nil, nil, fmt.Errorf("%s: dimensions %v are too large", path, dims)
		}
	}
	values = b[4+4*want:]
	if uint64(len(values)) != size {
		return nil, nil, fmt.Errorf("%s: %d bytes of data for dimensions %v: the file is cut short or damaged", path, len(values), dims)
	}
	return values, dims, nil
}

// mostBytes bounds what a packed file may unpack to.
const mostBytes = 1 << 30

// readMaybeGzip reads a file of a folder that is there plain or with .gz.
func readMaybeGzip(dir, name string) (b []byte, path string, err error) {
	path = filepath.Join(dir, name)
	b, err = os.ReadFile(path)
	if err == nil {
		return b, path, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, path, fmt.Errorf("read %s: %w", path, cause(err))
	}
	f, err := os.Open(path + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, path, fmt.Errorf("read %s: neither it nor %s.gz is there: %w", path, name, cause(err))
	}
	path += ".gz"
	if err != nil {
		return nil, path, fmt.Errorf("read %s: %w", path, cause(err))
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(z, mostBytes+1))
	}
	if len(b) > mostBytes {
		return nil, path, fmt.Errorf("read %s: unpacks to more than %d bytes, which no file of these sets does", path, mostBytes)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the file is cut short: %w", err)
	}
	if err != nil {
		return nil, path, fmt.Errorf("read %s: %w", path, err)
	}
	return b, path, nil
}

// cause strips the path an error of package os repeats.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
