package weights

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPyTorchLayout(t *testing.T) {
	f, err := Open("testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Metadata["format"] != "pt" || len(f.Tensors) != 9 {
		t.Fatalf("metadata %v, %d tensors", f.Metadata, len(f.Tensors))
	}
	for name, want := range map[string][]float32{
		"fc.weight":              {0.5, -1.25, 3, 1e-30, 0.1, float32(math.Copysign(0, -1))},
		"fc.bias":                {1.5, -2.5},
		"half":                   {1, -2.5, 65504, 0x1p-14, 0x1p-24},
		"brain":                  {1, -3.140625, 1.0141204801825835e31},
		"double":                 {0.1, float32(math.Inf(-1))},
		"bn.num_batches_tracked": {1234567},
		"small":                  {-128, 127},
		"flag":                   {1, 0, 1},
		"nothing":                {},
	} {
		got, err := f.Float32(name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s = %v, %v, want %v", name, got, err, want)
		}
	}
	if info, _ := f.Info("fc.weight"); !slices.Equal(info.Shape, []int{2, 3}) {
		t.Errorf("shape %v", info.Shape)
	}
	if _, err := f.Float32("absent"); err == nil || !strings.Contains(err.Error(), `torch.safetensors: tensor "absent" is missing`) {
		t.Errorf("absent tensor: %v", err)
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{
		0: 0, 1: 0x1p-24, 0x03ff: 1023 * 0x1p-24, 0x0400: 0x1p-14, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504,
		0x7c00: float32(math.Inf(1)), 0xfc00: float32(math.Inf(-1)), 0x3555: 0.333251953125,
	} {
		if got := fromHalf(h); got != want {
			t.Errorf("%#04x = %v, want %v", h, got, want)
		}
	}
	if v := fromHalf(0x7e00); v == v {
		t.Errorf("NaN became %v", v)
	}
}

func TestWriteThenOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	entries := []Entry{
		Float32("b", []float32{1, 2, 3}, 3),
		{Name: "ünï\"code", DType: U8, Shape: []int{5}, Bytes: func() []byte { return []byte("hello") }},
		Float32("a", []float32{math.MaxFloat32, -0x1p-149}, 2, 1),
		{Name: "wide", DType: I64, Shape: []int{1}, Bytes: func() []byte { return bytesOf([]int64{-7}) }},
		Float32("scalar", []float32{42}),
		Float32("none", nil, 0, 3),
	}
	meta := map[string]string{"z": "last", "arch": `{"a":1}`, "html": "<&>"}
	if err := Write(path, entries, meta); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, e := range entries {
		if got := f.Tensors[i]; got.Name != e.Name || got.DType != e.DType || !slices.Equal(got.Shape, e.Shape) {
			t.Errorf("tensor %d is %+v, want %s %v %v", i, got, e.Name, e.DType, e.Shape)
		}
		if !bytes.Equal(f.Bytes(e.Name), e.Bytes()) {
			t.Errorf("%s: other bytes", e.Name)
		}
		if f.Tensors[i].Begin%e.DType.Size() != 0 {
			t.Errorf("%s is not aligned", e.Name)
		}
	}
	for k, v := range meta {
		if f.Metadata[k] != v {
			t.Errorf("metadata %s = %q", k, f.Metadata[k])
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint64(raw); (8+n)%64 != 0 {
		t.Errorf("data starts at byte %d", 8+n)
	}
	again := filepath.Join(t.TempDir(), "again.safetensors")
	if err := Write(again, entries, meta); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(again); !bytes.Equal(b, raw) {
		t.Error("the same tensors gave another file")
	}
}

// file returns a file with a header and data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestOpenErrors(t *testing.T) {
	t4 := func(name, offsets string) string {
		return `"` + name + `":{"dtype":"F32","shape":[1],"data_offsets":` + offsets + `}`
	}
	huge := file("{}", 0)
	binary.LittleEndian.PutUint64(huge, 1<<60)
	long := file("{}", 0)
	binary.LittleEndian.PutUint64(long, 50)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated: 0 bytes"},
		{"seven bytes", make([]byte, 7), "truncated: 7 bytes"},
		{"huge length", huge, "over the limit"},
		{"length past the end", long, "truncated: header of 50 bytes in a file of 10"},
		{"not a header", file("PK", 0), "does not begin with '{'"},
		{"not UTF-8", file("{\"\xff\":1}", 0), "not UTF-8"},
		{"cut JSON", file(`{"a":{"dtype":"F32"`, 0), "unexpected EOF"},
		{"not JSON", file(`{"a" 1}`, 0), "header: "},
		{"after the brace", file(`{} {}`, 0), "more after the closing brace"},
		{"tensor twice", file("{"+t4("a", "[0,4]")+","+t4("a", "[4,8]")+"}", 8), `"a" appears twice`},
		{"key twice", file(`{"a":{"dtype":"F32","dtype":"F32"}}`, 0), `tensor "a": "dtype" appears twice`},
		{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), "appears twice"},
		{"metadata number", file(`{"__metadata__":{"a":1}}`, 0), `value of "a" is not a string`},
		{"tensor is a number", file(`{"a":3}`, 0), `tensor "a": 3 where an object should be`},
		{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,0]}}`, 0), `tensor "a": dtype, shape or data_offsets is missing`},
		{"unknown type", file(`{"a":{"dtype":"F31","shape":[],"data_offsets":[0,4]}}`, 4), `element type F31 is not known`},
		{"type is a number", file(`{"a":{"dtype":1,"shape":[],"data_offsets":[0,4]}}`, 4), `element type 1 is not known`},
		{"negative", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "shape holds -1"},
		{"fraction", file(`{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4), "shape holds 1.0"},
		{"string", file(`{"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4), "shape holds 1, not a number"},
		{"shape is a number", file(`{"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}}`, 4), "shape is not an array"},
		{"overflow", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0), `tensor "a": shape [4294967296 4294967296] overflows`},
		{"overflow of int", file(`{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}`, 0), "not an integer in range"},
		{"too small", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "F32 of shape [2] needs 8 bytes, data_offsets 0 to 4 hold 4"},
		{"backwards", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "not a begin and an end"},
		{"three offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 4), "not a begin and an end"},
		{"overlap", file("{"+t4("a", "[0,4]")+","+t4("b", "[2,6]")+"}", 6), `tensor "b": begins at byte 2, inside "a" that ends at 4`},
		{"gap", file("{"+t4("a", "[0,4]")+","+t4("b", "[6,10]")+"}", 10), `tensor "b": begins at byte 6, leaving a gap after "a" at 4`},
		{"cut data", file("{"+t4("a", "[0,4]")+","+t4("b", "[4,8]")+"}", 7), `tensor "b": ends at byte 8 of 7 bytes of data: truncated`},
		{"more data", file("{"+t4("a", "[0,4]")+"}", 9), "5 bytes of data after the last tensor"},
	} {
		path := filepath.Join(t.TempDir(), "model.safetensors")
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err == nil {
			f.Close()
			t.Errorf("%s: opened", c.name)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.want) || !strings.HasPrefix(text, "weights: open "+path+": ") || strings.Contains(text, "\n") {
			t.Errorf("%s: error %q, want it to say %q", c.name, text, c.want)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "absent"), t.TempDir()} {
		if _, err := Open(path); err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("opening %s: %v", path, err)
		}
	}
}

