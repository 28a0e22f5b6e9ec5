package weights

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Entry is a tensor to be written.
type Entry struct {
	Name  string
	DType DType
	Shape []int
	// Bytes returns the elements in row-major order, little-endian. It is called
	// when the tensor is written, so that one tensor at a time is in memory.
	Bytes func() []byte
}

// Float32 returns an entry of type F32. It panics if the sizes differ.
func Float32(name string, v []float32, shape ...int) Entry {
	e := Entry{Name: name, DType: F32, Shape: shape, Bytes: func() []byte { return bytesOf(v) }}
	if n := e.info().Elements(); n != len(v) {
		panic(fmt.Sprintf("weights: Float32: %d values for shape %v of %s", len(v), shape, name))
	}
	return e
}

func (e Entry) info() Info { return Info{Name: e.Name, DType: e.DType, Shape: e.Shape} }

// Write writes a safetensors file. The header lists the tensors in the order of
// entries; their data stands by falling element size, so that all are aligned to
// it, and starts at a multiple of 64 bytes. The file is written under a temporary
// name, brought to disk and renamed: on an error the old file, if any, remains.
func Write(path string, entries []Entry, metadata map[string]string) error {
	head, order, err := layOut(entries, metadata)
	if err == nil {
		err = writeFile(path, head, order)
	}
	if err != nil {
		var pe *fs.PathError // its path is that of the temporary file
		if errors.As(err, &pe) {
			err = fmt.Errorf("%s: %w", pe.Op, pe.Err)
		}
		return fmt.Errorf("weights: save %s: %w", path, err)
	}
	return nil
}

// layOut returns the header, with its length in front, and the entries in the
// order of their data.
func layOut(entries []Entry, metadata map[string]string) ([]byte, []Entry, error) {
	order := slices.Clone(entries)
	slices.SortStableFunc(order, func(a, b Entry) int {
		if d := b.DType.Size() - a.DType.Size(); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	begin := map[string]int{}
	at := 0
	for _, e := range order {
		if e.DType.Size() == 0 {
			return nil, nil, fmt.Errorf("tensor %q: element type %q is not known", e.Name, e.DType)
		}
		if _, twice := begin[e.Name]; twice || e.Name == metaKey || !utf8.ValidString(e.Name) {
			return nil, nil, fmt.Errorf("tensor %q: name is used twice, reserved, or not UTF-8", e.Name)
		}
		begin[e.Name] = at
		at += e.DType.Size() * e.info().Elements()
	}
	head := bytes.NewBuffer(make([]byte, 8))
	head.WriteByte('{')
	if len(metadata) > 0 {
		fmt.Fprintf(head, "%s:%s", quote(metaKey), quote(metadata)) // keys are sorted by the encoder
	}
	for _, e := range entries {
		if head.Len() > 9 {
			head.WriteByte(',')
		}
		shape := e.Shape
		if shape == nil {
			shape = []int{}
		}
		b := begin[e.Name]
		fmt.Fprintf(head, `%s:{"dtype":%s,"shape":%s,"data_offsets":[%d,%d]}`,
			quote(e.Name), quote(e.DType), quote(shape), b, b+e.DType.Size()*e.info().Elements())
	}
	head.WriteByte('}')
	for head.Len()%64 != 0 {
		head.WriteByte(' ')
	}
	if head.Len() > mostHeader {
		return nil, nil, fmt.Errorf("header of %d bytes is over the limit of %d", head.Len(), mostHeader)
	}
	binary.LittleEndian.PutUint64(head.Bytes(), uint64(head.Len()-8))
	return head.Bytes(), order, nil
}

// quote returns v as JSON; strings, integers and maps of strings cannot fail.
func quote(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("weights: JSON of %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func writeFile(path string, head []byte, order []Entry) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err = w.Write(head); err != nil {
		return err
	}
	for _, e := range order {
		b := e.Bytes()
		if want := e.DType.Size() * e.info().Elements(); len(b) != want {
			return fmt.Errorf("tensor %q: %d bytes for %s of shape %v, want %d", e.Name, len(b), e.DType, e.Shape, want)
		}
		if _, err = w.Write(b); err != nil {
			return fmt.Errorf("tensor %q: %w", e.Name, err)
		}
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // the rename too, where the system can; the data is safe either way
		dir.Close()
	}
	return nil
}
