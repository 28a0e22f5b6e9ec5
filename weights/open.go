package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// File is an open safetensors file. It is read-only and safe for concurrent use
// except [File.Load] and [File.Close].
type File struct {
	Path     string
	Metadata map[string]string // nil if the file has none
	Tensors  []Info            // in the order of the header
	Groups   map[string]*Group // sparse weights, each made of three of the tensors

	data    []byte // the data part
	index   map[string]int
	release func() error
}

// Open maps a file into memory and checks all it says. The file must not be
// truncated by others while it is open.
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("weights: open %s: %w", path, err)
	}
	return f, nil
}

func open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	b, release, err := mapFile(in, stat.Size())
	if err != nil {
		return nil, err
	}
	f, err := parse(b)
	if err != nil {
		release()
		return nil, err
	}
	f.Path, f.release = path, release
	return f, nil
}

// parse reads a file held in memory.
func parse(b []byte) (*File, error) {
	infos, metadata, data, err := parseHeader(b)
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, Tensors: infos, data: b[data:], index: map[string]int{}}
	for i, info := range infos {
		f.index[info.Name] = i
	}
	if err := f.readGroups(); err != nil {
		return nil, err
	}
	return f, nil
}

// Close lets go of the file. Slices from [File.Bytes] must not be used afterwards.
func (f *File) Close() error {
	if f.release == nil {
		return nil
	}
	err := f.release()
	f.release, f.data = nil, nil
	if err != nil {
		return fmt.Errorf("weights: close %s: %w", f.Path, err)
	}
	return nil
}

// Info returns the description of a tensor and whether the file has it.
func (f *File) Info(name string) (Info, bool) {
	i, ok := f.index[name]
	if !ok {
		return Info{}, false
	}
	return f.Tensors[i], true
}

// Bytes returns the data of a tensor as it stands in the file, for reading, until
// Close; nil for a tensor the file does not have.
func (f *File) Bytes(name string) []byte {
	info, ok := f.Info(name)
	if !ok {
		return nil
	}
	return f.data[info.Begin:info.End:info.End]
}

// Float32 returns the elements of a tensor as float32, in memory of their own.
func (f *File) Float32(name string) ([]float32, error) {
	info, ok := f.Info(name)
	if !ok {
		return nil, fmt.Errorf("weights: %s: tensor %q is missing", f.Path, name)
	}
	v := make([]float32, info.Elements())
	if err := f.read(v, info); err != nil {
		return nil, fmt.Errorf("weights: %s: %w", f.Path, err)
	}
	return v, nil
}

func (f *File) read(dst []float32, info Info) error {
	if !info.DType.convert(dst, f.data[info.Begin:info.End]) {
		return fmt.Errorf("tensor %q: %s cannot be read as numbers", info.Name, info.DType)
	}
	return nil
}
