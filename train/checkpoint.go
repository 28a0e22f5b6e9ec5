package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"unsafe"
)

// Checkpoint is everything a run needs to go on as if it had never stopped. Its
// head is small and readable; its sections are named blocks of bytes.
//
// On disk it is the magic, the length of the head, the head as JSON, the
// sections one after another, and the SHA-256 of all that.
type Checkpoint struct {
	Step    int              `json:"step"`    // optimizer steps done
	Batches int              `json:"batches"` // batches used: steps and topology updates
	Updates int              `json:"updates"` // topology updates done
	Seconds float64          `json:"seconds"` // training time so far
	Best    float64          `json:"best"`    // best score so far
	Scored  bool             `json:"scored"`  // whether Best holds a score
	Last    Scores           `json:"last"`    // latest evaluation
	Loss    float64          `json:"loss"`    // running mean of the loss since the last report
	Window  int              `json:"window"`  // batches in that mean
	Logs    map[string]int64 `json:"logs"`    // lengths of the run directory's log files

	sections map[string][]byte
}

const checkpointMagic = "FILIGREE CKPT 1\n"

type checkpointHead struct {
	*Checkpoint
	Sections []checkpointSection `json:"sections"`
}

type checkpointSection struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// put stores a section.
func (c *Checkpoint) put(name string, data []byte) {
	if c.sections == nil {
		c.sections = map[string][]byte{}
	}
	c.sections[name] = data
}

// putFloats stores float32 values as their bits, without copying them.
func (c *Checkpoint) putFloats(name string, v []float32) { c.put(name, bytesOf(v)) }

// get returns a section, or an error naming it.
func (c *Checkpoint) get(name string) ([]byte, error) {
	b, ok := c.sections[name]
	if !ok {
		return nil, fmt.Errorf("section %q is missing", name)
	}
	return b, nil
}

// getInto copies a section into values of a fixed count.
func getInto[T float32 | int32 | uint16 | uint64](c *Checkpoint, name string, dst []T) error {
	b, err := c.get(name)
	if err != nil {
		return err
	}
	out := bytesOf(dst)
	if len(b) != len(out) {
		return fmt.Errorf("section %q has %d bytes, want %d", name, len(b), len(out))
	}
	copy(out, b)
	return nil
}

// getSlice returns a copy of a section as values.
func getSlice[T float32 | int32 | uint16 | uint64](c *Checkpoint, name string) ([]T, error) {
	b, err := c.get(name)
	if err != nil {
		return nil, err
	}
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b)%size != 0 {
		return nil, fmt.Errorf("section %q has %d bytes, not a multiple of %d", name, len(b), size)
	}
	out := make([]T, len(b)/size)
	copy(bytesOf(out), b)
	return out, nil
}

// bytesOf views values as their bytes in memory order. Checkpoints stay on the
// kind of machine that wrote them; all supported ones are little-endian.
func bytesOf[T float32 | int32 | uint16 | uint64](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

// writeTo writes the checkpoint.
func (c *Checkpoint) writeTo(w io.Writer) error {
	head := checkpointHead{Checkpoint: c}
	for name := range c.sections {
		head.Sections = append(head.Sections, checkpointSection{name, int64(len(c.sections[name]))})
	}
	slices.SortFunc(head.Sections, func(a, b checkpointSection) int {
		return bytes.Compare([]byte(a.Name), []byte(b.Name))
	})
	js, err := json.Marshal(head)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(js)))
	for _, b := range [][]byte{[]byte(checkpointMagic), length, js} {
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	for _, s := range head.Sections {
		if _, err := out.Write(c.sections[s.Name]); err != nil {
			return err
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// Save writes the checkpoint under a temporary name and renames it.
func (c *Checkpoint) Save(path string) error { return WriteFile(path, c.writeTo) }

// OpenCheckpoint reads and verifies a checkpoint. The error wraps
// [fs.ErrNotExist] where there is none.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("train: open checkpoint %s: %w", path, err)
	}
	c, err := parseCheckpoint(data)
	if err != nil {
		return nil, fmt.Errorf("train: open checkpoint %s: %w", path, err)
	}
	return c, nil
}

func parseCheckpoint(data []byte) (*Checkpoint, error) {
	start := len(checkpointMagic) + 8
	if len(data) < start || string(data[:len(checkpointMagic)]) != checkpointMagic {
		return nil, errors.New("not a checkpoint of this program")
	}
	if len(data) < start+sha256.Size {
		return nil, fmt.Errorf("truncated: %d bytes", len(data))
	}
	body := data[:len(data)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], data[len(body):]) {
		return nil, errors.New("damaged or truncated: its SHA-256 does not match")
	}
	n := binary.LittleEndian.Uint64(body[len(checkpointMagic):])
	if n > uint64(len(body)-start) {
		return nil, fmt.Errorf("head of %d bytes does not fit", n)
	}
	c := &Checkpoint{}
	head := checkpointHead{Checkpoint: c}
	if err := json.Unmarshal(body[start:start+int(n)], &head); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	rest := body[start+int(n):]
	for _, s := range head.Sections {
		if s.Bytes < 0 || s.Bytes > int64(len(rest)) {
			return nil, fmt.Errorf("section %q of %d bytes does not fit", s.Name, s.Bytes)
		}
		c.put(s.Name, rest[:s.Bytes:s.Bytes])
		rest = rest[s.Bytes:]
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes after the last section", len(rest))
	}
	return c, nil
}
