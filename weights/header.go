package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Info describes one tensor of a file.
type Info struct {
	Name       string
	DType      DType
	Shape      []int
	Begin, End int // place of its bytes in the data part of the file
}

// Elements returns the number of elements.
func (i Info) Elements() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

const (
	mostHeader = 100_000_000 // bytes of JSON, the bound of the format's own library
	metaKey    = "__metadata__"
)

// parseHeader reads the header of a file held in b and checks that the tensors
// fill the data part exactly. It returns the tensors in the header's order and
// where the data starts.
func parseHeader(b []byte) (infos []Info, metadata map[string]string, data int, err error) {
	if len(b) < 8 {
		return nil, nil, 0, fmt.Errorf("truncated: %d bytes, not even a header length", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if n > mostHeader {
		return nil, nil, 0, fmt.Errorf("header length %d is over the limit of %d: not a safetensors file?", n, mostHeader)
	}
	if n > uint64(len(b)-8) {
		return nil, nil, 0, fmt.Errorf("truncated: header of %d bytes in a file of %d", n, len(b))
	}
	head := b[8 : 8+n]
	if len(head) == 0 || head[0] != '{' {
		return nil, nil, 0, errors.New("header does not begin with '{': not a safetensors file?")
	}
	if !utf8.Valid(head) {
		return nil, nil, 0, errors.New("header is not UTF-8")
	}
	if infos, metadata, err = parseJSON(head); err != nil {
		return nil, nil, 0, fmt.Errorf("header: %w", err)
	}
	data = 8 + int(n)
	return infos, metadata, data, checkRanges(infos, len(b)-data)
}

func parseJSON(head []byte) (infos []Info, metadata map[string]string, err error) {
	dec := json.NewDecoder(bytes.NewReader(head))
	dec.UseNumber()
	err = object(dec, func(key string) error {
		if key == metaKey {
			metadata = map[string]string{}
			return object(dec, func(key string) error {
				token, err := dec.Token()
				if err != nil {
					return err
				}
				text, ok := token.(string)
				if !ok {
					return fmt.Errorf("%s: value of %q is not a string", metaKey, key)
				}
				metadata[key] = text
				return nil
			})
		}
		info, err := parseInfo(dec, key)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", key, err)
		}
		infos = append(infos, info)
		return nil
	})
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, nil, err
	}
	if rest := bytes.TrimRight(head[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, nil, fmt.Errorf("more after the closing brace, at byte %d", dec.InputOffset())
	}
	return infos, metadata, nil
}

// object reads a JSON object and calls member with each key, to read its value.
// A key that appears twice is an error.
func object(dec *json.Decoder, member func(key string) error) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return fmt.Errorf("%v where an object should be, at byte %d", token, dec.InputOffset())
	}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%v where a name should be, at byte %d", token, dec.InputOffset())
		}
		if seen[key] {
			return fmt.Errorf("%q appears twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func parseInfo(dec *json.Decoder, name string) (Info, error) {
	info := Info{Name: name, Begin: -1}
	shaped := false
	err := object(dec, func(key string) error {
		switch key {
		case "dtype":
			token, err := dec.Token()
			if err != nil {
				return err
			}
			text, ok := token.(string)
			if info.DType = DType(text); !ok || info.DType.Size() == 0 {
				return fmt.Errorf("element type %v is not known", token)
			}
			return nil
		case "shape":
			shaped = true
			var err error
			info.Shape, err = numbers(dec, key)
			return err
		case "data_offsets":
			v, err := numbers(dec, key)
			if err != nil {
				return err
			}
			if len(v) != 2 || v[0] > v[1] {
				return fmt.Errorf("data_offsets %v are not a begin and an end", v)
			}
			info.Begin, info.End = v[0], v[1]
			return nil
		}
		var ignored json.RawMessage
		return dec.Decode(&ignored)
	})
	if err != nil {
		return info, err
	}
	if info.DType == "" || !shaped || info.Begin < 0 {
		return info, errors.New("dtype, shape or data_offsets is missing")
	}
	size := uint64(info.DType.Size())
	for _, d := range info.Shape {
		high, low := bits.Mul64(size, uint64(d))
		if high != 0 || low > 1<<62 {
			return info, fmt.Errorf("shape %v overflows", info.Shape)
		}
		size = low
	}
	if size != uint64(info.End-info.Begin) {
		return info, fmt.Errorf("%s of shape %v needs %d bytes, data_offsets %d to %d hold %d",
			info.DType, info.Shape, size, info.Begin, info.End, info.End-info.Begin)
	}
	return info, nil
}

// numbers reads an array of integers that are not negative.
func numbers(dec *json.Decoder, what string) ([]int, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('[') {
		return nil, fmt.Errorf("%s is not an array", what)
	}
	out := []int{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s holds %v, not a number", what, token)
		}
		v, err := strconv.ParseUint(number.String(), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%s holds %s, not an integer in range", what, number)
		}
		out = append(out, int(v))
	}
	_, err = dec.Token()
	return out, err
}

// checkRanges reports tensors that overlap, leave a gap, or do not fill the
// size bytes of data.
func checkRanges(infos []Info, size int) error {
	order := slices.Clone(infos)
	slices.SortFunc(order, func(a, b Info) int {
		if a.Begin != b.Begin {
			return a.Begin - b.Begin
		}
		return a.End - b.End
	})
	end, last := 0, "the header"
	for _, i := range order {
		switch {
		case i.Begin < end:
			return fmt.Errorf("tensor %q: begins at byte %d, inside %q that ends at %d", i.Name, i.Begin, last, end)
		case i.Begin > end:
			return fmt.Errorf("tensor %q: begins at byte %d, leaving a gap after %s at %d", i.Name, i.Begin, strconv.Quote(last), end)
		case i.End > size:
			return fmt.Errorf("tensor %q: ends at byte %d of %d bytes of data: truncated", i.Name, i.End, size)
		}
		end, last = i.End, i.Name
	}
	if end != size {
		return fmt.Errorf("%d bytes of data after the last tensor", size-end)
	}
	return nil
}
