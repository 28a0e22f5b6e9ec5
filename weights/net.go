package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed073b5613/filigree/nn"
	"github.com/seed073b5613/filigree/sparse"
	"github.com/seed073b5613/filigree/tensor"
)

// sparseKey is the metadata key that describes the sparse groups of a file.
const sparseKey = "filigree.sparse"

// Group describes a sparse weight of a file.
type Group struct {
	Shape  []int `json:"shape"`            // of the weight, zeros included
	Rows   int   `json:"rows"`             // of a block: entries are Rows×1 weights
	Masked bool  `json:"masked,omitempty"` // held dense under a mask in memory

	matrix *sparse.Matrix
}

// NNZ returns the number of weights that exist.
func (g *Group) NNZ() int { return g.matrix.NNZ() }

// Save writes the parameters and buffers of a network by their names: see the
// package comment for the layout and [Write] for how the file comes to disk.
// metadata may be nil.
func Save(path string, net any, metadata map[string]string) error {
	return save(path, net, metadata, func(e Entry, _ []float32) Entry { return e })
}

// SaveHalf is [Save] with the values of parameters as F16: half the size, 11 bits of
// precision. Values beyond 65504 become infinite.
func SaveHalf(path string, net any, metadata map[string]string) error {
	return save(path, net, metadata, func(e Entry, v []float32) Entry {
		e.DType = F16
		e.Bytes = func() []byte {
			b := make([]byte, 0, 2*len(v))
			for _, x := range v {
				b = binary.LittleEndian.AppendUint16(b, toHalf(x))
			}
			return b
		}
		return e
	})
}

// save writes a network; stored may change how the values of a parameter are stored.
func save(path string, net any, metadata map[string]string, stored func(Entry, []float32) Entry) error {
	var entries []Entry
	groups := map[string]*Group{}
	for _, p := range nn.Params(net) {
		matrix := p.Sparse
		if p.Mask != nil {
			matrix = sparse.FromDense(p.Dense.Data, p.Mask.M, p.Mask.K, p.Mask, p.Mask.R)
		}
		if matrix == nil {
			entries = append(entries, stored(Float32(p.Name, p.Dense.Data, p.Shape...), p.Dense.Data))
			continue
		}
		groups[p.Name] = &Group{Shape: p.Shape, Rows: matrix.R, Masked: p.Mask != nil}
		parts := groupEntries(p.Name, matrix)
		_, _, values := matrix.Parts()
		parts[0] = stored(parts[0], values)
		entries = append(entries, parts...)
	}
	for _, b := range nn.Buffers(net) {
		entries = append(entries, Float32(b.Name, b.Data, len(b.Data)))
	}
	all := map[string]string{}
	for k, v := range metadata {
		all[k] = v
	}
	if len(groups) > 0 {
		text, err := json.Marshal(groups)
		if err != nil {
			return fmt.Errorf("weights: save %s: %w", path, err)
		}
		all[sparseKey] = string(text)
	}
	return Write(path, entries, all)
}

// groupEntries returns the three tensors of a sparse matrix.
func groupEntries(name string, m *sparse.Matrix) []Entry {
	values := Entry{Name: name + ".values", DType: F32, Shape: []int{m.Len(), m.R}, Bytes: func() []byte {
		_, _, v := m.Parts()
		return bytesOf(v)
	}}
	columns := Entry{Name: name + ".columns", DType: U16, Shape: []int{m.Len()}, Bytes: func() []byte {
		_, c, _ := m.Parts()
		short := make([]uint16, len(c))
		for i, v := range c {
			short[i] = uint16(v)
		}
		return bytesOf(short)
	}}
	if m.K > 1<<16 {
		columns.DType, columns.Bytes = U32, func() []byte {
			_, c, _ := m.Parts()
			return bytesOf(c)
		}
	}
	offsets := Entry{Name: name + ".offsets", DType: U32, Shape: []int{m.Groups() + 1}, Bytes: func() []byte {
		o, _, _ := m.Parts()
		short := make([]uint32, len(o))
		for i, v := range o {
			short[i] = uint32(v)
		}
		return bytesOf(short)
	}}
	if m.Len() > math.MaxUint32 {
		offsets.DType, offsets.Bytes = I64, func() []byte {
			o, _, _ := m.Parts()
			return bytesOf(o)
		}
	}
	return []Entry{values, columns, offsets}
}

// readGroups builds the sparse weights of a file, checking all their indices.
func (f *File) readGroups() error {
	text, ok := f.Metadata[sparseKey]
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &f.Groups); err != nil {
		return fmt.Errorf("metadata %q: %w", sparseKey, err)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Groups)) {
		g := f.Groups[name]
		if g == nil {
			return fmt.Errorf("metadata %q: %q is null", sparseKey, name)
		}
		if err := f.readGroup(name, g); err != nil {
			return fmt.Errorf("sparse tensor %q: %w", name, err)
		}
	}
	return nil
}