// Whatever is cut from a good file, the rest is an error and no panic.
func TestEveryTruncationIsAnError(t *testing.T) {
	whole, err := os.ReadFile("testdata/torch.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := parse(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes pass for a file", n, len(whole))
		}
	}
}

func TestWriteErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	short := Entry{Name: "short", DType: F32, Shape: []int{2}, Bytes: func() []byte { return make([]byte, 4) }}
	for want, entries := range map[string][]Entry{
		`tensor "short": 4 bytes for F32 of shape [2], want 8`: {Float32("a", []float32{1}, 1), short},
		`tensor "a": name is used twice`:                       {Float32("a", nil, 0), Float32("a", nil, 0)},
		`tensor "__metadata__": name is`:                       {Float32("__metadata__", nil, 0)},
		`element type "F99" is not known`:                      {{Name: "a", DType: "F99"}},
	} {
		err := Write(path, entries, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "weights: save "+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	missing := filepath.Join(t.TempDir(), "no", "m.safetensors")
	if err := Write(missing, nil, nil); err == nil || strings.Count(err.Error(), "m.safetensors") != 1 {
		t.Errorf("folder that does not exist: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if old, _ := os.ReadFile(path); len(left) != 1 || string(old) != "old" {
		t.Errorf("after failed writes: %d files, the old one holds %q", len(left), old)
	}
}

func FuzzParse(f *testing.F) {
	whole, err := os.ReadFile("testdata/torch.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Add(lie(f, nil))
	f.Add(file(`{"__metadata__":{"k":"v"}}  `, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := parse(b)
		if err != nil {
			return
		}
		total := 0
		for _, info := range file.Tensors {
			total += len(file.Bytes(info.Name))
			if v, err := file.Float32(info.Name); err == nil && len(v) != info.Elements() {
				t.Fatalf("%s: %d values of %d", info.Name, len(v), info.Elements())
			}
		}
		if total != len(file.data) {
			t.Fatalf("tensors hold %d of %d bytes", total, len(file.data))
		}
	})
}