func (f *File) readGroup(name string, g *Group) error {
	if _, dense := f.index[name]; dense {
		return fmt.Errorf("there is a dense tensor of this name, too")
	}
	if len(g.Shape) == 0 {
		return fmt.Errorf("has no shape")
	}
	M, K := g.Shape[0], 1
	for _, d := range g.Shape[1:] {
		if d < 0 || K > math.MaxInt32/max(d, 1) {
			return fmt.Errorf("shape %v is out of range", g.Shape)
		}
		K *= d
	}
	values, err := f.part(name+".values", F32, F16)
	if err != nil {
		return err
	}
	offsets, err := f.part(name+".offsets", U32, I64)
	if err != nil {
		return err
	}
	columns, err := f.part(name+".columns", U16, U32)
	if err != nil {
		return err
	}
	g.matrix, err = sparse.FromParts(M, K, g.Rows, wide(offsets, f), wideColumns(columns, f), f.values(values))
	return err
}

// part returns a tensor of a group, which must be of one of the types.
func (f *File) part(name string, types ...DType) (Info, error) {
	info, ok := f.Info(name)
	if !ok {
		return info, fmt.Errorf("tensor %q is missing", name)
	}
	if !slices.Contains(types, info.DType) {
		return info, fmt.Errorf("tensor %q is %s, can be %v", name, info.DType, types)
	}
	return info, nil
}

// values returns those of a sparse tensor, in the file's memory where they are as wide.
func (f *File) values(info Info) []float32 {
	b := f.data[info.Begin:info.End]
	if info.DType == F32 {
		return viewOf[float32](b)
	}
	v := make([]float32, info.Elements())
	info.DType.convert(v, b)
	return v
}

func wide(info Info, f *File) []int64 {
	b := f.data[info.Begin:info.End]
	if info.DType == I64 {
		return viewOf[int64](b)
	}
	short := viewOf[uint32](b)
	long := make([]int64, len(short))
	for i, v := range short {
		long[i] = int64(v)
	}
	return long
}

func wideColumns(info Info, f *File) []uint32 {
	b := f.data[info.Begin:info.End]
	if info.DType == U32 {
		return viewOf[uint32](b)
	}
	short := viewOf[uint16](b)
	long := make([]uint32, len(short))
	for i, v := range short {
		long[i] = uint32(v)
	}
	return long
}

// Load gives the parameters and buffers of a network the values of the file, by
// name, and parameters the storage they were saved with: dense, sparse, or dense
// under a mask. Numbers of other types are converted. What the file has beyond that
// is ignored. On an error the network is as it was.
func (f *File) Load(net any) error {
	var sets []func()
	for _, p := range nn.Params(net) {
		set, err := f.loader(p)
		if err != nil {
			return fmt.Errorf("weights: load %s: %w", f.Path, err)
		}
		sets = append(sets, set)
	}
	for _, b := range nn.Buffers(net) {
		info, ok := f.Info(b.Name)
		if !ok {
			return fmt.Errorf("weights: load %s: tensor %q is missing", f.Path, b.Name)
		}
		if info.Elements() != len(b.Data) {
			return fmt.Errorf("weights: load %s: tensor %q has shape %v, the network's has %d elements", f.Path, b.Name, info.Shape, len(b.Data))
		}
		v, err := f.Float32(b.Name)
		if err != nil {
			return err
		}
		sets = append(sets, func() { copy(b.Data, v) })
	}
	for _, set := range sets {
		set()
	}
	return nil
}

// loader returns what gives a parameter its value.
func (f *File) loader(p *nn.Param) (func(), error) {
	if g, ok := f.Groups[p.Name]; ok {
		if !slices.Equal(g.Shape, p.Shape) {
			return nil, fmt.Errorf("sparse tensor %q has shape %v, the network's is %v", p.Name, g.Shape, p.Shape)
		}
		return func() { setSparse(p, g) }, nil
	}
	info, ok := f.Info(p.Name)
	if !ok {
		return nil, fmt.Errorf("tensor %q is missing", p.Name)
	}
	if !slices.Equal(info.Shape, p.Shape) {
		return nil, fmt.Errorf("tensor %q has shape %v, the network's is %v", p.Name, info.Shape, p.Shape)
	}
	v := tensor.New(p.Shape...)
	if err := f.read(v.Data, info); err != nil {
		return nil, err
	}
	return func() { p.Dense, p.Sparse, p.Mask, p.Grad = v, nil, nil, nil }, nil
}

func setSparse(p *nn.Param, g *Group) {
	p.Grad = nil
	if g.Masked {
		p.Dense, p.Sparse = tensor.Of(g.matrix.ToDense(), p.Shape...), nil
		p.Mask = g.matrix.Mask()
		return
	}
	p.Dense, p.Mask, p.Sparse = nil, nil, g.matrix.Clone()
}

// toHalf rounds to the nearest 16-bit float, to even where two are as near.
func toHalf(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 1<<31 - 1
	switch {
	case bits > 0x7f800000:
		return sign | 0x7e00 // not a number
	case bits >= 0x477ff000:
		return sign | 0x7c00
	case bits < 0x38800000: // below the normal numbers: steps of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(bits))*(1<<24)))
	}
	bits += 0xfff + bits>>13&1 // to even
	return sign | uint16((bits-0x38000000)>>13)
}
